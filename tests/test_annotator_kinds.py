import numpy as np
import pytest

from skccem._annotator_kinds import (
    KINDS,
    make_confusion_matrices,
)

SEPARABLE = pytest.mark.parametrize("kind", ["separable_uniform", "separable_random"])


def diagonals(matrices):
    return np.diagonal(matrices, axis1=1, axis2=2)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_rows_are_probabilities_and_repeat_with_the_seed(kind, n_classes):
    make = [
        make_confusion_matrices(25, n_classes, kind=kind, random_state=seed)
        for seed in (0, 0, 1)
    ]
    assert make[0].shape == (25, n_classes, n_classes)
    assert make[0].min() >= 0
    np.testing.assert_allclose(make[0].sum(axis=2), 1)
    np.testing.assert_array_equal(make[0], make[1])
    if kind != "uniform":
        assert not np.array_equal(make[0], make[2])


def test_symmetric_errors_are_equal_and_accuracy_is_as_asked():
    for accuracy in (0.7, [0.7, 0.2, 0.5], (0.6, 0.8)):
        matrices = make_confusion_matrices(
            3, 4, kind="symmetric", accuracy=accuracy, random_state=0
        )
        right = diagonals(matrices)
        np.testing.assert_allclose(right, right[:, [0]] * np.ones(4))
        wrong = matrices[:, ~np.eye(4, dtype=bool)]
        np.testing.assert_allclose(wrong, (1 - right[:, [0]]) / 3 * np.ones(12))
        if isinstance(accuracy, tuple):
            assert np.all((right >= 0.6) & (right <= 0.8))
            assert np.ptp(right) > 0.01
        else:
            np.testing.assert_allclose(right[:, 0], accuracy)


def test_matrices_of_a_seed_stay_what_they_were():
    # Numbers in the README and the benchmarks depend on them.
    expected = {
        "adversarial": 330.0000000000,
        "diagonally_dominant": 329.6406410810,
        "hammer_spammer": 330.0000000000,
        "mixed": 331.4953384405,
        "pairwise_flipper": 330.0000000000,
        "random": 331.4073420379,
        "symmetric": 330.0000000000,
        "uniform": 330.0000000000,
    }
    for kind, total in expected.items():
        matrices = make_confusion_matrices(5, 3, kind=kind, random_state=0)
        weighted = matrices.ravel() @ np.arange(45)
        assert weighted == pytest.approx(total, abs=1e-8), kind


def test_hammers_are_nearly_perfect_and_spammers_uniform():
    matrices = make_confusion_matrices(
        40, 5, kind="hammer_spammer", hammer_fraction=0.3, accuracy=0.9, random_state=0
    )
    hammers = np.isclose(diagonals(matrices), 0.9).all(axis=1)
    assert hammers.sum() == 12
    np.testing.assert_allclose(matrices[~hammers], 0.2)
    # Neither at the front, nor all together.
    assert 0 < hammers[:20].sum() < 12


def test_there_is_a_hammer_unless_none_is_asked_for():
    for fraction, expected in [(0.01, 1), (0, 0), (1, 3)]:
        matrices = make_confusion_matrices(
            3, 5, kind="hammer_spammer", hammer_fraction=fraction, random_state=0
        )
        assert np.sum(diagonals(matrices)[:, 0] > 0.9) == expected


def test_the_diagonal_dominates_and_each_class_has_its_accuracy():
    matrices = make_confusion_matrices(50, 6, kind="diagonally_dominant")
    right = diagonals(matrices)
    assert np.all((right >= 0.5) & (right <= 0.9))
    assert np.ptp(right, axis=1).min() > 0.01
    wrong = matrices * ~np.eye(6, dtype=bool)
    assert np.all(wrong.sum(axis=2) <= right)
    given = np.linspace(0.5, 1, 12).reshape(2, 6)
    for accuracy, expected in [(given, given), ([0.5, 0.8], [[0.5] * 6, [0.8] * 6])]:
        matrices = make_confusion_matrices(
            2, 6, kind="diagonally_dominant", accuracy=accuracy
        )
        np.testing.assert_allclose(diagonals(matrices), expected)


@pytest.mark.parametrize("accuracy", [0.1, (0.49, 0.9), [0.9, 0.4], [[0.2] * 3] * 2])
def test_an_accuracy_that_need_not_dominate_is_an_error_whatever_is_drawn(accuracy):
    for seed in range(5):
        with pytest.raises(ValueError, match=r"at least 0\.5 for kind='diagonally"):
            make_confusion_matrices(
                2,
                3,
                kind="diagonally_dominant",
                accuracy=accuracy,
                random_state=seed,
            )


@pytest.mark.parametrize("kind", ["pairwise_flipper", "adversarial"])
def test_each_class_is_mistaken_for_one_other_and_no_two_for_the_same(kind):
    matrices = make_confusion_matrices(20, 6, kind=kind, accuracy=0.3, random_state=0)
    np.testing.assert_allclose(diagonals(matrices), 0.3)
    wrong = matrices * ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(wrong.max(axis=2), 0.7)
    np.testing.assert_array_equal((wrong > 0).sum(axis=2), 1)
    np.testing.assert_array_equal((wrong > 0).sum(axis=1), 1)


def test_mixed_annotators_are_of_very_different_skill():
    for seed in range(5):
        matrices = make_confusion_matrices(10, 10, random_state=seed)
        right = diagonals(matrices).mean(axis=1)
        expert, spammer, adversary = [0, 6], 4, 9
        assert right[expert].min() > 0.9
        np.testing.assert_allclose(matrices[spammer], 0.1)
        assert right[adversary] < 0.2
        # The favourite of a biased annotator gets at least 40% in each row.
        assert np.all(matrices[[2, 7]].min(axis=1).max(axis=1) >= 0.4)


def test_classwise_rows_are_a_hammers_or_a_spammers():
    for seed in range(5):
        matrices = make_confusion_matrices(
            200,
            5,
            kind="classwise_hammer_spammer",
            hammer_fraction=0.3,
            accuracy=0.9,
            random_state=seed,
        )
        rows = matrices.reshape(-1, 5)
        hammers = np.isclose(diagonals(matrices), 0.9)
        expected = np.full((5, 5), 0.025)
        np.fill_diagonal(expected, 0.9)
        np.testing.assert_allclose(
            matrices[hammers], np.broadcast_to(expected, matrices.shape)[hammers]
        )
        np.testing.assert_allclose(rows[~hammers.ravel()], 0.2)
        # Independent draws: their spread is binomial by annotator and by class.
        assert hammers.mean() == pytest.approx(0.3, abs=0.06)
        assert hammers.sum(axis=1).var() == pytest.approx(5 * 0.3 * 0.7, rel=0.35)


def test_classwise_hammers_are_all_or_none_at_the_ends():
    for fraction, right in [(0, 0.25), (1, 1.0)]:
        matrices = make_confusion_matrices(
            6,
            4,
            kind="classwise_hammer_spammer",
            hammer_fraction=fraction,
            accuracy=1.0,
            random_state=0,
        )
        np.testing.assert_allclose(diagonals(matrices), right)


def test_classwise_accuracy_may_differ_by_annotator_and_class():
    given = np.linspace(0.5, 1, 12).reshape(3, 4)
    matrices = make_confusion_matrices(
        3, 4, kind="classwise_hammer_spammer", hammer_fraction=1, accuracy=given
    )
    np.testing.assert_allclose(diagonals(matrices), given)


@SEPARABLE
@pytest.mark.parametrize("n_specialists", [1, 2, 3, 5])
def test_each_class_has_an_annotator_with_an_answer_for_it_alone(kind, n_specialists):
    for seed in range(5):
        matrices = make_confusion_matrices(
            8,
            5,
            kind=kind,
            n_specialists=n_specialists,
            accuracy=1.0,
            random_state=seed,
        )
        # Column l of annotator m is the answer l; a unit vector is separability.
        columns = matrices.transpose(0, 2, 1).reshape(-1, 5)
        units = columns[np.isclose(columns.sum(axis=1), columns.max(axis=1))]
        np.testing.assert_allclose(units.sum(axis=0), 1)
        np.testing.assert_allclose(units.max(axis=1), 1)


@SEPARABLE
@pytest.mark.parametrize("n_specialists", [1, 2, 4])
def test_specialists_are_as_accurate_as_asked_and_as_believable(kind, n_specialists):
    matrices = make_confusion_matrices(
        9, 4, kind=kind, n_specialists=n_specialists, accuracy=0.7, random_state=3
    )
    theirs = np.isclose(diagonals(matrices), 0.7)
    np.testing.assert_array_equal(theirs.sum(axis=0), 1)
    np.testing.assert_array_equal(
        theirs.sum(axis=1)[theirs.any(axis=1)], 4 // n_specialists
    )
    for m, k in np.argwhere(theirs):
        np.testing.assert_allclose(np.delete(matrices[m, :, k], k), 0.1)
        # The other answers to a class that is not theirs are equally likely.
        others = matrices[m][np.ix_(~theirs[m], ~theirs[m])]
        np.testing.assert_allclose(others, others.mean() if others.size else 0)


def test_one_specialist_makes_symmetric_errors_and_the_others_answer_uniformly():
    matrices = make_confusion_matrices(
        6, 5, kind="separable_uniform", accuracy=0.9, random_state=1
    )
    (specialist,) = np.flatnonzero(np.isclose(matrices[:, 0, 0], 0.9))
    symmetric = make_confusion_matrices(1, 5, kind="symmetric", accuracy=0.9)
    np.testing.assert_allclose(matrices[specialist], symmetric[0])
    np.testing.assert_allclose(np.delete(matrices, specialist, axis=0), 0.2)


def test_the_place_of_the_specialist_is_random():
    places = set()
    for seed in range(30):
        matrices = make_confusion_matrices(
            4, 3, kind="separable_uniform", random_state=seed
        )
        places.add(int(diagonals(matrices).mean(axis=1).argmax()))
    assert places == {0, 1, 2, 3}


def test_random_rows_beside_the_specialist_are_uniform_on_the_simplex():
    matrices = make_confusion_matrices(
        3000, 3, kind="separable_random", accuracy=1.0, random_state=0
    )
    rows = matrices[~np.isclose(diagonals(matrices), 1).all(axis=1)].reshape(-1, 3)
    assert len(rows) == 2999 * 3
    np.testing.assert_allclose(rows.mean(axis=0), 1 / 3, atol=0.01)
    # The first coordinate of a flat Dirichlet of three is below t with 1 - (1 - t)^2.
    for t in (0.1, 0.3, 0.6):
        assert np.mean(rows[:, 0] < t) == pytest.approx(1 - (1 - t) ** 2, abs=0.02)


@SEPARABLE
@pytest.mark.parametrize("n_specialists", [0, 5, 1.0, "all"])
def test_a_number_of_specialists_that_cannot_be_is_an_error(kind, n_specialists):
    with pytest.raises(ValueError, match="n_specialists as an integer from 1 to 4"):
        make_confusion_matrices(4, 6, kind=kind, n_specialists=n_specialists)


@pytest.mark.parametrize(
    ("error", "match", "arguments"),
    [
        (ValueError, "Expected kind to be one of", {"kind": "spam"}),
        (TypeError, r"no parameters but \[\], got \['accuracy'\]", {"accuracy": 0.5}),
        (ValueError, "from 0 to 1, got 1.5", {"kind": "symmetric", "accuracy": 1.5}),
        (ValueError, "from 0 to 1", {"kind": "symmetric", "accuracy": np.nan}),
        (ValueError, "low, high", {"kind": "symmetric", "accuracy": (0.9, 0.5)}),
        (ValueError, "low, high", {"kind": "symmetric", "accuracy": (0.1, 0.2, 0.5)}),
        (ValueError, "for each of 3", {"kind": "symmetric", "accuracy": [0.1, 0.2]}),
        (
            ValueError,
            "hammer_fraction from 0 to 1",
            {"kind": "hammer_spammer", "hammer_fraction": 2},
        ),
        (
            ValueError,
            "hammer_fraction from 0 to 1, got 'all'",
            {"kind": "hammer_spammer", "hammer_fraction": "all"},
        ),
        (
            ValueError,
            "hammer_fraction from 0 to 1, got nan",
            {"kind": "classwise_hammer_spammer", "hammer_fraction": np.nan},
        ),
    ],
)
def test_wrong_parameters_of_a_kind_are_errors(error, match, arguments):
    with pytest.raises(error, match=match):
        make_confusion_matrices(3, 4, **arguments)


@pytest.mark.parametrize(
    ("match", "sizes"),
    [
        ("n_annotators as an integer of at least 1, got 0", (0, 3)),
        ("n_annotators as an integer of at least 1, got 3.0", (3.0, 4)),
        ("n_classes as an integer of at least 2, got 1", (3, 1)),
        ("n_classes as an integer of at least 2, got '4'", (3, "4")),
    ],
)
def test_sizes_that_cannot_be_are_an_error(match, sizes):
    with pytest.raises(ValueError, match=match):
        make_confusion_matrices(*sizes)

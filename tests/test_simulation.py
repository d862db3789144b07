import tracemalloc

import numpy as np
import pytest

from skccem.metrics import empirical_confusion_matrices
from skccem.simulation import _KINDS, make_confusion_matrices, make_crowd_labels

ALL_KINDS = pytest.mark.parametrize("kind", sorted(_KINDS))


def diagonals(matrices):
    return np.diagonal(matrices, axis1=1, axis2=2)


@ALL_KINDS
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
    given = np.linspace(0, 1, 12).reshape(2, 6)
    for accuracy, expected in [(given, given), ([0.1, 0.8], [[0.1] * 6, [0.8] * 6])]:
        matrices = make_confusion_matrices(
            2, 6, kind="diagonally_dominant", accuracy=accuracy
        )
        np.testing.assert_allclose(diagonals(matrices), expected)


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
    ],
)
def test_wrong_parameters_of_a_kind_are_errors(error, match, arguments):
    with pytest.raises(error, match=match):
        make_confusion_matrices(3, 4, **arguments)


def test_no_annotators_or_one_class_is_an_error():
    for sizes in [(0, 3), (3, 1)]:
        with pytest.raises(ValueError, match="at least 1 annotator and 2 classes"):
            make_confusion_matrices(*sizes)


@pytest.mark.parametrize("n_annotators", [3, 5, 40, 1000])
def test_items_get_the_asked_number_of_labels_from_distinct_annotators(n_annotators):
    matrices = make_confusion_matrices(n_annotators, 3, random_state=0)
    y = np.random.default_rng(0).integers(3, size=500)
    labels = make_crowd_labels(y, matrices, labels_per_item=3, random_state=0)
    np.testing.assert_array_equal(labels.labels_per_item, 3)
    pairs = np.stack([labels.row_indices(), labels.indices], axis=1)
    assert len(np.unique(pairs, axis=0)) == labels.n_labels
    assert np.all(np.diff(labels.row_indices() * n_annotators + labels.indices) > 0)


@pytest.mark.parametrize(("n_annotators", "size"), [(9, 2), (9, 3), (9, 6), (6, 6)])
def test_all_sets_of_annotators_are_equally_likely(n_annotators, size):
    matrices = make_confusion_matrices(n_annotators, 2, random_state=0)
    labels = make_crowd_labels(
        np.zeros(20000, dtype=int), matrices, labels_per_item=size, random_state=0
    )
    sets = labels.indices.reshape(-1, size)
    pairs = np.zeros((n_annotators, n_annotators))
    for a in range(size):
        for b in range(size):
            np.add.at(pairs, (sets[:, a], sets[:, b]), 1 / len(sets))
    np.testing.assert_allclose(np.diag(pairs), size / n_annotators, atol=0.02)
    expected = size * (size - 1) / (n_annotators * (n_annotators - 1))
    np.testing.assert_allclose(
        pairs[~np.eye(n_annotators, dtype=bool)], expected, atol=0.02
    )


def test_blocks_of_items_do_not_repeat_each_other(monkeypatch):
    monkeypatch.setattr("skccem.simulation._BLOCK_ENTRIES", 64)
    matrices = make_confusion_matrices(8, 2, random_state=0)
    labels = make_crowd_labels(
        np.arange(500) % 2, matrices, labels_per_item=4, random_state=0
    )
    sets = labels.indices.reshape(500, 4)
    assert len(np.unique(sets, axis=0)) > 60
    assert not np.array_equal(sets[:8], sets[8:16])


@pytest.mark.parametrize("p", [1e-300, 0.001, 0.3, 1.0])
def test_each_pair_is_observed_with_probability_p(p):
    matrices = make_confusion_matrices(20, 3, random_state=0)
    y = np.random.default_rng(0).integers(3, size=5000)
    labels = make_crowd_labels(y, matrices, p=p, random_state=0)
    deviation = np.sqrt(p * (1 - p))
    assert abs(labels.n_labels / 1e5 - p) <= 4 * deviation / np.sqrt(1e5)
    per_annotator = labels.labels_per_annotator / 5000
    assert np.abs(per_annotator - p).max() <= 4 * deviation / np.sqrt(5000)
    # Binomial numbers of labels, not fixed ones.
    expected = 20 * deviation**2
    assert labels.labels_per_item.var() == pytest.approx(expected, rel=0.2, abs=1e-12)


@ALL_KINDS
def test_answers_follow_the_matrices(kind):
    matrices = make_confusion_matrices(4, 3, kind=kind, random_state=0)
    y = np.random.default_rng(0).integers(3, size=20000)
    labels = make_crowd_labels(y, matrices, p=0.8, random_state=0)
    empirical, counts = empirical_confusion_matrices(labels, y)
    assert counts.sum() == labels.n_labels
    np.testing.assert_allclose(empirical, matrices, atol=0.03)
    assert not counts[matrices == 0].any()


def test_labels_repeat_with_the_seed_only():
    matrices = make_confusion_matrices(10, 3, random_state=0)
    y = np.arange(100) % 3
    for params in ({"p": 0.5}, {"labels_per_item": 2}, {"labels_per_item": 5}):
        first, same, other = (
            make_crowd_labels(y, matrices, random_state=seed, **params)
            for seed in (0, 0, 1)
        )
        assert first == same
        assert first != other


def test_labels_are_in_the_classes_of_the_matrices():
    matrices = make_confusion_matrices(5, 3, kind="symmetric", accuracy=1.0)
    labels = make_crowd_labels([0, 1, 1], matrices, labels_per_item=5)
    assert labels.classes.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(np.asarray(labels), [[0] * 5, [1] * 5, [1] * 5])
    for y, classes in [
        ([10, 30, 20], None),
        (["b", "c", "a"], None),
        (["b", "b"], ["a", "b", "c"]),
    ]:
        labels = make_crowd_labels(y, matrices, labels_per_item=2, classes=classes)
        assert labels.classes.tolist() == sorted(classes or y)
        given = labels.classes[labels.codes].reshape(-1, 2)
        np.testing.assert_array_equal(given, np.stack([y, y], axis=1))


@pytest.mark.parametrize("params", [{"labels_per_item": 5}, {"p": 0.005}])
def test_memory_is_proportional_to_the_labels(params):
    matrices = make_confusion_matrices(1000, 10, random_state=0)
    y = np.random.default_rng(0).integers(10, size=200_000)
    tracemalloc.start()
    labels = make_crowd_labels(y, matrices, random_state=0, **params)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert labels.n_labels == pytest.approx(1e6, rel=0.01)
    # A dense matrix of one byte an entry would take 200 MB by itself.
    assert peak < 150e6


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("exactly one of labels_per_item and p", {}),
        ("exactly one of labels_per_item and p", {"p": 0.5, "labels_per_item": 2}),
        ("from 1 to the 4 annotators, got 5", {"labels_per_item": 5}),
        ("from 1 to the 4 annotators, got 0", {"labels_per_item": 0}),
        ("p above 0 and at most 1, got 0", {"p": 0}),
        ("p above 0 and at most 1, got nan", {"p": np.nan}),
        ("3 sorted classes", {"p": 0.5, "classes": [2, 1, 0]}),
        ("3 sorted classes", {"p": 0.5, "classes": [0, 1]}),
        (r"got \[0\]", {"p": 0.5, "classes": [1, 2, 3]}),
    ],
)
def test_wrong_arguments_of_make_crowd_labels_are_errors(match, arguments):
    matrices = make_confusion_matrices(4, 3, random_state=0)
    with pytest.raises(ValueError, match=match):
        make_crowd_labels([0, 1, 2], matrices, **arguments)


@pytest.mark.parametrize(
    ("match", "y", "matrices"),
    [
        ("of shape", [0, 1], np.eye(2)),
        ("of shape", [0, 1], np.ones((2, 2, 3)) / 3),
        ("sum to one", [0, 1], np.ones((1, 2, 2))),
        ("sum to one", [0, 1], [[[1.5, -0.5], [0, 1]]]),
        ("sum to one", [0, 1], [[[np.nan, 1], [0, 1]]]),
        ("one for each item", [[0, 1]], [np.eye(2)]),
        ("one for each item", [], [np.eye(2)]),
        ("2 sorted classes", ["a", "b", "c"], [np.eye(2)]),
    ],
)
def test_truth_and_matrices_that_do_not_fit_are_errors(match, y, matrices):
    with pytest.raises(ValueError, match=match):
        make_crowd_labels(y, matrices, p=0.5)

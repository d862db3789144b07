import numpy as np
import pytest

from skccem import CrowdLabels
from skccem.metrics import confusion_matrix_error, empirical_confusion_matrices
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def test_empirical_matrices_equal_counts_by_loops():
    rng = np.random.default_rng(0)
    Y, y = rng.integers(-1, 3, size=(200, 5)), rng.integers(3, size=200)
    Y[:, 2] = -1
    Y[y == 1, 3] = -1
    expected = np.zeros((5, 3, 3))
    for i, m in np.argwhere(Y >= 0):
        expected[m, y[i], Y[i, m]] += 1
    matrices, counts = empirical_confusion_matrices(Y, y)
    np.testing.assert_array_equal(counts, expected)
    assert counts.dtype == np.int64
    empty = expected.sum(axis=2) == 0
    assert empty.sum() == 4
    assert np.isnan(matrices[empty]).all()
    np.testing.assert_allclose(
        matrices[~empty],
        expected[~empty] / expected[~empty].sum(axis=1, keepdims=True),
    )


def test_true_classes_are_matched_by_value():
    labels = CrowdLabels.from_matrix([["b"], ["c"], ["a"]], classes=["a", "b", "c"])
    _, counts = empirical_confusion_matrices(labels, ["b", "b", "c"])
    np.testing.assert_array_equal(counts, [[[0, 0, 0], [0, 1, 1], [1, 0, 0]]])


@pytest.mark.parametrize(
    ("match", "y"),
    [("of shape", [0, 1, 0]), ("of shape", [[0], [1]]), (r"got also \[2\]", [0, 2])],
)
def test_truth_that_does_not_fit_the_labels_is_an_error(match, y):
    with pytest.raises(ValueError, match=match):
        empirical_confusion_matrices([[0, 1], [1, 0]], y)


def random_pair(n_annotators=6, n_classes=4):
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(n_classes), size=(2, n_annotators, n_classes))


def test_without_counts_the_error_is_the_mean_over_all_entries():
    estimated, true = random_pair()
    error = confusion_matrix_error(estimated, true)
    assert error == pytest.approx(np.abs(estimated - true).mean())
    assert confusion_matrix_error(true, true) == 0
    assert confusion_matrix_error(true, estimated) == pytest.approx(error)


def test_the_error_equals_its_definition_by_loops():
    estimated, true = random_pair()
    rng = np.random.default_rng(1)
    counts = rng.integers(30, size=(6, 4, 4))
    counts[0] = 1
    counts[1, 2] = 0
    true[1, 2] = np.nan
    true[4] = np.nan
    total, weight = 0, 0
    for m in range(6):
        rows = [k for k in range(4) if not np.isnan(true[m, k]).any()]
        if counts[m].sum() >= 20 and rows:
            errors = [np.abs(estimated[m, k] - true[m, k]).mean() for k in rows]
            total += counts[m].sum() * np.mean(errors)
            weight += counts[m].sum()
    for given in (counts, counts.sum(axis=2), counts.sum(axis=(1, 2))):
        assert confusion_matrix_error(estimated, true, counts=given) == pytest.approx(
            total / weight
        )


def test_annotators_below_min_labels_are_left_out():
    estimated, true = random_pair()
    counts = np.array([19, 20, 21, 0, 5, 3])
    per_annotator = np.abs(estimated - true).mean(axis=(1, 2))
    kept = np.average(per_annotator[1:3], weights=[20, 21])
    assert confusion_matrix_error(estimated, true, counts=counts) == pytest.approx(kept)
    everyone = confusion_matrix_error(estimated, true, counts=counts, min_labels=1)
    assert everyone == pytest.approx(np.average(per_annotator, weights=counts))


def test_the_largest_error_is_two_over_the_number_of_classes():
    true = np.array([np.eye(5)])
    assert confusion_matrix_error(true[:, ::-1][:, [1, 0, 3, 4, 2]], true) <= 0.4
    assert confusion_matrix_error(np.roll(true, 1, axis=2), true) == pytest.approx(0.4)


def test_counted_matrices_come_close_to_the_simulated_ones():
    y = np.random.default_rng(0).integers(5, size=5000)
    simulated = make_confusion_matrices(10, 5, random_state=0)
    labels = make_crowd_labels(y, simulated, p=0.5, random_state=0)
    matrices, counts = empirical_confusion_matrices(labels, y)
    assert 0 < confusion_matrix_error(simulated, matrices, counts=counts) < 0.02


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("one shape", {"estimated": np.ones((6, 3, 3))}),
        ("one shape", {"estimated": np.ones((4, 4)), "true": np.ones((4, 4))}),
        ("finite estimated", {"estimated": np.full((6, 4, 4), np.nan)}),
        ("known row, got none", {"true": np.full((6, 4, 4), np.nan)}),
        ("at least 20 labels, got none", {"counts": [19] * 6}),
        ("counts for the 6 annotators", {"counts": [30] * 5}),
        ("counts for the 6 annotators", {"counts": 30}),
    ],
)
def test_what_has_no_error_is_an_error(match, change):
    estimated, true = random_pair()
    arguments = {"estimated": estimated, "true": true, "counts": None} | change
    with pytest.raises(ValueError, match=match):
        confusion_matrix_error(**arguments)

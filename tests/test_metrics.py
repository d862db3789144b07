import itertools

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem.metrics import (
    aggregation_accuracy,
    confusion_matrix_error,
    empirical_confusion_matrices,
    expected_calibration_error,
    selection_regret,
)
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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_permutation_is_the_best_of_all(weighted, seed):
    rng = np.random.default_rng(seed)
    estimated, true = rng.dirichlet(np.ones(4), size=(2, 6, 4))
    true[0, 1] = true[3] = np.nan
    counts = rng.integers(50, size=6) if weighted else None
    if weighted:
        counts[1] = 30
    everyone = [
        confusion_matrix_error(estimated[:, list(rows)], true, counts=counts)
        for rows in itertools.permutations(range(4))
    ]
    best = confusion_matrix_error(estimated, true, counts=counts, best_permutation=True)
    assert best == pytest.approx(min(everyone))
    assert best < max(everyone)


def test_the_best_permutation_undoes_any_renaming_of_the_true_classes():
    _, true = random_pair()
    for rows in itertools.permutations(range(4)):
        renamed = true[:, list(rows)]
        assert confusion_matrix_error(renamed, true, best_permutation=True) == 0


def test_annotators_are_not_permuted_one_by_one():
    true = np.array([np.eye(3), np.eye(3)])
    estimated = np.array([np.eye(3), np.eye(3)[[1, 0, 2]]])
    error = confusion_matrix_error(estimated, true, best_permutation=True)
    assert error == pytest.approx(2 / 9)


# Accuracy of aggregated labels


def test_aggregation_accuracy_is_that_of_the_items_that_have_labels():
    rng = np.random.default_rng(0)
    Y, y = rng.integers(-1, 3, size=(200, 2)), rng.integers(3, size=200)
    aggregated = rng.integers(3, size=200)
    right = [a == b for a, b in zip(y, aggregated, strict=True)]
    assert aggregation_accuracy(y, aggregated) == pytest.approx(np.mean(right))
    kept = [r for r, row in zip(right, Y, strict=True) if max(row) >= 0]
    assert 0 < len(kept) < 200
    for labels in (Y, CrowdLabels.from_matrix(Y)):
        accuracy = aggregation_accuracy(y, aggregated, labels=labels)
        assert accuracy == pytest.approx(np.mean(kept))


def test_classes_that_are_text_are_compared_as_text():
    assert aggregation_accuracy(["a", "b"], np.array(["a", "c"], dtype=object)) == 0.5


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("of one shape", ([0, 1], [0])),
        ("of one shape", ([[0], [1]], [[0], [1]])),
        ("labels of the 2 items", ([0, 1], [0, 1], [[0, 1]])),
        ("an item, got none", ([], [])),
        ("an item with labels, got none of 2", ([0, 1], [0, 1], [[-1], [-1]])),
        ("1 of 2 are missing", ([0, 1], np.array([0, None], dtype=object))),
        ("1 of 2 are missing", (np.ma.array([0, 1], mask=[0, 1]), [0, 1])),
        ("classes of one type", ([0, 1], ["0", "1"])),
    ],
)
def test_accuracy_that_is_not_defined_is_an_error(match, arguments):
    y_true, y_aggregated, *labels = arguments
    with pytest.raises(ValueError, match=match):
        aggregation_accuracy(y_true, y_aggregated, labels=labels[0] if labels else None)


# Calibration


def calibration_error_by_loops(y, proba, edges):
    """The definition: bins are open below and closed above, the first has 0 too."""
    error = 0
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = []
        for truth, row in zip(y, proba, strict=True):
            sure = max(row)
            if low < sure <= high or (number == 0 and sure <= high):
                inside.append((list(row).index(sure) == truth, sure))
        if inside:
            accuracy, confidence = np.mean(inside, axis=0)
            error += len(inside) / len(y) * abs(accuracy - confidence)
    return error


@pytest.mark.parametrize("n_bins", [1, 2, 10, 15])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_calibration_error_equals_its_definition(n_bins, n_classes):
    rng = np.random.default_rng(n_bins)
    proba = rng.dirichlet(np.ones(n_classes), size=300)
    y = rng.integers(n_classes, size=300)
    # Rows that lie on an edge, and rows in which classes tie.
    proba[:10] = np.eye(n_classes)[rng.integers(n_classes, size=10)]
    proba[10:20] = 1 / n_classes
    error = expected_calibration_error(y, proba, n_bins=n_bins)
    edges = np.linspace(0, 1, n_bins + 1)
    assert error == pytest.approx(calibration_error_by_loops(y, proba, edges))
    quantiles = np.quantile(proba.max(axis=1), edges)
    error = expected_calibration_error(y, proba, n_bins=n_bins, strategy="quantile")
    assert error == pytest.approx(calibration_error_by_loops(y, proba, quantiles))


def test_a_classifier_that_tells_the_truth_about_itself_is_calibrated():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(3), size=200_000)
    y = (rng.random((len(proba), 1)) > proba.cumsum(axis=1)).sum(axis=1)
    for strategy in ("uniform", "quantile"):
        assert expected_calibration_error(y, proba, strategy=strategy) < 0.01
    sharpened = proba**4 / (proba**4).sum(axis=1, keepdims=True)
    assert expected_calibration_error(y, sharpened) > 0.15


def test_columns_of_the_probabilities_are_in_the_order_of_classes():
    rng = np.random.default_rng(0)
    proba, y = rng.dirichlet(np.ones(3), size=50), rng.integers(3, size=50)
    names = np.array(["ant", "bee", "cat"])
    expected = expected_calibration_error(y, proba)
    assert expected_calibration_error(names[y], proba) == pytest.approx(expected)
    reverse = proba[:, ::-1]
    error = expected_calibration_error(names[y], reverse, classes=names[::-1])
    assert error == pytest.approx(expected)


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("strategy to be 'uniform'", {"strategy": "equal"}),
        ("n_bins as an integer of at least 1, got 0", {"n_bins": 0}),
        ("n_bins as an integer of at least 1, got 2.5", {"n_bins": 2.5}),
        ("n_bins as an integer of at least 1, got 'auto'", {"n_bins": "auto"}),
        ("Expected proba of shape", {"y_true": [0]}),
        ("Expected proba of shape", {"y_true": [0, 0]}),
        ("Expected proba of shape", {"proba": [0.2, 0.8]}),
        ("Expected proba of shape", {"y_true": [], "proba": np.empty((0, 0))}),
        ("finite proba", {"proba": [[0.5, 0.5], [np.nan, 1]]}),
        ("rows that sum to one", {"proba": [[0.5, 0.5], [0.5, 0.8]]}),
        (r"got also \[1\]", {"classes": [0, 2]}),
    ],
)
def test_calibration_that_is_not_defined_is_an_error(match, change):
    arguments = {"y_true": [0, 1], "proba": [[0.5, 0.5], [0.2, 0.8]]} | change
    with pytest.raises(ValueError, match=match):
        expected_calibration_error(**arguments)


# Regret


def test_regret_equals_its_definition_by_loops():
    rng = np.random.default_rng(0)
    # Few values, so that candidates tie.
    scores = rng.integers(3, size=(100, 4)).astype(float)
    scores[:50, 0] = -np.inf
    qualities = rng.random((100, 4))
    expected = []
    for score, quality in zip(scores, qualities, strict=True):
        chosen = [q for s, q in zip(score, quality, strict=True) if s == max(score)]
        expected.append(max(quality) - np.mean(chosen))
    regret = selection_regret(scores, qualities)
    np.testing.assert_allclose(regret, expected)
    assert selection_regret(scores[7], qualities[7]) == pytest.approx(expected[7])


def test_who_chooses_by_the_quality_regrets_nothing():
    qualities = np.random.default_rng(0).random((20, 5))
    np.testing.assert_array_equal(selection_regret(qualities, qualities), 0)
    np.testing.assert_allclose(
        selection_regret(-qualities, qualities), np.ptp(qualities, axis=1)
    )


def test_candidates_that_are_all_excluded_are_chosen_alike():
    assert selection_regret([-np.inf, -np.inf], [1.0, 0.5]) == 0.25


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("one shape", ([1, 2], [1])),
        ("one shape", (1, 1)),
        ("not empty", ([], [])),
        ("without NaN", ([np.nan, 1], [1, 1])),
        ("finite qualities", ([1, 1], [1, np.inf])),
        ("finite qualities", ([1, 1], [1, np.nan])),
    ],
)
def test_regret_that_is_not_defined_is_an_error(match, arguments):
    with pytest.raises(ValueError, match=match):
        selection_regret(*arguments)

"""How good models of a crowd are, with the truth and without it."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from ._agreement import (
    annotation_log_likelihood,
    annotation_log_likelihood_scorer,
    check_distributions,
    krippendorff_alpha,
)
from ._annotations import check_crowd_labels
from ._counts import expected_counts
from ._identifiers import positions_of
from ._targets import check_truth
from ._typing import ArrayLike, Floats, Integers, LabelsLike

__all__ = [
    "aggregation_accuracy",
    "annotation_log_likelihood",
    "annotation_log_likelihood_scorer",
    "confusion_matrix_error",
    "empirical_confusion_matrices",
    "expected_calibration_error",
    "krippendorff_alpha",
    "selection_regret",
]


def empirical_confusion_matrices(
    labels: LabelsLike, y_true: ArrayLike
) -> tuple[Floats, Integers]:
    """Count how each annotator labelled items of known class.

    Parameters
    ----------
    labels : CrowdLabels or array-like of shape (n_samples, n_annotators)
        The labels.
    y_true : array-like of shape (n_samples,)
        True classes, all among the classes of `labels`.

    Returns
    -------
    matrices : ndarray of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` is the share of answer ``l`` among the labels that annotator ``m``
        gave to items of class ``k``; NaN where there is no such label.
    counts : ndarray of shape (n_annotators, n_classes, n_classes), dtype=int64
        The numbers behind the shares.

    Raises
    ------
    ValueError
        If the lengths differ or a true class is not among the classes of `labels`.

    Examples
    --------
    >>> from skccem.metrics import empirical_confusion_matrices
    >>> matrices, counts = empirical_confusion_matrices(
    ...     [[0, 1], [0, 0], [1, 0], [1, -1]], [0, 0, 1, 0]
    ... )
    >>> counts[0]
    array([[2, 1],
           [0, 1]])
    >>> matrices[1]
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    labels = check_crowd_labels(labels)
    y_true = np.asarray(y_true)
    if y_true.shape != (labels.n_samples,):
        raise ValueError(
            f"Expected y_true of shape ({labels.n_samples},), one true class for each "
            f"item, got {y_true.shape}. Pass the truth of the same items."
        )
    unknown = np.setdiff1d(y_true, labels.classes)
    if len(unknown):
        raise ValueError(
            f"Expected true classes among {labels.classes.tolist()}, got also "
            f"{unknown.tolist()}. Make CrowdLabels with all of them as classes=."
        )
    truth = np.eye(labels.n_classes)[np.searchsorted(labels.classes, y_true)]
    counts = expected_counts(labels, truth)
    totals = counts.sum(axis=2, keepdims=True)
    matrices = np.divide(
        counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0
    )
    return matrices, np.rint(counts).astype(np.int64)


def confusion_matrix_error(
    estimated: ArrayLike,
    true: ArrayLike,
    *,
    counts: ArrayLike | None = None,
    min_labels: int = 20,
    best_permutation: bool = False,
) -> float:
    """Mean absolute difference between estimated and true confusion matrices.

    The error of an annotator is the mean of ``abs(estimated - true)`` over all entries
    of the rows in which `true` is known, so each such row counts the same. The result
    is the mean error of the annotators: with `counts`, of those with at least
    `min_labels` labels, each weighted by the number of their labels; without, of all
    alike. Annotators without any known row are left out.

    Parameters
    ----------
    estimated : array-like of shape (n_annotators, n_classes, n_classes)
        Estimated confusion matrices.
    true : array-like of shape (n_annotators, n_classes, n_classes)
        True confusion matrices. A row with NaN is not known and is skipped.
    counts : array-like of shape (n_annotators, ...), default=None
        Labels of each annotator, summed over any further axes: both results of
        `empirical_confusion_matrices` can be passed as ``true, counts=counts``.
    min_labels : int, default=20
        Annotators with fewer labels are left out. Ignored without `counts`.
    best_permutation : bool, default=False
        Whether to take the smallest error over all ways to rename the true classes of
        `estimated`, which reorders the rows of all annotators alike. The answers keep
        their names. It judges what labels alone identify; a model that has mistaken
        one class for another is not punished for it.

    Returns
    -------
    error : float
        From 0, equal, to ``2 / n_classes``.

    Raises
    ------
    ValueError
        If the shapes differ, `estimated` has NaN, or no annotator is left.

    Examples
    --------
    >>> from skccem.metrics import confusion_matrix_error
    >>> true = [[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.4, 0.6]]]
    >>> estimated = [[[0.8, 0.2], [0.2, 0.8]], [[0.2, 0.8], [0.3, 0.7]]]
    >>> round(confusion_matrix_error(estimated, true), 6)
    0.125
    >>> round(confusion_matrix_error(estimated, true, counts=[60, 20]), 6)
    0.0875
    >>> renamed = [matrix[::-1] for matrix in true]
    >>> confusion_matrix_error(renamed, true, best_permutation=True)
    0.0
    """
    estimated = np.asarray(estimated, dtype=np.float64)
    true = np.asarray(true, dtype=np.float64)
    if estimated.ndim != 3 or estimated.shape != true.shape:
        raise ValueError(
            "Expected estimated and true of one shape (n_annotators, n_classes, "
            f"n_classes), got {estimated.shape} and {true.shape}. Pass the matrices of "
            "the same annotators and classes."
        )
    if not np.isfinite(estimated).all():
        raise ValueError(
            "Expected finite estimated matrices, got NaN or infinity. Only true may "
            "have NaN, for rows without labels."
        )
    known = ~np.isnan(true).any(axis=2)
    weights = known.any(axis=1).astype(np.float64)
    if counts is not None:
        n_labels = _labels_per_annotator(counts, len(true))
        weights *= np.where(n_labels >= min_labels, n_labels, 0)
    if not weights.any():
        raise ValueError(
            "Expected an annotator with a known row"
            + ("" if counts is None else f" and at least {min_labels} labels")
            + ", got none. Lower min_labels or count from more labels."
        )
    n_known = np.maximum(known.sum(axis=1), 1)
    if best_permutation:
        shares = known * (weights / n_known)[:, np.newaxis]
        estimated = estimated[:, _best_rows(estimated, true, shares)]
    per_row = np.abs(estimated - true).mean(axis=2)
    per_annotator = np.where(known, per_row, 0.0).sum(axis=1) / n_known
    return float(np.average(per_annotator, weights=weights))


def _best_rows(estimated, true, shares):
    """Which estimated row to compare with each true one, for the smallest error.

    `shares`, of shape (n_annotators, n_classes), are the weights of the true rows in
    the error. They do not depend on the estimated rows, so the error is a sum over
    pairs of an estimated and a true class, and the best pairing an assignment problem.
    """
    true = np.where(np.isnan(true), 0.0, true)
    cost = [
        np.einsum("mkl,mk->k", np.abs(estimated[:, [row]] - true), shares)
        for row in range(true.shape[1])
    ]
    return linear_sum_assignment(np.transpose(cost))[1]


def _labels_per_annotator(counts, n_annotators):
    counts = np.asarray(counts)
    if counts.ndim == 0 or len(counts) != n_annotators:
        raise ValueError(
            f"Expected counts for the {n_annotators} annotators along the first axis, "
            f"got shape {counts.shape}. Pass the counts of the same annotators."
        )
    return counts.reshape(n_annotators, -1).sum(axis=1)


def aggregation_accuracy(
    y_true: ArrayLike, y_aggregated: ArrayLike, *, labels: LabelsLike | None = None
) -> float:
    """Share of the items whose aggregated class is the true one.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True classes.
    y_aggregated : array-like of shape (n_samples,)
        Classes that labels were aggregated to.
    labels : CrowdLabels or array-like of shape (n_samples, n_annotators), default=None
        The labels that were aggregated. If given, items without any do not count, for
        which the class is a guess.

    Returns
    -------
    accuracy : float
        From 0 to 1.

    Raises
    ------
    ValueError
        If lengths differ, no item counts, an item that counts has no class, or one
        side has text and the other has numbers.

    Examples
    --------
    >>> from skccem import MajorityVote
    >>> from skccem.metrics import aggregation_accuracy
    >>> Y = [[0, 0, 1], [1, 1, -1], [-1, -1, -1], [0, 0, -1]]
    >>> y_aggregated = [0, 1, 0, 0]
    >>> aggregation_accuracy([0, 1, 1, 1], y_aggregated)
    0.5
    >>> round(aggregation_accuracy([0, 1, 1, 1], y_aggregated, labels=Y), 3)
    0.667
    """
    # Masked arrays keep their mask, which check_truth looks at.
    y_true, y_aggregated = np.asanyarray(y_true), np.asanyarray(y_aggregated)
    if y_true.ndim != 1 or y_true.shape != y_aggregated.shape:
        raise ValueError(
            "Expected y_true and y_aggregated of one shape (n_samples,), got "
            f"{y_true.shape} and {y_aggregated.shape}. Pass one class for each item."
        )
    counted = np.ones(len(y_true), dtype=bool)
    if labels is not None:
        labels = check_crowd_labels(labels)
        if len(labels) != len(y_true):
            raise ValueError(
                f"Expected labels of the {len(y_true)} items of y_true, got "
                f"{labels!r}. Pass the labels of the same items."
            )
        counted = labels.labels_per_item > 0
    if not counted.any():
        raise ValueError(
            f"Expected an item{'' if labels is None else ' with labels'}, got none of "
            f"{len(y_true)}. The accuracy of nothing is not defined."
        )
    y_true, y_aggregated = map(check_truth, (y_true[counted], y_aggregated[counted]))
    if (y_true.dtype.kind in "OSU") != (y_aggregated.dtype.kind in "OSU"):
        raise ValueError(
            f"Expected classes of one type, got {y_true.dtype} in y_true and "
            f"{y_aggregated.dtype} in y_aggregated. Name the classes alike in both."
        )
    return float(np.mean(y_true == y_aggregated))


def expected_calibration_error(
    y_true: ArrayLike,
    proba: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    n_bins: int = 15,
    strategy: Literal["uniform", "quantile"] = "uniform",
) -> float:
    """Mean gap between how sure a classifier is and how often it is right.

    Items are put into bins by the probability of their most probable class. The error
    is the mean over bins of the absolute difference between the accuracy and the mean
    of these probabilities, weighted by the number of items [1]_ [2]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True classes.
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities of the items. The first of equally probable classes is
        taken for the prediction.
    classes : array-like of shape (n_classes,), default=None
        The classes in the order of the columns of `proba`, such as ``clf.classes_``.
        None are those of `y_true`, sorted, if there are as many.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width between 0 and 1, or of about equally many items: items of
        the same probability share a bin. An edge belongs to the bin below.

    Returns
    -------
    error : float
        From 0, calibrated, to 1.

    Raises
    ------
    ValueError
        If lengths differ, rows of `proba` are not probabilities, `classes` do not fit
        the columns or lack a true class, or a setting is not as described.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated
       probabilities using Bayesian binning", AAAI 2015.
    .. [2] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", ICML 2017.

    Examples
    --------
    >>> from skccem.metrics import expected_calibration_error
    >>> proba = [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]]
    >>> expected_calibration_error([0, 0, 0, 1], proba)
    0.0
    >>> expected_calibration_error([0, 0, 0, 0], proba, classes=[0, 1])
    0.25
    """
    if strategy not in ("uniform", "quantile"):
        raise ValueError(
            f"Expected strategy to be 'uniform' or 'quantile', got {strategy!r}. "
            "Choose one of them."
        )
    if not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(
            f"Expected n_bins as an integer of at least 1, got {n_bins!r}. Pass the "
            "number of bins."
        )
    y_true = check_truth(y_true)
    proba = np.asarray(proba, dtype=np.float64)
    classes = np.unique(y_true) if classes is None else np.asarray(classes)
    if proba.shape != (len(y_true), len(classes)) or len(y_true) == 0:
        raise ValueError(
            "Expected proba of shape (n_samples, n_classes) = "
            f"{(len(y_true), len(classes))} for the classes {classes.tolist()}, got "
            f"{proba.shape}. Pass the probabilities of the same items, at least one, "
            "and the classes of all columns as classes=."
        )
    check_distributions(proba, "proba")
    true_columns = positions_of(y_true, classes)
    if (true_columns < 0).any():
        raise ValueError(
            f"Expected true classes among {classes.tolist()}, got also "
            f"{np.unique(y_true[true_columns < 0]).tolist()}. Pass the classes of all "
            "columns of proba as classes=."
        )
    gaps = (proba.argmax(axis=1) == true_columns) - proba.max(axis=1)
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.quantile(proba.max(axis=1), edges)
    bins = np.searchsorted(edges[1:-1], proba.max(axis=1))
    return float(np.abs(np.bincount(bins, weights=gaps)).sum() / len(gaps))


def selection_regret(scores: ArrayLike, qualities: ArrayLike) -> float | Floats:
    """What it costs to choose by a score instead of by the quality itself.

    Candidates are models or settings; the score is what one has, such as the held-out
    log-likelihood of annotators' labels, and the quality what one wants, such as the
    accuracy on true classes. Higher is better for both.

    Parameters
    ----------
    scores : array-like of shape (n_candidates,) or (n_repeats, n_candidates)
        The candidate with the highest is chosen. ``-inf`` is one that never is, unless
        all have it.
    qualities : array-like of the same shape
        What the candidates are worth.

    Returns
    -------
    regret : float or ndarray of shape (n_repeats,)
        ``max(qualities) - qualities[argmax(scores)]``, the mean over the chosen ones
        if several have the highest score. 0 is the best possible choice.

    Raises
    ------
    ValueError
        If shapes differ, there is no candidate, or there are NaN or infinite qualities.

    Examples
    --------
    >>> from skccem.metrics import selection_regret
    >>> selection_regret(scores=[-0.5, -0.4, -0.6], qualities=[1.0, 0.75, 0.5])
    0.25
    >>> selection_regret([[1, 2], [2, 2]], [[0.5, 1.0], [0.5, 1.0]])
    array([0.  , 0.25])
    """
    scores = np.asarray(scores, dtype=np.float64)
    qualities = np.asarray(qualities, dtype=np.float64)
    if scores.shape != qualities.shape or scores.ndim not in (1, 2) or not scores.size:
        raise ValueError(
            "Expected scores and qualities of one shape (n_candidates,) or (n_repeats, "
            f"n_candidates), not empty, got {scores.shape} and {qualities.shape}."
        )
    if np.isnan(scores).any() or not np.isfinite(qualities).all():
        raise ValueError(
            "Expected scores without NaN and finite qualities. Leave out candidates "
            "that failed, or give them the score -inf and the quality of a guess."
        )
    chosen = scores == scores.max(axis=-1, keepdims=True)
    losses = qualities.max(axis=-1, keepdims=True) - qualities
    regret = np.where(chosen, losses, 0.0).sum(axis=-1) / chosen.sum(axis=-1)
    return float(regret) if regret.ndim == 0 else regret

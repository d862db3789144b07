"""How close estimated confusion matrices are to the truth."""

import numpy as np

from ._annotations import check_crowd_labels
from ._probability import expected_counts


def empirical_confusion_matrices(labels, y_true):
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


def confusion_matrix_error(estimated, true, *, counts=None, min_labels=20):
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
    per_row = np.abs(estimated - true).mean(axis=2)
    known = ~np.isnan(per_row)
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
    per_annotator = np.where(known, per_row, 0.0).sum(axis=1) / n_known
    return float(np.average(per_annotator, weights=weights))


def _labels_per_annotator(counts, n_annotators):
    counts = np.asarray(counts)
    if counts.ndim == 0 or len(counts) != n_annotators:
        raise ValueError(
            f"Expected counts for the {n_annotators} annotators along the first axis, "
            f"got shape {counts.shape}. Pass the counts of the same annotators."
        )
    return counts.reshape(n_annotators, -1).sum(axis=1)

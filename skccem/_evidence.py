"""Whether there is something to learn from: labels and weights that count.

What counts for nothing is told of, and only what leaves nothing to learn is an error.
"""

import warnings

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from .exceptions import UnusedDataWarning


def check_trainable(labels, processes=None):
    """Raise unless there is something to learn from.

    Parameters
    ----------
    labels : CrowdLabels
    processes : Processes, optional
        Those that have parts of the items.

    Raises
    ------
    ValueError
        If there are no labels, or all of them name one class.
    """
    answers = np.bincount(labels.codes, minlength=labels.n_classes)
    if processes is not None:
        answers = processes.sum(answers)
    check_answers(answers, labels.classes, labels.shape)


def check_answers(answers, classes, shape):
    """`check_trainable` for labels of which only numbers are known.

    Parameters
    ----------
    answers : ndarray of shape (n_classes,)
        How many labels name each class.
    classes : ndarray of shape (n_classes,)
    shape : (int, int)
        Numbers of items and annotators.
    """
    check_some_labels(answers.sum(), shape)
    observed = np.flatnonzero(answers)
    if len(observed) < 2:
        raise ValueError(
            "A classifier needs labels of at least two classes, but all labels name "
            f"one class, {classes[observed].tolist()[0]!r}."
        )


def check_some_labels(n_labels, shape):
    """Raise if there are no labels.

    Parameters
    ----------
    n_labels : int
    shape : (int, int)
        Numbers of items and annotators.
    """
    if not n_labels:
        raise ValueError(
            f"There are no labels at all among {shape[0]} items and "
            f"{shape[1]} annotators: every entry of Y is missing. Check how "
            "missing labels are marked (-1 in integer arrays, NaN, None, or "
            "CrowdLabels.from_matrix(Y, missing=...))."
        )


def check_weight(sample_weight, labels, precision=None):
    """Weights of the items as an array, or None.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    labels : CrowdLabels
    precision : dtype, optional
        Of a model to which only the ratios of weights matter: what is so small a part
        of the largest weight of an item with labels that it is zero in this type is
        zero, as are weights of other items, and too large ones are divided.

    Returns
    -------
    float64 ndarray of shape (n_samples,), or None

    Raises
    ------
    ValueError
        If a weight is negative, no item with labels has a positive one, or their sum
        is too large for a float and `precision` is not given.
    """
    if sample_weight is None:
        return None
    weight = _check_sample_weight(
        sample_weight, labels, dtype=np.float64, ensure_non_negative=True
    )
    if not weight[labels.labels_per_item > 0].any():
        raise ValueError(
            "sample_weight is zero for every item that has labels: give a positive "
            "weight to the items to learn from."
        )
    if precision is not None:
        weight = np.where(labels.labels_per_item > 0, weight, 0.0)
        relative = weight / weight.max()
        weight[relative.astype(precision) == 0] = 0
    with np.errstate(over="ignore"):
        total = weight @ labels.labels_per_item
    if not np.isfinite(total):
        if precision is not None:
            # Not by the maximum: a start counts weights next to pseudo-counts.
            return weight / (2 * labels.n_labels)
        raise ValueError(
            f"sample_weight is up to {weight.max():g}, and its sum over labels is too "
            "large for a float: divide the weights by their maximum."
        )
    return weight


def check_score_weight(sample_weight, n_samples):
    """Weights of the items to score, of which only the ratios matter.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    n_samples : int

    Returns
    -------
    float64 ndarray of shape (n_samples,)
        The largest is one, unless all are zero, which not every scikit-learn refuses.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or their number is another.
    """
    weight = _check_sample_weight(
        sample_weight, np.empty(n_samples), dtype=np.float64, ensure_non_negative=True
    )
    largest = weight.max(initial=0)
    return weight / largest if largest else weight


def active_annotators(labels, sample_weight=None):
    """Which annotators gave labels that count.

    Parameters
    ----------
    labels : CrowdLabels
    sample_weight : ndarray of shape (n_samples,), optional
        The labels of items of weight zero do not count.

    Returns
    -------
    bool ndarray of shape (n_annotators,)
    """
    annotators = labels.indices
    if sample_weight is not None:
        annotators = annotators[sample_weight[labels.row_indices()] > 0]
    return np.bincount(annotators, minlength=labels.n_annotators) > 0


def warn_unused(labels, active, trained=None, stacklevel=3):
    """Tell of items and annotators without labels, in one warning.

    Parameters
    ----------
    labels : CrowdLabels
        Gold labels among them.
    active : bool ndarray of shape (n_annotators,)
        What ``active_annotators`` returned.
    trained : bool ndarray of shape (n_annotators,), optional
        Who of them gave labels to items that are not held out; all by default.
    stacklevel : int
        Frames up to the user's, counted from the warning.
    """
    n_items = int(np.sum(labels.labels_per_item == 0))
    n_idle = int(np.sum(~active))
    n_held_out = 0 if trained is None else int(np.sum(active & ~trained))
    parts = []
    if n_items:
        parts.append(
            f"{n_items} of {labels.n_samples} items have no labels and are left out of "
            "training"
        )
    if n_idle:
        parts.append(
            f"{n_idle} of {len(active)} annotators gave no labels, or only to "
            "items of weight zero, and get the pooled confusion matrix"
        )
    if n_held_out:
        parts.append(
            f"{n_held_out} of {len(active)} annotators gave labels only to "
            "items that early_stopping holds out, and get the pooled confusion matrix"
        )
    if parts:
        warnings.warn("; ".join(parts) + ".", UnusedDataWarning, stacklevel=stacklevel)

"""Gold labels: items of which the class is known, as of an annotator never wrong.

They are one column of `CrowdLabels`. A posterior of an item with a gold label is
certain; and that the classifier says this class is one more answer to account for.
"""

from dataclasses import replace

import numpy as np

from ._annotations import CrowdLabels
from ._counts import confusion_from_counts, expected_counts
from ._identifiers import concatenate, sorted_unique

# What gold labels are weighed against where training starts.
PSEUDO_LABELS = 5.0


def check_gold(gold, labels, *, given, classes=None, crowd=True):
    """Gold labels as a column, and the other labels in classes that have theirs.

    Parameters
    ----------
    gold : array-like of shape (n_samples,), CrowdLabels of one annotator, or None
        Missing where the class is not known, marked as in labels.
    labels : CrowdLabels of shape (n_samples, n_annotators)
    given : object
        What these labels were made of. Where that is an array and no `classes` are
        named, gold labels may bring further ones.
    classes : array-like, optional
        Those that the user named.
    crowd : bool, default=True
        Whether the labels are a crowd's, and not one label an item.

    Returns
    -------
    gold : CrowdLabels of shape (n_samples, 1), or None
    labels : CrowdLabels of shape (n_samples, n_annotators)
        Of the same classes.

    Raises
    ------
    ValueError
        If there is not one entry an item, none is a label, a class is not known, the
        labels are no crowd's, or there are none.
    """
    if gold is None:
        return None, labels
    if not crowd:
        raise ValueError(
            "gold goes with labels of a crowd, but y has one label an item, which is "
            "taken as true: pass the crowd's labels as y, or leave out gold."
        )
    if not labels.n_labels:
        raise ValueError(
            "gold goes with labels of a crowd, but every entry of y is missing: pass "
            "the known classes as y, one label an item."
        )
    column = gold if isinstance(gold, CrowdLabels) else _read_column(gold)
    if column.shape != (labels.n_samples, 1):
        raise ValueError(
            f"Expected gold of shape ({labels.n_samples},), the class of each item of "
            f"y or a mark that it is not known, got {column.shape}. Mark unknown ones "
            "as missing labels: -1 among integers, NaN, None or NA."
        )
    if not column.n_labels:
        raise ValueError(
            f"Expected gold to have the class of some items, but all {len(column)} "
            "entries are missing. Leave gold out, or check how missing entries are "
            "marked (-1 among integers, NaN, None or NA)."
        )
    used = column.classes[np.unique(column.codes)]
    unknown = np.setdiff1d(used, labels.classes)
    fixed = classes is not None or isinstance(given, CrowdLabels)
    if len(unknown) and fixed:
        raise ValueError(
            f"gold has the classes {unknown.tolist()}, which y does not know (it has "
            f"{labels.classes.tolist()}): correct gold, or name all classes by "
            "classes= or in the CrowdLabels."
        )
    if len(unknown):
        everything = sorted_unique(concatenate([labels.classes, used]))
        labels = labels.align(classes=everything)
    return replace(column.align(classes=labels.classes), items=None), labels


def _read_column(gold):
    if not np.ma.isMaskedArray(gold):
        gold = np.asarray(gold)
    if gold.ndim != 1:
        raise ValueError(
            f"Expected gold with one axis, the class of each item, got shape "
            f"{gold.shape}. Pass one column."
        )
    return CrowdLabels.from_matrix(gold[:, np.newaxis])


def gold_codes(gold):
    """Class codes of the items, -1 where there is no gold label.

    Parameters
    ----------
    gold : CrowdLabels of shape (n_samples, 1)

    Returns
    -------
    int64 ndarray of shape (n_samples,)
    """
    codes = np.full(gold.n_samples, -1)
    codes[gold.labels_per_item > 0] = gold.codes
    return codes


def certain(log_proba, gold):
    """Log class probabilities, of which those with gold labels are certain.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
    gold : CrowdLabels of shape (n_samples, 1), or None

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        A copy, or `log_proba` itself without gold labels.
    """
    if gold is None:
        return log_proba
    known = gold.labels_per_item > 0
    log_proba = log_proba.copy()
    log_proba[known] = -np.inf
    log_proba[known, gold.codes] = 0
    return log_proba


def answers_to_known(labels, gold, sample_weight=None):
    """How often each annotator gave each answer about items of known classes.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    gold : CrowdLabels of shape (n_samples, 1)
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    counts : ndarray of shape (n_annotators, n_classes, n_classes)
        ``[annotator, true class, answer]``. The largest weight counts as one.
    """
    known = np.flatnonzero(gold.labels_per_item)
    weight = None
    if sample_weight is not None:
        # Next to pseudo-labels the scale matters, and must not.
        weight = sample_weight[known] / sample_weight.max()
    truth = np.eye(labels.n_classes)[gold.codes]
    return expected_counts(labels[known], truth, weight)


def known_start(labels, gold, start, sample_weight=None):
    """Where confusion matrices start, moved to how annotators answer known items.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    gold : CrowdLabels of shape (n_samples, 1)
    start : ndarray of shape (n_classes, n_classes)
        Of all annotators without gold labels. Rows sum to one.
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    ndarray of shape (n_annotators, n_classes, n_classes)
        Each row has some pseudo-labels that follow the pooled matrix, in which as many
        follow `start`.
    """
    counts = answers_to_known(labels, gold, sample_weight)
    pooled = confusion_from_counts(
        counts.sum(axis=0, keepdims=True), smoothing=PSEUDO_LABELS, target=start
    )
    return confusion_from_counts(counts, smoothing=PSEUDO_LABELS, target=pooled[0])


def read_votes(votes, labels, gold, sample_weight=None):
    """Shares of votes as class probabilities, as they turned out for known items.

    Parameters
    ----------
    votes : ndarray of shape (n_samples, n_classes)
        Shares of the answers.
    labels : CrowdLabels of shape (n_samples, n_annotators)
    gold : CrowdLabels of shape (n_samples, 1)
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Of known items certain. Some pseudo-answers to each class are right.
    """
    counts = answers_to_known(labels, gold, sample_weight).sum(axis=0)
    counts += PSEUDO_LABELS * np.eye(labels.n_classes)
    proba = votes @ (counts / counts.sum(axis=0)).T
    proba[gold.labels_per_item > 0] = np.eye(labels.n_classes)[gold.codes]
    return proba


def with_gold(labels, gold):
    """All that is said about items: labels, and gold labels as a last column.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    gold : CrowdLabels of shape (n_samples, 1), or None
        In the same classes.

    Returns
    -------
    CrowdLabels of shape (n_samples, n_annotators + 1)
        Whose annotators are numbers; `labels` itself without gold labels.
    """
    if gold is None:
        return labels
    ends = labels.indptr[1:][gold.labels_per_item > 0]
    return CrowdLabels(
        labels.indptr + gold.indptr,
        np.insert(labels.indices, ends, labels.n_annotators),
        np.insert(labels.codes, ends, gold.codes),
        labels.classes,
        np.arange(labels.n_annotators + 1),
    )

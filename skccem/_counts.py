"""Counts of answers and votes, and the matrices and shares that they make, in NumPy.

Confusion matrices are one array of shape ``(n_annotators, n_classes, n_classes)``,
indexed ``[annotator, true class, answer]``, and so are the counts that make them.
"""

import numpy as np

from ._rows import row_blocks


def expected_counts(labels, posterior, sample_weight=None):
    """Expected number of times each annotator gave each answer about each class.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers.
    posterior : ndarray of shape (n_samples, n_classes)
        Class probabilities of the items; one-hot rows count known truth.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each item.

    Returns
    -------
    counts : ndarray of shape (n_annotators, n_classes, n_classes)
        ``counts[m, k, l]`` is the weight of the items that annotator ``m`` labelled
        ``l``, each times its probability of class ``k``.
    """
    if sample_weight is not None:
        posterior = posterior * np.asarray(sample_weight)[:, np.newaxis]
    return counts_from_indicator(labels.label_indicator(), posterior)


def counts_from_indicator(indicator, weighted_posterior):
    """Expected counts for those who keep the indicator matrix between calls.

    Parameters
    ----------
    indicator : sparse array of shape (n_samples, n_annotators * n_classes)
        `CrowdLabels.label_indicator`, or some of its rows.
    weighted_posterior : ndarray of shape (n_samples, n_classes)
        Class probabilities, each row times the item's weight.

    Returns
    -------
    counts : ndarray of shape (n_annotators, n_classes, n_classes)
        As `expected_counts`; a view with the last two axes swapped.
    """
    n_classes = weighted_posterior.shape[1]
    counts = indicator.T @ weighted_posterior
    return counts.reshape(-1, n_classes, n_classes).transpose(0, 2, 1)


def confusion_from_counts(counts, *, smoothing=0.0, target=None, out=None):
    """Confusion matrices from counts of answers, shrunk towards a common matrix.

    Row ``[m, k]`` is ``(counts[m, k] + smoothing * target[k]) / (total + smoothing)``,
    the mode of a Dirichlet posterior whose prior is worth `smoothing` labels.

    Parameters
    ----------
    counts : ndarray of shape (n_annotators, n_classes, n_classes)
        Non-negative numbers of answers ``[annotator, true class, answer]``.
    smoothing : float, default=0.0
        Number of pseudo-labels in each row of each annotator.
    target : ndarray of shape (n_classes, n_classes), default=None
        Matrix that the pseudo-labels follow. None is the pooled matrix of all
        annotators, from `pooled_confusion`.
    out : ndarray of the shape of `counts`, default=None
        Where to store the result, for instance `counts`. None is a new array.

    Returns
    -------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Rows sum to one. A row without counts is the row of `target`, so an annotator
        without labels keeps that whole matrix.
    """
    if target is None:
        target = pooled_confusion(counts)
    # The sum method is slow on the few entries of a row.
    totals = np.einsum("mkl->mk", counts)[:, :, np.newaxis]
    empty = totals == 0
    confusion = np.add(counts, smoothing * target, out=out)
    confusion /= np.where(empty, 1.0, totals + smoothing)
    if empty.any():
        np.copyto(confusion, target, where=empty)
    return confusion


def pooled_confusion(counts):
    """Confusion matrix of all annotators taken as one.

    Parameters
    ----------
    counts : ndarray of shape (n_annotators, n_classes, n_classes)
        Non-negative numbers of answers ``[annotator, true class, answer]``.

    Returns
    -------
    pooled : ndarray of shape (n_classes, n_classes)
        Rows sum to one. The row of a class that nobody has counts for is that of the
        identity: with a flat row, a class without evidence would be the one that
        explains any disagreement.
    """
    pooled = counts.sum(axis=0)
    totals = pooled.sum(axis=1, keepdims=True)
    empty = totals == 0
    return np.where(empty, np.eye(len(pooled)), pooled / np.where(empty, 1.0, totals))


def majority_vote_proba(labels, *, default=None, sample_weight=None):
    """Share of each class among the labels of each item.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers, at least one of them unless `default` is given.
    default : ndarray of shape (n_classes,), default=None
        Shares of an item without labels. None is the mean of the labelled items.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each item in that mean.

    Returns
    -------
    shares : ndarray of shape (n_samples, n_classes)
        Rows sum to one.
    """
    shares = np.empty((labels.n_samples, labels.n_classes))
    for block in row_blocks(labels.indptr):
        shares[block] = _vote_shares(labels, block)
    without = labels.labels_per_item == 0
    if without.any():
        if default is None:
            default = mean_over_labelled(labels, shares, sample_weight)
        shares[without] = default
    return shares


def _vote_shares(labels, block):
    """Shares of the classes among the labels of a block of items; zero without any."""
    ends = labels.indptr[block.start : block.stop + 1]
    per_item, n_classes = np.diff(ends), labels.n_classes
    cells = np.repeat(np.arange(len(per_item)) * n_classes, per_item)
    cells += labels.codes[ends[0] : ends[-1]]
    votes = np.bincount(cells, minlength=len(per_item) * n_classes)
    return votes.reshape(-1, n_classes) / np.maximum(per_item, 1)[:, np.newaxis]


def mean_over_labelled(labels, proba, sample_weight=None):
    """Mean class probabilities of the items that have labels.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers.
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities of the items.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each item.

    Returns
    -------
    mean : ndarray of shape (n_classes,)
        Sums to one.
    """
    labelled = np.asarray(labels.labels_per_item) > 0
    weights = labelled if sample_weight is None else labelled * sample_weight
    weights = weights.astype(np.float64)
    return weights @ proba / weights.sum()

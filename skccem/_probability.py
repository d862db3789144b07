"""Probabilities of labels and classes under the annotator model, in NumPy.

Every annotator ``m`` answers class ``l`` with probability ``B_m[k, l]`` when the true
class is ``k``, independently of the others. Confusion matrices are one array of shape
``(n_annotators, n_classes, n_classes)``, indexed ``[m, k, l]``. All functions work in
log space, accept ``-inf`` for probability zero, and cost time and memory in proportion
to the number of labels.
"""

from functools import reduce

import numpy as np

from ._rows import row_blocks

# What probability zero is taken for where a model excludes every class of an item.
_LOG_TINY = np.log(np.finfo(np.float64).tiny)

# Labels per block where an array of shape (n_labels, n_classes) is needed: large enough
# for NumPy to be fast, small enough to stay in the processor's cache.
_BLOCK_SIZE = 2**14


def safe_log(proba):
    """Logarithm in which zero quietly becomes ``-inf``.

    Parameters
    ----------
    proba : array-like
        Non-negative numbers.

    Returns
    -------
    log_proba : ndarray
        Of the same shape.
    """
    with np.errstate(divide="ignore"):
        return np.log(proba)


def log_sum_exp(log_values):
    """Logarithm of the sum of exponentials of each row; ``-inf`` for a row of them.

    Parameters
    ----------
    log_values : ndarray of shape (n, n_classes)
        Finite numbers or ``-inf``.

    Returns
    -------
    log_sum : ndarray of shape (n,)
    """
    top = row_max(log_values)
    shift = np.where(np.isneginf(top), 0.0, top)
    return shift + safe_log(row_sum(np.exp(log_values - shift[:, np.newaxis])))


def row_max(values):
    """Largest entry of each row of an array of shape (n, n_classes)."""
    # NumPy's own reduction pays for each short row what this pays for a column.
    return reduce(np.maximum, values.T) if values.shape[1] <= 16 else values.max(axis=1)


def row_sum(values):
    """Sum of each row of an array of shape (n, n_classes)."""
    # Three times as fast as the sum method on short rows.
    return np.einsum("ij->i", values)


def answer_rows(log_confusion):
    """Rearrange confusion matrices so that one label selects one row of scores.

    Parameters
    ----------
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Indexed ``[annotator, true class, answer]``.

    Returns
    -------
    rows : ndarray of shape (n_annotators * n_classes, n_classes)
        Row ``m * n_classes + l`` holds ``log_confusion[m, :, l]``. The columns of
        `CrowdLabels.label_indicator` are numbered likewise.
    """
    n_classes = log_confusion.shape[-1]
    return np.ascontiguousarray(log_confusion.transpose(0, 2, 1)).reshape(-1, n_classes)


def log_joint_proba(indicator, log_confusion, log_prior):
    """Log probability of each class together with all answers about the item.

    Parameters
    ----------
    indicator : sparse array of shape (n_samples, n_annotators * n_classes)
        `CrowdLabels.label_indicator`, or some of its rows.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Log confusion matrices.
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer, for all items or for each.

    Returns
    -------
    log_joint : ndarray of shape (n_samples, n_classes)
        ``log f_k + sum_m log B_m[k, y_m]``. It is ``-inf`` where the model excludes
        the class.
    """
    return _add_scores(indicator, answer_rows(log_confusion), log_prior)


def _add_scores(indicator, rows, log_prior):
    """`log_joint_proba` of matrices as `answer_rows`."""
    # Only ones are stored, so no zero meets an -inf and makes it NaN.
    log_joint = indicator @ rows
    log_joint += log_prior
    return log_joint


def _parts_of(labels, log_prior):
    """Blocks of items: their slice, indicator matrix and prior.

    What is as large as items times classes, or labels, is then never made whole.
    """
    for block in row_blocks(labels.indptr):
        prior = log_prior if np.ndim(log_prior) == 1 else log_prior[block]
        yield block, labels[block].label_indicator(), prior


def score_classes(indicator, log_confusion, log_prior, rows=None):
    """As `log_joint_proba`, but with finite scores also where the model excludes all.

    An item whose answers have probability zero under every class, possible where
    confusion matrices have zeros, gets the scores that it would have if every zero were
    the smallest positive number: classes that contradict the fewest answers lead, and
    the rest of the evidence decides among them.

    Parameters
    ----------
    indicator, log_confusion, log_prior
        As for `log_joint_proba`.
    rows : ndarray of shape (n_annotators * n_classes, n_classes), optional
        The matrices as `answer_rows`, for those who have them already.

    Returns
    -------
    log_joint : ndarray of shape (n_samples, n_classes)
        At least one finite score in each row.
    top : ndarray of shape (n_samples,)
        The largest score of each row.
    impossible : ndarray of shape (n_samples,), dtype=bool
        The items that the model excludes.
    """
    rows = answer_rows(log_confusion) if rows is None else rows
    log_joint = _add_scores(indicator, rows, log_prior)
    top = row_max(log_joint)
    impossible = np.isneginf(top)
    if impossible.any():
        prior = np.broadcast_to(log_prior, log_joint.shape)[impossible]
        log_joint[impossible] = log_joint_proba(
            indicator[np.flatnonzero(impossible)],
            np.maximum(log_confusion, _LOG_TINY),
            np.maximum(prior, _LOG_TINY),
        )
        top = row_max(log_joint)
    return log_joint, top, impossible


def posterior_log_proba(labels, log_confusion, log_prior):
    """Log probability of each class of each item given all answers about it.

    This is the log of ``q_i(k)``, proportional to ``f_k(x_i) prod_m B_m[k, y_im]``
    [1]_.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Log confusion matrices; ``-inf`` is an answer that is never given.
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer: the same for all items, or a
        classifier's log posterior for each.

    Returns
    -------
    log_posterior : ndarray of shape (n_samples, n_classes)
        Its exponentials sum to one in each row. An item without labels keeps its prior.
        An item whose answers the model excludes under every class is scored as if every
        zero probability were the smallest positive number.

    References
    ----------
    .. [1] A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer
       error-rates using the EM algorithm", Applied Statistics 28 (1), 1979.
    """
    log_posterior = np.empty((labels.n_samples, labels.n_classes))
    rows = answer_rows(log_confusion)
    for block, indicator, prior in _parts_of(labels, log_prior):
        scores, top, _ = score_classes(indicator, log_confusion, prior, rows)
        scores -= top[:, np.newaxis]
        scores -= np.log(row_sum(np.exp(scores)))[:, np.newaxis]
        log_posterior[block] = scores
    return log_posterior


def joint_log_likelihood(labels, log_posterior, log_confusion):
    """Log probability of all the answers about each item together.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers.
    log_posterior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Log confusion matrices.

    Returns
    -------
    log_likelihood : ndarray of shape (n_samples,)
        ``log sum_k f_k(x_i) prod_m B_m[k, y_im]``; 0 for an item without labels, and
        ``-inf`` where the model excludes the answers.
    """
    log_likelihood = np.empty(labels.n_samples)
    rows = answer_rows(log_confusion)
    for block, indicator, prior in _parts_of(labels, log_posterior):
        log_likelihood[block] = log_sum_exp(_add_scores(indicator, rows, prior))
    return log_likelihood


def marginal_log_likelihood(labels, log_posterior, log_confusion):
    """Log probability of every single answer, each taken by itself.

    Its mean is the objective of coupled cross-entropy minimisation [1]_ with the sign
    changed, and on held-out labels the score that needs no ground truth.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers.
    log_posterior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Log confusion matrices.

    Returns
    -------
    log_likelihood : ndarray of shape (n_labels,)
        ``log sum_k f_k(x_i) B_m[k, y_im]`` in the order in which `labels` stores its
        labels; ``-inf`` where the model excludes the answer.

    References
    ----------
    .. [1] S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels:
       coupled cross-entropy minimization, identifiability, and regularization", ICLR
       2023.
    """
    log_posterior = np.broadcast_to(log_posterior, (labels.n_samples, labels.n_classes))
    rows = answer_rows(log_confusion)
    chosen = labels.indices.astype(np.intp) * labels.n_classes + labels.codes
    items = labels.row_indices()
    log_likelihood = np.empty(labels.n_labels)
    for start in range(0, labels.n_labels, _BLOCK_SIZE):
        block = slice(start, start + _BLOCK_SIZE)
        log_likelihood[block] = log_sum_exp(
            rows[chosen[block]] + log_posterior[items[block]]
        )
    return log_likelihood

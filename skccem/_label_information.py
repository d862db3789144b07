"""What answers tell about classes: information, spammer scores, agreement, in NumPy."""

import numpy as np
from scipy.special import xlogy


def information_bits(confusion, class_prior):
    """Mutual information between the true class and an annotator's answer.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    class_prior : ndarray of shape (n_classes,)

    Returns
    -------
    bits : ndarray of shape (n_annotators,)
        ``sum_kl p_k B[k, l] log2(B[k, l] / sum_j p_j B[j, l])``: 0 for answers that do
        not depend on the class, at most the entropy of the prior.
    """
    answers = np.einsum("k,mkl->ml", class_prior, confusion)
    given_class = np.einsum("k,mkl->m", class_prior, xlogy(confusion, confusion))
    nats = given_class - xlogy(answers, answers).sum(axis=1)
    return np.maximum(nats, 0) / np.log(2)


def spammer_scores(confusion):
    """How far confusion matrices are from those whose rows are all the same.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    scores : ndarray of shape (n_annotators,)
        ``sum_{j<k} sum_l (B[j, l] - B[k, l])**2 / (K (K - 1))`` [1]_, from 0, a
        spammer, to 1, an annotator whose answer gives the class away. This is the
        squared Frobenius distance to the nearest matrix with equal rows, of rank one,
        over ``K - 1``.

    References
    ----------
    .. [1] V. C. Raykar and S. Yu, "Eliminating spammers and ranking annotators for
       crowdsourced labeling tasks", Journal of Machine Learning Research 13, 2012.
    """
    distance = confusion - confusion.mean(axis=1, keepdims=True)
    return np.einsum("mkl,mkl->m", distance, distance) / (confusion.shape[1] - 1)


def chance_accuracy(confusion, class_prior):
    """Accuracy of answers that are as frequent, but do not depend on the class.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    class_prior : ndarray of shape (n_classes,)

    Returns
    -------
    accuracy : ndarray of shape (n_annotators,)
    """
    return np.einsum("k,mkl,l->m", class_prior, confusion, class_prior)


def peer_agreement(labels):
    """Share of other annotators' labels of the same items that are the same.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)

    Returns
    -------
    share : ndarray of shape (n_annotators,)
        Over all pairs of a label of the annotator and one of another annotator on the
        same item; NaN where there is none.
    """
    cells = labels.row_indices() * labels.n_classes + labels.codes
    # The cells of an item are near each other, and only those that occur are counted.
    _, cell, times = np.unique(cells, return_inverse=True, return_counts=True)
    same = times[cell] - 1
    others = np.repeat(labels.labels_per_item, labels.labels_per_item) - 1
    n_annotators = labels.n_annotators
    agree = np.bincount(labels.indices, same, minlength=n_annotators)
    pairs = np.bincount(labels.indices, others, minlength=n_annotators)
    return np.divide(agree, pairs, out=np.full(n_annotators, np.nan), where=pairs > 0)

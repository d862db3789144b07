"""Items whose labels depart from the annotators' matrices, in NumPy.

An item is of one of three kinds: its labels follow the confusion matrices from its
class; or, the outliers, from a class that is drawn without looking at the item; or they
are guesses. `log_weight`, of shape (3,), has the log-probabilities of the kinds in this
order. ``_losses.outlier_log_likelihood`` is the same model in torch.
"""

from numbers import Real

import numpy as np
from scipy.special import expit, softmax

from ._probability import joint_log_likelihood, posterior_log_proba

# Where a share that is learned starts.
_START = 0.1


def check_outlier_share(share, likelihood):
    """Raise unless outliers can be told by this likelihood.

    Parameters
    ----------
    share : float or "auto"
    likelihood : {"marginal", "joint"}

    Raises
    ------
    ValueError
        If not.
    """
    if share != 0 and likelihood != "joint":
        raise ValueError(
            f"outlier_share={share!r} needs likelihood='joint', got {likelihood!r}: "
            "an outlier is an item whose labels, taken together, do not fit. Set "
            "likelihood='joint', or outlier_share=0."
        )


def start_log_weight(estimator, crowd, continued):
    """Where the probabilities of the kinds of items start.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its `outlier_share` is used or, if that is "auto" and it goes on from a solution
        with outliers, what it learned.
    crowd : bool
        One label an item, by an annotator who is always right, has no outliers.
    continued : bool
        Whether there is a solution to go on from.

    Returns
    -------
    ndarray of shape (3,) or None
        None where no item is an outlier.
    """
    share = estimator.outlier_share
    if share == 0 or not crowd:
        return None
    if not isinstance(share, Real):
        if continued and estimator._log_weight is not None:
            return estimator._log_weight
        share = _START
    return np.log([1 - share, share / 2, share / 2])


def share_of(log_weight):
    """Share of items that are outliers.

    Parameters
    ----------
    log_weight : ndarray of shape (3,) or None

    Returns
    -------
    float
    """
    return 0.0 if log_weight is None else float(np.exp(log_weight[1:]).sum())


def outlier_log_joint(labels, log_confusion, log_weight):
    """Log probability that an item is an outlier of a kind and has these labels.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    log_weight : ndarray of shape (3,)

    Returns
    -------
    ndarray of shape (n_samples, 2)
        Its labels follow another class, or are guesses.
    """
    elsewhere = joint_log_likelihood(labels, _flat(labels), log_confusion)
    guessed = -labels.labels_per_item * np.log(labels.n_classes)
    return np.stack([elsewhere, guessed], axis=1) + log_weight[1:]


def _flat(labels):
    return np.full(labels.n_classes, -np.log(labels.n_classes))


def _kind_log_joint(labels, log_posterior, log_confusion, log_weight):
    """The same of all three kinds, the first of them no outliers."""
    usual = log_weight[0] + joint_log_likelihood(labels, log_posterior, log_confusion)
    outlier = outlier_log_joint(labels, log_confusion, log_weight)
    return np.column_stack([usual, outlier])


def outlier_log_odds(labels, log_posterior, log_confusion, log_weight):
    """Log odds that each item is an outlier.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    log_posterior : ndarray of shape (n_samples, n_classes)
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    log_weight : ndarray of shape (3,)

    Returns
    -------
    ndarray of shape (n_samples,)
        Of an item without labels those of any item; ``inf`` where the matrices exclude
        the labels.
    """
    kinds = _kind_log_joint(labels, log_posterior, log_confusion, log_weight)
    return np.logaddexp(kinds[:, 1], kinds[:, 2]) - kinds[:, 0]


def class_proba(labels, log_posterior, log_confusion, log_weight=None):
    """Class probabilities of labelled items, of which some may be outliers.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    log_posterior : ndarray of shape (n_samples, n_classes)
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    log_weight : ndarray of shape (3,), optional
        None if no item is an outlier.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        The labels of an outlier say nothing about its class: with the probability that
        an item is one, the features alone count.
    """
    posterior = posterior_log_proba(labels, log_confusion, log_posterior)
    # In place, as it is the largest array of many items.
    np.exp(posterior, out=posterior)
    if log_weight is None:
        return posterior
    log_odds = outlier_log_odds(labels, log_posterior, log_confusion, log_weight)
    outlier = expit(log_odds)[:, np.newaxis]
    return (1 - outlier) * posterior + outlier * np.exp(log_posterior)


def answered_proba(labels, log_posterior, log_confusion, log_weight):
    """Probabilities of the classes that the annotators' matrices answered from.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    log_posterior : ndarray of shape (n_samples, n_classes)
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    log_weight : ndarray of shape (3,)

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Of an item's class, or of the one that an outlier's labels follow. What lacks to
        a sum of one is the probability that they are guesses.
    """
    kinds = _kind_log_joint(labels, log_posterior, log_confusion, log_weight)
    proba = softmax(kinds, axis=1)
    return sum(
        proba[:, [kind]] * np.exp(posterior_log_proba(labels, log_confusion, log_prior))
        for kind, log_prior in enumerate([log_posterior, _flat(labels)])
    )

"""How near posteriors and matrices come to what the theory asks for, in NumPy."""

from dataclasses import dataclass

import numpy as np

# No opponents: the vote is as clear as can be.
_CLEAREST_VOTE = 100.0


@dataclass(frozen=True)
class Volume:
    """Of the second moment of probability vectors.

    Attributes
    ----------
    log_volume : float
        ``log det`` of the moment, 0 at most for a Gram matrix of unit vectors over
        their number; ``-inf`` if the vectors do not span the space.
    condition : float
        Largest eigenvalue over the smallest; infinite if that is zero.
    """

    log_volume: float
    condition: float


def volume(moment):
    """Volume and condition number of a symmetric positive semidefinite matrix.

    Parameters
    ----------
    moment : ndarray of shape (n_classes, n_classes)

    Returns
    -------
    Volume
    """
    values = np.linalg.eigvalsh(moment)
    # Rounding makes zeros of either sign.
    values = np.where(values > values[-1] * 1e-14, values, 0.0)
    with np.errstate(divide="ignore"):
        condition = values[-1] / values[0]
        return Volume(float(np.log(values).sum()), float(condition))


def posterior_moment(proba):
    """``F'F / n``, the second moment of class probabilities.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
    """
    return proba.T @ proba / len(proba)


def matrix_moment(confusion, n_labels):
    """Mean of ``B_m B_m'``, annotators weighted by their labels.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    n_labels : ndarray of shape (n_annotators,)

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
    """
    weights = n_labels / n_labels.sum()
    return np.einsum("m,mkl,mjl->kj", weights, confusion, confusion)


def purities(confusion, class_prior):
    """How surely an annotator's answer means the class that it names.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    class_prior : ndarray of shape (n_classes,)

    Returns
    -------
    purity : ndarray of shape (n_annotators, n_classes)
        ``B[l, l] / sum_k B[k, l]``: 1 for an answer that is given for its own class
        alone, which makes the annotator a specialist of it [1]_. Classes count alike.
        0 where the answer is given too seldom to be relied on, less than a tenth as
        often as the class occurs.

    References
    ----------
    .. [1] S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels:
       coupled cross-entropy minimization, identifiability, and regularization", ICLR
       2023.
    """
    right = np.einsum("mkk->mk", confusion)
    total = confusion.sum(axis=1)
    purity = np.divide(right, total, out=np.zeros_like(right), where=total > 0)
    answered = np.einsum("k,mkl->ml", class_prior, confusion)
    return np.where(answered >= 0.1 * class_prior, purity, 0.0)


def name_votes(confusion, n_labels):
    """How clearly annotators vote for the name of each class.

    Parameters
    ----------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    n_labels : ndarray of shape (n_annotators,)
        Weights of the annotators.

    Returns
    -------
    votes : ndarray of shape (n_classes,)
        For class ``k`` and the answer ``l`` that is its strongest rival in the crowd,
        annotator ``m`` votes ``v_m = w_m (B_m[k, k] - B_m[k, l])``; the number is
        ``sum_m v_m / sqrt(sum_{v_m < 0} v_m^2)``, the majority in units of the
        opposition, below 0 if the opposition wins, and 100 at most.
    rivals : ndarray of shape (n_classes,)
        The answers ``l``.
    """
    weights = n_labels / n_labels.sum()
    crowd = np.einsum("m,mkl->kl", weights, confusion)
    np.fill_diagonal(crowd, -1.0)
    rivals = crowd.argmax(axis=1)
    classes = np.arange(len(crowd))
    lead = confusion[:, classes, classes] - confusion[:, classes, rivals]
    ballots = weights[:, np.newaxis] * lead
    opposition = np.sqrt((np.minimum(ballots, 0) ** 2).sum(axis=0))
    net = ballots.sum(axis=0)
    smallest = np.maximum(np.abs(net), 1e-300) / _CLEAREST_VOTE
    return net / np.maximum(opposition, smallest), rivals

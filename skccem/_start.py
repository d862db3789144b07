"""Where the confusion matrices start."""

import numpy as np

from ._dawid_skene_model import initial_confusion
from ._gold import known_start
from ._memory import check_matrices

# Share of the uniform distribution that is mixed into a start. A softmax cannot leave
# probability zero, and a start close to it leaves only slowly.
START_SMOOTHING = 0.02

# The same for "identity", which does not claim to know the annotators: they start right
# about seven times in ten.
IDENTITY_SMOOTHING = 0.3

# Copies of the matrices that training needs: parameters, gradients, two moments of
# Adam, log-probabilities and their gradients; one of float64 for the result comes on
# top.
_COPIES_IN_TRAINING = 6


def check_memory(n_annotators, n_classes, itemsize=4):
    """Raise before allocating confusion matrices that cannot fit in memory.

    Parameters
    ----------
    n_annotators, n_classes : int
    itemsize : int
        Bytes of a number in training.

    Raises
    ------
    MemoryError
        If training them needs more than the machine's memory.
    """
    check_matrices(n_annotators, n_classes, _COPIES_IN_TRAINING * itemsize + 8)


def start_confusion(labels, init, sample_weight=None, gold=None):
    """Strictly positive confusion matrices to start training from.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    init : {"identity", "majority_vote", "dawid_skene"} or ndarray of shape \
            (n_annotators, n_classes, n_classes) or (n_classes, n_classes)
    sample_weight : ndarray of shape (n_samples,), optional
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items. An array given as `init` is not changed by them.

    Returns
    -------
    ndarray of shape (n_annotators, n_classes, n_classes)
        Mixed with some of the uniform distribution: a share of ``START_SMOOTHING``, or
        for "identity" of ``IDENTITY_SMOOTHING``.

    Raises
    ------
    ValueError
        If an array has another shape or its rows are not distributions.
    """
    shape = (labels.n_annotators, labels.n_classes, labels.n_classes)
    smoothing = START_SMOOTHING
    if isinstance(init, str) and init == "identity":
        smoothing = IDENTITY_SMOOTHING
        confusion = np.broadcast_to(np.eye(labels.n_classes), shape)
    elif isinstance(init, str):
        confusion = initial_confusion(
            labels, init, sample_weight=sample_weight, gold=gold
        )
    else:
        confusion = _check_matrices(init, shape)
    start = (1 - smoothing) * confusion + smoothing / labels.n_classes
    if gold is not None and isinstance(init, str) and init == "identity":
        return known_start(labels, gold, start[0], sample_weight)
    return start


def _check_matrices(init, shape):
    try:
        confusion = np.asarray(init, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "init must be 'identity', 'majority_vote', 'dawid_skene' or an array of "
            f"numbers of shape {shape} or {shape[1:]}, but it is {init!r}."
        ) from error
    if confusion.shape not in (shape, shape[1:]):
        raise ValueError(
            "init must have shape (n_annotators, n_classes, n_classes) = "
            f"{shape}, or {shape[1:]} for all annotators alike, but has shape "
            f"{confusion.shape}."
        )
    if not (np.all(confusion >= 0) and np.allclose(confusion.sum(axis=-1), 1)):
        raise ValueError(
            "The rows of init must be probabilities that sum to one: "
            "init[m, k, l] = P(annotator m says class l, given the true class is k)."
        )
    return np.broadcast_to(confusion, shape)

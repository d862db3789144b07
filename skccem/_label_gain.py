"""What a label of each annotator would tell about each item, in NumPy."""

import numpy as np
from scipy.special import xlogy

# Items times annotators times answers handled at once.
_BLOCK_ENTRIES = 2**22

# How much counts what a label tells only once its annotator is known.
_LEARNING = 0.5

# Steps from 0 to 1 of the roots of probabilities, from the finest grid to the coarsest.
_FINEST_GRID = 64


def entropy_bits(proba):
    """Entropy of distributions along the last axis.

    Parameters
    ----------
    proba : ndarray of shape (..., n_classes)

    Returns
    -------
    bits : ndarray of shape (...)
    """
    return -xlogy(proba, proba).sum(axis=-1) / np.log(2)


def label_gain(proba, matrices):
    """Information between the class of each item and an annotator's answer.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    matrices : ndarray of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    bits : ndarray of shape (n_samples, n_annotators)
        ``H(q B) - sum_k q_k H(B[k])``: by how much a label is expected to lower the
        entropy of the class.
    """
    n_annotators, n_classes, _ = matrices.shape
    # An answer of an item by an annotator in each column.
    side_by_side = matrices.transpose(1, 0, 2).reshape(n_classes, -1)
    row_entropy = entropy_bits(matrices)
    gain = np.empty((len(proba), n_annotators))
    step = max(1, _BLOCK_ENTRIES // max(1, side_by_side.shape[1]))
    for start in range(0, len(proba), step):
        block = proba[start : start + step]
        answers = (block @ side_by_side).reshape(len(block), n_annotators, n_classes)
        gain[start : start + step] = entropy_bits(answers) - block @ row_entropy.T
    # Rounding makes it negative where an answer tells nothing.
    return np.maximum(gain, 0, out=gain)


def label_value(proba, matrices, draws):
    """What a label is worth: what it tells now, and what it will.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    matrices : ndarray of shape (n_annotators, n_classes, n_classes)
        Means of a posterior.
    draws : ndarray of shape (n_draws, n_annotators, n_classes, n_classes)
        Draws from it.

    Returns
    -------
    value, gain : ndarray of shape (n_samples, n_annotators)
        The gain of the mean matrices, in bits, is what a label tells now. The mean gain
        of the draws is what it tells to who knows the annotator, as further labels of
        the annotator will teach, and is not less than the gain of their mean, as
        information is convex in the matrix. Half of the difference adds to the value.
    """
    return _value(label_gain, proba, matrices, draws)


def pair_value(proba, matrices, draws):
    """`label_value` of the first item by the first annotator, and so on.

    Parameters
    ----------
    proba : ndarray of shape (n_pairs, n_classes)
    matrices : ndarray of shape (n_pairs, n_classes, n_classes)
    draws : ndarray of shape (n_draws, n_pairs, n_classes, n_classes)

    Returns
    -------
    value, gain : ndarray of shape (n_pairs,)
    """
    return _value(_pair_gain, proba, matrices, draws)


def _value(gain_of, proba, matrices, draws):
    gain = gain_of(proba, matrices)
    if_known = sum(gain_of(proba, draw) for draw in draws) / len(draws)
    # Of the same draws, so that chance does not make it negative.
    later = np.maximum(if_known - gain_of(proba, draws.mean(axis=0)), 0)
    return gain + _LEARNING * later, gain


def _pair_gain(proba, matrices):
    answers = np.einsum("ik,ikl->il", proba, matrices)
    given_class = np.einsum("ik,ik->i", proba, entropy_bits(matrices))
    return np.maximum(entropy_bits(answers) - given_class, 0)


def group_alike(proba, most):
    """Group items whose class probabilities are nearly the same.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    most : int
        Groups to make at most, unless the coarsest grid has more.

    Returns
    -------
    groups : ndarray of shape (n_samples,)
        Number of the group of each item. With `most` items or fewer each has its own.
    means : ndarray of shape (n_groups, n_classes)
        Mean probabilities.
    """
    if len(proba) <= most:
        return np.arange(len(proba)), proba
    grid = _FINEST_GRID
    while True:
        groups, n_groups = _cells(proba, grid)
        if n_groups <= most or grid == 1:
            break
        grid //= 2
    sums = [np.bincount(groups, column, minlength=n_groups) for column in proba.T]
    return groups, np.stack(sums, axis=1) / np.bincount(groups)[:, np.newaxis]


def _cells(proba, grid):
    """Number of the cell of a grid that each item is in, and how many there are."""
    # Between 0 and 1/64 the gain changes as much as from there to a quarter, which a
    # grid of the probabilities themselves would not see.
    steps = np.rint(np.sqrt(proba) * grid).astype(np.int64)
    cells, n_cells = np.zeros(len(proba), dtype=np.int64), 1
    for column in steps.T:
        found, cells = np.unique(cells * (grid + 1) + column, return_inverse=True)
        n_cells = len(found)
    return cells, n_cells

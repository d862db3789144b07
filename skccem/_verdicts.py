"""From numbers about an annotator to a few plain words."""

import numpy as np

from ._label_information import chance_accuracy

# With fewer labels nothing is said.
_FEWEST_LABELS = 10

# A wider interval that holds the accuracy of chance is no verdict of guessing.
_WIDEST_GUESS = 0.35

# How much more often than any other wrong answer a class must be given by mistake.
_BIAS = 0.25

# Of the way from chance to always right.
_RELIABLE = 0.5

TOO_FEW = "too few labels to tell"


def verdicts(n_labels, confusion, class_prior, interval, classes):
    """A verdict on each annotator.

    Parameters
    ----------
    n_labels : ndarray of shape (n_annotators,)
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    class_prior : ndarray of shape (n_classes,)
    interval : tuple of ndarray of shape (n_annotators,)
        The ends of that of the accuracy.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    list of str
    """
    low, high = interval
    accuracy = np.einsum("mkk,k->m", confusion, class_prior)
    chance = chance_accuracy(confusion, class_prior)
    favourite, bias = _favourites(confusion, class_prior)
    skill = (accuracy - chance) / np.maximum(1 - chance, 1e-12)
    conditions = [
        n_labels < _FEWEST_LABELS,
        high < chance,
        bias > _BIAS,
        (low <= chance) & (high - low <= _WIDEST_GUESS),
        low <= chance,
        skill < _RELIABLE,
    ]
    biased = [f"biased towards {name}" for name in classes[favourite].tolist()]
    words = [TOO_FEW, "adversarial", biased, "guessing", TOO_FEW, "often wrong"]
    words = [np.broadcast_to(np.asarray(word, object), len(low)) for word in words]
    return np.select(conditions, words, default="reliable").tolist()


def _favourites(confusion, class_prior):
    """The class most often said by mistake, and by how much it leads the next one.

    The rate of a class is the probability of that answer about items of other classes.
    """
    diagonal = np.einsum("mkk->mk", confusion)
    said = np.einsum("k,mkl->ml", class_prior, confusion) - class_prior * diagonal
    rate = said / np.maximum(1 - class_prior, 1e-12)
    ordered = np.sort(rate, axis=1)
    return rate.argmax(axis=1), ordered[:, -1] - ordered[:, -2]

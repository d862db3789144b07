"""Whether a fit has found classes and matrices: the measure, and what to expect.

The measure needs the truth. Its posterior needs none: classes and matrices are drawn
given the labels, and the fit is measured against each draw as if it were the truth.
"""

from dataclasses import dataclass

import numpy as np

from ._matrix_posterior import matrix_posterior

# A fit is recovered if its matrices are on average so near to the true ones in total
# variation, it names at most this share of the items less well than who knows them, and
# goes at least so far from naming the most frequent class to always being right.
MAX_DISTANCE = 0.15
MAX_GAP = 0.1
MIN_GAIN = 0.25


@dataclass(frozen=True)
class Recovery:
    """How near a fit is to the truth, in numbers or arrays with one for each truth.

    Attributes
    ----------
    distance : float or ndarray
        Mean total variation distance between rows of the matrices, the rows weighted
        by the frequencies of the classes and annotators by their labels.
    accuracy : float or ndarray
        Share of the items with labels whose class is named.
    oracle : float or ndarray
        The same for the most probable classes given the true matrices.
    majority : float or ndarray
        Share of the most frequent class.
    """

    distance: float | np.ndarray
    accuracy: float | np.ndarray
    oracle: float | np.ndarray
    majority: float | np.ndarray

    @property
    def gap(self):
        """How much accuracy is lost against the oracle."""
        return self.oracle - self.accuracy

    @property
    def gain(self):
        """How far from the most frequent class to always right, at most 1."""
        # Where all items are of one class, there is nothing to gain.
        room = np.maximum(1 - self.majority, 1e-12)
        return (self.accuracy - self.majority) / room

    @property
    def is_recovered(self):
        """Whether all three are within their bounds."""
        near, level = self.distance <= MAX_DISTANCE, self.gap <= MAX_GAP
        return near & level & (self.gain >= MIN_GAIN)


def matrix_distance(one, other, class_prior, n_labels):
    """Mean total variation distance between confusion matrices.

    Parameters
    ----------
    one, other : ndarray of shape (n_annotators, n_classes, n_classes)
    class_prior : ndarray of shape (n_classes,)
        Weights of the rows.
    n_labels : ndarray of shape (n_annotators,)
        Weights of the annotators.

    Returns
    -------
    float
        From 0, equal, to 1.
    """
    rows = np.abs(one - other).sum(axis=2) / 2
    return float(np.average(rows @ class_prior, weights=n_labels))


def expected_recovery(labels, log_prior, log_confusion, proba):
    """Recovery of a fit against draws from the posterior of the truth.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        At least one label.
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Of the fit.
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities of the items by the fit.

    Returns
    -------
    Recovery
        Arrays with a number for each draw.

    Notes
    -----
    Draws are the sweeps of `matrix_posterior`. Classes are not drawn, but count with
    their probabilities given the matrices, so that a draw has less noise.
    """
    used = np.flatnonzero(labels.labels_per_item)
    named = proba[used].argmax(axis=1)
    confusion, n_labels = np.exp(log_confusion), labels.labels_per_annotator
    draws = []

    def compare(drawn_proba, drawn_log_confusion):
        frequencies = drawn_proba.mean(axis=0)
        drawn = np.exp(drawn_log_confusion)
        draws.append(
            (
                matrix_distance(confusion, drawn, frequencies, n_labels),
                drawn_proba[np.arange(len(named)), named].mean(),
                drawn_proba.max(axis=1).mean(),
                frequencies.max(),
            )
        )

    matrix_posterior(labels, log_prior, log_confusion, watch=compare)
    return Recovery(*np.transpose(draws))

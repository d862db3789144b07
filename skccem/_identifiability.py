"""What is measured to tell whether labels identify classes and matrices."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold

from ._calibration import HeldOutLabels, sharpen
from ._cross_validation import cross_val_predict_proba
from ._fitted_crowd import FittedCrowd
from ._geometry import (
    Volume,
    matrix_moment,
    name_votes,
    posterior_moment,
    purities,
    volume,
)
from ._other_starts import OtherStarts, climb_from_other_starts
from ._overlap import Overlap, find_overlap
from ._recovery import Recovery, expected_recovery
from .exceptions import UnusedDataWarning

# Items in common from which on a pair of annotators says something.
ENOUGH_COMMON = 5

# Annotators with fewer labels of a class are no specialists of it.
_FEWEST_LABELS = 10

# What a classifier excludes in other folds may be so all the same.
_LEAST_PROBA = 1e-6


@dataclass(frozen=True)
class Measured:
    """All measurements of a fit and its labels.

    Attributes
    ----------
    crowd : FittedCrowd
    overlap : Overlap
    recovery : Recovery
        Of draws from the posterior.
    starts : OtherStarts
    votes : ndarray of shape (n_classes,)
        How clearly annotators vote for the names of the classes.
    rivals : ndarray of shape (n_classes,)
        Classes that each may be mistaken for.
    purity : ndarray of shape (n_annotators, n_classes)
        How surely answers mean what they name.
    posteriors, matrices : Volume
    """

    crowd: FittedCrowd
    overlap: Overlap
    recovery: Recovery
    starts: OtherStarts
    votes: np.ndarray
    rivals: np.ndarray
    purity: np.ndarray
    posteriors: Volume
    matrices: Volume


def measure(crowd, log_prior, *, n_starts):
    """Everything that the checks look at.

    Parameters
    ----------
    crowd : FittedCrowd
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer, which did not see the labels.
    n_starts : int

    Returns
    -------
    Measured
    """
    labels, proba = crowd.labels, crowd.proba
    confusion, n_labels = np.exp(crowd.log_confusion), labels.labels_per_annotator
    used = labels.labels_per_item > 0
    frequencies = proba[used].mean(axis=0)
    votes, rivals = name_votes(confusion, n_labels)
    purity = purities(confusion, frequencies)
    expected = n_labels[:, np.newaxis] * frequencies
    return Measured(
        crowd=crowd,
        overlap=find_overlap(labels, enough=ENOUGH_COMMON),
        recovery=expected_recovery(labels, log_prior, crowd.log_confusion, proba),
        starts=climb_from_other_starts(labels, log_prior, proba, n_starts=n_starts),
        votes=votes,
        rivals=rivals,
        purity=np.where(expected >= _FEWEST_LABELS, purity, 0.0),
        posteriors=volume(posterior_moment(proba[used])),
        matrices=volume(matrix_moment(confusion, n_labels)),
    )


def unseen_log_prior(estimator, X, crowd, cv):
    """What the features say about items, by classifiers that did not see their labels.

    Parameters
    ----------
    estimator : estimator
        Fitted, of features and labels.
    X : as in its `fit`
    crowd : FittedCrowd
    cv : int or splitter

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Log probabilities, as confident as the labels say they may be.
    """
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if not hasattr(cv, "get_n_splits"):
        cv = KFold(cv, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # The fit has told which items and annotators have no labels.
        warnings.simplefilter("ignore", UnusedDataWarning)
        proba = cross_val_predict_proba(clone(estimator), X, crowd.labels, cv=cv)
    log_proba = np.log(np.maximum(proba, _LEAST_PROBA))
    judge = HeldOutLabels(crowd.labels, crowd.log_confusion)
    _, power = judge.calibrate(log_proba)
    return sharpen(log_proba, power)

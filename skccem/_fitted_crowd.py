"""What is read from a fitted estimator, of features and labels or labels alone."""

from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._annotations import CrowdLabels
from ._features import check_lengths
from ._label_aggregator import LabelAggregator
from ._outliers import class_proba
from ._probability import safe_log
from ._targets import check_known_crowd, is_crowd


@dataclass(frozen=True)
class FittedCrowd:
    """Labels, and what an estimator says about them.

    Attributes
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities without the labels: of all items where there are no
        features, of each where there are.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities given the labels.
    """

    labels: CrowdLabels
    log_prior: np.ndarray
    log_confusion: np.ndarray
    proba: np.ndarray


def read_crowd(estimator, X, Y):
    """Check an estimator and its data.

    Parameters
    ----------
    estimator : estimator
        Fitted, or a fitted pipeline or search that ends with one.
    X : as in the estimator's `predict_proba`, or None
        None for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix

    Returns
    -------
    FittedCrowd

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    AttributeError
        If it knows no annotators.
    ValueError
        If `X` is missing or superfluous, or `Y` is no crowd's or of others than those
        of the fit.
    """
    model = crowd_model(estimator)
    if not is_crowd(Y):
        raise ValueError(
            f"Expected labels of shape (n_samples, n_annotators), got {np.shape(Y)}. "
            "Pass who said what, with one column an annotator."
        )
    labels = check_known_crowd(Y, model.classes_, model.annotators_)
    if labels.n_labels == 0:
        raise ValueError(f"Expected labels, got {labels!r}. Pass items that have some.")
    log_confusion = safe_log(model.confusion_matrices_)
    if isinstance(model, LabelAggregator):
        if X is not None:
            raise ValueError(
                f"Expected X=None with {type(model).__name__}, which learns from "
                f"labels alone, got {type(X).__name__}. Pass None."
            )
        proba = model._local().predict_proba(labels)
        return FittedCrowd(labels, safe_log(model.class_prior_), log_confusion, proba)
    if X is None:
        raise ValueError(
            f"Expected the features of the items with {type(model).__name__}, got "
            "X=None. Pass those of the rows of Y."
        )
    log_prior = np.asarray(estimator.predict_log_proba(X), dtype=np.float64)
    check_lengths(log_prior, labels)
    log_weight = getattr(model, "_log_weight", None)
    proba = class_proba(labels, log_prior, log_confusion, log_weight)
    return FittedCrowd(labels, log_prior, log_confusion, proba)


def crowd_model(estimator):
    """The fitted estimator that knows how annotators err.

    Parameters
    ----------
    estimator : estimator
        Fitted, or a fitted pipeline or search that ends with one.

    Returns
    -------
    estimator with `classes_`, `annotators_` and `confusion_matrices_`

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    AttributeError
        If it knows no annotators.
    """
    check_is_fitted(estimator)
    model = last_of(estimator)
    names = "classes_", "annotators_", "confusion_matrices_"
    absent = [name for name in names if not hasattr(model, name)]
    if absent:
        raise AttributeError(
            f"Expected a fitted estimator with {', '.join(names)}, got {model!r} "
            f"without {', '.join(absent)}. Pass CrowdClassifier, TwoStageClassifier, "
            "DawidSkene, or another that learns how annotators err."
        )
    return model


def last_of(estimator):
    """The estimator that fitted pipelines and searches end with.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    estimator
    """
    while isinstance(estimator, Pipeline) or hasattr(estimator, "best_estimator_"):
        is_pipeline = isinstance(estimator, Pipeline)
        estimator = estimator.steps[-1][1] if is_pipeline else estimator.best_estimator_
    return estimator

"""What all estimators from labels alone share: input, ties, EM, and predictions."""

from __future__ import annotations

import warnings
import zlib
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._annotations import check_crowd_labels
from ._em import e_step, run_em, used_labels
from ._evidence import check_trainable, check_weight
from ._gold import check_gold, with_gold
from ._memory import check_matrices
from ._persistence import FileMethods
from ._probability import safe_log
from ._random_state import random_generator
from ._targets import check_known_crowd
from ._typing import Array, ArrayLike, Floats, LabelsLike, fit_context


def argmax_with_random_ties(proba, random_state):
    """Index of the largest entry of each row, ties broken at random.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Non-negative numbers. Entries within a relative 1e-9 of the largest are tied:
        rounding depends on the order of the labels and must not decide.
    random_state : int, RandomState instance or None
        Source of the choice.

    Returns
    -------
    index : ndarray of shape (n_samples,)
    """
    index = proba.argmax(axis=1)
    candidates = proba >= proba.max(axis=1, keepdims=True) * (1 - 1e-9)
    tied = np.flatnonzero(candidates.sum(axis=1) > 1)
    draws = check_random_state(random_state).uniform(size=(len(tied), proba.shape[1]))
    index[tied] = np.where(candidates[tied], draws, -1.0).argmax(axis=1)
    return index


def _content_generator(seed, labels):
    """A generator that is another one for other labels.

    From one seed, all calls would break their first tie in the same direction, and
    items that are predicted one at a time would always be.
    """
    content = zlib.crc32(labels.indptr.astype("<i8").tobytes())
    content = zlib.crc32(labels.indices.astype("<i4").tobytes(), content)
    content = zlib.crc32(labels.codes.astype("<i4").tobytes(), content)
    return np.random.RandomState([seed, content])


class LabelAggregator(FileMethods, BaseEstimator):
    """What the label-only estimators share: input checks and predictions."""

    classes_: Array
    annotators_: Array
    n_annotators_: int
    confusion_matrices_: Floats
    class_prior_: Floats
    log_likelihood_: float
    history_: list[float]
    n_iter_: int
    converged_: bool

    def fit_predict(
        self, Y: LabelsLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Fit and return the class of each item.

        Parameters
        ----------
        Y : CrowdLabels or array-like of shape (n_samples, n_annotators)
            Labels, most of them missing.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Classes from `classes_`.
        """
        return self.fit(Y, sample_weight=sample_weight).predict(Y)

    def predict(self, Y: LabelsLike) -> Array:
        """Most probable class of items with labels of the same annotators.

        Parameters
        ----------
        Y : CrowdLabels or array-like of shape (n_samples, n_annotators)
            Labels, most of them missing.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Classes from `classes_`. Ties are broken at random, each time in the same
            way for the same `Y`.
        """
        check_is_fitted(self)
        labels = check_known_crowd(Y, self.classes_, self.annotators_)
        rng = _content_generator(self._tie_seed, labels)
        return self.classes_[argmax_with_random_ties(self.predict_proba(labels), rng)]

    def predict_proba(self, Y: LabelsLike) -> Floats:
        """Probability of each class of items with labels of the same annotators.

        Parameters
        ----------
        Y : CrowdLabels or array-like of shape (n_samples, n_annotators)
            Labels, most of them missing.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Rows sum to one. An item without labels gets `class_prior_`.
        """
        check_is_fitted(self)
        labels = check_known_crowd(Y, self.classes_, self.annotators_)
        log_confusion = safe_log(self.confusion_matrices_)
        log_prior = safe_log(self.class_prior_)
        proba, _ = e_step(labels.label_indicator(), log_confusion, log_prior)
        return proba

    def _local(self):
        """What predicts labels that are on this machine."""
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _check_fit_input(self, Y, sample_weight, gold=None):
        """Labels, weights and gold labels; everything that `fit` can refuse it refuses.

        Gold labels are a column of `CrowdLabels`, or None.
        """
        labels = check_crowd_labels(Y, classes=self.classes)
        gold, labels = check_gold(gold, labels, given=Y, classes=self.classes)
        said = with_gold(labels, gold)
        check_trainable(said)
        return labels, check_weight(sample_weight, said), gold

    def _store_crowd(self, classes, annotators, rng):
        check_matrices(len(annotators), len(classes))
        self.classes_ = classes
        self.annotators_ = annotators
        self.n_annotators_ = len(annotators)
        # Drawn once, so that predictions can be repeated whatever random_state is.
        self._tie_seed = rng.randint(2**31 - 1)


class EMAggregator(LabelAggregator):
    """A label-only estimator that is fitted by expectation maximisation.

    A subclass makes the model that `run_em` climbs, and stores its parameters.
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        Y: LabelsLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
        gold: LabelsLike | None = None,
    ) -> Self:
        """Estimate the annotators and the class prior.

        Parameters
        ----------
        Y : CrowdLabels or array-like of shape (n_samples, n_annotators)
            Labels, most of them missing.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item.
        gold : array-like of shape (n_samples,), default=None
            True classes of some items, missing for the others, marked as in `Y`: the
            labels of an annotator who is never wrong. They tell how the annotators err;
            `predict` does not know them.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If there are no labels, only one class, or weights or gold labels that do
            not fit.
        MemoryError
            If the confusion matrices would not fit in memory.

        Warns
        -----
        ConvergenceWarning
            If `tol` was not reached within `max_iter`.
        """
        return self._climb(*self._new_model(Y, sample_weight, gold))

    def _new_model(self, Y, sample_weight, gold=None):
        """The model of these labels, the weight of these, and a generator."""
        labels, weights, gold = self._check_fit_input(Y, sample_weight, gold)
        rng = random_generator(self.random_state)
        self._store_crowd(labels.classes, labels.annotators, rng)
        data = used_labels(labels, weights, gold)
        return self._make_model(data), data.n_labels, rng

    def _climb(self, model, n_labels, rng):
        """Fit a model by expectation maximisation, and store what that found.

        Called by `fit` itself, as the warning counts the frames up to the user's.
        """
        result = run_em(
            model,
            n_labels=n_labels,
            n_init=self.n_init,
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=rng,
            verbose=self.verbose,
        )
        self._store_parameters(result.parameters, model)
        self.log_likelihood_ = result.log_likelihood
        self.history_ = result.history
        self.n_iter_ = len(result.history)
        self.converged_ = result.converged
        if not self.converged_:
            warnings.warn(
                f"Expected EM to gain less than tol={self.tol} per label within "
                f"max_iter={self.max_iter} iterations, but it still gained more. "
                "Raise max_iter or tol.",
                ConvergenceWarning,
                # The next but one is scikit-learn's, around `fit`.
                stacklevel=4,
            )
        return self

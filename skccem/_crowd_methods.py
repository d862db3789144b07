"""Methods of every classifier that knows its annotators' confusion matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from ._evidence import check_score_weight
from ._features import check_lengths
from ._outliers import class_proba, outlier_log_odds
from ._probability import marginal_log_likelihood
from ._targets import check_known_crowd, check_targets, check_truth, is_crowd
from ._typing import Array, ArrayLike, Floats, Integers, ItemsLike, LabelsLike

_NOTHING_TO_SCORE = (
    "There are no labels among the items to score, or none of positive weight, so the "
    "score is not defined: score items that have labels."
)


class CrowdMethods:
    """Mixin: what follows from a classifier and confusion matrices, however fitted.

    An estimator has `predict`, `predict_proba`, the public attributes `classes_`,
    `annotators_`, `n_annotators_` and `confusion_matrices_`, and two hooks:
    ``_log_posterior(X)``, the log class probabilities of shape (n_samples, n_classes),
    and ``_log_confusion``, the log of `confusion_matrices_`; both may have ``-inf``.
    """

    classes_: Array
    annotators_: Array
    n_annotators_: int
    confusion_matrices_: Floats
    class_prior_: Floats
    n_labels_per_annotator_: Integers
    # Of the kinds of items, where some may be outliers.
    _log_weight: Floats | None = None

    if TYPE_CHECKING:

        @property
        def _log_confusion(self) -> Floats: ...

        def predict(self, X: ItemsLike) -> Array: ...

        def predict_proba(self, X: ItemsLike) -> Floats: ...

        def _log_posterior(self, X: ItemsLike) -> Floats: ...

    def predict_log_proba(self, X: ItemsLike) -> Floats:
        """Logarithms of the class probabilities of each item.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``log f(x)``; ``-inf`` where a class has probability zero.
        """
        check_is_fitted(self)
        return self._log_posterior(X)

    def predict_annotator_proba(self, X: ItemsLike) -> Floats:
        """What each annotator would say about each item.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_annotators, n_classes)
            ``[i, m, l]`` = P(annotator m says class l about item i).
        """
        check_is_fitted(self)
        return np.einsum("ik,mkl->iml", self.predict_proba(X), self.confusion_matrices_)

    def aggregate(self, X: ItemsLike, y: LabelsLike) -> Array:
        """Most probable true class of items that have labels.

        Parameters
        ----------
        X : as in `fit`
        y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Their labels by the annotators of the fit, in the same order.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes from `classes_`.
        """
        check_is_fitted(self)
        return self.classes_[self.aggregate_proba(X, y).argmax(axis=1)]

    def aggregate_proba(self, X: ItemsLike, y: LabelsLike) -> Floats:
        """Probabilities of the true classes of items that have labels.

        Parameters
        ----------
        X : as in `fit`
        y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Their labels by the annotators of the fit, in the same order.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``q_i(k)``, proportional to ``f_k(x_i) prod_m B_m[k, y_im]``; rows sum to
            one. An item without labels has ``f(x)``. Where the model excludes every
            class, the classes that contradict the fewest answers lead. Where the fit
            had outliers, whose labels say nothing about their class, it is
            ``(1 - r_i) q_i(k) + r_i f_k(x_i)``, with ``r_i`` of `outlier_proba`.
        """
        check_is_fitted(self)
        labels, log_posterior = self._labels_and_log_posterior(X, y)
        return class_proba(labels, log_posterior, self._log_confusion, self._log_weight)

    def score(
        self, X: ItemsLike, y: LabelsLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """How well the labels of a crowd, or the truth, are predicted.

        Parameters
        ----------
        X : as in `fit`
        y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Labels of the annotators of the fit: the score is their mean
            log-likelihood per label in nats, ``log sum_k f_k(x) B_m[k, y]``. It needs
            no ground truth, and higher is better. Or true classes of shape
            (n_samples,): the score is the accuracy.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item and so of its labels.

        Returns
        -------
        float
            Of a crowd's labels, ``-inf`` if the model excludes one of those that count.

        Raises
        ------
        ValueError
            If no label counts, a weight is negative, lengths differ, or annotators or
            classes are others than those of the fit.
        """
        check_is_fitted(self)
        if not is_crowd(y):
            y = check_truth(y)
            weight = check_score_weight(sample_weight, len(y))
            if not weight.any():
                raise ValueError(_NOTHING_TO_SCORE)
            return accuracy_score(y, self.predict(X), sample_weight=weight)
        labels, log_posterior = self._labels_and_log_posterior(X, y)
        weight = check_score_weight(sample_weight, labels.n_samples)
        weight = weight[labels.row_indices()]
        # Zero times the -inf of an excluded label would be NaN.
        counted = weight != 0
        if not counted.any():
            raise ValueError(_NOTHING_TO_SCORE)
        log_likelihood = marginal_log_likelihood(
            labels, log_posterior, self._log_confusion
        )
        return float(np.average(log_likelihood[counted], weights=weight[counted]))

    def _labels_and_log_posterior(self, X, y):
        if not is_crowd(y) and self.n_annotators_ == 1:
            labels, _ = check_targets(y, self.classes_)
        else:
            labels = check_known_crowd(y, self.classes_, self.annotators_)
        log_posterior = self._log_posterior(X)
        check_lengths(log_posterior, labels)
        return labels, log_posterior


class OutlierMethods(CrowdMethods):
    """Mixin: also what follows from items that may depart from the matrices.

    An estimator has ``_log_weight`` too, the log-probabilities of the kinds of items of
    ``_outliers``, or None if it was fitted without outliers.
    """

    aggregated_proba_: Floats
    outlier_share_: float
    history_: list[dict[str, Any]]
    n_iter_: int

    def outlier_proba(self, X: ItemsLike, y: LabelsLike) -> Floats:
        """Probabilities that items with labels are outliers.

        Parameters
        ----------
        X : as in `fit`
        y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Their labels by the annotators of the fit, in the same order.

        Returns
        -------
        ndarray of shape (n_samples,)
            High where the labels, taken together, fit neither the classifier nor chance
            disagreement. An item without labels has `outlier_share_`.

        Raises
        ------
        ValueError
            If the fit had no outliers.
        """
        check_is_fitted(self)
        if self._log_weight is None:
            raise ValueError(
                "This fit knows no outliers: fit with outlier_share='auto', or a share "
                "above 0, and to the labels of a crowd."
            )
        labels, log_posterior = self._labels_and_log_posterior(X, y)
        return expit(
            outlier_log_odds(
                labels, log_posterior, self._log_confusion, self._log_weight
            )
        )

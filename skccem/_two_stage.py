"""``TwoStageClassifier``: aggregate the labels, then fit any classifier on them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import _num_samples, check_is_fitted

from ._crowd_methods import CrowdMethods
from ._evidence import active_annotators, check_trainable, check_weight, warn_unused
from ._features import check_lengths
from ._gold import check_gold, with_gold
from ._probability import safe_log
from ._stages import (
    check_aggregator,
    check_same_classes,
    check_takes_gold,
    check_two_classes,
    default_stages,
    second_stage_data,
    seed,
    take_rows,
    weight_name,
)
from ._stored_composites import StagesFileMethods
from ._targets import check_targets
from ._typing import (
    Array,
    ArrayLike,
    Floats,
    ItemsLike,
    LabelsLike,
    RandomState,
    available_if,
)


def _has_proba(estimator):
    """True, or an AttributeError that says which classifier has no probabilities."""
    classifier = getattr(estimator, "classifier_", None)
    if classifier is None:
        _, classifier = estimator._given_stages()
    if not hasattr(classifier, "predict_proba"):
        raise AttributeError(
            "Class probabilities, and aggregation and score of a crowd's labels, need "
            f"predict_proba, which {classifier!r} does not have: wrap it as "
            "CalibratedClassifierCV(...), or take another classifier. predict, and "
            "score with true classes, work without."
        )
    return True


class TwoStageClassifier(
    StagesFileMethods, CrowdMethods, ClassifierMixin, BaseEstimator
):
    """Any scikit-learn classifier, fitted on the aggregated labels of a crowd.

    The labels are aggregated without a look at the features, then the classifier is
    fitted as if the result were true. It is the baseline for `CrowdClassifier`, which
    has the same methods and trains both together, as [1]_ does and compares.

    Parameters
    ----------
    aggregator : estimator of labels alone, default=None
        `DawidSkene`, `MajorityVote`, or another with their methods and attributes; a
        clone of it is fitted. None is ``DawidSkene()``.
    classifier : classifier, default=None
        Any scikit-learn classifier or pipeline that ends with one; a clone of it is
        fitted on labels from `classes_`. None is ``LogisticRegression(max_iter=1000)``.
    soft : bool, default=False
        Whether an item enters the fit of the classifier once for each class of
        positive posterior probability, weighted by that probability, rather than once
        with its most probable class. It takes the rows of `X` up to n_classes times
        and needs a classifier whose fit takes `sample_weight`. Copies of an item have
        opposite labels: a classifier that holds out rows by itself, as for calibration
        or early stopping, has some of them on both sides.
    classes : array-like of shape (n_classes,), default=None
        All classes, for labels in which some may not occur. By default those of the
        aggregator if it names them, of the `CrowdLabels`, or those that occur.
    random_state : int, RandomState or None, default=None
        Seeds each `random_state` of the aggregator and the classifier, nested ones
        too, that is None. None leaves them alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted.
    annotators_ : ndarray of shape (n_annotators,)
        Their identifiers.
    n_annotators_ : int
    confusion_matrices_ : ndarray of shape (n_annotators, n_classes, n_classes)
        The aggregator's: ``[m, k, l]`` = P(annotator m says class l, given the true
        class is k). Rows sum to one.
    class_prior_ : ndarray of shape (n_classes,)
        The aggregator's frequencies of the true classes among the labelled items.
    n_labels_per_annotator_ : ndarray of shape (n_annotators,)
    aggregator_ : estimator or None
        The fitted aggregator; None for one-dimensional `y`.
    classifier_ : classifier
        The fitted classifier. Its own ``classes_`` lack those that it never saw.
    n_features_in_ : int
        Where `classifier_` has it.
    feature_names_in_ : ndarray of shape (n_features,)
        Where `classifier_` has it: `X` is a DataFrame with str column names.

    See Also
    --------
    CrowdClassifier : Trains the classifier and the confusion matrices together.
    DawidSkene, MajorityVote : The first stage alone.

    Notes
    -----
    One-dimensional `y` is one annotator who makes no mistakes, whose matrix is the
    identity: nothing is aggregated, `soft` changes nothing, and the estimator is the
    classifier itself.

    `predict_proba`, `predict_log_proba`, `predict_annotator_proba`, `aggregate` and
    `aggregate_proba` exist where the classifier has `predict_proba`. A class that it
    never saw has probability zero.

    The score of a crowd's labels is ``-inf`` if one of them has probability zero. This
    takes a classifier that is certain (trees, nearest neighbours), matrices with zeros
    (``smoothing=0``), or a class of which fit had no label. With the aggregators'
    default smoothing and a classifier whose probabilities are positive, such as
    logistic regression, only the last does it in practice.

    References
    ----------
    .. [1] V. C. Raykar et al., "Learning from crowds", Journal of Machine Learning
       Research 11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skccem import MajorityVote
    >>> from skccem import TwoStageClassifier
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> X, truth = load_iris(return_X_y=True)
    >>> matrices = make_confusion_matrices(5, 3, kind="hammer_spammer", random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> clf = TwoStageClassifier(random_state=0).fit(X, Y)
    >>> clf.confusion_matrices_.shape
    (5, 3, 3)
    >>> bool(clf.score(X, truth) > 0.9)
    True
    >>> votes = TwoStageClassifier(MajorityVote(), SVC(), random_state=0).fit(X, Y)
    >>> votes.predict(X[::50])
    array([0, 1, 2])
    """

    aggregator_: BaseEstimator | None
    classifier_: BaseEstimator

    _parameter_constraints: ClassVar[dict] = {
        "aggregator": [HasMethods(["fit", "predict", "predict_proba"]), None],
        "classifier": [HasMethods(["fit", "predict"]), None],
        "soft": ["boolean"],
        "classes": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        aggregator: BaseEstimator | None = None,
        classifier: BaseEstimator | None = None,
        *,
        soft: bool = False,
        classes: ArrayLike | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.aggregator = aggregator
        self.classifier = classifier
        self.soft = soft
        self.classes = classes
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the stages by names such as ``classifier__C``.

        A stage that is None becomes its default if parameters of it are set, so that a
        search need not name it.

        Parameters
        ----------
        **params
            Parameters of the estimator or of a stage.

        Returns
        -------
        self : TwoStageClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        stages = {"aggregator": self.aggregator, "classifier": self.classifier}
        defaults = zip(stages, default_stages(), strict=True)
        for name, default in defaults:
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and params.get(name, stages[name]) is None:
                params[name] = default
        return super().set_params(**params)

    def fit(
        self,
        X: ItemsLike,
        y: LabelsLike,
        sample_weight: ArrayLike | None = None,
        gold: LabelsLike | None = None,
    ) -> Self:
        """Aggregate the labels and fit the classifier.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), \
                or anything with items as rows
            The items, in any form that the classifier takes and of which rows can be
            taken: texts for a pipeline that reads them, for example.
        y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Who said what; -1 among integers, NaN, None, `pd.NA`, masked and unstored
            entries are missing. Or one label an item, shape (n_samples,), of which none
            is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item in both stages. An item of weight zero is left out.
        gold : array-like of shape (n_samples,), default=None
            True classes of some items, missing for the others, marked as in `y`. The
            aggregator learns from them how the annotators err, and the classifier is
            fitted on them whatever the crowd says about these items.

        Returns
        -------
        self : TwoStageClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If lengths differ, there are no labels, the labels or what the aggregator
            makes of them are of one class, a label is not among `classes`, weights are
            needed that the classifier does not take, `classifier` is none,
            `aggregator` is not one of labels alone, or gold labels are none, of other
            classes, or more than `aggregator` takes.

        Warns
        -----
        UnusedDataWarning
            If items have no labels, which the classifier is not fitted on, or
            annotators gave none. Both are counted.
        """
        self._validate_params()
        aggregator, classifier = self._new_stages()
        classes = self.classes
        if classes is None:
            classes = getattr(aggregator, "classes", None)
        labels, crowd = check_targets(y, classes)
        check_lengths(np.arange(_num_samples(X)), labels)
        gold, labels = check_gold(gold, labels, given=y, classes=classes, crowd=crowd)
        said = with_gold(labels, gold)
        weight = check_weight(sample_weight, said)
        check_trainable(said)
        weight_argument = None
        if weight is not None or (crowd and self.soft):
            weight_argument = weight_name(classifier)
        if gold is not None:
            check_takes_gold(aggregator)
        if crowd:
            warn_unused(said, active_annotators(labels, weight))

        if crowd:
            known = {} if gold is None else {"gold": gold}
            aggregator.fit(labels, sample_weight=weight, **known)
            check_same_classes(aggregator, labels)
            matrices, prior = aggregator.confusion_matrices_, aggregator.class_prior_
        else:
            aggregator = None
            matrices = np.eye(labels.n_classes)[np.newaxis]
            counts = np.bincount(labels.codes, weight, minlength=labels.n_classes)
            prior = counts / counts.sum()
        rows, targets, row_weight = second_stage_data(
            aggregator, labels, weight, self.soft, gold
        )
        check_two_classes(targets, aggregator)
        params: dict[Any, Any] = (
            {} if row_weight is None else {weight_argument: row_weight}
        )
        classifier.fit(take_rows(X, rows), targets, **params)

        self.classes_ = labels.classes
        self.annotators_ = labels.annotators
        self.n_annotators_ = labels.n_annotators
        self.n_labels_per_annotator_ = labels.labels_per_annotator
        self.confusion_matrices_ = matrices
        self.class_prior_ = prior
        self.aggregator_ = aggregator
        self.classifier_ = classifier
        return self

    def predict(self, X: ItemsLike) -> Array:
        """Class of each item, as the classifier decides.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes from `classes_`.
        """
        check_is_fitted(self)
        return self.classifier_.predict(X)

    @available_if(_has_proba)
    def predict_proba(self, X: ItemsLike) -> Floats:
        """Class probabilities of each item, without any label of it.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``f(x)`` in the order of `classes_`; rows sum to one. A class that the
            classifier never saw has zeros.
        """
        check_is_fitted(self)
        return self._in_all_classes(self.classifier_.predict_proba(X), 0.0)

    predict_log_proba = available_if(_has_proba)(CrowdMethods.predict_log_proba)
    predict_annotator_proba = available_if(_has_proba)(
        CrowdMethods.predict_annotator_proba
    )
    aggregate = available_if(_has_proba)(CrowdMethods.aggregate)
    aggregate_proba = available_if(_has_proba)(CrowdMethods.aggregate_proba)

    @property
    def n_features_in_(self) -> int:
        """Number of features, where the fitted classifier knows it."""
        return self.classifier_.n_features_in_

    @property
    def feature_names_in_(self) -> Array:
        """Names of the features, where the fitted classifier knows them."""
        return self.classifier_.feature_names_in_

    @property
    def _log_confusion(self) -> Floats:
        return safe_log(self.confusion_matrices_)

    def _log_posterior(self, X):
        _has_proba(self)
        if not hasattr(self.classifier_, "predict_log_proba"):
            return safe_log(self.predict_proba(X))
        # More exact than a logarithm of ours where the classifier works in log space;
        # many others just take the logarithm, and warn of zeros.
        with np.errstate(divide="ignore"):
            log_proba = self.classifier_.predict_log_proba(X)
        return self._in_all_classes(log_proba, -np.inf)

    def _in_all_classes(self, columns, fill):
        """The classifier's columns in the order of ``classes_``, others filled."""
        full = np.full((len(columns), len(self.classes_)), fill, dtype=columns.dtype)
        full[:, np.searchsorted(self.classes_, self.classifier_.classes_)] = columns
        return full

    def _given_stages(self):
        """The parameters `aggregator` and `classifier`, defaults in place of None."""
        given = self.aggregator, self.classifier
        return [
            default if stage is None else stage
            for stage, default in zip(given, default_stages(), strict=True)
        ]

    def _new_stages(self):
        """An unfitted aggregator and classifier of one's own, seeded."""
        aggregator, classifier = self._given_stages()
        if not is_classifier(classifier):
            raise ValueError(
                "Expected classifier to be a scikit-learn classifier, or a pipeline "
                f"that ends with one, got {classifier!r}."
            )
        stages = clone(aggregator), clone(classifier)
        check_aggregator(stages[0])
        if self.random_state is not None:
            rng = check_random_state(self.random_state)
            for stage in stages:
                seed(stage, rng)
        return stages

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self._given_stages()[1]).input_tags
        return tags

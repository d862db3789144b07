"""Label-only aggregation: majority vote and the model of Dawid and Skene."""

from __future__ import annotations

from numbers import Integral, Real
from typing import ClassVar, Literal, Self

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._counts import (
    confusion_from_counts,
    expected_counts,
    majority_vote_proba,
    mean_over_labelled,
)
from ._dawid_skene_model import ConfusionModel, LocalItems
from ._label_aggregator import EMAggregator, LabelAggregator
from ._probability import joint_log_likelihood, safe_log
from ._random_state import random_generator
from ._targets import check_known_crowd
from ._typing import ArrayLike, Floats, LabelsLike, MatrixLike, RandomState, fit_context


class MajorityVote(LabelAggregator):
    """Class with the most votes, and confusion matrices from the shares of the votes.

    Parameters
    ----------
    smoothing : float, default=0.1
        Pseudo-labels in each row of each confusion matrix. They follow the pooled
        matrix of all annotators, and steady those with few labels. 0 counts only.
    classes : array-like of shape (n_classes,), default=None
        All classes, where `Y` may lack some. None takes those of `Y`.
    random_state : int, RandomState instance or None, default=None
        Breaks ties between classes. An int makes results reproducible.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted classes.
    annotators_ : ndarray of shape (n_annotators,)
        Names of the annotators, or their column numbers.
    n_annotators_ : int
        Number of annotators.
    confusion_matrices_ : ndarray of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` estimates the probability that annotator ``m`` says class ``l``
        when the true class is ``k``, counting each item by its vote shares. The
        annotator's own vote is among them, so the diagonal is optimistic.
    class_prior_ : ndarray of shape (n_classes,)
        Mean vote shares of the items with labels.
    log_likelihood_ : float
        Log probability of all the labels in `fit` under `class_prior_` and
        `confusion_matrices_`, items weighted by `sample_weight`.
    history_ : list of float
        `log_likelihood_` alone: there is one step.
    n_iter_ : int
        1.
    converged_ : bool
        True.

    See Also
    --------
    DawidSkene : Weighs the votes by how each annotator errs.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import MajorityVote
    >>> Y = np.array([[0, 0, 1], [1, -1, 1], [0, 1, 0], [1, 1, -1]])
    >>> vote = MajorityVote(random_state=0)
    >>> vote.fit_predict(Y)
    array([0, 1, 0, 1])
    >>> vote.predict_proba(Y).round(2)
    array([[0.67, 0.33],
           [0.  , 1.  ],
           [0.67, 0.33],
           [0.  , 1.  ]])
    """

    _parameter_constraints: ClassVar[dict] = {
        "smoothing": [Interval(Real, 0, None, closed="left")],
        "classes": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        smoothing: float = 0.1,
        classes: ArrayLike | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.smoothing = smoothing
        self.classes = classes
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, Y: LabelsLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Count the votes.

        Parameters
        ----------
        Y : CrowdLabels or array-like of shape (n_samples, n_annotators)
            Labels, most of them missing.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item in the confusion matrices and the class prior.

        Returns
        -------
        self : MajorityVote
            Fitted estimator.

        Raises
        ------
        ValueError
            If there are no labels, only one class, or weights that do not fit.
        MemoryError
            If the confusion matrices would not fit in memory.
        """
        labels, weights, _ = self._check_fit_input(Y, sample_weight)
        rng = random_generator(self.random_state)
        self._store_crowd(labels.classes, labels.annotators, rng)
        shares = majority_vote_proba(labels)
        self.class_prior_ = mean_over_labelled(labels, shares, weights)
        counts = expected_counts(labels, shares, weights)
        self.confusion_matrices_ = confusion_from_counts(
            counts, smoothing=self.smoothing
        )
        per_item = joint_log_likelihood(
            labels,
            np.broadcast_to(safe_log(self.class_prior_), shares.shape),
            safe_log(self.confusion_matrices_),
        )
        if weights is not None:
            # The matrices may exclude labels that count nothing: zero times infinity.
            counted = weights > 0
            per_item = weights[counted] * per_item[counted]
        self.log_likelihood_ = float(per_item.sum())
        # As of the estimators that iterate, so that all can be compared in one loop.
        self.history_ = [self.log_likelihood_]
        self.n_iter_ = 1
        self.converged_ = True
        return self

    def predict_proba(self, Y: LabelsLike) -> Floats:
        """Share of each class among the votes for each item.

        Parameters
        ----------
        Y : CrowdLabels or array-like of shape (n_samples, n_annotators)
            Labels, most of them missing.

        Returns
        -------
        shares : ndarray of shape (n_samples, n_classes)
            An item without labels gets `class_prior_`.
        """
        check_is_fitted(self)
        labels = check_known_crowd(Y, self.classes_, self.annotators_)
        return majority_vote_proba(labels, default=self.class_prior_)


class DawidSkene(EMAggregator):
    """Classes and confusion matrices by expectation maximisation.

    The model of [1]_: each item has one true class, each annotator answers by a
    confusion matrix, and the answers about an item are independent given its class. EM
    starts from the shares of the votes.

    Parameters
    ----------
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        EM stops when an iteration raises the objective by less than this per label.
    smoothing : float, default=0.1
        Pseudo-labels in each row of each confusion matrix, which steady annotators
        with few labels: the matrices are the mode under Dirichlet priors worth this
        many labels. 0 is plain maximum likelihood.
    smoothing_target : {"pooled", "diagonal"} or array-like of shape \
            (n_classes, n_classes), default="pooled"
        Matrix that the pseudo-labels follow: the pooled matrix of all annotators,
        counted by vote shares; the identity, who is always right; or one of yours,
        whose rows sum to one.
    n_init : int, default=1
        Number of climbs: the first starts from the vote shares, each further one from
        a random vote for each item. The one with the highest objective is kept.
    classes : array-like of shape (n_classes,), default=None
        All classes, where `Y` may lack some. None takes those of `Y`.
    random_state : int, RandomState instance or None, default=None
        Breaks ties between classes in `predict`, and draws the starts beyond the first.
    verbose : int, default=0
        1 prints the objective of each iteration, which `history_` records.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted classes.
    annotators_ : ndarray of shape (n_annotators,)
        Names of the annotators, or their column numbers.
    n_annotators_ : int
        Number of annotators.
    confusion_matrices_ : ndarray of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` estimates the probability that annotator ``m`` says class ``l``
        when the true class is ``k``. An annotator without labels has the matrix that
        the pseudo-labels follow, or with ``smoothing=0`` the pooled one.
    class_prior_ : ndarray of shape (n_classes,)
        Class probabilities.
    log_likelihood_ : float
        Log probability of all the labels in `fit`, items weighted by `sample_weight`.
    history_ : list of float
        Objective after each iteration; it never decreases. It is the log-likelihood
        plus the log density of the Dirichlet priors up to a constant,
        ``smoothing * sum(target * log(confusion_matrices_))``, so with ``smoothing=0``
        the log-likelihood itself.
    n_iter_ : int
        Number of iterations.
    converged_ : bool
        Whether `tol` was reached.

    Warns
    -----
    ConvergenceWarning
        If `tol` was not reached within `max_iter`.

    See Also
    --------
    MajorityVote : Every vote counts the same.

    References
    ----------
    .. [1] A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer
       error-rates using the EM algorithm", Applied Statistics 28 (1), 1979.

    Examples
    --------
    Two good annotators, three spammers, and one who swaps the classes:

    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.simulation import make_crowd_labels
    >>> good, spam = [[0.9, 0.1], [0.1, 0.9]], [[0.5, 0.5], [0.5, 0.5]]
    >>> swap = [[0.2, 0.8], [0.8, 0.2]]
    >>> y = np.random.default_rng(0).integers(2, size=1000)
    >>> matrices = np.array([good, good, spam, spam, spam, swap])
    >>> Y = make_crowd_labels(y, matrices, labels_per_item=5, random_state=0)
    >>> model = DawidSkene(random_state=0).fit(Y)
    >>> bool(np.mean(model.predict(Y) == y) > 0.9)
    True
    >>> bool(np.abs(model.confusion_matrices_ - matrices).max() < 0.1)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "smoothing": [Interval(Real, 0, None, closed="left")],
        "smoothing_target": [StrOptions({"pooled", "diagonal"}), "array-like"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "classes": ["array-like", None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        max_iter: int = 1000,
        tol: float = 1e-6,
        smoothing: float = 0.1,
        smoothing_target: Literal["pooled", "diagonal"] | MatrixLike = "pooled",
        n_init: int = 1,
        classes: ArrayLike | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.smoothing = smoothing
        self.smoothing_target = smoothing_target
        self.n_init = n_init
        self.classes = classes
        self.random_state = random_state
        self.verbose = verbose

    def _make_model(self, data):
        return ConfusionModel(LocalItems(data), self.smoothing, self._checked_target())

    def _store_parameters(self, parameters, model):
        self.confusion_matrices_, self.class_prior_ = map(np.exp, parameters)

    def _checked_target(self):
        if isinstance(self.smoothing_target, str):
            return self.smoothing_target
        target = np.asarray(self.smoothing_target, dtype=np.float64)
        shape = (len(self.classes_), len(self.classes_))
        rows_are_distributions = (
            target.shape == shape
            and np.all(target >= 0)
            and np.allclose(target.sum(axis=1), 1)
        )
        if not rows_are_distributions:
            raise ValueError(
                f"Expected smoothing_target to be a matrix of shape {shape} whose rows "
                f"are probabilities, got shape {target.shape} and {target.tolist()}. "
                "Row k says how an annotator answers when the true class is k."
            )
        return target

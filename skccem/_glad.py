"""GLAD: abilities of the annotators and difficulties of the items."""

from __future__ import annotations

from numbers import Integral, Real
from typing import ClassVar, Self

import numpy as np
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ._em import used_labels
from ._glad_model import PRIOR_MEAN, GLADModel
from ._label_aggregator import EMAggregator
from ._one_coin import one_coin_confusion
from ._targets import check_known_crowd
from ._typing import ArrayLike, Floats, LabelsLike, RandomState, fit_context


class GLAD(EMAggregator):
    """Generative model of labels, abilities, and difficulties.

    Annotator m is right about item i with probability ``sigmoid(ability_m *
    easiness_i)``, and wrong answers are equally probable: an able annotator errs little
    on easy items, all are right half of the time on the hardest, and a negative ability
    is an adversary. Abilities and logarithms of the easiness have normal priors with
    mean and variance one, as in the paper [1]_. Abilities are fitted by expectation
    maximisation. The paper fits the easiness as well, one number for a few labels; here
    it is summed out by quadrature, as is usual for such models of test answers [2]_, so
    that the probabilities of an item depend on its own labels and the abilities alone.
    The more labels an item has, the finer is the quadrature.

    Parameters
    ----------
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        EM stops when an iteration raises the objective by less than this per label.
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
    abilities_ : ndarray of shape (n_annotators,)
        1 for an annotator without labels, the mean of the prior.
    difficulties_ : ndarray of shape (n_samples,)
        Of each item in `fit`: the exponential of minus its expected log easiness. That
        of the prior for an item without labels or weight.
    confusion_matrices_ : ndarray of shape (n_annotators, n_classes, n_classes)
        The mean of ``sigmoid(ability * easiness)`` over the items of the annotator on
        the diagonal, and an equal share of the rest beside it.
    class_prior_ : ndarray of shape (n_classes,)
        Class probabilities.
    log_likelihood_ : float
        Log probability of all the labels in `fit`, items weighted by `sample_weight`.
    history_ : list of float
        Objective after each iteration; it never decreases. It is the log-likelihood
        plus the log density of the normal prior of the abilities, up to a constant.
    n_iter_ : int
        Number of iterations.
    converged_ : bool
        Whether `tol` was reached.

    See Also
    --------
    OneCoinDawidSkene : The same without difficulties.

    References
    ----------
    .. [1] J. Whitehill, P. Ruvolo, T. Wu, J. Bergsma and J. Movellan, "Whose vote
       should count more: optimal integration of labels from labelers of unknown
       expertise", NIPS 2009.
    .. [2] R. D. Bock and M. Aitkin, "Marginal maximum likelihood estimation of item
       parameters: application of an EM algorithm", Psychometrika 46 (4), 1981.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import GLAD
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> y = np.random.default_rng(0).integers(2, size=500)
    >>> matrices = make_confusion_matrices(
    ...     5, 2, kind="symmetric", accuracy=[0.95, 0.9, 0.8, 0.6, 0.3]
    ... )
    >>> Y = make_crowd_labels(y, matrices, labels_per_item=4, random_state=0)
    >>> model = GLAD(random_state=0).fit(Y)
    >>> np.argsort(-model.abilities_)
    array([0, 1, 2, 3, 4])
    >>> bool(np.mean(model.predict(Y) == y) > 0.9)
    True
    """

    abilities_: Floats
    difficulties_: Floats

    _parameter_constraints: ClassVar[dict] = {
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
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
        n_init: int = 1,
        classes: ArrayLike | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.classes = classes
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(  # type: ignore[override]
        self, Y: LabelsLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Estimate abilities, difficulties and the class prior.

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
        self : GLAD
            Fitted estimator.

        Raises
        ------
        ValueError
            If there are no labels, only one class, or weights that do not fit.
        MemoryError
            If the confusion matrices would not fit in memory.

        Warns
        -----
        ConvergenceWarning
            If `tol` was not reached within `max_iter`.
        """
        # What an annotator who is never wrong says has no difficulty to speak of.
        return self._climb(*self._new_model(Y, sample_weight))

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
        proba = np.tile(self.class_prior_, (labels.n_samples, 1))
        if labels.n_labels:
            data = used_labels(labels)
            expected, _ = GLADModel(data).e_step((self.abilities_, self.class_prior_))
            proba[data.used] = expected.posterior
        return proba

    def _make_model(self, data):
        return GLADModel(data)

    def _store_parameters(self, parameters, model):
        self.abilities_, self.class_prior_ = parameters
        expected, _ = model.e_step(parameters)
        used = model.data.used
        self.difficulties_ = np.full(len(used), np.exp(-PRIOR_MEAN))
        self.difficulties_[used] = np.exp(-expected.log_easiness)
        self.confusion_matrices_ = one_coin_confusion(
            model.mean_accuracy(self.abilities_, expected.total), len(self.classes_)
        )

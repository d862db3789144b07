"""One-coin Dawid-Skene: each annotator is right with one probability, all classes."""

from __future__ import annotations

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy.special import xlogy
from sklearn.utils._param_validation import Interval

from ._em import PosteriorModel, class_shares
from ._label_aggregator import EMAggregator
from ._probability import safe_log
from ._typing import ArrayLike, Floats, RandomState


class OneCoinModel(PosteriorModel):
    """One accuracy for each annotator; wrong answers are equally probable.

    The parameters are the accuracies and the class prior.

    Parameters
    ----------
    data : UsedLabels
    smoothing : float
        Pseudo-labels of each annotator, right as often as the pooled annotator agrees
        with the vote shares.
    """

    def __init__(self, data, smoothing):
        labels = data.labels
        items = labels.row_indices()
        super().__init__(data)
        self.smoothing = smoothing
        self.n_classes = labels.n_classes
        self.n_annotators = labels.n_annotators
        self.indicator = labels.label_indicator()
        self.annotators = labels.indices
        # The cell of each label in an array of shape (n_samples, n_classes).
        self.cells = items * labels.n_classes + labels.codes
        weights = None if data.weights is None else data.weights[items]
        self.n_labels = self._sum(weights)
        agreement = data.votes().ravel()[self.cells]
        self.target = float(np.average(agreement, weights=weights))

    def m_step(self, posterior, previous):
        posterior = self.data.weigh(posterior)
        right = self._sum(posterior.ravel()[self.cells])
        total = self.n_labels + self.smoothing
        accuracy = np.where(
            total > 0,
            (right + self.smoothing * self.target) / np.where(total > 0, total, 1),
            self.target,
        )
        # Sums that were rounded must not be a hair above one.
        return np.minimum(accuracy, 1), class_shares(posterior)

    def e_step(self, parameters):
        accuracy, prior = parameters
        log_confusion = safe_log(one_coin_confusion(accuracy, self.n_classes))
        posterior, per_item = self.data.posterior(
            self.indicator, log_confusion, safe_log(prior)
        )
        return posterior, self.data.total(per_item)

    def log_prior(self, parameters):
        """Log density of the Beta priors of the accuracies, up to a constant."""
        accuracy, _ = parameters
        density = xlogy(self.target, accuracy) + xlogy(1 - self.target, 1 - accuracy)
        return float(self.smoothing * density.sum()) if self.smoothing else 0.0

    def _sum(self, per_label):
        return np.bincount(self.annotators, per_label, minlength=self.n_annotators)


def one_coin_confusion(accuracy, n_classes):
    """Confusion matrices with one accuracy, and errors that are equally probable.

    Parameters
    ----------
    accuracy : ndarray of shape (n_annotators,)
    n_classes : int

    Returns
    -------
    ndarray of shape (n_annotators, n_classes, n_classes)
    """
    accuracy = accuracy[:, np.newaxis, np.newaxis]
    eye = np.eye(n_classes)
    return accuracy * eye + (1 - accuracy) / (n_classes - 1) * (1 - eye)


class OneCoinDawidSkene(EMAggregator):
    """Classes and one accuracy for each annotator, by expectation maximisation.

    The model of `DawidSkene` with confusion matrices that have one value on the
    diagonal and one beside it [1]_. With few labels an annotator its few parameters can
    be an advantage.

    Parameters
    ----------
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        EM stops when an iteration raises the objective by less than this per label.
    smoothing : float, default=0.1
        Pseudo-labels of each annotator. They are right as often as all annotators
        together agree with the vote shares. 0 is plain maximum likelihood.
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
    accuracies_ : ndarray of shape (n_annotators,)
        Estimated probabilities of the right answer.
    confusion_matrices_ : ndarray of shape (n_annotators, n_classes, n_classes)
        The same as matrices: ``[m, k, l]`` is the accuracy of annotator ``m`` if ``k``
        equals ``l``, and an equal share of the rest otherwise.
    class_prior_ : ndarray of shape (n_classes,)
        Class probabilities.
    log_likelihood_ : float
        Log probability of all the labels in `fit`, items weighted by `sample_weight`.
    history_ : list of float
        Objective after each iteration; it never decreases. It is the log-likelihood
        plus the log density of the Beta priors of the accuracies, up to a constant, so
        with ``smoothing=0`` the log-likelihood itself.
    n_iter_ : int
        Number of iterations.
    converged_ : bool
        Whether `tol` was reached.

    See Also
    --------
    DawidSkene : Any confusion matrix for each annotator.
    GLAD : One ability for each annotator, and difficulties of the items.

    References
    ----------
    .. [1] Y. Zhang, X. Chen, D. Zhou and M. I. Jordan, "Spectral methods meet EM: a
       provably optimal algorithm for crowdsourcing", JMLR 17, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import OneCoinDawidSkene
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> y = np.random.default_rng(0).integers(3, size=1000)
    >>> matrices = make_confusion_matrices(
    ...     4, 3, kind="symmetric", accuracy=[0.9, 0.8, 0.7, 0.4]
    ... )
    >>> Y = make_crowd_labels(y, matrices, labels_per_item=3, random_state=0)
    >>> model = OneCoinDawidSkene(random_state=0).fit(Y)
    >>> bool(np.abs(model.accuracies_ - [0.9, 0.8, 0.7, 0.4]).max() < 0.05)
    True
    """

    accuracies_: Floats

    _parameter_constraints: ClassVar[dict] = {
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "smoothing": [Interval(Real, 0, None, closed="left")],
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
        n_init: int = 1,
        classes: ArrayLike | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.smoothing = smoothing
        self.n_init = n_init
        self.classes = classes
        self.random_state = random_state
        self.verbose = verbose

    def _make_model(self, data):
        return OneCoinModel(data, self.smoothing)

    def _store_parameters(self, parameters, model):
        self.accuracies_, self.class_prior_ = parameters
        self.confusion_matrices_ = one_coin_confusion(
            self.accuracies_, len(self.classes_)
        )

"""MACE: annotators who know the class, or answer without looking."""

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


class MACEModel(PosteriorModel):
    """Each answer is right, or drawn without looking from the annotator's strategy.

    The parameters are the probabilities of not looking, the strategies, and the class
    prior.

    Parameters
    ----------
    data : UsedLabels
    smoothing : float
        Pseudo-labels of each annotator. They are spam as often as the pooled annotator
        must be to disagree with the vote shares as often as it does, and follow its
        answers.
    """

    def __init__(self, data, smoothing):
        labels = data.labels
        items = labels.row_indices()
        super().__init__(data)
        self.smoothing = smoothing
        self.shape = (labels.n_annotators, labels.n_classes)
        self.indicator = labels.label_indicator()
        # The cells of each label in arrays of shapes (n_samples, n_classes) and
        # (n_annotators, n_classes).
        self.cells = items * labels.n_classes + labels.codes
        self.answers = labels.indices.astype(np.intp) * labels.n_classes + labels.codes
        weights = None if data.weights is None else data.weights[items]
        self.counts = self._sum(weights)
        agreement = data.votes().ravel()[self.cells]
        wrong = 1 - float(np.average(agreement, weights=weights))
        self.target_spam = min(1.0, wrong * labels.n_classes / (labels.n_classes - 1))
        self.target_strategy = self.counts.sum(axis=0) / self.counts.sum()

    def m_step(self, posterior, previous):
        posterior = self.data.weigh(posterior)
        # An answer that is right may still be spam that hit the true class.
        right = self._sum(posterior.ravel()[self.cells])
        if previous is None:
            lucky = 0.5
        else:
            spam, strategy, _ = previous
            lucky = spam[:, np.newaxis] * strategy
            sure = 1 - spam[:, np.newaxis]
            total = sure + lucky
            lucky = np.divide(lucky, total, out=np.zeros(self.shape), where=total > 0)
        spammed = np.maximum(self.counts - right, 0) + right * lucky
        spam = _shrunk(
            spammed.sum(axis=1),
            self.counts.sum(axis=1),
            self.smoothing,
            self.target_spam,
        )
        strategy = _shrunk(
            spammed,
            spammed.sum(axis=1, keepdims=True),
            self.smoothing,
            self.target_strategy,
        )
        return spam, strategy, class_shares(posterior)

    def e_step(self, parameters):
        spam, strategy, prior = parameters
        log_confusion = safe_log(mace_confusion(spam, strategy))
        posterior, per_item = self.data.posterior(
            self.indicator, log_confusion, safe_log(prior)
        )
        return posterior, self.data.total(per_item)

    def log_prior(self, parameters):
        """Log density of the Beta and Dirichlet priors, up to a constant."""
        if not self.smoothing:
            return 0.0
        spam, strategy, _ = parameters
        density = (
            xlogy(self.target_spam, spam).sum()
            + xlogy(1 - self.target_spam, 1 - spam).sum()
            + xlogy(self.target_strategy, strategy).sum()
        )
        return float(self.smoothing * density)

    def _sum(self, per_label):
        n_cells = self.shape[0] * self.shape[1]
        return np.bincount(self.answers, per_label, minlength=n_cells).reshape(
            self.shape
        )


def _shrunk(part, whole, smoothing, target):
    """Share of the part in the whole with pseudo-labels that follow the target."""
    total = whole + smoothing
    known = total > 0
    share = (part + smoothing * target) / np.where(known, total, 1)
    # Sums that were rounded must not be a hair above one.
    return np.minimum(np.where(known, share, target), 1)


def mace_confusion(spam, strategy):
    """Confusion matrices of annotators who know the class or follow a strategy.

    Parameters
    ----------
    spam : ndarray of shape (n_annotators,)
        Probability of answering without looking.
    strategy : ndarray of shape (n_annotators, n_classes)
        Probabilities of the answers then.

    Returns
    -------
    ndarray of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l] = (1 - spam[m]) * (k == l) + spam[m] * strategy[m, l]``.
    """
    spam = spam[:, np.newaxis, np.newaxis]
    return (1 - spam) * np.eye(strategy.shape[1]) + spam * strategy[:, np.newaxis, :]


class MACE(EMAggregator):
    """Multi-annotator competence estimation.

    An annotator either knows the class and says so, or answers without looking, with a
    probability and a preference for some classes of their own [1]_. The model finds
    those who click at random or always the same. It is fitted by expectation
    maximisation to the mode under priors that `smoothing` sets; the variational
    training of the paper is left out, and the class prior, uniform there, is estimated.

    Parameters
    ----------
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        EM stops when an iteration raises the objective by less than this per label.
    smoothing : float, default=0.1
        Pseudo-labels of each annotator, in the probability of not looking and in the
        strategy. They follow all annotators together. 0 is plain maximum likelihood.
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
    competences_ : ndarray of shape (n_annotators,)
        Probability that the annotator knows the class and says so.
    strategies_ : ndarray of shape (n_annotators, n_classes)
        Probabilities of their answers otherwise. Rows sum to one.
    confusion_matrices_ : ndarray of shape (n_annotators, n_classes, n_classes)
        The same as matrices: ``[m, k, l]`` is ``(1 - competences_[m]) *
        strategies_[m, l]``, plus ``competences_[m]`` if ``k`` equals ``l``.
    class_prior_ : ndarray of shape (n_classes,)
        Class probabilities.
    log_likelihood_ : float
        Log probability of all the labels in `fit`, items weighted by `sample_weight`.
    history_ : list of float
        Objective after each iteration; it never decreases. It is the log-likelihood
        plus the log density of the Beta and Dirichlet priors, up to a constant, so with
        ``smoothing=0`` the log-likelihood itself.
    n_iter_ : int
        Number of iterations.
    converged_ : bool
        Whether `tol` was reached.

    See Also
    --------
    DawidSkene : Any confusion matrix for each annotator.

    References
    ----------
    .. [1] D. Hovy, T. Berg-Kirkpatrick, A. Vaswani and E. Hovy, "Learning whom to trust
       with MACE", NAACL 2013.

    Examples
    --------
    Two who know, one who guesses, and one who always says the same:

    >>> import numpy as np
    >>> from skccem import MACE
    >>> from skccem.simulation import make_crowd_labels
    >>> good, guess = np.eye(2) * 0.8 + 0.1, np.full((2, 2), 0.5)
    >>> same = np.array([[0.0, 1.0], [0.0, 1.0]])
    >>> y = np.random.default_rng(0).integers(2, size=1000)
    >>> Y = make_crowd_labels(y, [good, good, good, guess, same], p=0.9, random_state=0)
    >>> competences = MACE(random_state=0).fit(Y).competences_
    >>> bool(np.abs(competences - [0.8, 0.8, 0.8, 0, 0]).max() < 0.1)
    True
    """

    competences_: Floats
    strategies_: Floats

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
        return MACEModel(data, self.smoothing)

    def _store_parameters(self, parameters, model):
        spam, self.strategies_, self.class_prior_ = parameters
        self.competences_ = 1 - spam
        self.confusion_matrices_ = mace_confusion(spam, self.strategies_)

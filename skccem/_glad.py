"""GLAD: abilities of the annotators and difficulties of the items."""

from numbers import Integral, Real
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import expit, log_expit
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ._em import class_shares, used_labels
from ._label_aggregator import EMAggregator
from ._one_coin import one_coin_confusion
from ._probability import safe_log
from ._targets import check_known_crowd

# Mean of the normal priors of abilities and of log easiness, whose variance is one, as
# in the paper.
_PRIOR_MEAN = 1.0

# Nodes of the Gauss-Hermite quadrature over the log easiness of an item.
_N_NODES = 11

# Items handled at once: bounds the array of shape (nodes, items, classes).
_BLOCK_ITEMS = 2**13

# Newton steps in an M-step. EM needs an increase there, not the maximum.
_NEWTON_STEPS = 3


class Expected(NamedTuple):
    """What the E-step expects of the classes and of the easiness of the items."""

    # Class probabilities, shape (n_samples, n_classes).
    posterior: np.ndarray
    # Probabilities of the nodes, shape (n_samples, n_nodes).
    easiness: np.ndarray
    # Expected numbers of right answers, and of answers, at each node, each of shape
    # (n_annotators, n_nodes).
    right: np.ndarray
    total: np.ndarray


class GLADModel:
    """An answer is right with probability sigmoid(ability times easiness).

    The easiness is summed out by quadrature, so that the parameters are the abilities
    and the class prior, and an item's probabilities depend on its own labels alone.

    Parameters
    ----------
    data : UsedLabels
    """

    def __init__(self, data):
        self.data = data
        nodes, weights = np.polynomial.hermite_e.hermegauss(_N_NODES)
        self.log_easiness = _PRIOR_MEAN + nodes
        self.node_share = weights / weights.sum()
        self.n_classes = data.labels.n_classes

    def m_step(self, expected, previous):
        labels = self.data.labels
        if previous is None:
            posterior, ability = expected, np.full(labels.n_annotators, _PRIOR_MEAN)
            rows = labels.row_indices()
            agreed = self.data.weigh(posterior)[rows, labels.codes]
            weight = None if self.data.weights is None else self.data.weights[rows]
            right, total = (
                np.outer(self._sum(values, labels.indices), self.node_share)
                for values in (agreed, weight)
            )
        else:
            posterior, _, right, total = expected
            ability, _ = previous
        for _ in range(_NEWTON_STEPS):
            ability = _newton_step(ability, np.exp(self.log_easiness), right, total)
        return ability, class_shares(self.data.weigh(posterior))

    def e_step(self, parameters):
        labels, shape = self.data.labels, (self.data.labels.n_annotators, _N_NODES)
        posterior = np.empty((labels.n_samples, labels.n_classes))
        easiness = np.empty((labels.n_samples, _N_NODES))
        log_likelihood = np.empty(labels.n_samples)
        right, total = np.zeros(shape), np.zeros(shape)
        for start in range(0, labels.n_samples, _BLOCK_ITEMS):
            rows = slice(start, start + _BLOCK_ITEMS)
            part = labels[rows]
            joint, log_likelihood[rows] = self._joint_proba(part, *parameters)
            posterior[rows] = joint.sum(axis=0)
            easiness[rows] = joint.sum(axis=2).T
            item = part.row_indices()
            if self.data.weights is not None:
                joint *= self.data.weights[rows, np.newaxis]
            for q in range(_N_NODES):
                agreed = joint[q, item, part.codes]
                right[:, q] += self._sum(agreed, part.indices)
                total[:, q] += self._sum(joint[q].sum(axis=1)[item], part.indices)
        return Expected(posterior, easiness, right, total), log_likelihood

    def log_prior(self, parameters):
        """Log density of the normal prior of the abilities, up to a constant."""
        ability, _ = parameters
        return -0.5 * float(np.sum((ability - _PRIOR_MEAN) ** 2))

    def mean_accuracy(self, ability, total):
        """Mean probability of a right answer over the items of each annotator."""
        proba = expit(np.outer(ability, np.exp(self.log_easiness)))
        idle = total.sum(axis=1) == 0
        share = np.where(idle[:, np.newaxis], self.node_share, total)
        return (share * proba).sum(axis=1) / share.sum(axis=1)

    def _joint_proba(self, labels, ability, prior):
        """P(node, class | labels), (n_nodes, n_samples, n_classes), and likelihoods."""
        score = np.outer(ability, np.exp(self.log_easiness))
        log_wrong = log_expit(-score) - np.log(self.n_classes - 1)
        # What a class gains over the others where it is the answer.
        gain = log_expit(score) - log_wrong
        item, shape = labels.row_indices(), (labels.n_samples, self.n_classes)
        cell = item * self.n_classes + labels.codes
        joint = np.empty((_N_NODES, *shape))
        for q in range(_N_NODES):
            gains = np.bincount(
                cell, gain[labels.indices, q], minlength=shape[0] * shape[1]
            )
            all_wrong = np.bincount(
                item, log_wrong[labels.indices, q], minlength=shape[0]
            )
            joint[q] = gains.reshape(shape) + all_wrong[:, np.newaxis]
        joint += safe_log(prior) + np.log(self.node_share)[:, np.newaxis, np.newaxis]
        top = joint.max(axis=(0, 2))
        joint = np.exp(joint - top[:, np.newaxis])
        totals = joint.sum(axis=(0, 2))
        return joint / totals[:, np.newaxis], top + np.log(totals)

    def _sum(self, per_label, annotators):
        n_annotators = self.data.labels.n_annotators
        return np.bincount(annotators, per_label, minlength=n_annotators)


def _newton_step(ability, easiness, right, total):
    """Abilities that are at least as probable given the expected answers.

    Parameters
    ----------
    ability : ndarray of shape (n_annotators,)
    easiness : ndarray of shape (n_nodes,)
    right, total : ndarrays of shape (n_annotators, n_nodes)
        Expected numbers of right answers, and of answers.

    Returns
    -------
    ndarray of shape (n_annotators,)
    """

    def objective(ability):
        score = np.outer(ability, easiness)
        fit = right * log_expit(score) + (total - right) * log_expit(-score)
        return fit.sum(axis=1) - (ability - _PRIOR_MEAN) ** 2 / 2

    proba = expit(np.outer(ability, easiness))
    slope = ((right - total * proba) @ easiness) - (ability - _PRIOR_MEAN)
    curvature = (total * proba * (1 - proba)) @ easiness**2 + 1
    step, before = slope / curvature, objective(ability)
    # The objective is concave, so that a step that is short enough does not lower it.
    while np.any(lower := objective(ability + step) < before):
        step = np.where(lower, step / 2, step)
    return ability + step


class GLAD(EMAggregator):
    """Generative model of labels, abilities, and difficulties [1]_.

    Annotator m is right about item i with probability ``sigmoid(ability_m *
    easiness_i)``, and wrong answers are equally probable: an able annotator errs little
    on easy items, all are right half of the time on the hardest, and a negative ability
    is an adversary. Abilities and logarithms of the easiness have normal priors with
    mean and variance one, as in the paper. Abilities are fitted by expectation
    maximisation. The paper fits the easiness as well, one number for a few labels; here
    it is summed out by quadrature, as is usual for such models of test answers [2]_, so
    that the probabilities of an item depend on its own labels and the abilities alone.

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
        1 prints the log-likelihood of each iteration.

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
        Of each item in `fit`: the exponential of minus its expected log easiness. NaN
        for an item without labels or weight.
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
        max_iter=1000,
        tol=1e-6,
        n_init=1,
        classes=None,
        random_state=None,
        verbose=0,
    ):
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.classes = classes
        self.random_state = random_state
        self.verbose = verbose

    def predict_proba(self, Y):
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
        self.difficulties_ = np.full(len(used), np.nan)
        self.difficulties_[used] = np.exp(-expected.easiness @ model.log_easiness)
        self.confusion_matrices_ = one_coin_confusion(
            model.mean_accuracy(self.abilities_, expected.total), len(self.classes_)
        )

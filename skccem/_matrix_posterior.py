"""How uncertain confusion matrices are: Gibbs sampling of classes and matrices."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import gammaln
from scipy.stats import beta

from ._probability import answer_rows, row_max, row_sum, safe_log

# Sweeps that are thrown away, and that count. The moments of a sweep are exact given
# the classes that it drew, so that a few hundred are enough.
_WARM_UP = 150
_KEPT = 300

# The kinds of annotators: the probability of the right answer that their rows scatter
# about, and how many pseudo-labels say so.
_SKILLS = np.array([0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
_STEADINESS = np.array([1.0, 3.0, 10.0, 30.0])

# Pseudo-annotators of each kind.
_SHARE = 0.2

# Pseudo-items of each class, where class frequencies are drawn (Jeffreys' prior).
_ITEMS = 0.5

# Small enough to be no evidence, and finite: a certain classifier may be wrong.
_LOG_TINY = np.log(np.finfo(np.float64).tiny)

_SEED = 0


@dataclass(frozen=True)
class MatrixPosterior:
    """Means and variances of matrices and accuracies given all labels.

    Attributes
    ----------
    matrix_mean, matrix_variance : ndarray of shape (n_annotators, n_classes, n_classes)
    accuracy_mean, accuracy_variance : ndarray of shape (n_annotators,)
        Of ``sum_k p_k B[k, k]``, where ``p`` has the class frequencies.
    class_prior : ndarray of shape (n_classes,)
        Mean class frequencies of the items with labels.
    row_labels : ndarray of shape (n_annotators, n_classes)
        Expected number of labels that an annotator gave to items of each true class.
    """

    matrix_mean: np.ndarray
    matrix_variance: np.ndarray
    accuracy_mean: np.ndarray
    accuracy_variance: np.ndarray
    class_prior: np.ndarray
    row_labels: np.ndarray


def matrix_posterior(labels, log_prior, log_confusion, *, watch=None):
    """Sample the classes of items and the annotators' matrices given the labels.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        With one label or more.
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer. Those of all items are where the
        chain starts, and are drawn; those of each item are taken as they are.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Where the chain starts, which keeps the names of the classes.
    watch : callable, optional
        Called in each sweep that counts as ``watch(proba, log_confusion)``: class
        probabilities of the items with labels, shape (n_used, n_classes), given the
        matrices that were drawn, and these.

    Returns
    -------
    MatrixPosterior

    Notes
    -----
    It is the Gibbs sampler of Dawid and Skene's model in Bayesian form [1]_: draw each
    item's class given the matrices, then each row of a matrix from a Dirichlet
    distribution given the classes. The prior has each annotator's row ``k`` about
    ``s`` at the right answer and ``(1 - s) E[k]`` at the others, worth ``c`` labels,
    where ``E`` is how all annotators err. The rows of an annotator are so good or bad
    together; with priors that know nothing of each other, shrinking every row to the
    crowd moves the accuracy of an annotator by more than its interval says. The kinds
    ``(s, c)`` are from a grid, one for each annotator, and their frequencies are
    learned; [2]_ has communities of annotators in place of a grid.

    A point estimate of the classes would count an annotator's own label twice: it moved
    the class that it is compared with. Here both are drawn together. Mean and variance
    of a row given the drawn classes are known, and these are averaged, not draws.

    References
    ----------
    .. [1] H.-C. Kim and Z. Ghahramani, "Bayesian classifier combination", AISTATS 2012.
    .. [2] M. Venanzi, J. Guiver, G. Kazai, P. Kohli and M. Shokouhi, "Community-based
       Bayesian aggregation models for crowdsourcing", WWW 2014.
    """
    moments = _Moments()
    rng = np.random.default_rng(_SEED)
    for sweep in _sweeps(labels, log_prior, log_confusion, rng, _WARM_UP, _KEPT):
        moments.add(sweep.pseudo, sweep.counts, sweep.frequencies)
        if watch is not None:
            proba = sweep.weights / row_sum(sweep.weights)[:, np.newaxis]
            watch(proba, sweep.log_confusion)
    return moments.posterior()


def mean_posterior(labels, log_prior, log_confusion, rng, *, warm_up, kept, n_draws):
    """Classes and matrices, each averaged over what the other may be.

    Parameters
    ----------
    labels, log_prior, log_confusion
        As in `matrix_posterior`, whose model and sampler this is.
    rng : numpy.random.Generator
    warm_up, kept : int
        Sweeps that are thrown away, and that count.
    n_draws : int
        Draws of the matrices, from sweeps with equal numbers of others in between.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        Mean class probabilities given the labels and the drawn matrices; those before
        any answer where an item has no labels. They are less certain than those of one
        set of matrices, which are themselves guessed from few labels.
    matrices : ndarray of shape (n_annotators, n_classes, n_classes)
        Mean matrices.
    draws : ndarray of shape (n_draws, n_annotators, n_classes, n_classes)
    """
    labelled = labels.labels_per_item > 0
    proba = np.zeros((labels.n_samples, labels.n_classes))
    matrices, frequencies, draws = 0.0, 0.0, []
    sweeps = _sweeps(labels, log_prior, log_confusion, rng, warm_up, kept)
    for number, sweep in enumerate(sweeps):
        if number % (kept // n_draws) == 0 and len(draws) < n_draws:
            draws.append(np.exp(sweep.log_confusion))
        total = row_sum(sweep.weights)[:, np.newaxis] * kept
        proba[labelled] += sweep.weights / total
        matrices += sweep.pseudo / (sweep.pseudo.sum(axis=2, keepdims=True) * kept)
        frequencies += sweep.frequencies / kept
    each = np.ndim(log_prior) == 2
    proba[~labelled] = np.exp(log_prior[~labelled]) if each else frequencies
    return proba, matrices, np.stack(draws)


def _sweeps(labels, log_prior, log_confusion, rng, warm_up, kept):
    """Yield what the sweeps drew that come after the warm-up."""
    used = np.flatnonzero(labels.labels_per_item)
    drawn_prior = np.ndim(log_prior) == 1
    log_prior = np.maximum(log_prior if drawn_prior else log_prior[used], _LOG_TINY)
    log_confusion = np.maximum(log_confusion, _LOG_TINY)
    items = _Items(labels[used])
    prior = _KindPrior(labels.n_classes)
    for number in range(warm_up + kept):
        given = log_confusion
        weights = items.class_weights(given, log_prior)
        classes = _draw_classes(weights, rng)
        counts = items.count(classes)
        sizes = np.bincount(classes, minlength=labels.n_classes)
        if drawn_prior:
            log_prior = np.maximum(safe_log(rng.dirichlet(sizes + _ITEMS)), _LOG_TINY)
        if number < warm_up:
            prior.fit_errors(counts)
        pseudo = counts + prior.draw(counts, rng)
        log_confusion = _draw_log_rows(pseudo, rng)
        if number >= warm_up:
            frequencies = sizes / len(classes)
            yield _Sweep(given, weights, counts, pseudo, frequencies)


def beta_interval(mean, variance, level=0.9):
    """Ends of an interval of the beta distribution with these moments.

    Parameters
    ----------
    mean, variance : ndarray
        Of proportions.
    level : float, default=0.9
        The probability of the interval.

    Returns
    -------
    low, high : ndarray
        Quantiles that leave the same probability on both sides. Where the density falls
        from 0 or rises to 1 on, the interval begins or ends there: a proportion of
        exactly 0 or 1 would otherwise be outside, whatever the data.
    """
    mean = np.clip(mean, 1e-9, 1 - 1e-9)
    # No distribution has a larger variance than that of a coin.
    total = np.maximum(mean * (1 - mean) / np.maximum(variance, 1e-15) - 1, 1e-3)
    a, b = mean * total, (1 - mean) * total
    falls, rises = (a < 1) & (b >= a), (b < 1) & (b < a)
    tail = (1 - level) / 2
    low = np.select([falls, rises], [0.0, 1 - level], tail)
    high = np.select([falls, rises], [level, 1.0], 1 - tail)
    return beta.ppf(low, a, b), beta.ppf(high, a, b)


class _Sweep(NamedTuple):
    """What a sweep of the sampler drew, and from what.

    Attributes
    ----------
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        As the sweep before drew them.
    weights : ndarray of shape (n_labelled_items, n_classes)
        Proportional to the probabilities that the classes were drawn from, given these.
    counts, pseudo : ndarray of shape (n_annotators, n_classes, n_classes)
        Answers by true class, without and with the pseudo-labels of the prior.
    frequencies : ndarray of shape (n_classes,)
        Of the drawn classes.
    """

    log_confusion: np.ndarray
    weights: np.ndarray
    counts: np.ndarray
    pseudo: np.ndarray
    frequencies: np.ndarray


class _Items:
    """Labels in the form in which sweeps need them."""

    def __init__(self, labels):
        n_classes = labels.n_classes
        self._indicator = labels.label_indicator()
        self._rows = labels.row_indices()
        self._shape = (labels.n_annotators, n_classes, n_classes)
        self._cells = labels.indices.astype(np.int64) * n_classes**2 + labels.codes

    def class_weights(self, log_confusion, log_prior):
        """Proportional to the classes' probabilities given the matrices."""
        scores = self._indicator @ answer_rows(log_confusion) + log_prior
        scores -= row_max(scores)[:, np.newaxis]
        return np.exp(scores)

    def count(self, classes):
        """Answers ``[annotator, true class, answer]``."""
        cells = self._cells + classes[self._rows] * self._shape[1]
        return np.bincount(cells, minlength=np.prod(self._shape)).reshape(self._shape)


class _KindPrior:
    """Dirichlet priors of annotators' rows, one for each kind of annotator."""

    def __init__(self, n_classes):
        self._eye = np.eye(n_classes)
        skill, steadiness = np.meshgrid(_SKILLS, _STEADINESS, indexing="ij")
        # Of each kind.
        self._skill, self._steadiness = skill.ravel(), steadiness.ravel()
        self._log_share = np.full(skill.size, -np.log(skill.size))

    def fit_errors(self, counts):
        """Let wrong answers follow those of all annotators."""
        wrong = 1 - self._eye
        errors = (counts.sum(axis=0) + 1 / len(wrong)) * wrong
        errors /= errors.sum(axis=1, keepdims=True)
        skill = self._skill[:, np.newaxis, np.newaxis]
        target = skill * self._eye + (1 - skill) * errors
        self._pseudo = self._steadiness[:, np.newaxis, np.newaxis] * target

    def draw(self, counts, rng):
        """Draw the kind of each annotator, and how frequent the kinds are.

        Returns
        -------
        pseudo : ndarray of shape (n_annotators, n_classes, n_classes)
            The pseudo-labels of the kinds.
        """
        scores = self._log_share + self._log_evidence(counts)
        # The largest after adding Gumbel noise is a draw.
        kinds = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
        sizes = np.bincount(kinds, minlength=len(self._skill))
        self._log_share = safe_log(rng.dirichlet(sizes + _SHARE))
        return self._pseudo[kinds]

    def _log_evidence(self, counts):
        """Log probability of each annotator's answers under each kind."""
        n_annotators, n_classes, _ = counts.shape
        # An answer that was not given has no term, and most others are alike.
        annotators, true, answers = np.nonzero(counts)
        times = counts[annotators, true, answers]
        most = times.max() + 1
        alike, which = np.unique(
            (true * n_classes + answers) * most + times, return_inverse=True
        )
        cells, times = np.divmod(alike, most)
        pseudo = self._pseudo.reshape(len(self._skill), -1)[:, cells]
        terms = gammaln(pseudo + times) - gammaln(pseudo)
        found = sparse.csr_array(
            (np.ones(len(which)), (annotators, which)),
            shape=(n_annotators, len(alike)),
        )
        totals = counts.sum(axis=2)
        per_row = [
            (gammaln(value) - gammaln(value + totals)).sum(axis=1)
            for value in _STEADINESS
        ]
        # The steadiness of the kinds goes round fastest.
        return found @ terms.T + np.tile(np.stack(per_row, axis=1), len(_SKILLS))


def _draw_classes(weights, rng):
    """A class for each item: (n_samples,)."""
    cumulative = np.cumsum(weights, axis=1)
    # Below one, also after rounding, so that it never passes the last class.
    uniform = rng.uniform(high=1 - 1e-12, size=len(weights)) * cumulative[:, -1]
    return (uniform[:, np.newaxis] >= cumulative).sum(axis=1)


def _draw_log_rows(pseudo, rng):
    """Logs of rows from Dirichlet distributions."""
    draws = np.maximum(rng.standard_gamma(pseudo), np.finfo(np.float64).tiny)
    return np.log(draws) - np.log(draws.sum(axis=2, keepdims=True))


class _Moments:
    """Sums over sweeps of the moments given the classes."""

    def __init__(self):
        self._n = 0
        self._sums = [0.0] * 6

    def add(self, pseudo, counts, frequencies):
        total = pseudo.sum(axis=2, keepdims=True)
        mean = pseudo / total
        variance = mean * (1 - mean) / (total + 1)
        accuracy = np.einsum("mkk,k->m", mean, frequencies)
        spread = np.einsum("mkk,k->m", variance, frequencies**2)
        terms = [
            mean,
            mean**2 + variance,
            accuracy,
            accuracy**2 + spread,
            frequencies,
            counts.sum(axis=2),
        ]
        self._sums = [one + two for one, two in zip(self._sums, terms, strict=True)]
        self._n += 1

    def posterior(self):
        mean, square, accuracy, accuracy_square, frequencies, row_labels = (
            total / self._n for total in self._sums
        )
        return MatrixPosterior(
            matrix_mean=mean,
            matrix_variance=square - mean**2,
            accuracy_mean=accuracy,
            accuracy_variance=accuracy_square - accuracy**2,
            class_prior=frequencies,
            row_labels=row_labels,
        )

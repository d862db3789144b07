"""Expectation maximisation (EM) from labels alone, in NumPy.

`run_em` climbs from several starts for any model. `e_step` and `m_step` are those of
models with confusion matrices: the E-step takes the sparse label indicator matrix, and
the M-step sums that may be gathered from parts of the items.
"""

from typing import NamedTuple

import numpy as np

from ._annotations import CrowdLabels
from ._counts import confusion_from_counts, majority_vote_proba
from ._gold import certain, read_votes, with_gold
from ._probability import answer_rows, row_sum, safe_log, score_classes
from ._rows import row_blocks, rows_of_csr

# Sums of probabilities above this keep all the digits of a double.
_SAFE_TOTAL = 1e-280


class UsedLabels(NamedTuple):
    """The labels that say something: of items with labels and a positive weight."""

    labels: CrowdLabels
    # None where all weights are one.
    weights: np.ndarray | None
    # Sum of the weights of the labels.
    n_labels: float
    # Which of all items these are.
    used: np.ndarray
    # Of shape (n_samples, 1): known classes; None where there are none.
    gold: CrowdLabels | None = None

    def votes(self, rng=None):
        """Class probabilities of the items for EM to start from.

        Parameters
        ----------
        rng : RandomState, optional
            Draws one vote of each item. None takes the shares of all its votes. Where
            there are gold labels, votes mean what they meant for these.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        votes = majority_vote_proba(self.labels)
        if rng is not None:
            for block in row_blocks(self.labels.indptr):
                votes[block] = _random_votes(votes[block], rng)
        if self.gold is not None:
            votes = read_votes(votes, self.labels, self.gold, self.weights)
        return votes

    def posterior(self, indicator, log_confusion, log_prior, *, out=None):
        """`e_step` in which the classes of items with gold labels are certain.

        Parameters
        ----------
        indicator : sparse array of shape (n_samples, n_annotators * n_classes)
            That of `labels`.
        log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        log_prior : ndarray of shape (n_classes,)
        out : ndarray of shape (n_samples, n_classes), default=None

        Returns
        -------
        posterior : ndarray of shape (n_samples, n_classes)
        log_likelihood : ndarray of shape (n_samples,)
        """
        posterior, per_item = e_step(indicator, log_confusion, log_prior, out=out)
        if self.gold is not None:
            known = np.flatnonzero(self.gold.labels_per_item)
            nothing = np.zeros((len(known), len(log_prior)))
            posterior[known], per_item[known] = e_step(
                indicator[known],
                log_confusion,
                certain(nothing, self.gold[known]) + log_prior,
            )
        return posterior, per_item

    def weigh(self, posterior):
        """Class probabilities of the items, each row times the item's weight."""
        if self.weights is None:
            return posterior
        return posterior * self.weights[:, np.newaxis]

    def total(self, per_item):
        """Weighted sum over the items."""
        return float(
            per_item.sum() if self.weights is None else self.weights @ per_item
        )


class PosteriorModel:
    """A model for `run_em` whose M-step takes the class probabilities of the items.

    Parameters
    ----------
    data : UsedLabels
    """

    def __init__(self, data):
        self.data = data

    def start(self, rng=None):
        """What the first M-step takes: the votes as class probabilities."""
        return self.data.votes(rng)


class EMResult(NamedTuple):
    """Parameters, log-likelihood, objective after each iteration, and success."""

    parameters: object
    log_likelihood: float
    history: list
    converged: bool


def used_labels(labels, sample_weight=None, gold=None):
    """Leave out the items that say nothing about any parameter.

    Kept, they would only slow the convergence of the class prior.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    sample_weight : ndarray of shape (n_samples,), optional
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items.

    Returns
    -------
    UsedLabels
    """
    n_said = with_gold(labels, gold).labels_per_item
    used = n_said > 0
    if sample_weight is not None:
        used = used & (sample_weight > 0)
        sample_weight = sample_weight[used]
    if not used.all():
        labels = labels[used]
        gold = None if gold is None else gold[used]
    n_said = n_said[used]
    n_labels = n_said.sum() if sample_weight is None else sample_weight @ n_said
    return UsedLabels(labels, sample_weight, float(n_labels), used, gold)


def run_em(model, *, n_labels, max_iter, tol, n_init=1, random_state=None, verbose=0):
    """The best of several climbs by expectation maximisation.

    Parameters
    ----------
    model : object
        With ``start(rng)``, what the first M-step takes, from the shares of the votes
        or, given a generator, from random ones; ``m_step(expected, previous)``, from
        class probabilities of the items, or what else the model expects, and the
        previous parameters or None to new parameters; ``e_step(parameters)``, back to
        what is expected, with the log-likelihood; and ``log_prior(parameters)``.
    n_labels : float
        Sum of the weights of the labels.
    n_init : int
        Number of starts: the first from the shares of the votes, each further one
        from a random vote for each item.
    max_iter : int
        Most iterations of a climb.
    tol : float
        A climb ends when an iteration gains less than this per label.
    random_state : RandomState, optional
        Draws the votes of the further starts.
    verbose : int
        1 prints a line an iteration.

    Returns
    -------
    EMResult
        Of the start whose objective, log-likelihood plus log prior, ends highest.
    """
    best = None
    for start in range(n_init):
        expected = model.start(random_state if start > 0 else None)
        result = _climb(model, expected, n_labels, max_iter, tol, verbose)
        if best is None or result.history[-1] > best.history[-1]:
            best = result
    return best


def _climb(model, expected, n_labels, max_iter, tol, verbose):
    parameters, history, gain = None, [], np.inf
    while gain >= tol and len(history) < max_iter:
        parameters = model.m_step(expected, parameters)
        expected, log_likelihood = model.e_step(parameters)
        objective = log_likelihood + model.log_prior(parameters)
        if history:
            gain = (objective - history[-1]) / n_labels
        history.append(objective)
        if verbose:
            print(
                f"[{type(model).__name__}] iteration {len(history)}: objective "
                f"{objective:.6f}, {objective / n_labels:.6f} per label"
            )
    return EMResult(parameters, log_likelihood, history, bool(gain < tol))


def _random_votes(shares, rng):
    """One vote of each item, drawn at random, as class probabilities."""
    draws = rng.uniform(size=(len(shares), 1))
    chosen = (shares.cumsum(axis=1) <= draws).sum(axis=1)
    n_classes = shares.shape[1]
    # The last class also takes a sum that rounding left short of one.
    return np.eye(n_classes)[np.minimum(chosen, n_classes - 1)]


def e_step(indicator, log_confusion, log_prior, *, out=None):
    """Class probabilities of the items for given parameters.

    Parameters
    ----------
    indicator : sparse array of shape (n_samples, n_annotators * n_classes)
        `CrowdLabels.label_indicator`, or some of its rows.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Logarithms of the confusion matrices.
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Logarithms of the class probabilities before any answer, for all items or for
        each.
    out : ndarray of shape (n_samples, n_classes), default=None
        Where to store the posterior. None is a new array.

    Returns
    -------
    posterior : ndarray of shape (n_samples, n_classes)
        Rows sum to one.
    log_likelihood : ndarray of shape (n_samples,)
        Log probability of the labels of each item; ``-inf`` where the parameters
        exclude them.
    """
    shape = (indicator.shape[0], log_confusion.shape[-1])
    posterior = np.empty(shape) if out is None else out
    log_likelihood = np.empty(shape[0])
    rows = answer_rows(log_confusion)
    for block in row_blocks(indicator.indptr):
        prior = log_prior if log_prior.ndim == 1 else log_prior[block]
        part = rows_of_csr(indicator, block)
        posterior[block], log_likelihood[block] = _e_step_of_block(
            part, rows, log_confusion, prior
        )
    return posterior, log_likelihood


def _e_step_of_block(indicator, rows, log_confusion, log_prior):
    """`e_step` with the confusion matrices also as `answer_rows`."""
    posterior = indicator @ rows
    posterior += log_prior
    np.exp(posterior, out=posterior)
    totals = row_sum(posterior)
    log_likelihood = safe_log(totals)
    # The probabilities of items with very many labels are too small to be summed as
    # they are. For the others, nearly always all, no maximum has to be found.
    small = np.flatnonzero(totals < _SAFE_TOTAL)
    if len(small):
        prior = log_prior if log_prior.ndim == 1 else log_prior[small]
        posterior[small], log_likelihood[small] = _scaled_e_step(
            indicator[small], log_confusion, prior
        )
        totals[small] = 1.0
    posterior /= totals[:, np.newaxis]
    return posterior, log_likelihood


def _scaled_e_step(indicator, log_confusion, log_prior):
    """`e_step` with each item's largest probability scaled to one."""
    posterior, top, impossible = score_classes(indicator, log_confusion, log_prior)
    posterior = np.exp(posterior - top[:, np.newaxis])
    totals = row_sum(posterior)
    posterior /= totals[:, np.newaxis]
    return posterior, np.where(impossible, -np.inf, top + np.log(totals))


def m_step(counts, class_totals, *, smoothing=0.0, target=None, out=None):
    """Parameters for given sums over the items, whatever parts these came from.

    Parameters
    ----------
    counts : ndarray of shape (n_annotators, n_classes, n_classes)
        Expected numbers of answers, as of `expected_counts`.
    class_totals : ndarray of shape (n_classes,)
        Sum of the class probabilities of the items, each times the item's weight.
    smoothing : float, default=0.0
        Pseudo-labels in each row of each confusion matrix.
    target : ndarray of shape (n_classes, n_classes), default=None
        Matrix that the pseudo-labels follow; None is the pooled matrix.
    out : ndarray of the shape of `counts`, default=None
        Where to store the confusion matrices, for instance `counts`. None is a new
        array.

    Returns
    -------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrices.
    prior : ndarray of shape (n_classes,)
        Class probabilities.
    """
    confusion = confusion_from_counts(
        counts, smoothing=smoothing, target=target, out=out
    )
    return confusion, class_totals / class_totals.sum()


def class_totals(weighted_posterior):
    """Expected weight of the items of each class.

    Parameters
    ----------
    weighted_posterior : ndarray of shape (n_samples, n_classes)
        Class probabilities, each row times the item's weight.

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    return np.einsum("ij->j", weighted_posterior)


def class_shares(weighted_posterior):
    """Frequencies of the classes: the M-step of the class prior.

    Parameters
    ----------
    weighted_posterior : ndarray of shape (n_samples, n_classes)
        Class probabilities, each row times the item's weight.

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    totals = class_totals(weighted_posterior)
    return totals / totals.sum()

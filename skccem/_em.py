"""Expectation maximisation (EM), and the model of Dawid and Skene, in NumPy.

`run_em` climbs from several starts for any model with `m_step`, `e_step` and
`log_prior`. The steps of Dawid and Skene's model take the sparse label indicator
matrix, so that one iteration is two sparse products, and the sums in `m_step` may be
gathered from parts of the data.
"""

from typing import NamedTuple

import numpy as np

from ._annotations import CrowdLabels
from ._probability import (
    confusion_from_counts,
    counts_from_indicator,
    expected_counts,
    log_joint_proba,
    majority_vote_proba,
    pooled_confusion,
    row_sum,
    safe_log,
    score_classes,
)

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
    # Share of each class among the labels of each item.
    vote_shares: np.ndarray

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


class EMResult(NamedTuple):
    """Parameters, log-likelihood, objective after each iteration, and success."""

    parameters: object
    log_likelihood: float
    history: list
    converged: bool


def used_labels(labels, sample_weight=None):
    """Leave out the items that say nothing about any parameter.

    Kept, they would only slow the convergence of the class prior.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    UsedLabels
    """
    used = labels.labels_per_item > 0
    if sample_weight is not None:
        used = used & (sample_weight > 0)
        sample_weight = sample_weight[used]
    if not used.all():
        labels = labels[used]
    shares = majority_vote_proba(labels)
    if sample_weight is None:
        return UsedLabels(labels, None, float(labels.n_labels), used, shares)
    n_labels = float(sample_weight @ labels.labels_per_item)
    return UsedLabels(labels, sample_weight, n_labels, used, shares)


def run_em(model, data, *, n_init=1, max_iter, tol, random_state=None, verbose=0):
    """The best of several climbs by expectation maximisation.

    Parameters
    ----------
    model : object
        With ``m_step(expected, previous)``, from the class probabilities of the items
        and the previous parameters or None to new parameters; ``e_step(parameters)``,
        back to class probabilities (or what else the model expects), with the
        log-likelihood of each item; and ``log_prior(parameters)``.
    data : UsedLabels
        What the model was made of.
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
        posterior = data.vote_shares
        if start > 0:
            posterior = _random_votes(posterior, random_state)
        result = _climb(model, posterior, data, max_iter, tol, verbose)
        if best is None or result.history[-1] > best.history[-1]:
            best = result
    return best


def _climb(model, expected, data, max_iter, tol, verbose):
    parameters, history, gain = None, [], np.inf
    while gain >= tol and len(history) < max_iter:
        parameters = model.m_step(expected, parameters)
        expected, per_item = model.e_step(parameters)
        log_likelihood = data.total(per_item)
        objective = log_likelihood + model.log_prior(parameters)
        if history:
            gain = (objective - history[-1]) / data.n_labels
        history.append(objective)
        if verbose:
            print(
                f"[{type(model).__name__}] iteration {len(history)}: objective "
                f"{objective:.6f}, {objective / data.n_labels:.6f} per label"
            )
    return EMResult(parameters, log_likelihood, history, bool(gain < tol))


def _random_votes(shares, rng):
    """One vote of each item, drawn at random, as class probabilities."""
    draws = rng.uniform(size=(len(shares), 1))
    chosen = (shares.cumsum(axis=1) <= draws).sum(axis=1)
    n_classes = shares.shape[1]
    # The last class also takes a sum that rounding left short of one.
    return np.eye(n_classes)[np.minimum(chosen, n_classes - 1)]


def e_step(indicator, log_confusion, log_prior):
    """Class probabilities of the items for given parameters.

    Parameters
    ----------
    indicator : sparse array of shape (n_samples, n_annotators * n_classes)
        `CrowdLabels.label_indicator`, or some of its rows.
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Logarithms of the confusion matrices.
    log_prior : ndarray of shape (n_classes,)
        Logarithms of the class probabilities.

    Returns
    -------
    posterior : ndarray of shape (n_samples, n_classes)
        Rows sum to one.
    log_likelihood : ndarray of shape (n_samples,)
        Log probability of the labels of each item; ``-inf`` where the parameters
        exclude them.
    """
    posterior = log_joint_proba(indicator, log_confusion, log_prior)
    # In place: this is the largest array of an iteration.
    np.exp(posterior, out=posterior)
    totals = row_sum(posterior)
    log_likelihood = safe_log(totals)
    # The probabilities of items with very many labels are too small to be summed as
    # they are. For the others, nearly always all, no maximum has to be found.
    small = np.flatnonzero(totals < _SAFE_TOTAL)
    if len(small):
        posterior[small], log_likelihood[small] = _scaled_e_step(
            indicator[small], log_confusion, log_prior
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


def m_step(indicator, weighted_posterior, *, smoothing=0.0, target=None):
    """Parameters for given class probabilities of the items.

    Parameters
    ----------
    indicator : sparse array of shape (n_samples, n_annotators * n_classes)
        `CrowdLabels.label_indicator`, or some of its rows.
    weighted_posterior : ndarray of shape (n_samples, n_classes)
        Class probabilities, each row times the item's weight.
    smoothing : float, default=0.0
        Pseudo-labels in each row of each confusion matrix.
    target : ndarray of shape (n_classes, n_classes), default=None
        Matrix that the pseudo-labels follow; None is the pooled matrix.

    Returns
    -------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrices.
    prior : ndarray of shape (n_classes,)
        Class probabilities.
    """
    counts = counts_from_indicator(indicator, weighted_posterior)
    confusion = confusion_from_counts(counts, smoothing=smoothing, target=target)
    return confusion, class_shares(weighted_posterior)


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
    totals = np.einsum("ij->j", weighted_posterior)
    return totals / totals.sum()


class ConfusionModel:
    """Dawid and Skene's model: any confusion matrix for each annotator.

    The parameters are logarithms of the confusion matrices and of the class prior.

    Parameters
    ----------
    data : UsedLabels
    smoothing : float
        Pseudo-labels in each row of each matrix.
    target : {"pooled", "diagonal"} or ndarray of shape (n_classes, n_classes)
        Matrix that they follow. The pooled one is that of the vote shares and stays
        so: were it estimated anew in each iteration, no objective would be known to
        increase.
    """

    def __init__(self, data, smoothing, target="pooled"):
        self.data = data
        self.indicator = data.labels.label_indicator()
        self.smoothing = smoothing
        if isinstance(target, str) and target == "diagonal":
            self.target = np.eye(data.labels.n_classes)
        elif isinstance(target, str):
            self.target = pooled_confusion(
                counts_from_indicator(self.indicator, data.weigh(data.vote_shares))
            )
        else:
            self.target = target

    def m_step(self, posterior, previous):
        confusion, prior = m_step(
            self.indicator,
            self.data.weigh(posterior),
            smoothing=self.smoothing,
            target=self.target,
        )
        return safe_log(confusion), safe_log(prior)

    def e_step(self, parameters):
        return e_step(self.indicator, *parameters)

    def log_prior(self, parameters):
        """Log density of the Dirichlet priors of the rows, up to a constant."""
        if not self.smoothing:
            return 0.0
        log_confusion, _ = parameters
        # Where the target is zero, so may be the probability, and 0 * -inf is not 0.
        known = self.target > 0
        return float(
            self.smoothing * (log_confusion[:, known].sum(axis=0) @ self.target[known])
        )


def initial_confusion(labels, method, *, sample_weight=None, smoothing=0.1):
    """Confusion matrices from the labels alone, for a model to start from.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers.
    method : {"majority_vote", "dawid_skene"}
        What gives the class probabilities of the items.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each item.
    smoothing : float, default=0.1
        Pseudo-labels in each row of each matrix, as for `DawidSkene`.

    Returns
    -------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Rows sum to one. They may hold zeros.
    """
    if method == "majority_vote":
        shares = majority_vote_proba(labels, sample_weight=sample_weight)
        counts = expected_counts(labels, shares, sample_weight)
        return confusion_from_counts(counts, smoothing=smoothing)
    if method == "dawid_skene":
        data = used_labels(labels, sample_weight)
        model = ConfusionModel(data, smoothing)
        log_confusion, _ = run_em(model, data, max_iter=100, tol=1e-6).parameters
        return np.exp(log_confusion)
    raise ValueError(
        f"Expected 'majority_vote' or 'dawid_skene', got {method!r}. Pass one of them."
    )

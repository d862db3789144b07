"""Expectation maximisation for the model of Dawid and Skene, as functions of arrays.

`e_step` and `m_step` take the sparse label indicator matrix, so that one iteration is
two sparse products, and the sums in `m_step` may be gathered from parts of the data.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from ._probability import (
    confusion_from_counts,
    counts_from_indicator,
    expected_counts,
    majority_vote_proba,
    pooled_confusion,
    row_sum,
    safe_log,
    score_classes,
)


class EMResult(NamedTuple):
    """Parameters, log-likelihood, objective after each iteration, and success."""

    confusion: np.ndarray
    prior: np.ndarray
    log_likelihood: float
    history: list
    converged: bool


def e_step(indicator, confusion, prior):
    """Class probabilities of the items for given parameters.

    Parameters
    ----------
    indicator : sparse array of shape (n_samples, n_annotators * n_classes)
        `CrowdLabels.label_indicator`, or some of its rows.
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Confusion matrices.
    prior : ndarray of shape (n_classes,)
        Class probabilities.

    Returns
    -------
    posterior : ndarray of shape (n_samples, n_classes)
        Rows sum to one.
    log_likelihood : ndarray of shape (n_samples,)
        Log probability of the labels of each item; ``-inf`` where the parameters
        exclude them.
    """
    posterior, top, impossible = score_classes(
        indicator, safe_log(confusion), safe_log(prior)
    )
    # In place: this is the largest array of an iteration.
    posterior -= top[:, np.newaxis]
    np.exp(posterior, out=posterior)
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
    totals = weighted_posterior.sum(axis=0)
    return confusion, totals / totals.sum()


def run_em(labels, *, sample_weight=None, smoothing, max_iter, tol, verbose=0):
    """Expectation maximisation from the vote shares.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers, at least one of them on an item of positive weight.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each item.
    smoothing, max_iter, tol, verbose
        As for `DawidSkene`.

    Returns
    -------
    result : EMResult
    """
    weights = np.ones(labels.n_samples) if sample_weight is None else sample_weight
    # An item without labels or weight says nothing about any parameter; kept, it would
    # only slow the convergence of the prior.
    used = np.flatnonzero((labels.labels_per_item > 0) & (weights > 0))
    indicator = labels.label_indicator()[used]
    posterior, weights = majority_vote_proba(labels)[used], weights[used]
    label_weight = weights @ labels.labels_per_item[used]

    posterior *= weights[:, np.newaxis]
    # The matrix that the pseudo-labels follow stays what the votes say: were it
    # estimated anew in each iteration, no objective would be known to increase.
    target = pooled_confusion(counts_from_indicator(indicator, posterior))
    history, gain = [], np.inf
    while gain >= tol and len(history) < max_iter:
        confusion, prior = m_step(
            indicator, posterior, smoothing=smoothing, target=target
        )
        posterior, per_item = e_step(indicator, confusion, prior)
        posterior *= weights[:, np.newaxis]
        log_likelihood = float(weights @ per_item)
        objective = log_likelihood + _log_density(confusion, smoothing, target)
        if history:
            gain = (objective - history[-1]) / label_weight
        history.append(objective)
        if verbose:
            print(
                f"[DawidSkene] iteration {len(history)}: log-likelihood per label "
                f"{log_likelihood / label_weight:.6f}"
            )
    return EMResult(confusion, prior, log_likelihood, history, bool(gain < tol))


def _log_density(confusion, smoothing, target):
    """Log density of the Dirichlet priors of the rows, up to a constant."""
    # Without smoothing there may be zeros in confusion, and 0 * -inf is not 0.
    return float(smoothing * xlogy(target, confusion).sum()) if smoothing else 0.0


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
        return run_em(
            labels,
            sample_weight=sample_weight,
            smoothing=smoothing,
            max_iter=100,
            tol=1e-6,
        ).confusion
    raise ValueError(
        f"Expected 'majority_vote' or 'dawid_skene', got {method!r}. Pass one of them."
    )

"""The model of Dawid and Skene for `run_em`, in sums that may come from parts.

What an iteration passes on is small: expected counts of each annotator's answers, not
class probabilities of the items. So the items may lie in one place or in many.
"""

from functools import reduce
from sys import getsizeof
from typing import NamedTuple

import numpy as np

from ._counts import (
    confusion_from_counts,
    counts_from_indicator,
    expected_counts,
    majority_vote_proba,
    pooled_confusion,
)
from ._em import class_totals, m_step, run_em, used_labels
from ._gold import read_votes
from ._probability import safe_log


class ItemSums(NamedTuple):
    """What the M-step needs of items, and their log-likelihood: sums over the items."""

    # Expected numbers of answers, shape (n_annotators, n_classes, n_classes).
    counts: np.ndarray
    # Expected weight of the items of each class, shape (n_classes,).
    class_totals: np.ndarray
    log_likelihood: float


def add_item_sums(parts):
    """The sums over all the items of several parts.

    Parameters
    ----------
    parts : iterable of ItemSums

    Returns
    -------
    ItemSums
    """
    return reduce(_add, parts)


def _add(one, other):
    return ItemSums(*(mine + others for mine, others in zip(one, other, strict=True)))


class LocalItems:
    """Items in this process, as the model sees them.

    Parameters
    ----------
    data : UsedLabels
    """

    def __init__(self, data):
        self.data = data
        self.indicator = data.labels.label_indicator()
        # Of each iteration anew: memory that is asked for again costs more time than
        # what is written there.
        self._posterior = np.empty((data.labels.n_samples, data.labels.n_classes))

    def __reduce__(self):
        return LocalItems, (self.data,)

    def __sizeof__(self):
        # Dask plans by sizes.
        indicator = self.indicator
        arrays = (indicator.data, indicator.indices, indicator.indptr, self._posterior)
        n_bytes = sum(array.nbytes for array in arrays)
        return super().__sizeof__() + getsizeof(self.data.labels) + n_bytes

    def start(self, rng=None):
        """Sums by the votes of each item as its class probabilities.

        Parameters
        ----------
        rng : RandomState, optional
            Draws one vote of each item; None takes their shares.

        Returns
        -------
        ItemSums
        """
        return self._sums(self.data.votes(rng), 0.0)

    def expect(self, parameters):
        """Sums by the posteriors of the items: the E-step.

        Parameters
        ----------
        parameters : tuple of ndarrays
            Those of `ConfusionModel`.

        Returns
        -------
        ItemSums
        """
        posterior, per_item = self.data.posterior(
            self.indicator, *parameters, out=self._posterior
        )
        return self._sums(posterior, self.data.total(per_item))

    def _sums(self, posterior, log_likelihood):
        posterior = self.data.weigh(posterior)
        counts = counts_from_indicator(self.indicator, posterior)
        return ItemSums(counts, class_totals(posterior), log_likelihood)


class ConfusionModel:
    """Dawid and Skene's model: any confusion matrix for each annotator.

    The parameters are logarithms of the confusion matrices and of the class prior.

    Parameters
    ----------
    items : object
        With ``start(rng)`` and ``expect(parameters)``, as `LocalItems` has them.
    smoothing : float
        Pseudo-labels in each row of each matrix.
    target : {"pooled", "diagonal"} or ndarray of shape (n_classes, n_classes)
        Matrix that they follow. The pooled one is that of the vote shares and stays
        so: were it estimated anew in each iteration, no objective would be known to
        increase.
    """

    def __init__(self, items, smoothing, target="pooled"):
        self.items = items
        self.smoothing = smoothing
        self.votes = items.start()
        if isinstance(target, str) and target == "diagonal":
            self.target = np.eye(self.votes.counts.shape[-1])
        elif isinstance(target, str):
            self.target = pooled_confusion(self.votes.counts)
        else:
            self.target = target

    def start(self, rng=None):
        return self.votes if rng is None else self.items.start(rng)

    def m_step(self, sums, previous):
        # In place, as these are the largest arrays of many annotators; not where other
        # starts need the counts again, or another process lends them.
        reusable = sums is not self.votes and sums.counts.flags.writeable
        confusion, prior = m_step(
            sums.counts,
            sums.class_totals,
            smoothing=self.smoothing,
            target=self.target,
            out=sums.counts if reusable else None,
        )
        with np.errstate(divide="ignore"):
            return np.log(confusion, out=confusion), safe_log(prior)

    def e_step(self, parameters):
        sums = self.items.expect(parameters)
        return sums, sums.log_likelihood

    def log_prior(self, parameters):
        """Log density of the Dirichlet priors of the rows, up to a constant."""
        if not self.smoothing:
            return 0.0
        log_confusion, _ = parameters
        # Where the target is zero, so may be the probability, and 0 * -inf is not 0.
        known = self.target > 0
        summed = np.einsum("mkl->kl", log_confusion)
        return float(self.smoothing * (summed[known] @ self.target[known]))


def initial_confusion(labels, method, *, sample_weight=None, gold=None, smoothing=0.1):
    """Confusion matrices from the labels alone, for a model to start from.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The answers.
    method : {"majority_vote", "dawid_skene"}
        What gives the class probabilities of the items.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each item.
    gold : CrowdLabels of shape (n_samples, 1), default=None
        Known classes of some items.
    smoothing : float, default=0.1
        Pseudo-labels in each row of each matrix, as for `DawidSkene`.

    Returns
    -------
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Rows sum to one. They may hold zeros.
    """
    if method == "majority_vote":
        shares = majority_vote_proba(labels, sample_weight=sample_weight)
        if gold is not None:
            shares = read_votes(shares, labels, gold, sample_weight)
        counts = expected_counts(labels, shares, sample_weight)
        return confusion_from_counts(counts, smoothing=smoothing)
    if method == "dawid_skene":
        data = used_labels(labels, sample_weight, gold)
        model = ConfusionModel(LocalItems(data), smoothing)
        result = run_em(model, n_labels=data.n_labels, max_iter=100, tol=1e-6)
        log_confusion, _ = result.parameters
        return np.exp(log_confusion)
    raise ValueError(
        f"Expected 'majority_vote' or 'dawid_skene', got {method!r}. Pass one of them."
    )

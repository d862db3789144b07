"""Batches of items with their labels."""

import math
from itertools import islice, pairwise

import numpy as np
import torch
from torch.utils.data import Dataset

from ._features import item_shape, n_items, take_batch
from ._gold import gold_codes
from ._rows import gather_rows

# Numbers of features in the batches that are made ahead: a megabyte of float32.
_NUMBERS_AHEAD = 2**18

# Numbers in a batch at prediction, where no gradient has to be kept: 64 MB of float32.
_PREDICTION_BATCH_NUMBERS = 2**24

# The share of all annotators, expected in a batch, up to which it pays to select them.
_MAX_SHARE = 0.6

# The same up to which a step of their rows alone is faster than one of all.
_MAX_FETCHED = 1 / 8


class CrowdDataset(Dataset):
    """Items with their labels, read a whole batch at a time.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
        What ``check_features`` returned.
    labels : CrowdLabels of shape (n_samples, n_annotators), optional
        None for prediction.
    sample_weight : ndarray of shape (n_samples,), optional
        In the precision of the network.
    items : int ndarray, optional
        The rows that this data set consists of; all by default.
    annotator_share : ndarray of shape (n_annotators,), optional
        In the precision of the network. If given, a batch has the annotators that it
        needs alone, and for each of them what this says: see `annotator_shares`.
    n_replay : int, default=0
        The first items, of which a pass has as many as there are others: see
        `EvenBatches`.
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items.
    """

    def __init__(
        self,
        X,
        labels=None,
        sample_weight=None,
        items=None,
        annotator_share=None,
        n_replay=0,
        gold=None,
    ):
        self.X = X
        self.labels = labels
        self.sample_weight = sample_weight
        self.items = np.arange(n_items(X)) if items is None else items
        self.annotator_share = annotator_share
        self.n_replay = n_replay
        self.gold = None if gold is None else gold_codes(gold)

    def __len__(self):
        return len(self.items)

    def __getitems__(self, index):
        """The batch ``(inputs, target)``: two dicts of tensors.

        ``inputs`` are the arguments of ``CrowdNetwork.forward``; ``target`` those of
        the loss.
        """
        rows = self.items[np.asarray(index)]
        inputs = {"X": take_batch(self.X, rows)}
        if self.labels is None:
            return inputs, {}
        positions, counts = gather_rows(self.labels.indptr, rows)
        annotator = self.labels.indices[positions].astype(np.int64)
        target = {
            "item": torch.from_numpy(np.repeat(np.arange(len(rows)), counts)),
            "starts": torch.from_numpy(np.cumsum(counts) - counts),
            "label": torch.from_numpy(self.labels.codes[positions].astype(np.int64)),
        }
        if self.annotator_share is not None:
            needed, annotator = np.unique(annotator, return_inverse=True)
            inputs["annotators"] = target["annotators"] = torch.from_numpy(needed)
            share = self.annotator_share[needed]
            target["annotator_share"] = torch.from_numpy(share)
        target["annotator"] = torch.from_numpy(annotator)
        if self.sample_weight is not None:
            target["weight"] = torch.from_numpy(self.sample_weight[rows])
        if self.gold is not None:
            gold = self.gold[rows]
            (item,) = np.nonzero(gold >= 0)
            target["gold_item"] = torch.from_numpy(item)
            target["gold_label"] = torch.from_numpy(gold[item])
        return inputs, target


class EvenBatches:
    """Batch sampler whose batches differ by at most one item in size.

    A short last batch would weigh its few items as much as a full one, and its second
    moment of posteriors, which regulariser F needs, would be nearly singular.

    Parameters
    ----------
    n : int
        Number of items.
    batch_size : int
        Largest size of a batch.
    rng : numpy.random.Generator, optional
        Shuffles the items at each pass; without it they come in order.
    n_replay : int, default=0
        How many of the items, the first ones, were there before. With `rng`, a pass has
        as many of them, drawn anew, as there are others, or all if they are fewer.

    Attributes
    ----------
    n_batches : int
        May be raised before a pass, where another process needs more.
    """

    def __init__(self, n, batch_size, rng=None, n_replay=0):
        self.n = n
        self.rng = rng
        self.n_replay = n_replay
        self.n_replayed = min(n_replay, n - n_replay)
        self.n_items = n if rng is None else n - n_replay + self.n_replayed
        self.n_batches = -(-self.n_items // batch_size)

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        order = self._order()
        bounds = np.arange(self.n_batches + 1) * self.n_items // max(self.n_batches, 1)
        for start, stop in pairwise(bounds):
            yield order[start:stop]

    def _order(self):
        if self.rng is None:
            return np.arange(self.n)
        if not self.n_replay:
            return self.rng.permutation(self.n)
        replayed = self.rng.choice(self.n_replay, self.n_replayed, replace=False)
        others = np.arange(self.n_replay, self.n)
        return self.rng.permutation(np.concatenate([replayed, others]))


class BatchLoader:
    """What a ``DataLoader`` without workers does with whole batches, and no more.

    Parameters
    ----------
    dataset : Dataset
        With ``__getitems__`` that returns a batch.
    batch_sampler : iterable of int ndarrays
    block_size : int, default=1
        Batches that are made ahead.
    """

    def __init__(self, dataset, batch_sampler, block_size=1):
        self.dataset = dataset
        self.batch_sampler = batch_sampler
        self.block_size = block_size

    def __len__(self):
        return len(self.batch_sampler)

    def __iter__(self):
        batches = iter(self.batch_sampler)
        while block := list(islice(batches, self.block_size)):
            # One after the other they are made three times as fast as one at a time,
            # between steps that fill the processor's cache.
            yield from [self.dataset.__getitems__(batch) for batch in block]


def batches_ahead(X, batch_size):
    """How many batches to make at a time, so that they take little memory.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
    batch_size : int

    Returns
    -------
    int
        One, unless items are rows of an array and short.
    """
    shape = item_shape(X)
    if not isinstance(shape, tuple):
        return 1
    return max(_NUMBERS_AHEAD // (batch_size * max(math.prod(shape), 1)), 1)


def prediction_batch_size(batch_size, n_features):
    """Rows of a table in a batch at prediction; many, where rows are short.

    Parameters
    ----------
    batch_size : int
        In training; the least that is returned.
    n_features : int

    Returns
    -------
    int
    """
    return max(batch_size, min(4096, _PREDICTION_BATCH_NUMBERS // n_features))


def annotator_shares(labels, items, batch_size, dtype, always=False):
    """What annotators count in the batches that they are in, if few of them are.

    Parameters
    ----------
    labels : CrowdLabels
    items : int ndarray
        Those that batches are made of.
    batch_size : int or None
        None for all at once.
    dtype : dtype
    always : bool, default=False
        Whether to select them also where it does not pay.

    Returns
    -------
    ndarray of shape (n_annotators,) or None
        One over the number of annotators, divided by the probability of being in a
        batch, so that sums over a batch are on average means over all. None if a batch
        has most annotators, so that it does not pay to select them.
    """
    whole = batch_size is None or batch_size >= len(items)
    if whole and not always:
        return None
    n_labels = labels[items].labels_per_annotator
    n_batches = 1 if whole else len(EvenBatches(len(items), batch_size))
    proba = inclusion_probability(n_labels, len(items), len(items) / n_batches)
    if proba.mean() > _MAX_SHARE and not always:
        return None
    share = np.zeros(len(proba), dtype=dtype)
    np.divide(1 / len(proba), proba, out=share, where=proba > 0, casting="same_kind")
    return share


def are_few(annotator_share):
    """Whether it pays to fetch the matrices of a batch from the optimiser's tables.

    Otherwise a step of the whole tables is faster.

    Parameters
    ----------
    annotator_share : ndarray of shape (n_annotators,) or None
        What `annotator_shares` returned.

    Returns
    -------
    bool
    """
    if annotator_share is None:
        return False
    seen = annotator_share[annotator_share > 0]
    n_in_batch = np.sum(1 / (len(annotator_share) * seen))
    return bool(n_in_batch <= _MAX_FETCHED * len(annotator_share))


def inclusion_probability(n_labels, n_items, batch_size):
    """Probability that a batch has an item that an annotator labelled.

    Parameters
    ----------
    n_labels : int ndarray of shape (n_annotators,)
        Items that each labelled.
    n_items : int
    batch_size : float
        A batch is drawn from all items without replacement.

    Returns
    -------
    ndarray of shape (n_annotators,)
    """
    most = int(np.max(n_labels, initial=0))
    # One after the other, each of these is among the items outside the batch.
    outside = 1 - np.minimum(batch_size / (n_items - np.arange(most)), 1)
    with np.errstate(divide="ignore"):
        log_none = np.concatenate([[0.0], np.cumsum(np.log(outside))])
    return -np.expm1(log_none[n_labels])

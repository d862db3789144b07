"""A random sample of the items of a stream, to be trained on along with new ones.

A network that sees new items alone forgets the old ones, and learns mistakes in the
labels of the few new ones by heart.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from skorch.helper import SliceDict
from torch.utils.data import Dataset

from ._annotations import CrowdLabels
from ._features import n_items, take_batch


class Replay(NamedTuple):
    """A sample in which each labelled item of the stream is as likely as any other.

    A size that is raised from one call to the next cannot bring back what was dropped:
    newer items are then more likely.
    """

    # In one of the forms of `check_features`, but no Dataset.
    X: object
    labels: CrowdLabels
    # None where all items have the same.
    weight: np.ndarray | None
    # Items that the sample was drawn from.
    n_seen: int

    def __len__(self):
        return self.labels.n_samples


def cut_replay(replay, size, rng):
    """A sample of at most so many items.

    Parameters
    ----------
    replay : Replay or None
    size : int
    rng : numpy.random.Generator

    Returns
    -------
    Replay or None
    """
    if replay is None or len(replay) <= size:
        return replay
    kept = np.sort(rng.choice(len(replay), size, replace=False))
    return _sample(replay.X, replay.labels, replay.weight, kept, replay.n_seen)


def with_replay(replay, X, labels, weight):
    """The items of a sample, and after them new ones.

    Parameters
    ----------
    replay : Replay or None
    X : ndarray, CSR, dict of arrays, or torch Dataset
    labels : CrowdLabels
        Of all annotators so far, those of the sample first.
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    X, labels, weight
        Of ``len(replay) + n_samples`` items.
    """
    if replay is None:
        return X, labels, weight
    known = replay.labels.align(annotators=labels.annotators)
    both = CrowdLabels.concat([known, replace(labels, items=None)])
    if weight is not None or replay.weight is not None:
        weights = replay.weight, weight
        weight = np.concatenate(
            [
                np.ones(n) if given is None else given
                for given, n in zip(weights, (len(replay), len(labels)), strict=True)
            ]
        )
    return _join(replay.X, X), both, weight


def update_replay(replay, X, labels, weight, items, size, rng):
    """The sample, when new items have been seen.

    Reservoir sampling (J. S. Vitter, "Random sampling with a reservoir", ACM
    Transactions on Mathematical Software 11 (1), 1985).

    Parameters
    ----------
    replay : Replay or None
        Not larger than `size`.
    X, labels, weight
        What `with_replay` returned.
    items : int ndarray
        New items that may be in the sample.
    size : int
        Items in the sample, at most.
    rng : numpy.random.Generator

    Returns
    -------
    Replay or None
    """
    n_seen = 0 if replay is None else replay.n_seen
    kept = np.arange(0 if replay is None else len(replay))
    n_free = size - len(kept)
    kept = np.concatenate([kept, items[:n_free]])
    later = items[n_free:]
    slots = rng.integers(n_seen + n_free + 1 + np.arange(len(later)))
    into = slots < size
    # Of several items for one slot the last stays, as if they came one by one.
    kept[slots[into]] = later[into]
    return _sample(X, labels, weight, np.sort(kept), n_seen + len(items))


def _sample(X, labels, weight, kept, n_seen):
    if not len(kept):
        return None
    return Replay(
        _take(X, kept),
        replace(labels[kept], items=None),
        None if weight is None else weight[kept],
        n_seen,
    )


class _Followed(Dataset):
    """Items in memory, and after them those of a Dataset."""

    def __init__(self, first, dataset):
        self.first = first
        self.dataset = dataset

    def __len__(self):
        return n_items(self.first) + len(self.dataset)

    def __getitems__(self, rows):
        rows, n_first = np.asarray(rows), n_items(self.first)
        early = rows < n_first
        if early.all():
            return take_batch(self.first, rows)
        if not early.any():
            return take_batch(self.dataset, rows - n_first)
        parts = (
            take_batch(self.first, rows[early]),
            take_batch(self.dataset, rows[~early] - n_first),
        )
        # From the order of the parts to that of the rows.
        order = torch.from_numpy(np.argsort(np.argsort(~early, kind="stable")))
        return _join_tensors(parts, order)


def _join_tensors(parts, order):
    if isinstance(parts[0], dict):
        return {
            name: _join_tensors([part[name] for part in parts], order)
            for name in parts[0]
        }
    return torch.cat(parts)[order]


def _join(first, second):
    if isinstance(second, SliceDict):
        return SliceDict(**{name: _join(first[name], second[name]) for name in second})
    if isinstance(second, Dataset):
        return _Followed(first, second)
    if sparse.issparse(second):
        return sparse.vstack([first, second], format="csr")
    return np.concatenate([first, second])


def _take(X, rows):
    """Copies of some items."""
    if isinstance(X, SliceDict):
        return SliceDict(**{name: _take(part, rows) for name, part in X.items()})
    if isinstance(X, Dataset):
        return _to_arrays(take_batch(X, rows))
    return X[rows]


def _to_arrays(batch):
    if isinstance(batch, torch.Tensor):
        return batch.numpy()
    return SliceDict(**{name: _to_arrays(part) for name, part in batch.items()})

"""Which items networks are trained on, which are held out, and with what weights."""

from typing import NamedTuple

import numpy as np

from ._annotations import CrowdLabels
from ._batches import CrowdDataset, annotator_shares
from ._evidence import active_annotators
from ._features import number_type
from ._gold import with_gold
from ._processes import Processes

_ALONE = Processes()


class LabelledItems(NamedTuple):
    """What networks are trained on."""

    X: object
    labels: CrowdLabels
    # Of each item; None where all have the same.
    weight: np.ndarray | None
    # Those with labels and a positive weight, increasing.
    used: np.ndarray
    # Of shape (n_samples, 1): known classes; None where there are none.
    gold: CrowdLabels | None = None

    def weight_of(self, items):
        """The weights of some items, or None."""
        return None if self.weight is None else self.weight[items]

    def gold_of(self, items):
        """The gold labels of some items, or None."""
        return None if self.gold is None else self.gold[items]


def usable_items(labels, weight):
    """Items with labels and a positive weight.

    Parameters
    ----------
    labels : CrowdLabels
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    int ndarray
        Increasing.
    """
    usable = labels.labels_per_item > 0
    return np.flatnonzero(usable if weight is None else usable & (weight > 0))


def check_parts(estimator, labels, used, processes):
    """Raise in all processes unless their parts of the items can be trained together.

    Parameters
    ----------
    estimator : CrowdClassifier
    labels : CrowdLabels
    used : int ndarray
        Items with labels and a positive weight.
    processes : Processes

    Raises
    ------
    ValueError
        If annotators or classes differ, or a part is too small to make as many batches
        as the largest.
    """
    if processes.count == 1:
        return
    processes.check_same("classes", labels.classes)
    processes.check_same("annotators", labels.annotators)
    numbers = processes.each(len(used))
    batch_size = estimator.batch_size or numbers.max()
    if numbers.min() < -(-numbers.max() // batch_size):
        raise ValueError(
            f"The processes have {numbers.tolist()} items with labels, but each needs "
            "one for every batch of the largest part: give them parts of like size."
        )


def labelled_weight(labels, weight):
    """The sum of the weights of the items with labels; their number without weights.

    Parameters
    ----------
    labels : CrowdLabels
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    float
    """
    labelled = labels.labels_per_item > 0
    return float(labelled.sum() if weight is None else weight[labelled].sum())


def split_items(labels, weight, validation_fraction, rng):
    """Items to train on and items to hold out.

    Parameters
    ----------
    labels : CrowdLabels
        Items without labels are in neither part.
    weight : ndarray of shape (n_samples,) or None
        Nor are items of weight zero.
    validation_fraction : float
        Zero holds out none.
    rng : RandomState

    Returns
    -------
    train_items, valid_items : int ndarrays
        Increasing.
    """
    items = usable_items(labels, weight)
    if not validation_fraction:
        return items, items[:0]
    n_valid = int(np.ceil(validation_fraction * len(items)))
    if n_valid == len(items):
        raise ValueError(
            f"early_stopping holds out {n_valid} of {len(items)} labelled items and "
            "leaves none to train on: lower validation_fraction."
        )
    shuffled = rng.permutation(items)
    return np.sort(shuffled[n_valid:]), np.sort(shuffled[:n_valid])


def network_weight(weight, X, processes=_ALONE):
    """Weights of items as networks are trained with: only their ratios matter.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,) or None
    X : ndarray, CSR, dict of arrays, or torch Dataset
    processes : Processes, optional
        Those that have parts of the items.

    Returns
    -------
    ndarray of shape (n_samples,) or None
    """
    if weight is None:
        return None
    return (weight / processes.each(weight.max()).max()).astype(number_type(X))


def new_datasets(estimator, X, labels, weight, rng, processes=_ALONE, gold=None):
    """Training and held-out data; None for the latter without early stopping.

    Parameters
    ----------
    estimator : CrowdClassifier
    X : ndarray, CSR, dict of arrays, or torch Dataset
    labels : CrowdLabels
    weight : ndarray of shape (n_samples,) or None
    rng : RandomState
    processes : Processes, optional
        Those that have parts of the items.
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items.

    Returns
    -------
    train_set : CrowdDataset
        Of the annotators with labels to train on, in their order.
    valid_set : CrowdDataset or None
        Of the same annotators.
    trained : bool ndarray of shape (n_annotators,)
        Who they are. The matrices of others would stay where they start.

    Raises
    ------
    ValueError
        If early stopping holds out too much to train or too little to compare.
    """
    fraction = estimator.validation_fraction if estimator.early_stopping else 0.0
    train_items, valid_items = split_items(
        with_gold(labels, gold), weight, fraction, rng
    )
    trained = processes.any(active_annotators(labels[train_items]))
    seen = labels.select_annotators(labels.annotators[trained])
    weight = network_weight(weight, X, processes)
    shares = None
    if estimator.accelerator is None:
        shares = annotator_shares(
            seen, train_items, estimator.batch_size, number_type(X)
        )
    n_said = with_gold(seen, gold).labels_per_item
    train_set, valid_set = (
        CrowdDataset(X, seen, weight, items[n_said[items] > 0], shares, gold=gold)
        for items in (train_items, valid_items)
    )
    if len(valid_items) and not len(valid_set):
        raise ValueError(
            f"early_stopping holds out {len(valid_items)} items, none of which has a "
            "label of an annotator who labelled others: their likelihood is unknown. "
            "Change validation_fraction, or set early_stopping=False."
        )
    return train_set, valid_set if len(valid_set) else None, trained

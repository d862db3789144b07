"""Who labels what together: the graph of items and annotators, in NumPy and SciPy."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Overlap:
    """What the pattern of labels allows, whatever the labels say.

    Attributes
    ----------
    n_components : int
        Parts of the graph of items and annotators that have labels.
    largest_share : float
        Share of the labels that are in the part with most of them.
    shared : float
        Share of the labels whose item has another one.
    in_triples : float
        Share of the labels whose item has two others or more.
    pairs : float
        Share of pairs of annotators with labels who have enough items in common.
    labels_per_parameter : float
        Labels for each free number: ``n_classes * (n_classes - 1)`` of each annotator
        with labels, and the class frequencies.
    """

    n_components: int
    largest_share: float
    shared: float
    in_triples: float
    pairs: float
    labels_per_parameter: float


def find_overlap(labels, *, enough):
    """How the items and annotators of labels hang together.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        At least one label.
    enough : int
        Items in common that make a pair of annotators count.

    Returns
    -------
    Overlap
    """
    per_item, n_classes = labels.labels_per_item, labels.n_classes
    who = np.flatnonzero(labels.labels_per_annotator)
    n_components, largest = _components(labels)
    n_parameters = (len(who) * n_classes + 1) * (n_classes - 1)
    return Overlap(
        n_components=n_components,
        largest_share=largest / labels.n_labels,
        shared=float(per_item[per_item >= 2].sum() / labels.n_labels),
        in_triples=float(per_item[per_item >= 3].sum() / labels.n_labels),
        pairs=_share_of_pairs(labels, len(who), enough),
        labels_per_parameter=labels.n_labels / n_parameters,
    )


def _incidence(labels):
    """Ones where an annotator has labelled an item, in compressed rows."""
    ones = np.ones(labels.n_labels, dtype=np.int64)
    return sparse.csr_array((ones, labels.indices, labels.indptr), shape=labels.shape)


def _components(labels):
    """How many parts have labels, and how many labels the largest has."""
    incidence = _incidence(labels)
    graph = sparse.block_array([[None, incidence], [incidence.T, None]])
    _, part = connected_components(graph, directed=False)
    sizes = np.bincount(part[labels.row_indices()])
    return int(np.count_nonzero(sizes)), int(sizes.max())


def _share_of_pairs(labels, n_active, enough):
    """Share of pairs of the active annotators with enough items in common."""
    if n_active < 2:
        return 0.0
    incidence = _incidence(labels)
    common = sparse.triu(incidence.T @ incidence, k=1)
    return float((common.data >= enough).sum() / (n_active * (n_active - 1) / 2))

"""Labels of many items and annotators, counted in the tiles of a picture."""

from dataclasses import dataclass

import numpy as np

ORDERS = ("given", "labels", "class")


@dataclass(frozen=True)
class LabelTiles:
    """Labels in tiles of items by annotators.

    Attributes
    ----------
    n_labels : int ndarray of shape (n_rows, n_columns)
        How many labels each tile has.
    n_cells : int ndarray of shape (n_rows, n_columns)
        How many it could have: its items times its annotators.
    winner : int ndarray of shape (n_rows, n_columns)
        The class named most often, of several the first; -1 without labels.
    n_winner : int ndarray of shape (n_rows, n_columns)
        How many of the labels name it.
    """

    n_labels: np.ndarray
    n_cells: np.ndarray
    winner: np.ndarray
    n_winner: np.ndarray


def count_tiles(labels, items, annotators, shape):
    """Count labels in tiles, in memory of the labels and tiles alone.

    Each class that was named takes time of the tiles.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    items, annotators : int ndarray of shape (n_samples,), (n_annotators,)
        In which order they are laid out.
    shape : (int, int)
        Rows and columns of tiles, at most as many as items and annotators. They have
        as equal numbers of these as there can be.

    Returns
    -------
    LabelTiles
    """
    row, items_per_row = _tile_of(items, shape[0])
    column, annotators_per_column = _tile_of(annotators, shape[1])
    tile = np.repeat(row * shape[1], labels.labels_per_item)
    tile += column[labels.indices]
    n_tiles = shape[0] * shape[1]
    n_labels = np.bincount(tile, minlength=n_tiles)
    winner = np.full(n_tiles, -1)
    n_winner = np.zeros(n_tiles, dtype=np.intp)
    # Class by class: an array of tiles by classes could be larger than the labels.
    order = np.argsort(labels.codes, kind="stable")
    ends = np.cumsum(np.bincount(labels.codes, minlength=labels.n_classes))
    for code, part in enumerate(np.split(tile[order], ends[:-1])):
        if len(part):
            count = np.bincount(part, minlength=n_tiles)
            more = count > n_winner
            winner[more], n_winner[more] = code, count[more]
    n_cells = np.multiply.outer(items_per_row, annotators_per_column)
    flat = n_labels, n_cells, winner, n_winner
    return LabelTiles(*(numbers.reshape(shape) for numbers in flat))


def item_order(labels, order):
    """Positions of the items in the order in which they are shown.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    order : {"given", "labels", "class"}
        As they are, by number of labels, or by the class that most of the labels name.
        The most come first, within a class the largest majorities; items without labels
        come last.

    Returns
    -------
    int ndarray of shape (n_samples,)
    """
    return _order(labels.row_indices, labels.labels_per_item, labels, order)


def annotator_order(labels, order):
    """Positions of the annotators in the order in which they are shown.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    order : {"given", "labels", "class"}
        As in `item_order`.

    Returns
    -------
    int ndarray of shape (n_annotators,)
    """
    per_annotator = labels.labels_per_annotator
    return _order(lambda: labels.indices, per_annotator, labels, order)


def _order(groups, n_labels, labels, order):
    """Order of items or annotators, which `groups` gives for each label."""
    if order == "given":
        return np.arange(len(n_labels))
    if order == "labels":
        return np.argsort(-n_labels, kind="stable")
    winner, n_winner = _majorities(groups(), len(n_labels), labels)
    share = n_winner / np.maximum(n_labels, 1)
    # Those without labels have no class.
    return np.lexsort((-n_labels, -share, np.where(winner < 0, np.inf, winner)))


def _majorities(groups, n_groups, labels):
    """The class that most labels of each group name, the first of several, or -1."""
    key = groups * labels.n_classes + labels.codes
    key, counts = np.unique(key, return_counts=True)
    group, code = np.divmod(key, labels.n_classes)
    # Assignments go from few to many, and from the last class to the first.
    order = np.lexsort((-code, counts))
    winner, n_winner = np.full(n_groups, -1), np.zeros(n_groups, dtype=np.intp)
    winner[group[order]], n_winner[group[order]] = code[order], counts[order]
    return winner, n_winner


def _tile_of(order, n_tiles):
    """The tile of each item or annotator, and how many each tile has."""
    tile = np.empty(len(order), dtype=np.intp)
    tile[order] = np.arange(len(order)) * n_tiles // len(order)
    return tile, np.bincount(tile, minlength=n_tiles)

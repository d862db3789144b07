"""Labels of a file, one a row, and what becomes of them on the way to `CrowdLabels`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ._annotations import CrowdLabels
from ._identifiers import pack
from ._pandas import import_pandas

# How many identifiers an error shows.
_MOST_SHOWN = 3


@dataclass(frozen=True)
class LabelTable:
    """Who said what about which item, as a file has it.

    Attributes
    ----------
    path : pathlib.Path
    frame : pandas.DataFrame
        Columns `item`, `annotator` and `label` of text, one row a label.
    place : callable
        From a value of the frame's index to words for where in the file the label is.
    skipped : dict of str to int
        Records that hold no label, counted by the reason.
    """

    path: Path
    frame: object
    place: Callable
    skipped: dict = field(default_factory=dict)

    @classmethod
    def from_records(cls, path, records, skipped):
        """A table of records that lie anywhere in a file.

        Parameters
        ----------
        path : pathlib.Path
        records : list of (str, str, str, str)
            Item, annotator, label, and words for the place.
        skipped : dict of str to int
        """
        pandas = import_pandas()
        names = ["item", "annotator", "label", "place"]
        frame = pandas.DataFrame(records, columns=names, dtype=object)
        places = frame.pop("place")
        return cls(path, frame, lambda row: f"{path}, {places[row]}", dict(skipped))

    def without_repeats(self, conflicts="error"):
        """The labels, at most one of an annotator for an item.

        Parameters
        ----------
        conflicts : {"error", "first", "last"}
            What to do where two of an annotator for an item differ: raise, or keep the
            one that comes first or last in the file. Where they are the same, one is
            kept whatever this says.

        Returns
        -------
        table : LabelTable
            Those that are left out are among its `skipped`.

        Raises
        ------
        ValueError
            If two labels differ and `conflicts` is "error".
        """
        pair = ["item", "annotator"]
        frame = self.frame
        keep = "last" if conflicts == "last" else "first"
        repeats = frame.duplicated(pair, keep=keep)
        if not repeats.any():
            return self
        kept = frame[~repeats].set_index(pair)["label"].rename("kept")
        chosen = frame[repeats].join(kept, on=pair)
        differ = chosen["label"] != chosen["kept"]
        if conflicts == "error" and differ.any():
            self._raise_conflict(chosen.index[differ][0], int(differ.sum()))
        counts = {
            "repeats of the same label": int((~differ).sum()),
            "labels that another of the same annotator replaces": int(differ.sum()),
        }
        skipped = self.skipped | {name: n for name, n in counts.items() if n}
        return LabelTable(self.path, frame[~repeats], self.place, skipped)

    def _raise_conflict(self, row, n_conflicts):
        frame = self.frame
        item, annotator, label = frame.loc[row, ["item", "annotator", "label"]]
        same = (frame["item"] == item) & (frame["annotator"] == annotator)
        first = same.idxmax()
        raise ValueError(
            f"Expected one label of the annotator {annotator!r} for the item {item!r}"
            f", got {frame.loc[first, 'label']!r} in {self.place(first)} and {label!r} "
            f"in {self.place(row)}; {n_conflicts} labels contradict an earlier one. "
            "Correct the file, or pass --conflicts first or --conflicts last."
        )


@dataclass(frozen=True)
class MatchedLabels:
    """Labels in the order of some items, and how many of either have no partner.

    Attributes
    ----------
    labels : CrowdLabels
    n_labels_left_out, n_items_left_out : int
        Labels of items that are not among those given, and these items.
    n_unlabelled : int
        Items without labels.
    """

    labels: CrowdLabels
    n_labels_left_out: int
    n_items_left_out: int
    n_unlabelled: int


def match_labels(table, ids, ids_path, *, classes=None, annotators=None):
    """Labels in the order of the items of features.

    Parameters
    ----------
    table : LabelTable
        Without repeats.
    ids : ndarray of shape (n_samples,), of str
        The items, distinct.
    ids_path : path-like
        The file that they are from, for errors.
    classes, annotators : ndarray of str, default=None
        Those that a model knows. None takes those of the table.

    Returns
    -------
    MatchedLabels

    Raises
    ------
    ValueError
        If no item has a label, or a label is of a class or an annotator that the model
        does not know.
    """
    known = _positions(table.frame["item"], ids) >= 0
    if not known.any():
        raise ValueError(
            f"Expected items of {table.path} among those of {ids_path}, got none: "
            f"labels are of {_examples(table.frame['item'])}, features of "
            f"{_examples(ids)}. Say which columns the items are in; they are compared "
            "as text."
        )
    frame = table.frame[known]
    for name, among in (("label", classes), ("annotator", annotators)):
        if among is not None:
            _check_known(table.path, frame[name], among)
    left_out = table.frame.loc[~known, "item"]
    labels = crowd_labels(frame, ids, classes=classes, annotators=annotators)
    return MatchedLabels(
        labels,
        len(left_out),
        left_out.nunique(),
        int((labels.labels_per_item == 0).sum()),
    )


def crowd_labels(frame, items=None, *, classes=None, annotators=None):
    """`CrowdLabels` of a frame with the columns item, annotator and label.

    Parameters
    ----------
    frame : pandas.DataFrame
        Without repeats; each value is among those given.
    items, classes, annotators : 1-D array of str, default=None
        In the order of the result; None takes those of the frame, sorted.

    Returns
    -------
    CrowdLabels
    """
    names, codes = {}, {}
    given = {"item": items, "annotator": annotators, "label": classes}
    for column, values in given.items():
        names[column], codes[column] = _encode(frame[column], values)
    # Numbers are sorted several times as fast as text.
    labels = CrowdLabels.from_long(
        codes,
        item="item",
        annotator="annotator",
        label="label",
        items=np.arange(len(names["item"])),
        classes=np.arange(len(names["label"])),
        annotators=np.arange(len(names["annotator"])),
    )
    return replace(
        labels,
        items=names["item"],
        annotators=names["annotator"],
        classes=names["label"],
    )


def _encode(values, given):
    """The names, as given or those of the values, and each value's position there."""
    if given is None:
        codes, names = import_pandas().factorize(values, sort=True)
        return pack(names.tolist()), codes
    return pack(list(given)), _positions(values, given)


def _positions(values, among):
    """Where each value is, -1 where it is not."""
    # As objects, which takes a fifth of the time of strings of Arrow.
    index = import_pandas().Index(among, dtype=object)
    return index.get_indexer(values.astype(object))


def _check_known(path, values, known):
    unknown = values[_positions(values, known) < 0]
    if len(unknown):
        raise ValueError(
            f"Expected each {values.name} in {path} to be one that the model was "
            f"fitted to, got {unknown.nunique()} others with {len(unknown)} labels, "
            f"such as {_examples(unknown)}. Leave these labels out, or fit again with "
            "them."
        )


def _examples(values):
    distinct = list(dict.fromkeys(np.asarray(values, dtype=object)[:1000]))
    shown = ", ".join(map(repr, distinct[:_MOST_SHOWN]))
    return f"{shown}, ..." if len(distinct) > _MOST_SHOWN else shown

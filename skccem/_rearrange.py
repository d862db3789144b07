"""Labels made of labels: some rows, other columns, other classes, several joined.

Each function takes `CrowdLabels` and returns new ones; the methods of the same purpose
document what they do.
"""

from dataclasses import replace

import numpy as np

from ._identifiers import (
    as_identifiers,
    check_classes,
    check_known,
    concatenate,
    positions_of,
    recode,
    sorted_unique,
)
from ._rows import gather_rows, row_pointers, rows_of_key, sort_pairs


def take_rows(labels, key):
    """The rows of an index."""
    rows = rows_of_key(key, labels.n_samples)
    if isinstance(rows, slice):
        ends = labels.indptr[rows.start : rows.stop + 1]
        taken = slice(ends[0], ends[-1])
        indptr = ends - ends[0]
    else:
        taken, counts = gather_rows(labels.indptr, rows)
        indptr = row_pointers(counts)
    return replace(
        labels,
        indptr=indptr,
        indices=labels.indices[taken],
        codes=labels.codes[taken],
        items=None if labels.items is None else labels.items[rows],
    )


def take_labels(labels, kept):
    """The labels that a mask of shape (n_labels,) keeps; all rows and columns stay."""
    counts = np.bincount(labels.row_indices()[kept], minlength=labels.n_samples)
    return replace(
        labels,
        indptr=row_pointers(counts),
        indices=labels.indices[kept],
        codes=labels.codes[kept],
    )


def take_annotators(labels, annotators):
    """The columns of some annotators, in their order."""
    annotators = as_identifiers(annotators, "annotators")
    if np.array_equal(annotators, labels.annotators):
        return labels
    check_known(
        annotators,
        positions_of(annotators, labels.annotators),
        "There is no annotator {}; choose from the attribute `annotators`.",
    )
    return _with_columns(labels, annotators)


def with_annotators(labels, annotators):
    """The same labels, in the columns of other annotators."""
    annotators = as_identifiers(annotators, "annotators")
    if np.array_equal(annotators, labels.annotators):
        return labels
    used = labels.annotators[labels.labels_per_annotator > 0]
    check_known(
        used,
        positions_of(used, annotators),
        "Labels of an annotator who is not in `annotators`: {}. Add them, or leave "
        "their labels out with select_annotators().",
    )
    return _with_columns(labels, annotators)


def with_classes(labels, classes):
    """The same labels, expressed in other classes."""
    classes = check_classes(classes)
    if np.array_equal(classes, labels.classes):
        return labels
    codes = recode(labels.codes, labels.classes, classes)
    return replace(labels, codes=codes, classes=classes)


def join_rows(parts):
    """The rows of a list of labels, one after the other, in the union of classes."""
    annotators = parts[0].annotators
    for number, part in enumerate(parts):
        if not np.array_equal(part.annotators, annotators):
            raise ValueError(
                "concat needs the same annotators in the same order, but those of "
                f"part {number} are unlike those of part 0; call "
                "align(annotators=...) on each part first."
            )
    named = [part.items for part in parts if part.items is not None]
    if len(named) not in (0, len(parts)):
        raise ValueError(
            "concat needs `items` in all of its parts or in none, got them in "
            f"{len(named)} of {len(parts)}."
        )
    classes = sorted_unique(concatenate([part.classes for part in parts]))
    parts = [with_classes(part, classes) for part in parts]
    counts = np.concatenate([part.labels_per_item for part in parts])
    return replace(
        parts[0],
        indptr=row_pointers(counts),
        indices=np.concatenate([part.indices for part in parts]),
        codes=np.concatenate([part.codes for part in parts]),
        classes=classes,
        items=concatenate(named) if named else None,
    )


def _with_columns(labels, annotators):
    """Labels of `annotators` alone, in the columns of their order."""
    columns = positions_of(labels.annotators, annotators)[labels.indices]
    (kept,) = np.nonzero(columns >= 0)
    rows, columns = labels.row_indices()[kept], columns[kept].astype(np.int32)
    order, _ = sort_pairs(rows, columns, len(annotators))
    return replace(
        labels,
        indptr=row_pointers(np.bincount(rows, minlength=labels.n_samples)),
        indices=columns[order],
        codes=labels.codes[kept[order]],
        annotators=annotators,
    )

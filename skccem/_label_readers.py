"""Read every form of crowd labels; the only place that knows what "missing" is.

A reader turns its input into plain arrays and leaves nothing out silently: what is
not a label is missing by a stated rule, and what could be either is an error. The
rules are in the docstring of `CrowdLabels.from_matrix`.
"""

import itertools
import numbers
from collections.abc import Mapping

import narwhals as nw
import numpy as np
from scipy import sparse

from ._identifiers import (
    as_identifiers,
    as_objects,
    blank_mask,
    concatenate,
    identify,
    is_blank,
    is_sequence,
    pack,
    plain_array,
    read_vector,
    shown,
    without_masks,
)
from ._rows import row_pointers, sort_pairs


class _MinusOne:
    """The default of `missing`; its repr is what signatures and the docs show."""

    def __repr__(self):
        return "<-1 in integers>"


MINUS_ONE = _MinusOne()


def read_matrix(Y, missing=MINUS_ONE, annotators=None):
    """Labels of a matrix of any form, one row an item, one column an annotator.

    Parameters
    ----------
    Y : array-like, sparse matrix or DataFrame of shape (n_samples, n_annotators)
    missing : scalar, optional
        The value that stands for a missing label, in place of the -1 of integers.
    annotators : array-like of shape (n_annotators,), optional
        Names of the columns.

    Returns
    -------
    indptr : ndarray of shape (n_samples + 1,), int64
    indices : ndarray of shape (n_labels,), int32
        The column of each label, increasing within a row.
    values : ndarray of shape (n_labels,)
        The labels themselves, row by row.
    annotators : ndarray of shape (n_annotators,)
        As given, else the column names of a DataFrame, else the column numbers.
    """
    frame = _as_frame(Y)
    if frame is not None:
        _check_matrix_shape(frame.shape, Y)
        if annotators is None:
            _check_not_long(frame.columns)
        labels, names = _read_frame(frame, missing), pack(frame.columns)
    elif sparse.issparse(Y):
        _check_matrix_shape(Y.shape, Y)
        labels, names = _read_sparse(Y, missing), np.arange(Y.shape[1])
    else:
        is_nested = isinstance(Y, (list, tuple))
        matrix, hidden = (_read_nested(Y), None) if is_nested else plain_array(Y)
        _check_matrix_shape(matrix.shape, Y)
        labels = _read_dense(matrix, hidden, missing)
        names = np.arange(matrix.shape[1])
    if annotators is None:
        return *labels, names
    annotators = as_identifiers(annotators, "annotators")
    if len(annotators) != len(names):
        raise ValueError(
            f"`annotators` must name each of the {len(names)} columns, got "
            f"{len(annotators)} names."
        )
    return *labels, annotators


def read_long(table, names, items=None, annotators=None, duplicates="error"):
    """Labels of a table with one row a label.

    Parameters
    ----------
    table : DataFrame (pandas, polars, pyarrow) or dict of 1-D array-likes
    names : sequence of three column names
        Those of the items, the annotators and the labels.
    items, annotators : 1-D array-like, optional
        The identifiers in the order of the rows and columns of the labels.
    duplicates : {"error", "first", "last"}
        What to do if an annotator labels an item more than once.

    Returns
    -------
    indptr, indices, values : ndarrays
        As those of `read_matrix`.
    items : ndarray of shape (n_samples,)
    annotators : ndarray of shape (n_annotators,)
    """
    if duplicates not in ("error", "first", "last"):
        raise ValueError(
            f'`duplicates` must be "error", "first" or "last", got {duplicates!r}.'
        )
    item_column, annotator_column, values = _read_columns(table, names)
    items, rows = identify(item_column, items, "items")
    annotators, columns = identify(annotator_column, annotators, "annotators")
    order, repeats = sort_pairs(rows, columns, len(annotators))
    if len(repeats) and duplicates == "error":
        twice = order[repeats[:1]]
        raise ValueError(
            f"The annotator {shown(annotators[columns[twice]])} labels the item "
            f"{shown(items[rows[twice]])} more than once ({len(repeats)} rows of "
            'the table are repeats); pass duplicates="first" or duplicates="last".'
        )
    order = np.delete(order, repeats - (duplicates == "last"))
    indptr = row_pointers(np.bincount(rows[order], minlength=len(items)))
    return indptr, columns[order].astype(np.int32), values[order], items, annotators


def missing_mask(values, missing, hidden=None):
    """True where `values` holds no label.

    Parameters
    ----------
    values : ndarray of any shape
    missing : scalar
        See `read_matrix`; None or NaN for no value beyond the blank ones.
    hidden : ndarray of the shape of `values`, bool, optional
        Entries that a masked array hides.
    """
    blank = blank_mask(values, hidden)
    if missing is MINUS_ONE:
        if values.dtype.kind == "i" and hidden is None:
            return blank | (values == -1)
        _check_no_minus_one(values, blank)
        return blank
    if is_sequence(missing) or isinstance(missing, (set, Mapping)):
        raise ValueError(
            f"`missing` must be one value, got {missing!r}; replace the other values "
            "by None or NaN."
        )
    if is_blank(missing):
        return blank
    if values.dtype.kind == "O":
        marked = (value == missing for value in values[~blank])
        blank[~blank] = np.fromiter(marked, dtype=bool)
        return blank
    is_text = isinstance(missing, (str, bytes))
    if values.size and is_text != (values.dtype.kind in "US"):
        raise ValueError(
            f"missing={missing!r} can't be among labels of the type {values.dtype};"
            " give a value of their type."
        )
    return blank | (values == missing)


def _check_no_minus_one(values, blank):
    """Raise where -1 may be a class or a missing label."""
    if values.dtype.kind not in "ifO":
        return
    labels = values[~blank]
    if values.dtype.kind == "O":
        labels = labels.tolist()
        numeric = all(isinstance(label, numbers.Number) for label in labels)
        found = numeric and -1 in labels
    else:
        found = (labels == -1).any()
    if found:
        raise ValueError(
            f"-1 among labels of the type {values.dtype} may be a missing label or a "
            "class: pass missing=-1 if it is missing, missing=None if it is a class, or"
            " give an integer array, in which -1 is missing."
        )


def _as_frame(table):
    """`table` as a narwhals DataFrame, or None if it is not a DataFrame."""
    try:
        frame = nw.from_native(table, eager_only=True, pass_through=True)
    except nw.exceptions.DuplicateError as error:
        raise ValueError(
            f"Column names must be distinct; rename the columns. {error}"
        ) from None
    return frame if isinstance(frame, nw.DataFrame) else None


def _read_dense(matrix, hidden, missing):
    present = ~missing_mask(matrix, missing, hidden)
    indptr = row_pointers(np.count_nonzero(present, axis=1))
    columns = np.arange(matrix.shape[1], dtype=np.int32)
    indices = np.broadcast_to(columns, matrix.shape)[present]
    return indptr, indices, matrix[present]


def _read_frame(frame, missing):
    rows, columns, values = [], [], []
    for column, series in enumerate(frame.iter_columns()):
        # A nullable column turns into its plain type once the nulls are gone.
        labels = series.drop_nulls().to_numpy()
        present = ~missing_mask(labels, missing)
        rows.append(np.flatnonzero(~series.is_null().to_numpy())[present])
        columns.append(np.full(len(rows[-1]), column, dtype=np.int32))
        values.append(labels[present])
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    order = np.argsort(rows, kind="stable")
    indptr = row_pointers(np.bincount(rows, minlength=len(frame)))
    return indptr, columns[order], concatenate(values)[order]


def _read_sparse(Y, missing):
    entries = Y.tocoo()
    padded = Y.format == "dia" or (Y.format == "bsr" and Y.blocksize != (1, 1))
    zeros = entries.nnz < Y.nnz or not entries.data.all()
    zero_is_missing = isinstance(missing, numbers.Number) and missing == 0
    if padded and zeros and not zero_is_missing:
        raise ValueError(
            f"The {Y.format.upper()} format pads with zeros, which may be missing "
            "labels or the class 0: pass missing=0 if they are missing, or convert the "
            "labels to CSR, in which every stored entry is a label."
        )
    present = ~missing_mask(entries.data, missing)
    rows, columns = entries.row[present], entries.col[present]
    order, repeats = sort_pairs(rows, columns, Y.shape[1])
    if len(repeats):
        first = order[repeats[0]]
        raise ValueError(
            f"The sparse matrix stores row {rows[first]}, column {columns[first]} more "
            "than once; keep one label of an annotator for an item."
        )
    indptr = row_pointers(np.bincount(rows, minlength=Y.shape[0]))
    return indptr, columns[order].astype(np.int32), entries.data[present][order]


def _read_nested(rows):
    """Nested lists as an array; unlike types stay apart, as np.array would not do."""
    if not all(map(is_sequence, rows)):
        return np.empty(len(rows), dtype=object)
    width = len(rows[0]) if rows else 0
    for number, row in enumerate(rows):
        if len(row) != width:
            raise ValueError(
                f"Rows must have equal lengths: row 0 has {width} entries, row {number}"
                f" has {len(row)}. Fill the gaps with None, or use "
                "CrowdLabels.from_long for a table of records."
            )
    flat = without_masks(itertools.chain.from_iterable(rows))
    if any(map(is_sequence, flat)):
        return np.empty((len(rows), width, 0), dtype=object)
    booleans = [isinstance(value, (bool, np.bool_)) for value in flat]
    # NumPy takes True next to -1 for the integer 1, and -1 for missing then.
    mixed = any(booleans) and not all(booleans)
    return (as_objects(flat) if mixed else pack(flat)).reshape(len(rows), width)


def _read_columns(table, names):
    """The named columns of a long table, each complete and of equal length."""
    frame = _as_frame(table)
    if frame is None and not isinstance(table, Mapping):
        raise TypeError(
            "A long table is a DataFrame (pandas, polars or pyarrow) or a dict of "
            f"columns, got {type(table).__name__}. Collect a lazy frame first; for "
            "one row an item and one column an annotator use CrowdLabels.from_matrix."
        )
    got = list(table) if frame is None else frame.columns
    absent = [name for name in names if name not in got]
    if absent:
        raise ValueError(
            f"The long table lacks the column {absent[0]!r}; it has the columns {got}. "
            "Say which to use with item=, annotator= and label=."
        )
    columns = [
        _read_column(table[name] if frame is None else frame.get_column(name), name)
        for name in names
    ]
    if len({len(column) for column in columns}) > 1:
        sizes = {name: len(column) for name, column in zip(names, columns, strict=True)}
        raise ValueError(f"The columns must have equal lengths, got {sizes}.")
    return columns


def _read_column(column, name):
    """A column of a long table, complete: each of its rows is a label."""
    values, blank = read_vector(column, f"The column {name!r}")
    if blank.any():
        raise ValueError(
            f"The column {name!r} holds no value in {blank.sum()} of {len(blank)} rows,"
            f" the first is row {blank.argmax()}. In a long table each row is a label: "
            "drop these rows, and give items= to keep items that have no label."
        )
    return values


def _check_not_long(columns):
    """Raise if the columns are those of the records that crowd-kit works on."""
    # As a matrix it would have three annotators, and nothing would look wrong.
    if sorted(map(str, columns)) == ["label", "task", "worker"]:
        raise ValueError(
            "Expected one row an item and one column an annotator, got a DataFrame "
            f"with the columns {list(columns)}, which looks like one row a label. Use "
            "CrowdLabels.from_long(Y, items=...), with items= in the order of the rows "
            "of X. If these are three annotators, name them by "
            "CrowdLabels.from_matrix(Y, annotators=[...])."
        )


def _check_matrix_shape(shape, Y):
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(
            "Labels must be a matrix of shape (n_samples, n_annotators) with at least "
            f"one column, got {type(Y).__name__} of shape {tuple(shape)}. Reshape the "
            "labels of one annotator with Y.reshape(-1, 1), or use "
            "CrowdLabels.from_long for a table of records."
        )

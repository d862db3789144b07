"""Compressed rows: pointers to the entries of each row, and what rows an index means.

Entries are those from ``indptr[i]`` to ``indptr[i + 1]`` for row i, as in SciPy's CSR.
"""

import numpy as np
from scipy import sparse

# Entries, and rows, of a block whose class probabilities stay in the processor's cache,
# large enough for NumPy to be fast.
_BLOCK_SIZE = 2**16


def row_pointers(counts):
    """Row pointers, int64 of shape (n_rows + 1,), of rows with so many entries."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def row_blocks(indptr, size=None):
    """Slices that cut rows into blocks, in order, so that no array need be of all rows.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,)
        Row pointers.
    size : int, optional
        Most entries of a block, and most rows. Only a single row may have more entries.
        None is as many as stay in the cache with a few numbers each.

    Yields
    ------
    slice
        With start and stop.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem._rows import row_blocks
    >>> list(row_blocks(np.array([0, 2, 2, 5]), 4))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    size = _BLOCK_SIZE if size is None else size
    start, n_rows = 0, len(indptr) - 1
    while start < n_rows:
        end = min(int(indptr[start]) + size, int(indptr[-1]))
        # A number of another type would have the whole array converted.
        end = indptr.dtype.type(end)
        fitting = int(np.searchsorted(indptr, end, side="right")) - 1
        stop = min(max(fitting, start + 1), start + size, n_rows)
        yield slice(start, stop)
        start = stop


def rows_of_csr(matrix, block):
    """Consecutive rows of a CSR matrix that share its memory.

    Parameters
    ----------
    matrix : sparse array of shape (n_rows, n_columns)
    block : slice
        With start and stop.

    Returns
    -------
    csr_array of shape (n_rows_of_block, n_columns)
    """
    ends = matrix.indptr[block.start : block.stop + 1]
    entries = slice(ends[0], ends[-1])
    # SciPy copies what it slices, and what its constructor gets of a larger array.
    rows = sparse.csr_array((len(ends) - 1, matrix.shape[1]), dtype=matrix.dtype)
    rows.data, rows.indices = matrix.data[entries], matrix.indices[entries]
    rows.indptr = ends - ends[0]
    return rows


def gather_rows(indptr, rows):
    """Where the entries of some rows are.

    Parameters
    ----------
    indptr : ndarray of shape (n_samples + 1,)
        Row pointers, as in `CrowdLabels.indptr`.
    rows : ndarray of shape (n_rows,)
        Row numbers from 0 to n_samples - 1, in any order, also repeated.

    Returns
    -------
    positions : ndarray of shape (n_labels_of_rows,)
        Positions in the label arrays, row by row in the order of `rows`.
    counts : ndarray of shape (n_rows,)
        The number of labels of each row.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem._rows import gather_rows
    >>> gather_rows(np.array([0, 2, 2, 5]), np.array([2, 0]))
    (array([2, 3, 4, 0, 1]), array([3, 2]))
    """
    starts = indptr[rows]
    counts = indptr[1:][rows] - starts
    ends = np.cumsum(counts)
    shifts = np.repeat(starts - (ends - counts), counts)
    return np.arange(len(shifts)) + shifts, counts


def sort_pairs(rows, columns, n_columns):
    """Order of (row, column) pairs by row, then column, equal pairs as they came.

    Returns
    -------
    order : ndarray of shape (n_pairs,)
    repeats : ndarray
        Where, in that order, a pair equals the one before it.
    """
    keys = rows.astype(np.int64) * n_columns + columns
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    return order, np.flatnonzero(keys[1:] == keys[:-1]) + 1


def rows_of_key(key, n_rows):
    """The rows of an index, as a slice if they are consecutive, else as an array.

    A slice takes no memory, and neither do the rows that it selects.

    Parameters
    ----------
    key : int, slice, array-like of int or bool, or a tuple of one of these and ``:``
    n_rows : int

    Returns
    -------
    rows : slice with start and stop, or ndarray of shape (n_selected,)

    Raises
    ------
    IndexError
        If `key` selects columns, or rows that are not there.
    """
    if isinstance(key, tuple):
        if len(key) not in (1, 2) or not all(map(_is_all, key[1:])):
            raise IndexError(
                f"CrowdLabels are indexed by rows, labels[rows], got {key!r}; use "
                "select_annotators() for columns."
            )
        key = key[0]
    if isinstance(key, slice):
        start, stop, step = key.indices(n_rows)
        if step == 1:
            return slice(start, max(start, stop))
    rows = np.atleast_1d(np.arange(n_rows)[key])
    if rows.ndim != 1:
        raise IndexError(
            "CrowdLabels are indexed by one row or a 1-D array of rows, got an index "
            f"of {rows.ndim} dimensions; flatten it."
        )
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and np.all(np.diff(rows) == 1):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _is_all(key):
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))

"""Files of features: one row an item, known by an identifier."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._json_text import short
from ._pandas import import_pandas
from ._table_files import read_table, read_text, table_kind, text_column

# What an entry of a column may be, to be read as a number.
_PLAIN = (str, int, float, np.number, np.bool_)

# Entries of an array that are looked at together.
_BLOCK_ENTRIES = 2**22


@dataclass(frozen=True)
class Features:
    """Features of items, in the order of the file.

    Attributes
    ----------
    path : pathlib.Path
    ids : ndarray of shape (n_samples,), of str objects
        Distinct.
    names : list of str, or None
        The columns; None where the file has no names for them.
    values : ndarray of shape (n_samples, n_features), float32
        Float64 where a `.npy` file has that.
    """

    path: Path
    ids: np.ndarray
    names: list | None
    values: np.ndarray


@dataclass(frozen=True)
class FeatureSource:
    """A file of features, and how to read it.

    Parameters
    ----------
    path : path-like
        CSV or Parquet, with a column of identifiers and else numbers, or `.npy`.
    id : str, default="task"
        The column of identifiers. None is for a model to fill in.
    ids_path : path-like, default=None
        Of `.npy`, and of nothing else: a text file with the identifier of each row, in
        their order, one a line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skccem._feature_files import FeatureSource
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "features.csv"
    ...     size = path.write_text("task,width,height\\n007,1.5,2\\n008,3,4\\n")
    ...     features = FeatureSource(path).read()
    >>> features.ids.tolist(), features.names
    (['007', '008'], ['width', 'height'])
    >>> features.values
    array([[1.5, 2. ],
           [3. , 4. ]], dtype=float32)
    """

    path: Path
    id: str | None = "task"
    ids_path: Path | None = None

    def read(self):
        """The features.

        Returns
        -------
        Features

        Raises
        ------
        ValueError
            If an identifier is missing or occurs twice, or something is not a finite
            number.
        OSError
            If a file cannot be read.
        """
        path = Path(self.path)
        kind = table_kind(path)
        if kind == "npy":
            return _read_array(path, self.ids_path)
        if self.ids_path is not None:
            raise ValueError(
                f"Expected --ids with a .npy file alone, got {self.ids_path} with "
                f"{path}. Leave it out; the column of identifiers is named by --id."
            )
        if kind in ("json", "jsonl"):
            raise ValueError(
                f"Expected features in CSV, Parquet or .npy, got {path}. Convert it."
            )
        return _read_columns(path, kind, self.id)


def in_order(features, names):
    """Features in the columns of a model.

    Parameters
    ----------
    features : Features
    names : list of str, or None
        The columns that the model was fitted to.

    Returns
    -------
    features : Features
        With these columns, in this order.
    ignored : list of str
        Columns that the model does not know.

    Raises
    ------
    ValueError
        If a column is absent, or one has names and the other has not.
    """
    if (names is None) != (features.names is None):
        has = ["columns without names (.npy)", "columns with names"]
        raise ValueError(
            f"Expected {has[names is not None]} in {features.path}, as the model was "
            f"fitted to, got {has[features.names is not None]}. Give features of the "
            "same kind of file."
        )
    if names is None or names == features.names:
        return features, []
    place = {name: position for position, name in enumerate(features.names)}
    absent = [name for name in names if name not in place]
    if absent:
        raise ValueError(
            f"Expected the column {absent[0]!r} in {features.path}, which the model "
            f"was fitted to, got none, and {len(absent)} absent in all. Give the same "
            "columns; their order does not matter."
        )
    positions, known = [place[name] for name in names], set(names)
    ignored = [name for name in features.names if name not in known]
    values = features.values[:, positions]
    return Features(features.path, features.ids, names, values), ignored


def _read_columns(path, kind, id):
    table = read_table(path, kind)
    ids = text_column(table, id, "--id")
    _check_distinct(ids, lambda row: table.place(row, id))
    names = [name for name in table.frame.columns if name != id]
    if not names:
        raise ValueError(
            f"Expected columns of numbers beside {id!r} in {path}, got none. Add the "
            "features."
        )
    values = np.empty((len(ids), len(names)), dtype=np.float32)
    for column, name in enumerate(names):
        values[:, column] = _numbers(table, name)
    return Features(path, ids.to_numpy(dtype=object), names, values)


def _numbers(table, name):
    """A column as finite numbers."""
    pandas = import_pandas()
    column = table.frame[name]
    plain = column
    if column.dtype == object:
        # Lists, for instance, are refused below.
        plain = column.where(column.map(lambda value: isinstance(value, _PLAIN)))
    with np.errstate(over="ignore"):
        numbers = pandas.to_numeric(plain, errors="coerce").astype(np.float32)
    # Dates would pass as nanoseconds, so only what is read as text may be converted.
    right = np.isfinite(numbers.to_numpy(dtype=np.float32, na_value=np.nan))
    right &= column.dtype.kind in "iufbO"
    if not right.all():
        row = column.index[right.argmin()]
        value = column[row]
        missing = column.isna()[row] or (isinstance(value, str) and not value.strip())
        raise ValueError(
            f"Expected a finite number in {table.place(row, name)}, got "
            f"{'none' if missing else short(value)}, and in "
            f"{len(right) - right.sum()} of {len(right)} rows in all. Complete the "
            "column, turn it into numbers, or leave it out."
        )
    return numbers


def _read_array(path, ids_path):
    if ids_path is None:
        raise ValueError(
            f"Expected the identifiers of the rows of {path}, got none. Write them to "
            "a text file in the order of the rows, one a line, and pass it with --ids."
        )
    values = _open_array(path)
    if values.ndim != 2 or values.dtype.kind not in "iufb" or not values.size:
        raise ValueError(
            f"Expected numbers of shape (n_items, n_features) in {path}, got "
            f"{values.dtype} of shape {values.shape}. Save it by numpy.save, as "
            "float32."
        )
    ids = _read_ids(Path(ids_path), len(values), path)
    if values.dtype not in (np.float32, np.float64):
        # A number too large for float32 becomes infinite, which is refused below.
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
    step = max(1, _BLOCK_ENTRIES // values.shape[1])
    for start in range(0, len(values), step):
        finite = np.isfinite(values[start : start + step])
        if not finite.all():
            row, column = np.argwhere(~finite)[0] + (start, 0)
            raise ValueError(
                f"Expected finite numbers in {path}, got {values[row, column]} in row "
                f"{row}, column {column}, counted from 0. Complete the features."
            )
    return Features(path, ids, None, values)


def _open_array(path):
    with open(path, "rb") as file:
        start = file.read(len(np.lib.format.MAGIC_PREFIX))
    try:
        # NumPy would take archives and pickles as well.
        if start != np.lib.format.MAGIC_PREFIX:
            raise ValueError("something else")
        # Read where it lies: it may be larger than memory.
        return np.load(path, mmap_mode="r", allow_pickle=False)
    # A broken header makes the parser of Python raise nearly anything.
    except Exception as error:
        raise ValueError(
            f"Expected an array of numbers in {path}, got: {error}. Save it by "
            "numpy.save, as float32."
        ) from None


def _read_ids(path, n_rows, array_path):
    lines = read_text(path).replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) != n_rows:
        raise ValueError(
            f"Expected {n_rows} identifiers in {path}, one for each row of "
            f"{array_path}, got {len(lines)} lines. Write one a line, in the order of "
            "the rows."
        )
    ids = import_pandas().Series(lines, index=range(1, n_rows + 1), dtype=object)
    blank = ids.str.strip() == ""
    if blank.any():
        raise ValueError(
            f"Expected an identifier in {path}, line {blank.idxmax()}, got none. Write "
            "one a line."
        )
    _check_distinct(ids, lambda line: f"{path}, line {line}")
    return ids.to_numpy(dtype=object)


def _check_distinct(ids, place):
    repeats = ids.duplicated()
    if repeats.any():
        second = repeats.idxmax()
        first = (ids == ids[second]).idxmax()
        raise ValueError(
            f"Expected one row an item, got {ids[second]!r} in {place(first)} and in "
            f"{place(second)}; {repeats.sum()} rows repeat an identifier. Leave one of "
            "each."
        )

"""Tables in CSV, Parquet and JSON lines, with text as it is in the file.

Identifiers and classes are text whatever the file: "007" is not 7, and the integer 7 of
a Parquet or JSON file is "7". Errors name the file, the row and the column.
"""

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._json_text import parse_json, short
from ._pandas import import_pandas

# Bytes that are looked at to tell what a file holds.
_PEEK = 4096


@dataclass(frozen=True)
class Table:
    """Columns of a file, and where in it each row is.

    Attributes
    ----------
    path : pathlib.Path
    frame : pandas.DataFrame
        Indexed by the numbers of the rows, from 1.
    unit : str
        What the numbers count, "row" or "line".
    """

    path: Path
    frame: object
    unit: str

    def place(self, number, column=None):
        """Words for a row, or for a value in it."""
        at = f"{self.path}, {self.unit} {number}"
        return at if column is None else f"{at}, column {column!r}"


def table_kind(path):
    """ "csv", "tsv", "parquet", "jsonl", "json" or "npy", by suffix and content.

    Examples
    --------
    >>> from skccem._table_files import table_kind
    >>> table_kind("labels.parquet")
    'parquet'
    """
    path = Path(path)
    suffix = path.suffix.lower().lstrip(".")
    known = {"ndjson": "jsonl", "pq": "parquet"}
    suffix = known.get(suffix, suffix)
    if suffix in ("csv", "tsv", "parquet", "jsonl", "json", "npy"):
        return suffix
    with open(path, "rb") as file:
        start = file.read(_PEEK)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return {b"[": "json", b"{": "jsonl"}.get(text[:1], "csv")


def read_table(path, kind=None):
    """A table with all columns as they are in the file; those of CSV are text.

    Parameters
    ----------
    path : path-like
    kind : {"csv", "tsv", "parquet", "jsonl"}, default=None
        None is what `table_kind` says.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the file is empty, of no kind that is read, not of its kind, not UTF-8, or
        has rows of unequal length or two columns of one name.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    kind = table_kind(path) if kind is None else kind
    if kind in ("json", "npy"):
        raise ValueError(
            f"Expected a table in CSV, Parquet or JSON lines, got {path}, which is "
            f"{kind}. Write one row, or one object a line, for each record."
        )
    if kind == "parquet":
        table = _read_parquet(path)
    elif kind == "jsonl":
        table = _read_json_lines(path)
    else:
        table = _read_csv(path, "\t" if kind == "tsv" else ",")
    if not len(table.frame):
        raise ValueError(f"Expected rows in {path}, got none below the header.")
    return table


def read_text(path):
    """The text of a UTF-8 file, without a byte order mark.

    Raises
    ------
    ValueError
        If it is not UTF-8, with the line where it is not.
    """
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"Expected UTF-8 in {path}, got the byte 0x{content[error.start]:02x} in "
            f"line {line}. Save the file again with the encoding UTF-8."
        ) from None


def json_records(path):
    """The objects of a file of JSON lines, with the numbers of their lines.

    Yields
    ------
    number : int
        From 1.
    record : dict

    Raises
    ------
    ValueError
        If a line is not a JSON object.
    """
    # Not splitlines: it also breaks lines at characters that JSON leaves as they are.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except ValueError as error:
            raise ValueError(
                f"Expected a JSON object in {path}, line {number}, got {line[:40]!r}: "
                f"{error}. Write one object a line."
            ) from None
        if not isinstance(record, dict):
            raise ValueError(
                f"Expected a JSON object in {path}, line {number}, got {line[:40]!r}. "
                "Write one object a line."
            )
        yield number, record


def text_column(table, column, option):
    """A column of identifiers or classes as text, without missing values.

    Parameters
    ----------
    table : Table
    column : str
    option : str
        The option that names the column, for errors.

    Returns
    -------
    pandas.Series of str

    Raises
    ------
    ValueError
        If the column is absent, a value is missing, or not text, an integer or a
        boolean.
    """
    if column not in table.frame.columns:
        raise ValueError(
            f"Expected the column {column!r} in {table.path}, got the columns "
            f"{_shown(table.frame.columns)}. Say which it is with {option}."
        )
    values = table.frame[column]
    if values.dtype == object:
        values = values.map(plain_text, na_action="ignore")
        wrong = values.index[values.map(lambda value: value is NotImplemented)]
    else:
        wrong = [] if values.dtype.kind in "iubO" else values.index
    if len(wrong):
        number = wrong[0]
        raise ValueError(
            f"Expected text or integers in {table.place(number, column)}, got "
            f"{short(table.frame[column][number])}. Identifiers and classes are "
            "compared as text: write fractions, lists and dates as text."
        )
    missing = values.isna() | (values.astype(str).str.strip() == "")
    if missing.any():
        number = missing.idxmax()
        raise ValueError(
            f"Expected a value in {table.place(number, column)}, got none, and in "
            f"{missing.sum()} {table.unit}s in all. Leave these {table.unit}s out, or "
            "complete them."
        )
    if values.dtype == bool:
        values = values.map({True: "true", False: "false"})
    return values.astype(str)


def plain_text(value):
    """A value of JSON as text; NotImplemented if only text would do.

    Examples
    --------
    >>> from skccem._table_files import plain_text
    >>> plain_text("007"), plain_text(7), plain_text(True)
    ('007', '7', 'true')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(value)
    return NotImplemented


def _read_csv(path, delimiter):
    pandas = import_pandas()
    text = read_text(path)
    try:
        # The header is read as a row: pandas would rename its repeated names, and take
        # the first column for an index where rows have one field more.
        rows = pandas.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except pandas.errors.EmptyDataError:
        raise ValueError(
            f"Expected a header and rows in {path}, got an empty file."
        ) from None
    except pandas.errors.ParserError as error:
        raise ValueError(
            f"Expected rows of the length of the header in {path}, got: {error}."
        ) from None
    names = rows.iloc[0].tolist()
    _check_names(path, names)
    frame = rows.iloc[1:].set_axis(names, axis=1)
    # Rows of nothing, as blank lines are, hold no data, but count in the numbers.
    return Table(path, frame[(frame != "").any(axis=1)], "row")


def _read_parquet(path):
    from pyarrow import parquet

    with open(path, "rb") as file:
        try:
            table = parquet.ParquetFile(file).read()
            # What it does not look at is trusted by compiled code.
            table.validate(full=True)
            names = table.column_names
            columns = [_arrow_column(column) for column in table.columns]
        # Broken bytes make it raise nearly anything, OSError too.
        except Exception as error:
            raise ValueError(
                f"Expected a Parquet file in {path}, got: {error}. Write it again."
            ) from None
    _check_names(path, names)
    # The columns alone: pandas would take one of them for the index if told to.
    columns = dict(zip(names, columns, strict=True))
    pandas = import_pandas()
    numbers = pandas.RangeIndex(1, len(table) + 1)
    return Table(path, pandas.DataFrame(columns).set_axis(numbers), "row")


def _arrow_column(column):
    import pyarrow

    types = pyarrow.types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    # With missing values pandas would turn integers into floats.
    if types.is_integer(column.type) and column.null_count:
        return import_pandas().Series(column.to_pylist(), dtype=object)
    return column.to_pandas()


def _read_json_lines(path):
    numbers, records = [], []
    for number, record in json_records(path):
        numbers.append(number)
        records.append(record)
    pandas = import_pandas()
    # As objects, so that an integer next to a missing value stays one.
    names = dict.fromkeys(name for record in records for name in record)
    columns = {
        name: pandas.Series([record.get(name) for record in records], dtype=object)
        for name in names
    }
    frame = pandas.DataFrame(columns, index=pandas.RangeIndex(len(records)))
    return Table(path, frame.set_axis(numbers), "line")


def _check_names(path, names):
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"Expected columns of distinct names in {path}, got {repeated[0]!r} more "
            "than once. Rename one of them."
        )


def _shown(names, most=12):
    names = list(names)
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

"""Files of labels: which format they have, and one way to read them all."""

from dataclasses import dataclass
from pathlib import Path

from ._json_text import parse_json
from ._label_studio import (
    is_label_studio,
    is_label_studio_min,
    read_label_studio,
    read_label_studio_min,
)
from ._label_table import LabelTable
from ._pandas import import_pandas
from ._prodigy import is_prodigy, read_prodigy
from ._table_files import json_records, read_table, read_text, table_kind, text_column

LABEL_FORMATS = (
    "csv",
    "tsv",
    "parquet",
    "jsonl",
    "label-studio",
    "label-studio-min",
    "prodigy",
)


@dataclass(frozen=True)
class LabelSource:
    """A file of labels, and how to read it.

    Parameters
    ----------
    path : path-like
    format : str, default=None
        One of `LABEL_FORMATS`; None guesses by suffix and content.
    item, annotator, label : str, default=None
        The columns or fields; None are those of crowd-kit in tables, "task", "worker"
        and "label", and in exports of annotation tools their own.
    conflicts : {"error", "first", "last"}, default="error"
        As in `LabelTable.without_repeats`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skccem._label_files import LabelSource
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     size = path.write_text("task,worker,label\\n007,Ann,yes\\n007,Ben,no\\n")
    ...     LabelSource(path).read().frame
      item annotator label
    1  007       Ann   yes
    2  007       Ben    no
    """

    path: Path
    format: str | None = None
    item: str | None = None
    annotator: str | None = None
    label: str | None = None
    conflicts: str = "error"

    def read(self):
        """The labels, without repeats.

        Returns
        -------
        LabelTable

        Raises
        ------
        ValueError
            If the file is not of its format, lacks values, or contradicts itself.
        OSError
            If it cannot be read.
        """
        path = Path(self.path)
        format = self.format or guess_label_format(path)
        fields = {
            "item": self.item,
            "annotator": self.annotator,
            "label": self.label,
        }
        if format == "prodigy":
            table = read_prodigy(path, **fields)
        elif format == "label-studio":
            table = read_label_studio(path, _read_list(path), **fields)
        elif format == "label-studio-min":
            table = read_label_studio_min(path, _read_list(path), **fields)
        else:
            table = _read_long(path, format, **fields)
        return table.without_repeats(self.conflicts)


def guess_label_format(path):
    """The format of a file of labels, by its suffix and then its content.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    format : str
        One of `LABEL_FORMATS`.

    Raises
    ------
    ValueError
        If it has none of them.
    """
    kind = table_kind(path)
    if kind == "jsonl":
        first = next((record for _, record in json_records(path)), {})
        return "prodigy" if is_prodigy(first) else "jsonl"
    if kind == "json":
        records = _read_list(path)
        if is_label_studio(records):
            return "label-studio"
        if is_label_studio_min(records):
            return "label-studio-min"
    elif kind != "npy":
        return kind
    raise ValueError(
        f"Expected labels in {path}, got a {kind} file that is no export of Label "
        f"Studio. Give one of the formats {', '.join(LABEL_FORMATS)}, with --format if "
        "the name of the file does not say which."
    )


def _read_long(path, kind, *, item, annotator, label):
    """A table with one row a label."""
    table = read_table(path, kind)
    columns = {
        "item": text_column(table, item or "task", "--item"),
        "annotator": text_column(table, annotator or "worker", "--annotator"),
        "label": text_column(table, label or "label", "--label"),
    }
    return LabelTable(path, import_pandas().DataFrame(columns), table.place)


def _read_list(path):
    text = read_text(path)
    try:
        records = parse_json(text)
    except ValueError as error:
        raise ValueError(
            f"Expected JSON in {path}, got: {error}. Export the file again; for one "
            "object a line pass --format jsonl or --format prodigy."
        ) from None
    if not isinstance(records, list) or not all(
        isinstance(record, dict) for record in records
    ):
        raise ValueError(
            f"Expected a list of objects in {path}, got {type(records).__name__}. "
            "Export all tasks of the project."
        )
    return records

"""Tables that commands write, and how right they are where the truth is known."""

import json
from pathlib import Path

import numpy as np

from ._atomic import check_writable
from ._pandas import import_pandas
from ._table_files import read_table, text_column

RESULT_SUFFIXES = (".csv", ".parquet", ".jsonl")


def class_table(id_name, ids, classes, labels, proba, *, all_classes):
    """A row an item: its class and how probable that is.

    Parameters
    ----------
    id_name : str
        Name of the first column.
    ids : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
    labels : ndarray of shape (n_samples,)
        The class of each item.
    proba : ndarray of shape (n_samples, n_classes)
    all_classes : bool
        Whether there is also a column ``p(class)`` for each class.

    Returns
    -------
    pandas.DataFrame
        Columns `id_name`, `label` and `probability`, then those of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem._result_files import class_table
    >>> classes, proba = np.array(["no", "yes"]), np.array([[0.25, 0.75]])
    >>> class_table("task", ["007"], classes, ["yes"], proba, all_classes=True)
      task label  probability  p(no)  p(yes)
    0  007   yes         0.75   0.25    0.75
    """
    codes = np.searchsorted(classes, labels)
    columns = {
        id_name: ids,
        "label": labels,
        "probability": proba[np.arange(len(proba)), codes],
    }
    if all_classes:
        columns |= {
            f"p({name})": column for name, column in zip(classes, proba.T, strict=True)
        }
    return import_pandas().DataFrame(columns)


def table_writer(frame):
    """A callable that writes a table to a path, in the format of its suffix.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    callable
        For `write_files`.
    """

    def write(path):
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            frame.to_parquet(path, index=False)
        elif suffix == ".jsonl":
            # That of pandas has 15 digits at most.
            records = frame.to_dict("records")
            lines = (json.dumps(record, ensure_ascii=False) for record in records)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        else:
            frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")

    return write


def check_result_path(path, id_name):
    """Raise if a table of classes cannot be written, before there is one.

    Parameters
    ----------
    path : path-like
    id_name : str
        As in `class_table`.

    Raises
    ------
    ValueError
        If the suffix is that of no format, or the identifiers would have the name of
        another column.
    OSError
        If the path is not to be written to.
    """
    if id_name in ("label", "probability"):
        raise ValueError(
            f"Expected identifiers in a column of another name than {id_name!r}, which "
            "results have too. Rename the column."
        )
    if Path(path).suffix.lower() not in RESULT_SUFFIXES:
        raise ValueError(
            f"Expected a file to write with the suffix {', '.join(RESULT_SUFFIXES)}, "
            f"got {path}. The suffix says the format."
        )
    check_writable(path)


def accuracy_by_truth(truth_path, id_name, ids, labels):
    """How often classes are the true ones, of the items whose truth is known.

    Parameters
    ----------
    truth_path : path-like
        A table with the columns `id_name` and `label`.
    id_name : str
    ids, labels : ndarrays of shape (n_samples,)
        The items, and their classes.

    Returns
    -------
    dict
        With `accuracy`, and with `items_with_truth`, how many of the items it is of.

    Raises
    ------
    ValueError
        If none of the items is in the table, or one is there twice.
    """
    true = read_truth(truth_path, id_name, ids)
    known = np.array([label is not None for label in true])
    right = true[known] == np.asarray(labels)[known]
    return {"accuracy": float(right.mean()), "items_with_truth": int(known.sum())}


def read_truth(truth_path, id_name, ids):
    """The true classes of items, as far as a table has them.

    Parameters
    ----------
    truth_path : path-like
        A table with the columns `id_name` and `label`.
    id_name : str
    ids : ndarray of shape (n_samples,)
        The items.

    Returns
    -------
    object ndarray of shape (n_samples,)
        Of text, None where the class is not known.

    Raises
    ------
    ValueError
        If none of the items is in the table, or one is there twice.
    """
    table = read_table(truth_path)
    names = text_column(table, id_name, "--item or --id")
    repeats = names.duplicated()
    if repeats.any():
        raise ValueError(
            f"Expected one true class an item, got {names[repeats.idxmax()]!r} again "
            f"in {table.place(repeats.idxmax(), id_name)}. Leave one of each."
        )
    truth = import_pandas().Series(
        text_column(table, "label", "the header").to_numpy(), index=names
    )
    true = truth.reindex(ids)
    known = true.notna().to_numpy()
    if not known.any():
        raise ValueError(
            f"Expected items of the labels or features in {truth_path}, got none of "
            f"them, but {names.iloc[0]!r} and others. They are compared as text."
        )
    return np.where(known, true.to_numpy(dtype=object), None)

"""Files of a simulated crowd: labels, features and truth."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ._atomic import check_writable, write_files
from ._pandas import import_pandas
from ._random_state import random_generator
from ._result_files import table_writer
from .simulation import make_confusion_matrices, make_crowd_labels

_NAMES = {
    "labels": "labels.csv",
    "features": "features.parquet",
    "truth": "truth.csv",
    "new_features": "new_features.parquet",
    "new_truth": "new_truth.csv",
    "matrices": "matrices.csv",
}

# Of the classes' centres, in standard deviations of the items about them.
_SEPARATION = 1.5


def simulated_paths(directory):
    """The files that `simulate_files` writes, by name."""
    return {key: Path(directory) / name for key, name in _NAMES.items()}


def simulate_files(
    directory,
    *,
    dataset="blobs",
    n_items=1000,
    n_new=500,
    n_annotators=10,
    n_classes=3,
    n_features=5,
    kind="mixed",
    labels_per_item=2,
    seed=0,
):
    """Write labels, features and truth of a crowd that is drawn.

    Parameters
    ----------
    directory : path-like
    dataset : {"blobs", "digits"}, default="blobs"
        Normally distributed clouds, one a class, or the digits of scikit-learn, of
        which there are 1797, with 10 classes and 64 features.
    n_items, n_new : int
        Items with labels, and further ones without.
    n_annotators : int
    n_classes, n_features : int
        Of blobs.
    kind : str
        Of the annotators, as in `make_confusion_matrices`.
    labels_per_item : int
    seed : int

    Returns
    -------
    dict
        How many of what there are.

    Raises
    ------
    ValueError
        If there are too few digits, or numbers are out of range.

    Examples
    --------
    >>> import tempfile
    >>> from skccem._simulated_files import simulate_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     simulate_files(folder, n_items=100, n_new=10)["labels"]
    200
    """
    paths = simulated_paths(directory)
    for path in paths.values():
        check_writable(path)
    X, y, names, n_classes = (
        _digits(n_items, n_new, seed)
        if dataset == "digits"
        else _blobs(n_items + n_new, n_classes, n_features, seed)
    )
    matrices = make_confusion_matrices(
        n_annotators, n_classes, kind=kind, random_state=seed
    )
    labels = make_crowd_labels(
        y[:n_items], matrices, labels_per_item=labels_per_item, random_state=seed
    )
    # Leading zeros: names that a reader of numbers would change.
    width = len(str(n_items + n_new))
    ids = np.array([f"{number:0{width}}" for number in range(1, n_items + n_new + 1)])
    annotators = _annotator_names(n_annotators)
    rows, new = slice(n_items), slice(n_items, None)
    tables = {
        "labels": _labels_table(labels, ids, annotators),
        "features": _features_table(ids[rows], names, X[rows]),
        "truth": _truth_table(ids[rows], y[rows]),
        "new_features": _features_table(ids[new], names, X[new]),
        "new_truth": _truth_table(ids[new], y[new]),
        "matrices": _matrices_table(matrices, annotators),
    }
    write_files({paths[key]: table_writer(table) for key, table in tables.items()})
    return {
        "items": n_items,
        "new_items": n_new,
        "annotators": n_annotators,
        "classes": n_classes,
        "features": len(names),
        "labels": labels.n_labels,
        "out": str(directory),
    }


def _digits(n_items, n_new, seed):
    """Images of digits, the first `n_items` with each digit as often as in all."""
    X, y = load_digits(return_X_y=True)
    if n_items + n_new > len(y):
        raise ValueError(
            f"Expected at most {len(y)} items and new items, which is how many digits "
            f"there are, got {n_items} and {n_new}. Take fewer."
        )
    X, X_new, y, y_new = train_test_split(
        np.float32(X / 16),
        y,
        train_size=n_items,
        test_size=n_new,
        stratify=y,
        random_state=seed,
    )
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    return np.concatenate([X, X_new]), np.concatenate([y, y_new]), names, 10


def _blobs(n_rows, n_classes, n_features, seed):
    """Normally distributed items about the centres of their classes."""
    rng = random_generator(seed)
    centres = _SEPARATION * rng.normal(size=(n_classes, n_features))
    y = rng.randint(n_classes, size=n_rows)
    X = np.float32(centres[y] + rng.normal(size=(n_rows, n_features)))
    return X, y, [f"x{column + 1}" for column in range(n_features)], n_classes


def _annotator_names(n_annotators):
    width = len(str(n_annotators))
    return np.array([f"annotator_{n:0{width}}" for n in range(1, n_annotators + 1)])


def _labels_table(labels, ids, annotators):
    columns = {
        "task": ids[labels.row_indices()],
        "worker": annotators[labels.indices],
        "label": labels.classes[labels.codes],
    }
    return import_pandas().DataFrame(columns)


def _features_table(ids, names, X):
    frame = import_pandas().DataFrame(X, columns=names)
    frame.insert(0, "task", ids)
    return frame


def _truth_table(ids, y):
    return import_pandas().DataFrame({"task": ids, "label": y})


def _matrices_table(matrices, annotators):
    who, true, answer = np.indices(matrices.shape).reshape(3, -1)
    columns = {
        "worker": annotators[who],
        "class": true,
        "answer": answer,
        "probability": matrices.ravel(),
    }
    return import_pandas().DataFrame(columns)

"""The cases of the study of simulated annotators, and their problems."""

import itertools
from dataclasses import replace
from functools import lru_cache

import numpy as np
from common import Problem, load_real
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import resample

from skccem.simulation import (
    make_confusion_matrices,
    make_crowd_labels,
    make_machine_annotators,
    make_outliers,
)

KINDS = [
    "separable_uniform",
    "separable_random",
    "diagonally_dominant",
    "random",
    "hammer_spammer",
    "classwise_hammer_spammer",
    "pairwise_flipper",
    "symmetric",
]
LABELS_PER_ITEM = [1, 3, 5]
N_ANNOTATORS = [5, 10, 25]
MISSING_RATES = [0.5, 0.7, 0.9]


def all_cases():
    """Every case as a dict, and whether it is in the third that runs by default."""
    grid = itertools.product(
        enumerate(KINDS), enumerate(LABELS_PER_ITEM), enumerate(N_ANNOTATORS)
    )
    cases = []
    for (a, kind), (b, labels_per_item), (c, n_annotators) in grid:
        case = {
            "kind": kind,
            "labels_per_item": labels_per_item,
            "n_annotators": n_annotators,
        }
        cases.append((case, (a + b + c) % 3 == 0))
    machines = [{"kind": "machine", "missing_rate": rate} for rate in MISSING_RATES]
    return cases + [(case, True) for case in machines]


def load_arrays(path, n_items, seed):
    """Training and test items: of the digits, or of the arrays of a file.

    Parameters
    ----------
    path : path-like or None
        npz file with X and y, of which `n_items` are drawn for training; the others
        test, unless the file has X_test and y_test. None is the digits.
    n_items : int
        Number of training items, drawn in the proportions of the classes.
    seed : int
        Of the draw.

    Returns
    -------
    X, X_test, y, y_test : ndarrays

    Raises
    ------
    ValueError
        If the file lacks arrays, they do not fit together, or are too few.
    """
    if path is None:
        X, y = load_digits(return_X_y=True)
        arrays = {"X": X / 16, "y": y}
    else:
        arrays = _read_arrays(path)
    X, y = np.float32(arrays["X"]), arrays["y"]
    tested_apart = "X_test" in arrays
    classes, sizes = np.unique(y, return_counts=True)
    # Without test items of their own, at least one of each class is left for testing.
    most = len(y) - (0 if tested_apart else len(classes))
    if not len(classes) <= n_items <= most:
        raise ValueError(
            f"Expected {len(classes)} to {most} training items, got {n_items}: "
            f"{path or 'digits'} has {len(y)} items of {len(classes)} classes. Pass "
            "another number by --items."
        )
    if tested_apart:
        rows = resample(
            np.arange(len(y)),
            n_samples=n_items,
            replace=False,
            stratify=y,
            random_state=seed,
        )
        X, y = X[rows], y[rows]
        X_test, y_test = np.float32(arrays["X_test"]), arrays["y_test"]
    elif sizes.min() > 1:
        X, X_test, y, y_test = train_test_split(
            X, y, train_size=n_items, stratify=y, random_state=seed
        )
    else:
        raise ValueError(
            f"Expected two items or more of each class of y in {path}, one to learn "
            f"from and one to test, got one of {classes[sizes.argmin()]}. Leave rare "
            "classes out, or add X_test and y_test."
        )
    if len(np.unique(y)) < len(classes):
        raise ValueError(
            f"Expected all {len(classes)} classes of y among the {n_items} training "
            f"items drawn from {path or 'digits'}, got {len(np.unique(y))}. Raise "
            "--items, or leave rare classes out."
        )
    return X, X_test, y, y_test


def _read_arrays(path):
    """The arrays of an npz file, and what is wrong with them."""
    with np.load(path) as archive:
        arrays = dict(archive)
    needed = ["X", "y", *(["X_test", "y_test"] if "X_test" in arrays else [])]
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise ValueError(
            f"Expected the arrays X and y, and none or both of X_test and y_test, in "
            f"{path}, got {list(arrays)}. Add {' and '.join(missing)}."
        )
    for X, y in zip(needed[::2], needed[1::2], strict=True):
        shapes = arrays[X].shape, arrays[y].shape
        if len(shapes[0]) != 2 or shapes[1] != shapes[0][:1]:
            raise ValueError(
                f"Expected {X} of shape (n_items, n_features) and {y} of shape "
                f"(n_items,) in {path}, got {shapes[0]} and {shapes[1]}. Flatten items "
                "that are no rows of features."
            )
    unknown = np.setdiff1d(arrays.get("y_test", []), arrays["y"])
    if len(unknown):
        raise ValueError(
            f"Expected the classes of y_test among those of y in {path}, got also "
            f"{unknown.tolist()}. Leave these items out."
        )
    return arrays


def simulate(case, seed, path, n_items):
    """The problem of a case: items, and labels of simulated annotators."""
    X, X_test, y, y_test = load_arrays(path, n_items, seed)
    n_classes = len(np.unique(y))
    if case["kind"] == "machine":
        machines = make_machine_annotators(
            X,
            y,
            # Each class needs an item to be learned from.
            train_size=max(round(0.05 * len(y)), n_classes),
            missing_rate=case["missing_rate"],
            random_state=seed,
        )
        labels, matrices = machines.labels, machines.confusion_matrices
    else:
        matrices = make_confusion_matrices(
            case["n_annotators"], n_classes, kind=case["kind"], random_state=seed
        )
        labels = make_crowd_labels(
            y, matrices, labels_per_item=case["labels_per_item"], random_state=seed
        )
    return Problem(case["kind"], X, labels, y, X_test, y_test, matrices)


def simulate_outliers(case, seed, n_items):
    """The problem of a case some of whose items are outliers, and which these are."""
    problem = simulate(case, seed, None, n_items)
    labels, is_outlier = make_outliers(
        problem.labels,
        problem.truth,
        share=case["share"],
        kind=case["outliers"],
        confusion_matrices=problem.matrices,
        random_state=seed,
    )
    return replace(problem, labels=labels), is_outlier


@lru_cache(maxsize=1)
def _simulated(case, seed, path, n_items):
    return simulate(dict(case), seed, path, n_items)


def simulated(case, seed, path, n_items):
    """`simulate`, remembered for the methods that come one after the other."""
    return _simulated(tuple(case.items()), seed, path, n_items)


def problem_of(problem, seed, n_items, data_home):
    """A real crowd by its name, or a simulated one by its case."""
    if isinstance(problem, str):
        return load_real(problem, data_home)
    return simulated(problem, seed, None, n_items)


def name_of(case):
    """A case, or a real crowd, as the tables call it."""
    if isinstance(case, str):
        return case
    if case["kind"] == "machine":
        return f"machine, {case['missing_rate']:.0%} missing"
    return (
        f"{case['kind'].replace('_', ' ')}, {case['labels_per_item']} of "
        f"{case['n_annotators']}"
    )

"""The cases of the study of simulated annotators, and their problems."""

import itertools
from functools import lru_cache

import numpy as np
from common import Problem
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skccem.simulation import (
    make_confusion_matrices,
    make_crowd_labels,
    make_machine_annotators,
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
    """Training and test items: digits, or the arrays of a file."""
    if path is None:
        X, y = load_digits(return_X_y=True)
        X = np.float32(X / 16)
    else:
        with np.load(path) as archive:
            X, y = np.float32(archive["X"]), archive["y"]
            if "X_test" in archive:
                X_test = np.float32(archive["X_test"])
                return X[:n_items], X_test, y[:n_items], archive["y_test"]
    return train_test_split(X, y, train_size=n_items, stratify=y, random_state=seed)


def simulate(case, seed, path, n_items):
    """The problem of a case: items, and labels of simulated annotators."""
    X, X_test, y, y_test = load_arrays(path, n_items, seed)
    n_classes = len(np.unique(y))
    if case["kind"] == "machine":
        machines = make_machine_annotators(
            X, y, missing_rate=case["missing_rate"], random_state=seed
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


@lru_cache(maxsize=1)
def _simulated(case, seed, path, n_items):
    return simulate(dict(case), seed, path, n_items)


def simulated(case, seed, path, n_items):
    """`simulate`, remembered for the methods that come one after the other."""
    return _simulated(tuple(case.items()), seed, path, n_items)


def name_of(case):
    """A case as the tables call it."""
    if case["kind"] == "machine":
        return f"machine, {case['missing_rate']:.0%} missing"
    return (
        f"{case['kind'].replace('_', ' ')}, {case['labels_per_item']} of "
        f"{case['n_annotators']}"
    )

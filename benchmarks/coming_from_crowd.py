"""The crowd that ``coming_from.py`` runs on, and what its parts share."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from skccem import MajorityVote
from skccem.simulation import make_confusion_matrices, make_crowd_labels


class Crowd(NamedTuple):
    """Labels in the forms that the packages take, and truth for the judgement."""

    # A row a label, with the columns task, worker and label.
    table: pd.DataFrame
    # The same as (n_samples, n_annotators), NaN where there is none.
    matrix: np.ndarray
    X: np.ndarray
    truth: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    classes: list
    matrices: np.ndarray
    # Of each annotator, whatever items they had: mean over the items of the crowd.
    accuracies: np.ndarray


class Found(NamedTuple):
    """A number that a comparison found.

    A number with a limit says how far two sides are apart that should agree.
    """

    what: str
    value: float
    limit: float | None = None


def simulate_crowd(n_items, seed):
    """Ten annotators of three classes that overlap, six labels an item.

    Parameters
    ----------
    n_items, seed : int

    Returns
    -------
    Crowd
    """
    rng = np.random.default_rng(seed)
    truth, y_test = rng.integers(3, size=n_items), rng.integers(3, size=1000)
    X, X_test = (
        (rng.normal(size=(len(y), 6)) + 1.5 * np.eye(6)[y]).astype(np.float32)
        for y in (truth, y_test)
    )
    matrices = make_confusion_matrices(10, 3, kind="mixed", random_state=seed)
    labels = make_crowd_labels(truth, matrices, labels_per_item=6, random_state=seed)
    matrix = np.asarray(labels).astype(float)
    matrix[matrix < 0] = np.nan
    frequencies = np.bincount(truth, minlength=3) / n_items
    return Crowd(
        labels.to_long(),
        matrix,
        X,
        truth,
        X_test,
        y_test,
        [0, 1, 2],
        matrices,
        np.einsum("k,mkk->m", frequencies, matrices),
    )


def untied(labels):
    """Whether one class has more votes than the others: (n_samples,) of bool."""
    shares = MajorityVote().fit(labels).predict_proba(labels)
    return (shares == shares.max(axis=1, keepdims=True)).sum(axis=1) == 1


def same_classes(one, other):
    """The share of items that get the same class."""
    return np.mean(np.asarray(one) == np.asarray(other))


def accuracy(clf, crowd):
    """The share of new items whose class is right."""
    return np.mean(clf.predict(crowd.X_test) == crowd.y_test)

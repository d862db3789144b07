"""Crowds of any size for measurements of time and memory, not of accuracy."""

import numpy as np

from skccem import CrowdLabels


def make_sparse_crowd(
    n_items, n_annotators, *, n_features, n_classes, labels_per_item=5, seed=0
):
    """Items of Gaussian classes, each labelled by a few of many annotators.

    Nothing of the size of items times annotators is made.

    Parameters
    ----------
    n_items, n_annotators, n_features, n_classes, labels_per_item : int
    seed : int

    Returns
    -------
    X : float32 ndarray of shape (n_items, n_features)
    truth : int64 ndarray of shape (n_items,)
    labels : CrowdLabels of shape (n_items, n_annotators)
        Of annotators who are right with a probability between 0.4 and 0.95.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_items)
    X = rng.standard_normal((n_items, n_features), dtype=np.float32)
    X[np.arange(n_items), truth % n_features] += 2
    # Distinct annotators of an item: equally spaced ones from a first one, which are as
    # often the first as each other.
    first = rng.permutation(n_items)[:, np.newaxis] % n_annotators
    step = max(n_annotators // labels_per_item, 1)
    indices = (first + step * np.arange(labels_per_item)) % n_annotators
    indices = np.sort(indices, axis=1).ravel()
    skill = rng.uniform(0.4, 0.95, size=n_annotators)
    codes = np.repeat(truth, labels_per_item)
    wrong = rng.random(len(codes)) > skill[indices]
    codes[wrong] = rng.integers(n_classes, size=wrong.sum())
    labels = CrowdLabels(
        np.arange(n_items + 1) * labels_per_item,
        indices.astype(np.int32),
        codes.astype(np.int8),
        np.arange(n_classes),
        np.arange(n_annotators),
    )
    return X, truth, labels

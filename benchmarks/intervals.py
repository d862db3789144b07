"""The runs of ``interval_coverage.py``, in a module that its workers can import."""

import numpy as np

from skccem import CrowdClassifier, DawidSkene
from skccem._fitted_crowd import read_crowd
from skccem._matrix_posterior import beta_interval, matrix_posterior
from skccem.simulation import make_confusion_matrices, make_crowd_labels

# Fewer labels, of an annotator or in a row, have no interval that is judged.
FEWEST_LABELS = 10
FEWEST_ROW_LABELS = 30


def measure_coverage(
    estimator, kind, crowd, seed, max_epochs, n_classes, n_annotators, n_items
):
    """How often 90% intervals hold the truth in one simulated crowd.

    Parameters
    ----------
    estimator : {"DawidSkene", "CrowdClassifier"}
    kind : str
        Of ``make_confusion_matrices``.
    crowd : dict
        How many labels there are, for ``make_crowd_labels``.
    seed, max_epochs, n_classes, n_annotators, n_items : int

    Returns
    -------
    dict
        For accuracies and entries how many there are, how many true ones are inside,
        and the sum of the widths.
    """
    rng = np.random.default_rng(seed)
    names = np.arange(n_classes)
    frequencies = rng.dirichlet(np.full(n_classes, 5.0))
    truth = rng.choice(n_classes, size=n_items, p=frequencies)
    matrices = make_confusion_matrices(
        n_annotators, n_classes, kind=kind, random_state=seed
    )
    labels = make_crowd_labels(
        truth, matrices, classes=names, random_state=seed, **crowd
    )
    X = None
    if estimator == "DawidSkene":
        fitted = DawidSkene(classes=names, random_state=seed).fit(labels)
    else:
        # Clouds that a good classifier tells apart nine times in ten.
        X = rng.normal(size=(n_items, 10)) + 2.25 * np.eye(n_classes, 10)[truth]
        X = X.astype(np.float32)
        clf = CrowdClassifier(n_init=1, max_epochs=max_epochs, random_state=seed)
        fitted = clf.fit(X, labels)
    read = read_crowd(fitted, X, labels)
    found = matrix_posterior(labels, read.log_prior, read.log_confusion)
    present = np.bincount(truth, minlength=n_classes) / n_items
    accuracy = np.einsum("mkk,k->m", matrices, present)
    return {
        "accuracy": _coverage(
            found.accuracy_mean,
            found.accuracy_variance,
            accuracy,
            labels.labels_per_annotator >= FEWEST_LABELS,
        ),
        "entry": _coverage(
            found.matrix_mean,
            found.matrix_variance,
            matrices,
            found.row_labels >= FEWEST_ROW_LABELS,
        ),
    }


def _coverage(mean, variance, true, judged):
    low, high = beta_interval(mean, variance)
    inside = (low <= true) & (true <= high)
    return {
        "number": int(inside[judged].size),
        "inside": int(inside[judged].sum()),
        "width": float((high - low)[judged].sum()),
    }

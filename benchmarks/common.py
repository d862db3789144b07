"""What the scripts here share: data, methods, and tables."""

import argparse
import os
import platform
import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
import sklearn
import skorch
import torch
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from study import markdown, mean_and_std

import skccem
from skccem import (
    CrowdClassifier,
    CrowdLabels,
    DawidSkene,
    MajorityVote,
    TwoStageClassifier,
)
from skccem.datasets import fetch_labelme, fetch_music
from skccem.exceptions import UnusedDataWarning
from skccem.metrics import confusion_matrix_error, empirical_confusion_matrices


@dataclass(frozen=True)
class Problem:
    """Training items with crowd labels, and truth that only the judgement sees."""

    name: str
    X: np.ndarray
    labels: CrowdLabels
    truth: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    # Matrices to compare with; by default those counted from the training items' truth.
    matrices: np.ndarray | None = None
    # For the protocol that chooses on truth.
    X_valid: np.ndarray | None = None
    y_valid: np.ndarray | None = None

    def select(self, rows):
        """The same with some of the training items only."""
        return replace(
            self, X=self.X[rows], labels=self.labels[rows], truth=self.truth[rows]
        )

    def validated_on(self, X_valid, y_valid):
        """The same with this validation part."""
        return replace(self, X_valid=X_valid, y_valid=y_valid)

    def matrix_error(self, estimated):
        """Mean absolute difference to the true matrices.

        Weighted by the annotators' numbers of labels. Where the true matrices are
        counts themselves, of annotators with 20 labels or more, and without the rows
        of classes that an annotator never met.
        """
        counted, counts = empirical_confusion_matrices(self.labels, self.truth)
        if self.matrices is None:
            return confusion_matrix_error(estimated, counted, counts=counts)
        return confusion_matrix_error(
            estimated, self.matrices, counts=counts, min_labels=1
        )


def load_real(name, data_home):
    """LabelMe or Music from a directory; Music's features are standardised."""
    data = {"labelme": fetch_labelme, "music": fetch_music}[name](
        data_home=data_home, download_if_missing=False
    )
    scaler = StandardScaler() if name == "music" else FunctionTransformer()
    scaler.fit(data.data)

    def scale(X):
        return scaler.transform(X).astype(np.float32)

    problem = Problem(
        name,
        scale(data.data),
        data.labels,
        data.target,
        scale(data.data_test),
        data.target_test,
    )
    if "data_valid" not in data:
        return problem
    return problem.validated_on(scale(data.data_valid), data.target_valid)


@dataclass(frozen=True)
class Fitted:
    """What a method made of a problem."""

    estimator: object
    # Inferred classes of the training items, and confusion matrices; None where a
    # method has none.
    aggregated: np.ndarray | None
    matrices: np.ndarray | None
    seconds: float

    def measure(self, problem):
        """Test accuracy, accuracy on training items, matrix error, and seconds."""
        aggregated, matrices = self.aggregated, self.matrices
        return {
            "accuracy": float(self.estimator.score(problem.X_test, problem.y_test)),
            "aggregated": (
                None
                if aggregated is None
                else float(np.mean(aggregated == problem.truth))
            ),
            "matrix_error": (
                None if matrices is None else float(problem.matrix_error(matrices))
            ),
            "seconds": self.seconds,
        }


def _crowd(**params):
    def fit(problem, seed, **network):
        clf = CrowdClassifier(**params, **network, random_state=seed)
        clf.fit(problem.X, problem.labels)
        aggregated = clf.aggregate(problem.X, problem.labels)
        return clf, aggregated, clf.confusion_matrices_

    return fit


def _two_stage(aggregator):
    def fit(problem, seed, **network):
        clf = TwoStageClassifier(
            aggregator(random_state=seed),
            CrowdClassifier(regularizer=None, **network, random_state=seed),
        ).fit(problem.X, problem.labels)
        aggregated = clf.aggregator_.predict(problem.labels)
        return clf, aggregated, clf.confusion_matrices_

    return fit


def _truth(problem, seed, **network):
    clf = CrowdClassifier(regularizer=None, **network, random_state=seed)
    clf.fit(problem.X, problem.truth)
    return clf, None, None


PAPER = {"likelihood": "marginal", "init": "identity", "reg_strength": 0.01}

METHODS = {
    "majority vote, then the network": _two_stage(MajorityVote),
    "Dawid-Skene, then the network": _two_stage(DawidSkene),
    "CCEM": _crowd(**PAPER, regularizer=None),
    "CCEM + F (0.01)": _crowd(**PAPER, regularizer="F"),
    "CCEM + W (0.01)": _crowd(**PAPER, regularizer="W"),
    "skccem's defaults": _crowd(),
    "the network on true labels": _truth,
}


def fit_method(problem, method, seed, **network):
    """Fit a method on the training items of a problem.

    Parameters
    ----------
    problem : Problem
    method : str or dict
        A key of METHODS, or arguments of CrowdClassifier.
    seed : int
    **network
        Arguments of the network that all methods share, such as max_epochs.

    Returns
    -------
    Fitted
    """
    torch.set_num_threads(1)
    fit = METHODS[method] if isinstance(method, str) else _crowd(**method)
    start = time.perf_counter()
    with warnings.catch_warnings():
        # Simulated and real crowds may hold items without labels, and idle annotators.
        warnings.simplefilter("ignore", UnusedDataWarning)
        clf, aggregated, matrices = fit(problem, seed, **network)
    return Fitted(clf, aggregated, matrices, time.perf_counter() - start)


def evaluate(problem, method, seed):
    """The measurements of a method with its default network."""
    return fit_method(problem, method, seed).measure(problem)


def table(title, results):
    """Rows of ``{method: list of evaluate()}`` as a Markdown table."""
    n_seeds = len(next(iter(results.values())))
    header = ["method", "test accuracy", "training items", "matrix error", "seconds"]
    rows = [
        [
            method,
            mean_and_std([run["accuracy"] for run in runs]),
            mean_and_std([run["aggregated"] for run in runs]),
            mean_and_std([run["matrix_error"] for run in runs], 4),
            f"{np.mean([run['seconds'] for run in runs]):.1f}",
        ]
        for method, runs in results.items()
    ]
    title = f"{title}, mean ± standard deviation of {n_seeds} seeds"
    return f"{title}\n\n{markdown(header, rows)}"


def versions():
    """The versions that numbers depend on, in one line."""
    return (
        f"skccem {skccem.__version__}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, skorch {skorch.__version__}, "
        f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}"
    )


def parser(description, *, data_home=True):
    """An argument parser, with ``--data-home`` which SKCCEM_DATA stands in for."""
    arguments = argparse.ArgumentParser(description=description)
    if data_home:
        arguments.add_argument(
            "--data-home",
            default=os.environ.get("SKCCEM_DATA"),
            help="directory of labelme.npz and music.npz (default: SKCCEM_DATA)",
        )
    return arguments

"""What the scripts here share: data, methods, and tables."""

import argparse
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn
import skorch
import torch
from sklearn.preprocessing import StandardScaler

import skccem
from skccem import CrowdClassifier, CrowdLabels, DawidSkene, MajorityVote
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

    def matrix_error(self, estimated):
        """Mean absolute difference to the true matrices.

        Annotators with 20 labels or more, weighted by their number of labels; rows of
        classes that an annotator never met are skipped.
        """
        counted, counts = empirical_confusion_matrices(self.labels, self.truth)
        true = counted if self.matrices is None else self.matrices
        return confusion_matrix_error(estimated, true, counts=counts)


def load_real(name, data_home):
    """``<data_home>/<name>.npz``, LabelMe or Music, whose features are standardised."""
    # Music's class names are stored as Python strings.
    with np.load(Path(data_home) / f"{name}.npz", allow_pickle=True) as archive:
        data = {key: archive[key] for key in archive.files if key != "classes"}
    X, X_test = data["X_train"], data["X_test"]
    if name == "music":
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
    return Problem(
        name,
        X.astype(np.float32),
        CrowdLabels.from_matrix(data["annotations"]),
        data["y_train"],
        X_test.astype(np.float32),
        data["y_test"],
    )


def _crowd(**params):
    def fit(problem, seed):
        clf = CrowdClassifier(**params, random_state=seed)
        clf.fit(problem.X, problem.labels)
        aggregated = clf.aggregate(problem.X, problem.labels)
        return clf, aggregated, clf.confusion_matrices_

    return fit


def _two_stage(aggregator):
    def fit(problem, seed):
        first = aggregator(random_state=seed)
        aggregated = first.fit_predict(problem.labels)
        clf = CrowdClassifier(regularizer=None, random_state=seed)
        # An item without labels has nothing to learn from.
        labelled = problem.labels.labels_per_item > 0
        clf.fit(problem.X[labelled], aggregated[labelled])
        return clf, aggregated, first.confusion_matrices_

    return fit


def _truth(problem, seed):
    clf = CrowdClassifier(regularizer=None, random_state=seed)
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


def evaluate(problem, method, seed):
    """Test accuracy, accuracy on training items, matrix error, and seconds."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    clf, aggregated, matrices = METHODS[method](problem, seed)
    seconds = time.perf_counter() - start
    return (
        clf.score(problem.X_test, problem.y_test),
        np.nan if aggregated is None else np.mean(aggregated == problem.truth),
        np.nan if matrices is None else problem.matrix_error(matrices),
        seconds,
    )


def table(title, results):
    """Rows of ``{method: list of evaluate()}`` as a Markdown table."""
    lines = [
        f"{title}, mean ± standard deviation of {len(next(iter(results.values())))} "
        "seeds",
        "",
        "| method | test accuracy | training items | matrix error | seconds |",
        "|---|---|---|---|---|",
    ]
    for method, runs in results.items():
        mean, std = np.mean(runs, axis=0), np.std(runs, axis=0)
        cells = [f"{mean[0]:.3f} ± {std[0]:.3f}"]
        cells += ["" if np.isnan(mean[1]) else f"{mean[1]:.3f} ± {std[1]:.3f}"]
        cells += ["" if np.isnan(mean[2]) else f"{mean[2]:.4f} ± {std[2]:.4f}"]
        lines.append(f"| {method} | {' | '.join(cells)} | {mean[3]:.1f} |")
    return "\n".join(lines)


def versions():
    """The versions that numbers depend on, in one line."""
    return (
        f"skccem {skccem.__version__}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, skorch {skorch.__version__}, "
        f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}"
    )


def parser(description):
    """An argument parser with ``--data-home``, which SKCCEM_DATA stands in for."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument(
        "--data-home",
        default=os.environ.get("SKCCEM_DATA"),
        help="directory of labelme.npz and music.npz (default: SKCCEM_DATA)",
    )
    return arguments

"""What the scripts here share: problems, measurements, tables, and options."""

import argparse
import os
import platform
import subprocess
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import sklearn
import skorch
import torch
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from study import markdown, mean_and_std, provenance, run_study

import skccem
from skccem import CrowdLabels
from skccem.datasets import fetch_labelme, fetch_music
from skccem.metrics import confusion_matrix_error, empirical_confusion_matrices

# Tables and pictures that are committed, and runs that are not.
RESULTS = Path(__file__).parent / "results"


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


def table(title, results):
    """Lists of `Fitted.measure` by method, as a Markdown table with a row for each."""
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


def versions(*packages):
    """The versions that numbers depend on, in one line.

    Parameters
    ----------
    *packages : str
        Further distributions that took part.

    Returns
    -------
    str
    """
    parts = [
        f"skccem {skccem.__version__}{_commit()}",
        f"Python {platform.python_version()}",
        f"torch {torch.__version__}",
        f"skorch {skorch.__version__}",
        f"scikit-learn {sklearn.__version__}",
        f"NumPy {np.__version__}",
        *(f"{package} {version(package)}" for package in packages),
    ]
    return ", ".join(parts)


def _commit():
    """The last commit of the code, with a plus if it was changed since."""
    code = ["--", "skccem", "benchmarks/*.py"]
    try:
        commit, changes = (
            subprocess.run(
                ["git", *command, *code],
                cwd=Path(__file__).parents[1],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for command in (["log", "-1", "--format=%h"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" ({commit}{'+' if changes else ''})" if commit else ""


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


def parse_study(arguments, argv, *, full, quick):
    """Parse the options that all studies have, and those that a parser has already.

    Parameters
    ----------
    arguments : argparse.ArgumentParser
    argv : list of str or None
        What to parse; None is the command line.
    full, quick : dict
        The study's numbers, such as ``seeds``, each an option, without and with
        ``--quick``.

    Returns
    -------
    argparse.Namespace
    """
    arguments.add_argument("--quick", action="store_true", help="a miniature")
    for name, number in full.items():
        arguments.add_argument(
            f"--{name}", type=int, help=f"default: {number}; quick: {quick[name]}"
        )
    arguments.add_argument("--n-jobs", type=int, default=2, help="worker processes")
    arguments.add_argument(
        "--out", type=Path, default=RESULTS, help="directory of the results"
    )
    options = arguments.parse_args(argv)
    for name, number in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, number)
    return options


def command_of(script, options):
    """The command that a script ran by, with everything that results depend on.

    Parameters
    ----------
    script : str
        Name of the file.
    options : argparse.Namespace
        All of them, as they were used.

    Returns
    -------
    str
    """
    words = ["python", f"benchmarks/{script}"]
    for name, value in vars(options).items():
        if value in (None, False) or name in ("n_jobs", "out"):
            continue
        words.append(f"--{name.replace('_', '-')}")
        if name == "data_home":
            words.append("DIR")
        elif isinstance(value, list):
            words += value
        elif value is not True:
            words.append(str(value))
    return " ".join(words)


def run_jobs(name, function, jobs, options, *packages):
    """Run a study whose results are named as its script, and go on where it was.

    Parameters
    ----------
    name : str
        Of the script, without suffix.
    function, jobs
        As of ``run_study``.
    options : argparse.Namespace
        What ``parse_study`` returned.
    *packages : str
        Further distributions that take part, as of ``versions``.

    Returns
    -------
    runs : list of dict
        As of ``run_study``.
    source : str
        The command and the versions, for the text of the results.
    path : Path
        Where that text belongs.
    """
    title, now = name + "_quick" * options.quick, versions(*packages)
    runs = run_study(
        function,
        jobs,
        options.out / f"{title}.jsonl",
        versions=now,
        n_jobs=options.n_jobs,
        title=title,
    )
    source = f"`{command_of(f'{name}.py', options)}`; {provenance(runs, now)}."
    return runs, source, options.out / f"{title}.md"

"""How the time and memory of Dawid-Skene grow with the labels, up to ten million.

    python benchmarks/aggregation_speed.py           # three minutes, 2 GB
    python benchmarks/aggregation_speed.py --quick   # seconds

Each measurement has a process of its own, with one thread, so that the largest
resident memory is its own: of the interpreter with everything that skccem imports, of
the labels, and of the work. The crowd grows with the labels, 100 labels an annotator,
or has ``--annotators``. Reading a sparse matrix and a long table is measured likewise.
"""

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from common import command_of, parse_study, parser, versions
from sklearn.exceptions import ConvergenceWarning
from study import markdown, publish

from skccem import CrowdLabels, DawidSkene

N_CLASSES = 10
LABELS_PER_ITEM = 5
LABELS_PER_ANNOTATOR = 100
FULL = {"labels": 10_000_000, "annotators": 1000, "iterations": 20, "repeats": 3}
QUICK = {"labels": 20_000, "annotators": 20, "iterations": 3, "repeats": 1}
TASKS = ("fit", "from_matrix", "from_long")


def large_crowd(n_labels, n_annotators=None, seed=0):
    """Labels of a simulated crowd, made in little more memory than they take.

    Parameters
    ----------
    n_labels : int
        Five of each item.
    n_annotators : int, optional
        Those of an item are drawn from five equal groups. By default one for each
        hundred labels.
    seed : int

    Returns
    -------
    CrowdLabels of shape (n_labels / 5, n_annotators)
    """
    rng = np.random.default_rng(seed)
    n_annotators = n_annotators or max(n_labels // LABELS_PER_ANNOTATOR, 10)
    n_samples, group = n_labels // LABELS_PER_ITEM, n_annotators // LABELS_PER_ITEM
    truth = rng.integers(N_CLASSES, size=n_samples, dtype=np.int8)
    accuracy = rng.uniform(0.3, 0.9, size=n_annotators)
    indices = np.empty((n_samples, LABELS_PER_ITEM), dtype=np.int32)
    codes = np.empty(indices.shape, dtype=np.int8)
    for place in range(LABELS_PER_ITEM):
        who = rng.integers(group, size=n_samples, dtype=np.int32) + place * group
        right = rng.random(n_samples, dtype=np.float32) < accuracy[who]
        wrong = truth + rng.integers(1, N_CLASSES, size=n_samples, dtype=np.int8)
        indices[:, place] = who
        codes[:, place] = np.where(right, truth, wrong % N_CLASSES)
    return CrowdLabels(
        np.arange(n_samples + 1) * LABELS_PER_ITEM,
        indices.ravel(),
        codes.ravel(),
        np.arange(N_CLASSES),
        np.arange(n_annotators),
    )


def measure(task, labels, *, iterations=20, repeats=1):
    """Seconds of one task, and the largest resident memory of this process so far.

    Parameters
    ----------
    task : {"fit", "from_matrix", "from_long"}
    labels : CrowdLabels
    iterations : int
        Of EM.
    repeats : int
        Runs of which the median counts.

    Returns
    -------
    dict
        ``seconds`` and ``seconds_each`` of all runs, ``mb_before`` and ``mb``.
    """
    if task == "from_matrix":
        given = labels.to_sparse()
    elif task == "from_long":
        # In no order, which takes longer.
        order = np.random.default_rng(0).permutation(labels.n_labels)
        given = {
            "task": labels.row_indices()[order],
            "worker": labels.indices[order],
            "label": labels.codes[order],
        }
    before, seconds = _peak_mb(), []
    for _ in range(repeats):
        start = time.perf_counter()
        if task == "fit":
            _fit(labels, iterations)
        else:
            getattr(CrowdLabels, task)(given)
        seconds.append(time.perf_counter() - start)
    return {
        "task": task,
        "n_labels": labels.n_labels,
        "n_samples": labels.n_samples,
        "n_annotators": labels.n_annotators,
        "seconds": median(seconds),
        "seconds_each": seconds,
        "mb_before": before,
        "mb": _peak_mb(),
    }


def _fit(labels, iterations):
    model = DawidSkene(max_iter=iterations, tol=0, random_state=0)
    with warnings.catch_warnings():
        # That it has not converged is intended.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(labels)
    if model.n_iter_ != iterations:
        raise RuntimeError(
            f"Expected {iterations} iterations, but EM ended after {model.n_iter_}: "
            "lower --iterations, or take more labels."
        )


def _peak_mb():
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure_apart(**job):
    """`measure` of a `large_crowd`, in a process of its own with one thread.

    Parameters
    ----------
    **job
        ``task``, ``n_labels``, ``n_annotators``, ``iterations``, ``repeats``.

    Returns
    -------
    dict
    """
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--job", json.dumps(job)],
        env=os.environ | threads,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def fit_table(runs, iterations):
    """A Markdown table of fits, and the exponent by which their seconds grow.

    Parameters
    ----------
    runs : list of dict
        Of `measure`, of two sizes or more.
    iterations : int

    Returns
    -------
    str
    """
    first = runs[0]["seconds"] / runs[0]["n_labels"]
    rows = [
        [
            *_sizes(run),
            f"{run['seconds']:.2f}",
            f"{run['seconds'] / iterations:.4f}",
            f"{1e9 * run['seconds'] / iterations / run['n_labels']:.0f}",
            f"{run['seconds'] / run['n_labels'] / first:.2f}",
            f"{run['mb_before']:.0f}",
            f"{run['mb']:.0f}",
        ]
        for run in runs
    ]
    header = ["labels", "items", "annotators", "seconds", "seconds an iteration"]
    header += ["ns a label and iteration", "relative", "MB before", "MB"]
    counts, seconds = np.log([(run["n_labels"], run["seconds"]) for run in runs]).T
    exponent, _ = np.polyfit(counts, seconds, 1)
    return f"{markdown(header, rows)}\n\nSeconds grow as labels ** {exponent:.2f}."


def read_table(runs):
    """A Markdown table of what was read.

    Parameters
    ----------
    runs : list of dict
        Of `measure`.

    Returns
    -------
    str
    """
    rows = [
        [
            run["task"],
            *_sizes(run),
            f"{run['seconds']:.2f}",
            f"{run['mb_before']:.0f}",
            f"{run['mb']:.0f}",
        ]
        for run in runs
    ]
    header = ["read by", "labels", "items", "annotators", "seconds", "MB before", "MB"]
    return markdown(header, rows)


def _sizes(run):
    return [f"{run[name]:,}" for name in ("n_labels", "n_samples", "n_annotators")]


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    arguments.add_argument("--job", type=json.loads, help="for the script itself")
    options = parse_study(arguments, argv, full=FULL, quick=QUICK)
    if options.job is not None:
        job = options.job
        labels = large_crowd(job.pop("n_labels"), job.pop("n_annotators"))
        print(json.dumps(measure(job.pop("task"), labels, **job)))
        return

    def measure_sizes(task, n_annotators=None):
        return [
            measure_apart(
                task=task,
                n_labels=options.labels // part,
                n_annotators=n_annotators,
                iterations=options.iterations,
                repeats=options.repeats,
            )
            for part in (100, 10, 1)
        ]

    growing, same = measure_sizes("fit"), measure_sizes("fit", options.annotators)
    read = [run for task in TASKS[1:] for run in measure_sizes(task)]
    text = (
        "# Dawid-Skene at scale\n\n"
        f"`{command_of('aggregation_speed.py', options)}`; {versions()}.\n\n"
        f"{N_CLASSES} classes, {LABELS_PER_ITEM} labels an item, {options.iterations} "
        f"iterations, one thread, the median of {options.repeats} runs. MB: the "
        "largest resident memory of the process, before (with the labels) and in all."
        "\n\n## A crowd that grows with its labels\n\n"
        "The matrices of a large crowd fit no cache: each label then waits for memory."
        f"\n\n{fit_table(growing, options.iterations)}\n\n"
        "## A crowd of one size\n\n"
        f"{fit_table(same, options.iterations)}\n\n"
        "## Reading\n\nSparse matrices, and long tables in no order.\n\n"
        f"{read_table(read)}\n"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    publish(text, options.out / f"aggregation_speed{'_quick' * options.quick}.md")


if __name__ == "__main__":
    main()

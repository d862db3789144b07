"""Streams by ``partial_fit`` against one fit, on digits.

    python benchmarks/streaming.py           # half an hour
    python benchmarks/streaming.py --quick   # seconds

The items come in parts, each of them once, or in several rounds with one pass a call.
Differences are to one fit with ``n_init=1`` on all items, paired by seed.
"""

import time

import numpy as np
from common import command_of, parse_study, parser, versions
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from study import markdown, mean_and_std, publish

from skccem import CrowdClassifier
from skccem.simulation import make_confusion_matrices, make_crowd_labels

KINDS = ("hammer_spammer", "diagonally_dominant", "mixed")
PARTS = (5, 12)

# The first of the seeds.
FIRST_SEED = 400


def measure(kind, seed, n_parts, max_epochs):
    """Accuracy and seconds of one fit and of streams.

    Parameters
    ----------
    kind : str
        Of ten annotators, three of whom label each item.
    seed, n_parts, max_epochs : int

    Returns
    -------
    dict of (float, float)
    """
    X, truth = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, X_test, truth, truth_test = train_test_split(
        X, truth, test_size=0.3, random_state=seed
    )
    matrices = make_confusion_matrices(10, 10, kind=kind, random_state=seed)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=seed)
    parts = np.array_split(np.arange(len(X)), n_parts)

    def one_fit():
        clf = CrowdClassifier(n_init=1, max_epochs=max_epochs, random_state=seed)
        return clf.fit(X, labels)

    def stream(n_rounds=1, **params):
        clf = CrowdClassifier(random_state=seed, **params)
        for _ in range(n_rounds):
            for part in parts:
                clf.partial_fit(X[part], labels[part])
        return clf

    # One pass a call, and as many rounds as epochs.
    rounds = {"max_epochs": 1, "burn_in": int(0.4 * max_epochs)}
    ways = {
        "one fit": one_fit,
        "once": lambda: stream(max_epochs=max_epochs),
        "once, no sample": lambda: stream(max_epochs=max_epochs, replay_size=0),
        "in rounds": lambda: stream(max_epochs, **rounds),
        "in rounds, no sample": lambda: stream(max_epochs, replay_size=0, **rounds),
    }
    found = {}
    for name, fit in ways.items():
        start = time.perf_counter()
        clf = fit()
        seconds = time.perf_counter() - start
        found[name] = clf.score(X_test, truth_test), seconds
    return found


def table(found):
    """Differences in points, and times as ratios, for each way by kind and parts."""
    rows = []
    for (kind, n_parts), runs in found.items():
        for name in runs[0]:
            accuracies = [run[name][0] for run in runs]
            points = [100 * (run[name][0] - run["one fit"][0]) for run in runs]
            times = [run[name][1] / run["one fit"][1] for run in runs]
            difference = "" if name == "one fit" else mean_and_std(points, 1)
            rows.append(
                [
                    kind.replace("_", " "),
                    str(n_parts),
                    name,
                    mean_and_std(accuracies),
                    difference,
                    f"{np.median(times):.1f}",
                ]
            )
    header = ["annotators", "parts", "stream", "accuracy", "points", "time"]
    return markdown(header, rows)


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0], data_home=False),
        argv,
        full={"seeds": 5, "epochs": 100},
        quick={"seeds": 1, "epochs": 4},
    )
    found = {
        (kind, n_parts): [
            measure(kind, FIRST_SEED + seed, n_parts, options.epochs)
            for seed in range(options.seeds)
        ]
        for kind in KINDS
        for n_parts in (PARTS[:1] if options.quick else PARTS)
    }
    text = (
        "# Streams against one fit\n\n"
        f"`{command_of('streaming.py', options)}`; {versions()}.\n\n"
        f"Digits, ten annotators, mean ± standard deviation of {options.seeds} seeds "
        f"from {FIRST_SEED} on. Points and times are against one fit.\n\n"
        f"{table(found)}\n"
    )
    publish(text, options.out / f"streaming{'_quick' * options.quick}.md")


if __name__ == "__main__":
    main()

"""How long the prediction of one item takes, and how even that is.

    python benchmarks/latency.py           # a minute
    python benchmarks/latency.py --quick   # seconds

One row at a time goes through ``predict_proba``, as in a service. One thread computes.
"""

import time

import numpy as np
import torch
from common import command_of, parse_study, parser, versions
from study import markdown, publish

from skccem import CrowdClassifier
from skccem.simulation import make_confusion_matrices, make_crowd_labels

FULL = {"calls": 10_000, "epochs": 10}
QUICK = {"calls": 50, "epochs": 1}


def fitted(n_init, max_epochs):
    """A classifier of a few hundred items with 64 features, and the items."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 64)).astype(np.float32)
    truth = (X[:, 0] > 0).astype(int)
    matrices = make_confusion_matrices(10, 2, random_state=0)
    Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    clf = CrowdClassifier(n_init=n_init, max_epochs=max_epochs, random_state=0)
    return clf.fit(X, Y), X


def measure(clf, X, n_calls):
    """Milliseconds of each call, without those that warm up.

    Parameters
    ----------
    clf : CrowdClassifier
    X : ndarray of shape (n_samples, n_features)
    n_calls : int

    Returns
    -------
    ndarray of shape (n_calls,)
    """
    seconds = np.empty(n_calls + n_calls // 10)
    for number in range(len(seconds)):
        row = number % len(X)
        start = time.perf_counter()
        clf.predict_proba(X[row : row + 1])
        seconds[number] = time.perf_counter() - start
    return 1000 * seconds[-n_calls:]


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    options = parse_study(arguments, argv, full=FULL, quick=QUICK)
    torch.set_num_threads(1)
    rows = []
    for n_init in (1, 4):
        clf, X = fitted(n_init, options.epochs)
        taken = measure(clf, X, options.calls)
        median, high = np.median(taken), np.quantile(taken, 0.99)
        cells = (f"{value:.2f}" for value in (median, high, high / median, taken.max()))
        rows.append([f"n_init={n_init}", *cells])
    header = ["networks", "median", "99th percentile", "ratio", "longest"]
    text = (
        "# Prediction of one item\n\n"
        f"`{command_of('latency.py', options)}`; {versions()}.\n\n"
        f"Milliseconds of {options.calls:,} calls.\n\n{markdown(header, rows)}\n"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    publish(text, options.out / f"latency{'_quick' * options.quick}.md")


if __name__ == "__main__":
    main()

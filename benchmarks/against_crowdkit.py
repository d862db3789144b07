"""crowd-kit's Dawid-Skene and ours: the same result, sooner.

    pip install .[bench]
    python benchmarks/against_crowdkit.py --data-home DIR           # two minutes
    python benchmarks/against_crowdkit.py --data-home DIR --speed   # three minutes

Both are expectation maximisation from the shares of the votes. They differ in rows
about which the labels say nothing: crowd-kit raises the expected count of each answer
that an annotator ever gave to 1e-10. `agreement` gives that rule to our steps, and then
all numbers are equal after any number of iterations; if not, the script fails.
`public_difference` is what users see who call both, ours by ``smoothing=0`` and so
without that rule: 18 items of either data set then get another class. ``--speed``
compares seconds and memory in one thread.
"""

import sys
import time
import tracemalloc
import warnings
from statistics import median

import numpy as np
from common import load_real, parser, versions
from peers import crowd_kit_matrices, errors_matrices, fit_crowd_kit, import_peer
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skccem import CrowdLabels, DawidSkene
from skccem._counts import expected_counts
from skccem._dawid_skene_model import ConfusionModel, LocalItems
from skccem._em import e_step, used_labels
from skccem.simulation import make_confusion_matrices, make_crowd_labels

# crowd-kit raises the expected count of an answer to this.
FLOOR = 1e-10
TOLERANCE = 1e-6


class FlooredModel(ConfusionModel):
    """Dawid and Skene's model with crowd-kit's floor of the expected counts.

    Parameters
    ----------
    data : UsedLabels
    """

    def __init__(self, data):
        super().__init__(LocalItems(data), smoothing=0.0)
        n_classes = data.labels.n_classes
        times = np.asarray(self.items.indicator.sum(axis=0)).reshape(-1, 1, n_classes)
        self.given = times > 0

    def m_step(self, sums, previous):
        counts = np.where(self.given, np.maximum(sums.counts, FLOOR), 0.0)
        return super().m_step(sums._replace(counts=counts), previous)

    def posterior(self, parameters):
        """Class probabilities of the items."""
        return e_step(self.items.indicator, *parameters)[0]


def crowd_kit_result(labels, n_iter):
    """What crowd-kit makes of labels in a number of iterations.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        At least one for each item.
    n_iter : int

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
    confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Zeros for annotators without labels.
    """
    # Its criterion, which counts the class prior once a label, need not increase.
    model = import_peer("crowd-kit").DawidSkene(n_iter=n_iter, tol=-np.inf)
    workers, classes = fit_crowd_kit(model, labels)
    proba = np.zeros((labels.n_samples, labels.n_classes))
    cells = np.ix_(model.probas_.index, classes[model.probas_.columns])
    proba[cells] = model.probas_.to_numpy()
    confusion = crowd_kit_matrices(model, labels, workers, classes, errors_matrices)
    return proba, confusion


def agreement(labels, n_iter):
    """How far crowd-kit and our steps with its floor are apart.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        At least one for each item.
    n_iter : int
        Iterations of both.

    Returns
    -------
    dict
        ``predictions``, the number of items whose most probable class differs;
        ``proba`` and ``matrices``, the largest difference of class probabilities and
        of confusion matrices; and ``last_change``, of our class probabilities in the
        last iteration.
    """
    proba, confusion = crowd_kit_result(labels, n_iter)
    data = used_labels(labels)
    model, ours = FlooredModel(data), data.votes()
    sums = model.start()
    for _ in range(n_iter):
        parameters = model.m_step(sums, None)
        before, ours = ours, model.posterior(parameters)
        sums, _ = model.e_step(parameters)
    # crowd-kit's iteration ends with the matrices.
    log_confusion, _ = model.m_step(sums, None)
    active = labels.labels_per_annotator > 0
    return {
        "predictions": int(np.sum(proba.argmax(axis=1) != ours.argmax(axis=1))),
        "proba": float(np.abs(proba - ours).max()),
        "matrices": float(np.abs(confusion - np.exp(log_confusion))[active].max()),
        "last_change": float(np.abs(ours - before).max()),
    }


def public_difference(labels, n_iter):
    """How far crowd-kit and ``DawidSkene(smoothing=0)`` are apart when converged.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        At least one for each item.
    n_iter : int
        Iterations of crowd-kit, and most iterations of ours.

    Returns
    -------
    dict
        As of `agreement` without ``last_change``; ``met_matrices``, the largest
        difference in rows to which both attribute a label or more; and ``met``, the
        share of these rows.
    """
    proba, confusion = crowd_kit_result(labels, n_iter)
    model = DawidSkene(max_iter=n_iter, tol=0, smoothing=0, random_state=0)
    with warnings.catch_warnings():
        # Ours stops where rounding no longer lets the likelihood rise.
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = model.fit(labels).predict_proba(labels)
    apart = np.abs(confusion - model.confusion_matrices_)
    counts = [expected_counts(labels, p).sum(axis=2) for p in (proba, ours)]
    met = np.minimum(*counts) >= 1
    return {
        "predictions": int(np.sum(proba.argmax(axis=1) != ours.argmax(axis=1))),
        "proba": float(np.abs(proba - ours).max()),
        "matrices": float(apart[labels.labels_per_annotator > 0].max()),
        "met_matrices": float(apart[met].max()),
        "met": float(met.mean()),
    }


def speed(
    n_samples=100_000,
    *,
    n_annotators=1000,
    n_classes=10,
    labels_per_item=5,
    n_iter=20,
    repeats=3,
):
    """Seconds and memory of crowd-kit's Dawid-Skene and ours, in one thread.

    Each starts from the same long table, and ends with the classes of its items.

    Parameters
    ----------
    n_samples, n_annotators, n_classes, labels_per_item : int
        Size of the simulated crowd.
    n_iter : int
        Iterations that both do.
    repeats : int
        Runs that are timed. One more measures the memory, as this takes time.

    Returns
    -------
    dict
        For ``"crowd-kit"`` and ``"skccem"`` the median ``seconds`` and the
        ``peak_mib`` that was allocated on top of the table; and the ``ratio`` of each.
    """
    matrices = make_confusion_matrices(
        n_annotators, n_classes, kind="symmetric", random_state=0
    )
    truth = np.random.default_rng(0).integers(n_classes, size=n_samples)
    data = make_crowd_labels(
        truth, matrices, labels_per_item=labels_per_item, random_state=0
    ).to_long()
    aggregation = import_peer("crowd-kit")

    def theirs():
        model = aggregation.DawidSkene(n_iter=n_iter, tol=-np.inf)
        model.fit_predict(data)
        return len(model.loss_history_)

    def ours():
        model = DawidSkene(max_iter=n_iter, tol=0, smoothing=0, random_state=0)
        model.fit_predict(CrowdLabels.from_long(data))
        return model.n_iter_

    results = {
        name: _measure(run, n_iter, repeats)
        for name, run in {"crowd-kit": theirs, "skccem": ours}.items()
    }
    results["ratio"] = {
        key: results["crowd-kit"][key] / results["skccem"][key]
        for key in ("seconds", "peak_mib")
    }
    return results


def _measure(run, n_iter, repeats):
    seconds = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(repeats):
            start = time.perf_counter()
            done = run()
            seconds.append(time.perf_counter() - start)
            if done != n_iter:
                raise RuntimeError(
                    f"Expected {n_iter} iterations, but {done} were done: fewer "
                    "iterations, or a larger crowd, keep both from converging."
                )
        tracemalloc.start()
        run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return {"seconds": median(seconds), "peak_mib": peak / 2**20}


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0])
    arguments.add_argument("--max-iter", type=int, default=1000)
    arguments.add_argument("--speed", action="store_true", help="a minute more")
    options = arguments.parse_args(argv)
    if options.data_home is None:
        sys.exit("Name the directory of the data by --data-home or SKCCEM_DATA.")
    print(versions("crowd-kit", "pandas"))
    for name in ("labelme", "music"):
        labels = load_real(name, options.data_home).labels
        labels = labels[labels.labels_per_item > 0]
        for n_iter in (5, 60, options.max_iter):
            found = agreement(labels, n_iter)
            print(f"{name}, {n_iter} iterations, the same floor: {found}", flush=True)
            if (
                found["predictions"]
                or max(found["proba"], found["matrices"]) > TOLERANCE
            ):
                sys.exit(f"Expected equal results to {TOLERANCE}.")
        print(f"{name}, public: {public_difference(labels, options.max_iter)}")
    if options.speed:
        print(f"speed: {speed()}")


if __name__ == "__main__":
    main()

"""Dawid-Skene on one machine and on Dask: the same result, and what either takes.

    pip install .[distributed]
    python benchmarks/distributed_aggregation.py                     # two minutes
    python benchmarks/distributed_aggregation.py --quick             # seconds
    python benchmarks/distributed_aggregation.py --scheduler HOST:PORT

Without ``--scheduler`` the workers are processes of this machine with one thread each,
which shows what Dask costs rather than what it saves. If results differ by more than
1e-6, the script fails.
"""

import sys
import time
import warnings
from itertools import pairwise

import numpy as np
from aggregation_speed import large_crowd
from common import command_of, parse_study, parser, versions
from sklearn.exceptions import ConvergenceWarning
from study import markdown, publish
from threadpoolctl import threadpool_limits

from skccem import DawidSkene
from skccem.distributed import DaskDawidSkene

TOLERANCE = 1e-6
FULL = {"labels": 1_000_000, "annotators": 10_000, "iterations": 20, "parts": 4}
QUICK = {"labels": 20_000, "annotators": 200, "iterations": 3, "parts": 3}


def compare(labels, n_parts, iterations):
    """Fits of both, and how far they are apart.

    Parameters
    ----------
    labels : CrowdLabels
    n_parts : int
        Parts of about equal numbers of items.
    iterations : int
        Most iterations of EM, whose tolerance is zero.

    Returns
    -------
    dict
        ``seconds`` and ``iterations`` of each, and the largest ``difference`` of
        matrices, class prior and class probabilities.
    """
    ends = np.linspace(0, len(labels), n_parts + 1).astype(int)
    parts = [labels[a:b] for a, b in pairwise(ends)]
    found, fits = {"seconds": {}, "iterations": {}}, {}
    for name, Estimator, given in (
        ("one machine", DawidSkene, labels),
        ("Dask", DaskDawidSkene, parts),
    ):
        model = Estimator(max_iter=iterations, tol=0, random_state=0)
        start = time.perf_counter()
        with threadpool_limits(1), warnings.catch_warnings():
            # That it has not converged is intended.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits[name] = model.fit(given)
        found["seconds"][name] = time.perf_counter() - start
        found["iterations"][name] = model.n_iter_
    local, spread = fits.values()
    pairs = (
        (local.confusion_matrices_, spread.confusion_matrices_),
        (local.class_prior_, spread.class_prior_),
        (local.predict_proba(labels), spread.predict_proba(parts).compute()),
    )
    found["difference"] = max(float(np.abs(a - b).max()) for a, b in pairs)
    return found


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    arguments.add_argument("--scheduler", help="address of a running scheduler")
    arguments.add_argument("--workers", type=int, default=2, help="without one")
    options = parse_study(arguments, argv, full=FULL, quick=QUICK)
    from distributed import Client, LocalCluster

    cluster = options.scheduler or LocalCluster(
        n_workers=options.workers, threads_per_worker=1, dashboard_address=":0"
    )
    labels = large_crowd(options.labels, options.annotators)
    with Client(cluster) as client:
        n_workers = len(client.scheduler_info(n_workers=-1)["workers"])
        found = compare(labels, options.parts, options.iterations)
    if options.scheduler is None:
        cluster.close()
    header = ["by", "iterations", "seconds", "seconds an iteration"]
    rows = [
        [name, str(n_iter), f"{seconds:.2f}", f"{seconds / n_iter:.3f}"]
        for (name, seconds), n_iter in zip(
            found["seconds"].items(), found["iterations"].values(), strict=True
        )
    ]
    command = command_of("distributed_aggregation.py", options)
    text = (
        "# Dawid-Skene on Dask\n\n"
        f"`{command}`; {versions('dask', 'distributed')}.\n\n"
        f"{labels!r} in {options.parts} parts on {n_workers} workers; the largest "
        f"difference of any number is {found['difference']:.1e}.\n\n"
        f"{markdown(header, rows)}\n"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    name = f"distributed_aggregation{'_quick' * options.quick}.md"
    publish(text, options.out / name)
    if found["difference"] > TOLERANCE:
        sys.exit(f"Expected equal results to {TOLERANCE}.")


if __name__ == "__main__":
    main()

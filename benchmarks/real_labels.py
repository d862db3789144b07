"""Accuracy on LabelMe and Music, whose labels come from real crowds.

    python benchmarks/real_labels.py --data-home DIR

Every method trains the same network on the same items. No true label is used but to
judge the results, and by the last row, which shows what truth is worth.
"""

import sys

from common import METHODS, evaluate, load_real, parser, table, versions
from joblib import Parallel, delayed
from tqdm.auto import tqdm


def main():
    arguments = parser(__doc__.split("\n")[0])
    arguments.add_argument("--seeds", type=int, default=10, help="seeds 0 to SEEDS - 1")
    arguments.add_argument("--n-jobs", type=int, default=2)
    arguments.add_argument(
        "--data", nargs="+", choices=["labelme", "music"], default=["labelme", "music"]
    )
    options = arguments.parse_args()
    if options.data_home is None:
        sys.exit(
            "Where are labelme.npz and music.npz? Name their directory by --data-home "
            "or SKCCEM_DATA."
        )
    print(versions())
    for name in options.data:
        problem = load_real(name, options.data_home)
        jobs = [(method, seed) for method in METHODS for seed in range(options.seeds)]
        runs = Parallel(n_jobs=options.n_jobs, return_as="generator")(
            delayed(evaluate)(problem, *job) for job in jobs
        )
        results = {method: [] for method in METHODS}
        progress = tqdm(runs, total=len(jobs), desc=name, unit="fit")
        for (method, _), run in zip(jobs, progress, strict=True):
            results[method].append(run)
        print(f"\n{table(name, results)}")


if __name__ == "__main__":
    main()

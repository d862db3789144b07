"""What gold labels of a few items do for the others: LabelMe, with and without.

    python benchmarks/gold_labels.py --data-home DIR           # ten minutes
    python benchmarks/gold_labels.py --data-home DIR --quick   # a minute

The classes of items that are drawn at random are given to `fit` as `gold`, and the
accuracy is that on other items. A fit without and one with gold labels share a seed, so
differences are paired. An interrupted run goes on where it was.
"""

import sys

import numpy as np
from common import parse_study, parser, run_jobs
from gold_label_runs import MEASURES, measure_gold
from study import markdown, mean_and_std, publish

N_GOLD = 50


def summary(runs):
    """Accuracy by measure: without, with, and the differences."""
    rows = []
    for key, name in MEASURES.items():
        pairs = np.array([run["result"][key] for run in runs])
        gain = pairs[:, 1] - pairs[:, 0]
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
        rows.append(
            [
                name,
                *(mean_and_std(column) for column in pairs.T),
                f"{gain.mean():+.4f} ± {error:.4f}",
                f"{np.sum(gain > 0)} of {len(gain)}",
            ]
        )
    header = ["accuracy of", "without", "with", "gain", "seeds that gain"]
    return markdown(header, rows)


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0]),
        argv,
        full={"seeds": 20, "epochs": 100},
        quick={"seeds": 2, "epochs": 10},
    )
    if options.data_home is None:
        sys.exit(
            "Where is labelme.npz? Name its directory by --data-home or SKCCEM_DATA."
        )
    jobs = [
        {
            "data": "labelme",
            "seed": seed,
            "n_gold": N_GOLD,
            "max_epochs": options.epochs,
            "data_home": str(options.data_home),
        }
        for seed in range(options.seeds)
    ]
    runs, source, path = run_jobs("gold_labels", measure_gold, jobs, options)
    text = (
        "# Gold labels\n\n"
        f"{source}\n\n"
        f"LabelMe, {N_GOLD} gold labels of 1,000 items, drawn anew for each of "
        f"{options.seeds} seeds. Mean ± standard deviation; the gain is the mean of "
        f"paired differences ± its standard error.\n\n{summary(runs)}\n"
    )
    publish(text, path)


if __name__ == "__main__":
    main()

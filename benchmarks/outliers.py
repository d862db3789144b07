"""Items whose labels depart from the annotators' matrices: what outlier_share is worth.

    python benchmarks/outliers.py           # six minutes
    python benchmarks/outliers.py --quick   # one minute

A fit without outliers ranks items by the same odds as one with them. Seeds are others
than those that the model of outliers was chosen on. An interrupted run goes on where it
was.
"""

import numpy as np
from cases import name_of
from common import parse_study, parser, run_jobs
from jobs import OUTLIER_CASES, OUTLIER_SHARES, measure_outliers
from study import markdown, mean_and_std, publish

# The first of the seeds.
FIRST_SEED = 200

MEASURES = {
    "detection AUC": ("detection_auc", 3),
    "test accuracy": ("accuracy", 3),
    "training items": ("aggregated", 3),
    "matrix error": ("matrix_error", 4),
    "share": ("learned_share", 3),
}


def summary(runs):
    """Every measure, by crowd and by what `outlier_share` was."""
    found = {}
    for run in runs:
        job = run["job"]
        key = _title(job["case"]), job["outlier_share"]
        found.setdefault(key, []).append(run["result"])
    rows = [
        [
            title,
            str(share),
            *(
                mean_and_std([result[name] for result in results], digits)
                for name, digits in MEASURES.values()
            ),
        ]
        for (title, share), results in found.items()
    ]
    return markdown(["crowd and outliers", "outlier_share", *MEASURES], rows)


def differences(runs):
    """Mean difference to the fit without outliers, paired by crowd and seed."""
    found = {}
    for run in runs:
        job = run["job"]
        key = job["outlier_share"], job["case"]["share"] > 0
        found.setdefault(key, []).append(run["result"])
    rows = []
    for (share, outliers), results in found.items():
        if share == 0:
            continue
        pairs = list(zip(results, found[0.0, outliers], strict=True))
        crowds = "with outliers" if outliers else "without"
        rows.append([crowds, str(share), *(_difference(pairs, m) for m in MEASURES)])
    return markdown(["crowds", "outlier_share", *MEASURES], rows)


def _difference(pairs, measure):
    name, digits = MEASURES[measure]
    values = [one[name] - two[name] for one, two in pairs if one[name] is not None]
    if not values or name == "learned_share":
        return ""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):+.{digits}f} ± {error:.{digits}f}"


def _title(case):
    if case["share"] == 0:
        return f"{name_of(case)}: none"
    return f"{name_of(case)}: {case['share']:.0%} {case['outliers'].replace('_', ' ')}"


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0], data_home=False),
        argv,
        full={"seeds": 5, "epochs": 100, "items": 1000},
        quick={"seeds": 2, "epochs": 15, "items": 300},
    )
    jobs = [
        {
            "case": case,
            "outlier_share": share,
            "seed": FIRST_SEED + seed,
            "n_items": options.items,
            "max_epochs": options.epochs,
        }
        for case in OUTLIER_CASES
        for share in OUTLIER_SHARES
        for seed in range(options.seeds)
    ]
    runs, source, path = run_jobs("outliers", measure_outliers, jobs, options)
    text = (
        "# Items whose labels depart from the annotators' matrices\n\n"
        f"{source}\n\n"
        f"Mean ± standard deviation of {options.seeds} seeds from {FIRST_SEED} on.\n\n"
        f"{summary(runs)}\n\n"
        "Difference to outlier_share=0, paired by crowd and seed, mean ± standard "
        f"error.\n\n{differences(runs)}\n"
    )
    publish(text, path)


if __name__ == "__main__":
    main()

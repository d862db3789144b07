"""What each default of CrowdClassifier is worth: one change at a time.

The defaults are those of the coupled network, ``n_init=1``, which all changes but those
of `n_init` itself are made of.

    python benchmarks/ablation.py --data-home DIR   # half an hour
    python benchmarks/ablation.py --quick           # two minutes, simulated crowds only

Seeds are others than those of the studies that compare methods. Differences are paired
by seed and problem; LabelMe and Music are left out where no directory is given. An
interrupted run goes on where it was.
"""

from functools import partial

import numpy as np
from cases import name_of
from common import parse_study, parser, run_jobs
from jobs import ABLATION_CASES, ABLATIONS, measure_ablation
from study import markdown, mean_and_std, publish

# The first of the seeds.
FIRST_SEED = 100


def summary(runs):
    """Accuracy by problem, and what each change costs or gives on average."""
    problems = {}
    for run in runs:
        job = run["job"]
        found = problems.setdefault(name_of(job["problem"]), {})
        found.setdefault(job["variant"], []).append(run["result"])
    rows = [
        [
            variant,
            *(
                mean_and_std([r["accuracy"] for r in found[variant]])
                for found in problems.values()
            ),
            _difference(problems.values(), variant),
        ]
        for variant in ABLATIONS
    ]
    header = ["", *problems, "mean difference ± standard error"]
    return markdown(header, rows)


def _difference(problems, variant):
    if not ABLATIONS[variant]:
        return ""
    differences = [
        changed["accuracy"] - default["accuracy"]
        for found in problems
        for changed, default in zip(found[variant], found["n_init=1"], strict=True)
    ]
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    return f"{np.mean(differences):+.3f} ± {error:.3f}"


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0]),
        argv,
        full={"seeds": 3, "epochs": 100, "items": 1000},
        quick={"seeds": 2, "epochs": 15, "items": 300},
    )
    real = [] if options.data_home is None else ["labelme", "music"]
    jobs = [
        {
            "problem": problem,
            "variant": variant,
            "seed": FIRST_SEED + seed,
            "n_items": options.items,
            "max_epochs": options.epochs,
        }
        for seed in range(options.seeds)
        for problem in [*real, *ABLATION_CASES]
        for variant in ABLATIONS
    ]
    runs, source, path = run_jobs(
        "ablation",
        partial(measure_ablation, data_home=options.data_home),
        jobs,
        options,
    )
    text = (
        "# One default changed at a time\n\n"
        f"{source}\n\n"
        f"Test accuracy, mean ± standard deviation of {options.seeds} seeds from "
        f"{FIRST_SEED} on.\n\n{summary(runs)}\n"
    )
    publish(text, path)


if __name__ == "__main__":
    main()

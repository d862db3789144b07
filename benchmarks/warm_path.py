"""What one burn-in for all candidates of a fold saves, and whether scores agree.

    python benchmarks/warm_path.py --data-home DIR   # ten minutes
    python benchmarks/warm_path.py --quick           # seconds, simulated crowds only

``CrowdClassifierCV`` trains the burn-in once in each fold; ``GridSearchCV`` trains it
for each candidate. Both run one after the other in one process with one thread, on the
same folds and candidates, without the last fit. An interrupted run goes on where it
was.
"""

from functools import partial

import numpy as np
from cases import name_of
from common import parse_study, parser, run_jobs
from jobs import ABLATION_CASES
from searches import measure_warm_path
from study import markdown, publish

from skccem._candidates import select_candidate

# Other crowds than those that the rule of choice was judged on.
FIRST_SEED = 400


def row_of(run):
    """A line of the table."""
    result = run["result"]
    warm, plain = result["warm"], result["plain"]
    scores, others = np.array(warm["scores"]), np.array(plain["scores"])
    # What all candidates of a fold share changes no choice.
    shift = (scores - others).mean(axis=1)
    differences = scores - others - shift[:, np.newaxis]
    mean, widest = differences.mean(axis=0), np.abs(differences.mean(axis=0)).argmax()
    taken = [
        result["strengths"][select_candidate(found, result["strengths"], rule="best")]
        for found in (scores, others)
    ]
    return [
        name_of(run["job"]["problem"]),
        f"{plain['seconds']:.0f}",
        f"{warm['seconds']:.0f}",
        f"{warm['seconds'] / plain['seconds']:.2f}",
        f"{shift.mean():+.4f} ± {_error(shift):.4f}",
        f"{abs(mean[widest]):.4f} ± {_error(differences[:, widest]):.4f}",
        f"{np.ptp(others.mean(axis=0)):.4f}",
        f"{taken[0]:g} and {taken[1]:g}",
    ]


def _error(values):
    """The standard error of a mean over folds."""
    return np.std(values, ddof=1) / np.sqrt(len(values))


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0]),
        argv,
        full={"seeds": 1, "epochs": 100, "items": 1000},
        quick={"seeds": 1, "epochs": 15, "items": 300},
    )
    real = [] if options.data_home is None else ["labelme", "music"]
    jobs = [
        {
            "problem": problem,
            "seed": FIRST_SEED + seed,
            "n_items": options.items,
            "max_epochs": options.epochs,
        }
        for seed in range(options.seeds)
        for problem in [*real, ABLATION_CASES[1], ABLATION_CASES[2]]
    ]
    runs, source, path = run_jobs(
        "warm_path",
        partial(measure_warm_path, data_home=options.data_home),
        jobs,
        options,
    )
    header = [
        "crowd",
        "seconds, GridSearchCV",
        "CrowdClassifierCV",
        "ratio",
        "difference that all candidates share",
        "the largest beside it",
        "range of the mean scores",
        "the best strength by each",
    ]
    rows = markdown(header, [row_of(run) for run in runs])
    text = (
        "# One burn-in for all candidates of a fold\n\n"
        f"{source}\n\n"
        "Five folds and five strengths. The share of epochs that is trained is 0.68 at "
        "the defaults: five burn-ins of 40% in place of 25. Scores are the calibrated "
        "joint log-likelihood per held-out label; differences are CrowdClassifierCV "
        f"less GridSearchCV, ± one standard error over folds.\n\n{rows}\n"
    )
    publish(text, path)


if __name__ == "__main__":
    main()

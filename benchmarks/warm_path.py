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
from common import command_of, parse_study, parser, versions
from jobs import ABLATION_CASES
from searches import measure_warm_path
from study import markdown, provenance, run_study

# Other crowds than those that the rule of choice was judged on.
FIRST_SEED = 400


def row_of(run):
    """A line of the table."""
    warm, plain = run["result"]["warm"], run["result"]["plain"]
    problem = run["job"]["problem"]
    scores, others = np.array(warm["scores"]), np.array(plain["scores"])
    differences = scores - others
    errors = differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    mean = differences.mean(axis=0)
    widest = np.abs(mean).argmax()
    path = others.mean(axis=0)
    return [
        problem if isinstance(problem, str) else name_of(problem),
        f"{plain['seconds']:.0f}",
        f"{warm['seconds']:.0f}",
        f"{warm['seconds'] / plain['seconds']:.2f}",
        f"{mean.mean():+.4f}",
        f"{mean[widest]:+.4f} ± {errors[widest]:.4f}",
        f"{np.ptp(path):.4f}",
        f"{np.corrcoef(scores.mean(axis=0), path)[0, 1]:.2f}",
    ]


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
            "likelihoods": ["joint"],
            "seed": FIRST_SEED + seed,
            "n_items": options.items,
            "max_epochs": options.epochs,
        }
        for seed in range(options.seeds)
        for problem in [*real, ABLATION_CASES[1], ABLATION_CASES[2]]
    ]
    name, now = "warm_path" + "_quick" * options.quick, versions()
    runs = run_study(
        partial(measure_warm_path, data_home=options.data_home),
        jobs,
        options.out / f"{name}.jsonl",
        versions=now,
        n_jobs=options.n_jobs,
        title=name,
    )
    header = [
        "crowd",
        "seconds, GridSearchCV",
        "CrowdClassifierCV",
        "ratio",
        "mean difference of scores",
        "the largest ± its standard error over folds",
        "range of GridSearchCV's mean scores",
        "correlation of mean scores",
    ]
    text = (
        "# One burn-in for all candidates of a fold\n\n"
        f"`{command_of('warm_path.py', options)}`; {provenance(runs, now)}.\n\n"
        "Five folds and five strengths. The share of epochs that is trained is 0.68 at "
        "the defaults: five burn-ins of 40% in place of 25. Scores are log-likelihoods "
        f"per held-out label.\n\n{markdown(header, [row_of(run) for run in runs])}\n"
    )
    (options.out / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

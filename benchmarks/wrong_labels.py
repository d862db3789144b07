"""How well the wrong labels of LabelMe and Music are found, against cleanlab.

    python benchmarks/wrong_labels.py --data-home DIR           # six minutes
    python benchmarks/wrong_labels.py --data-home DIR --quick   # a minute

Every label has a quality, and the area under the ROC curve says how well it ranks wrong
labels before right ones. cleanlab's crowdlab gets the out-of-fold probabilities of
``CrowdClassifier(n_init=1)``, and so does `label_quality` in one row. No true label is
used but to judge. It takes the extra `bench`. An interrupted run goes on where it was.
"""

import sys

from common import parse_study, parser, run_jobs
from peers import import_peer
from study import markdown, mean_and_std, publish
from wrong_label_runs import METHODS, measure_wrong_labels

DATA = ["labelme", "music"]


def summary(runs):
    """Area under the ROC curve by method and data."""
    rows = [
        [
            method,
            *(
                mean_and_std(
                    [r["result"][method] for r in runs if r["job"]["data"] == data]
                )
                for data in DATA
            ),
        ]
        for method in METHODS
    ]
    return markdown(["quality of a label", *DATA], rows)


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0]),
        argv,
        full={"seeds": 3, "epochs": 100},
        quick={"seeds": 1, "epochs": 10},
    )
    if options.data_home is None:
        sys.exit(
            "Where are labelme.npz and music.npz? Name their directory by --data-home "
            "or SKCCEM_DATA."
        )
    try:
        import_peer("cleanlab")
    except ImportError as error:
        sys.exit(str(error))
    jobs = [
        {
            "data": data,
            "seed": seed,
            "max_epochs": options.epochs,
            "data_home": str(options.data_home),
        }
        for seed in range(options.seeds)
        for data in DATA
    ]
    runs, source, path = run_jobs(
        "wrong_labels", measure_wrong_labels, jobs, options, "cleanlab"
    )
    text = (
        "# Finding wrong labels\n\n"
        f"{source}\n\n"
        f"Area under the ROC curve, mean ± standard deviation of {options.seeds} "
        f"seeds.\n\n{summary(runs)}\n"
    )
    publish(text, path)


if __name__ == "__main__":
    main()

"""How often the 90% intervals of annotator_report hold the truth.

    python benchmarks/interval_coverage.py           # four minutes
    python benchmarks/interval_coverage.py --quick   # seconds

Annotators are drawn from the kinds of ``make_confusion_matrices``, classes with
frequencies from a Dirichlet distribution. Seeds are others than those that the prior of
the matrices was chosen on. An interrupted run goes on where it was.
"""

from common import parse_study, parser, run_jobs
from intervals import FEWEST_LABELS, FEWEST_ROW_LABELS, measure_coverage
from study import markdown, publish

# The first of the seeds.
FIRST_SEED = 3000

KINDS = [
    "mixed",
    "hammer_spammer",
    "symmetric",
    "diagonally_dominant",
    "pairwise_flipper",
]

# Classes, annotators, items, and how many labels.
CROWDS = {
    "DawidSkene": [
        (2, 30, 300, {"labels_per_item": 4}),
        (3, 15, 1000, {"labels_per_item": 3}),
        (4, 40, 600, {"labels_per_item": 5}),
        (4, 40, 1000, {"labels_per_item": 3, "participation": "long_tail"}),
    ],
    "CrowdClassifier": [
        (2, 20, 300, {"labels_per_item": 3}),
        (3, 15, 600, {"labels_per_item": 2}),
        (4, 20, 600, {"labels_per_item": 1}),
    ],
}


def coverage(runs, by):
    """Share of true values inside their intervals, and mean width, for each group.

    Parameters
    ----------
    runs : list of dict
    by : callable
        Of a job, the text of its group.

    Returns
    -------
    str
        A Markdown table, which ends with all runs.
    """
    found = {}
    for run in runs:
        for group in (by(run["job"]), "all"):
            found.setdefault(group, []).append(run["result"])
    # "all" stands where it was first met.
    found["all"] = found.pop("all")
    header = ["", "accuracies", "inside", "width", "entries", "inside", "width"]
    rows = [
        [group, *_cells(results, "accuracy"), *_cells(results, "entry")]
        for group, results in found.items()
    ]
    return markdown(header, rows)


def _cells(results, name):
    number, inside, width = (
        sum(result[name][key] for result in results)
        for key in ("number", "inside", "width")
    )
    if not number:
        return ["0", "", ""]
    return [f"{number}", f"{inside / number:.1%}", f"{width / number:.3f}"]


def _crowd_title(job):
    amount = job["crowd"]["labels_per_item"]
    tail = ", long tail" * ("participation" in job["crowd"])
    return (
        f"{job['estimator']}: {job['n_classes']} classes, {job['n_annotators']} "
        f"annotators, {job['n_items']} items, {amount} an item{tail}"
    )


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0], data_home=False),
        argv,
        full={"seeds": 5, "epochs": 60, "items": 1000},
        quick={"seeds": 1, "epochs": 5, "items": 100},
    )
    jobs = [
        {
            "estimator": estimator,
            "kind": kind,
            "crowd": crowd,
            "seed": FIRST_SEED + seed,
            "max_epochs": options.epochs,
            "n_classes": n_classes,
            "n_annotators": n_annotators,
            "n_items": min(n_items, options.items),
        }
        for estimator, crowds in CROWDS.items()
        for n_classes, n_annotators, n_items, crowd in crowds
        for kind in (KINDS[:2] if options.quick else KINDS)
        for seed in range(options.seeds)
    ]
    runs, source, path = run_jobs("interval_coverage", measure_coverage, jobs, options)
    text = (
        "# How often 90% intervals hold the truth\n\n"
        f"{source}\n\n"
        f"Accuracies of annotators with {FEWEST_LABELS} labels or more, and entries of "
        f"matrices in rows with {FEWEST_ROW_LABELS} expected labels or more; "
        f"{options.seeds} seeds from {FIRST_SEED} on. `CrowdClassifier(n_init=1)` "
        "judges the items that it was trained on.\n\n"
        f"{coverage(runs, lambda job: job['estimator'])}\n\n"
        f"{coverage(runs, lambda job: job['kind'].replace('_', ' '))}\n\n"
        f"{coverage(runs, _crowd_title)}\n"
    )
    publish(text, path)


if __name__ == "__main__":
    main()

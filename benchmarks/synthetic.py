"""The paper's simulated annotators on digits: every kind, few labels and many.

    python benchmarks/synthetic.py            # a third of the cases: over an hour
    python benchmarks/synthetic.py --full     # all of them: about six hours
    python benchmarks/synthetic.py --quick    # two small cases, in a minute

Cases are the kinds of annotators of Ibrahim, Nguyen and Fu (ICLR 2023), times 1, 3 or 5
labels an item, times 5, 10 or 25 annotators; the third is the Latin square of cases
whose numbers add up to a multiple of three, in which each kind meets each level once.
Machine annotators come on top. The strength of a regulariser is chosen by the
likelihood of the labels of 20% of the items, and beside it by their truth; then all
items are trained on. An interrupted run goes on where it was. ``--data FILE`` takes X,
y and, if there, X_test and y_test from an npz file in place of digits; each seed draws
its own ``--items`` training items.
"""

import sys
from pathlib import Path

import numpy as np
from cases import all_cases, name_of, simulate
from common import command_of, parse_study, parser, versions
from figures import draw_synthetic
from jobs import COUPLED, OTHERS, measure_simulated
from study import chosen, markdown, mean_and_std, provenance, publish, run_study

from skccem.metrics import selection_regret

OURS = [method for method in OTHERS if method.startswith("skccem's defaults")]
RIVALS = [
    "CCEM",
    "F",
    "W",
    "majority vote, then the network",
    "Dawid-Skene, then the network",
]


def by_problem(runs):
    """Runs of one method each, gathered into one for each case and seed."""
    problems = {}
    for run in runs:
        job = {key: value for key, value in run["job"].items() if key != "method"}
        found = problems.setdefault(str(job), {"job": job, "result": {}})
        found["result"][run["job"]["method"]] = run["result"]
    return list(problems.values())


def summary(runs):
    """The tables of a study as Markdown."""
    cases = {}
    for run in runs:
        cases.setdefault(name_of(run["job"]["case"]), []).append(run["result"])
    methods = [*COUPLED, *OTHERS]
    parts = []
    for quantity, title, digits in [
        ("accuracy", "Test accuracy, strength chosen by held-out likelihood", 3),
        ("aggregated", "Accuracy of the training items' inferred classes", 3),
        ("matrix_error", "Error of the confusion matrices", 4),
    ]:
        rows = []
        for case, results in cases.items():
            cells = (
                [chosen(result[method], "held_out")[quantity] for result in results]
                for method in methods
            )
            rows.append([case, *(mean_and_std(cell, digits) for cell in cells)])
        parts.append(f"## {title}\n\n{markdown(['case', *methods], rows)}")
    everything = [result for results in cases.values() for result in results]
    parts += [
        f"## Mean over all cases and seeds\n\n{_overall(everything)}",
        f"## Points above the best of the others\n\n{against_best(cases)}",
        f"## Runs in which a strength was chosen\n\n{_taken(everything)}",
    ]
    return "\n\n".join(parts)


def _mean(values, digits):
    return "" if values[0] is None else f"{np.mean(values):.{digits}f}"


def _accuracies(results, method):
    return np.array([chosen(r[method], "held_out")["accuracy"] for r in results])


def against_best(cases):
    """Differences by case, paired by seed, to the rival of the highest mean in it."""
    rows, differences = [], {method: [] for method in OURS}
    for case, results in cases.items():
        accuracies = {method: _accuracies(results, method) for method in RIVALS}
        best = max(RIVALS, key=lambda method: accuracies[method].mean())
        row = [case, best, f"{accuracies[best].mean():.3f}"]
        for method in OURS:
            points = 100 * (_accuracies(results, method) - accuracies[best])
            differences[method].append(points.mean())
            row.append(_with_error(points))
        rows.append(row)
    means = [_with_error(np.array(found)) for found in differences.values()]
    ahead = [str(sum(d > 0 for d in found)) for found in differences.values()]
    rows.append(["mean, and standard error over cases", "", "", *means])
    rows.append([f"ahead in, of {len(cases)}", "", "", *ahead])
    return markdown(["case", "best of the others", "its accuracy", *OURS], rows)


def _with_error(values):
    if len(values) < 2:
        return f"{values.mean():+.2f}"
    return f"{values.mean():+.2f} ± {values.std(ddof=1) / np.sqrt(len(values)):.2f}"


def _taken(results):
    methods = [method for method in COUPLED if len(results[0][method]) > 1]
    strengths = [run["strength"] for run in results[0][methods[0]]]
    taken = {
        method: [chosen(r[method], "held_out")["strength"] for r in results]
        for method in methods
    }
    rows = [
        [method, *(str(found.count(strength)) for strength in strengths)]
        for method, found in taken.items()
    ]
    return markdown(["method", *map(str, strengths)], rows)


def _overall(results):
    rows = []
    for method in [*COUPLED, *OTHERS]:
        by_labels = [chosen(r[method], "held_out") for r in results]
        by_truth = [chosen(r[method], "held_out_truth") for r in results]
        regrets = [
            selection_regret(
                [run.get("held_out", 0.0) for run in r[method]],
                [run["accuracy"] for run in r[method]],
            )
            for r in results
        ]
        rows.append(
            [
                method,
                f"{np.mean([run['accuracy'] for run in by_labels]):.3f}",
                f"{np.mean([run['accuracy'] for run in by_truth]):.3f}",
                f"{np.mean(regrets):.3f}",
                _mean([run["aggregated"] for run in by_labels], 3),
                _mean([run["matrix_error"] for run in by_labels], 4),
                f"{np.mean([run['seconds'] for run in by_labels]):.1f}",
            ]
        )
    header = [
        "method",
        "accuracy, chosen by likelihood",
        "chosen by truth of the same items",
        "regret of the first choice",
        "training items",
        "matrix error",
        "seconds a fit",
    ]
    return markdown(header, rows)


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    arguments.add_argument("--full", action="store_true", help="all cases")
    arguments.add_argument("--data", help="npz file with X, y [, X_test, y_test]")
    options = parse_study(
        arguments,
        argv,
        full={"seeds": 5, "items": 1000, "epochs": 100},
        quick={"seeds": 1, "items": 400, "epochs": 15},
    )
    cases = [case for case, default in all_cases() if default or options.full]
    if options.quick:
        cases = [cases[0], cases[-1]]
    try:
        # What cannot be simulated is better known before hours of training.
        for case in cases:
            simulate(case, 0, options.data, options.items)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    shared = {
        "path": options.data,
        "n_items": options.items,
        "max_epochs": options.epochs,
    }
    jobs = [
        {"case": case, "seed": seed, "method": method, **shared}
        for seed in range(options.seeds)
        for case in cases
        for method in [*COUPLED, *OTHERS]
    ]
    name = "synthetic" + "_quick" * options.quick
    if options.data:
        name += f"_{Path(options.data).stem}"
    now = versions()
    runs = run_study(
        measure_simulated,
        jobs,
        options.out / f"{name}.jsonl",
        versions=now,
        n_jobs=options.n_jobs,
        title=name,
    )
    problems = by_problem(runs)
    text = (
        f"# Simulated annotators\n\n`{command_of('synthetic.py', options)}`; "
        f"{provenance(runs, now)}.\n\n"
        "A case is the kind of annotators, labels an item, and number of annotators. "
        "Mean ± standard deviation over the seeds.\n"
        f"\n{summary(problems)}\n"
    )
    publish(text, options.out / f"{name}.md")
    draw_synthetic(problems, COUPLED, OTHERS, options.out / f"{name}.png")


if __name__ == "__main__":
    main()

"""The paper's simulated annotators on digits: every kind, few labels and many.

    python benchmarks/synthetic.py            # a third of the cases, 5 seeds: an hour
    python benchmarks/synthetic.py --full     # all of them
    python benchmarks/synthetic.py --quick    # two small cases, in a minute

Cases are the kinds of annotators of Ibrahim, Nguyen and Fu (ICLR 2023), times 1, 3 or 5
labels an item, times 5, 10 or 25 annotators; the third is the Latin square of cases
whose numbers add up to a multiple of three, in which each kind meets each level once.
Machine annotators come on top. The strength of a regulariser is chosen by the
likelihood of the labels of 20% of the items, and beside it by their truth; then all
items are trained on. An interrupted run goes on where it was. ``--data FILE`` takes X,
y and, if there, X_test and y_test from an npz file in place of digits.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from cases import all_cases, name_of, simulated
from common import fit_method, parser, versions
from figures import draw_synthetic
from sklearn.model_selection import train_test_split
from study import markdown, mean_and_std, run_study

from skccem.metrics import selection_regret

STRENGTHS = [0.001, 0.01, 0.1]

# Likelihood and regulariser of each coupled method.
COUPLED = {
    "CCEM": ("marginal", None),
    "F": ("marginal", "F"),
    "W": ("marginal", "W"),
    "joint": ("joint", None),
    "joint + F": ("joint", "F"),
    "joint + W": ("joint", "W"),
}
# Start and learning rates of all of them.
SETTINGS = {"init": "identity", "lr": 1e-3, "confusion_lr": 2e-2}
OTHERS = [
    "skccem's defaults",
    "majority vote, then the network",
    "Dawid-Skene, then the network",
    "the network on true labels",
]


def run_method(case, seed, method, path, n_items, max_epochs):
    """The measurements of a method on one problem, for each of its strengths."""
    torch.set_num_threads(1)
    problem = simulated(case, seed, path, n_items)
    fit = partial(fit_method, seed=seed, max_epochs=max_epochs)
    if method not in COUPLED:
        return [{"strength": None, **fit(problem, method).measure(problem)}]
    likelihood, regularizer = COUPLED[method]
    labelled = np.flatnonzero(problem.labels.labels_per_item)
    train, held_out = train_test_split(labelled, test_size=0.2, random_state=seed)
    X_held, truth_held = problem.X[held_out], problem.truth[held_out]
    part = problem.select(train)
    measured = []
    for strength in STRENGTHS if regularizer else [0.0]:
        params = {
            **SETTINGS,
            "likelihood": likelihood,
            "regularizer": regularizer,
            "reg_strength": strength,
        }
        first = fit(part, params).estimator
        measured.append(
            {
                "strength": strength,
                "held_out": first.score(X_held, problem.labels[held_out]),
                "held_out_truth": first.score(X_held, truth_held),
                **fit(problem, params).measure(problem),
            }
        )
    return measured


def by_problem(runs):
    """Runs of one method each, gathered into one for each case and seed."""
    problems = {}
    for run in runs:
        job = {key: value for key, value in run["job"].items() if key != "method"}
        found = problems.setdefault(str(job), {"job": job, "result": {}})
        found["result"][run["job"]["method"]] = run["result"]
    return list(problems.values())


def chosen(runs, by):
    """The run that scores highest by a measurement; the only one if it has none."""
    return max(runs, key=lambda run: run.get(by, 0.0))


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
    parts.append(f"## Mean over all cases and seeds\n\n{_overall(everything)}")
    return "\n\n".join(parts)


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
                f"{np.mean([run['seconds'] for run in by_labels]):.1f}",
            ]
        )
    header = [
        "method",
        "accuracy, chosen by likelihood",
        "chosen by truth of the same items",
        "regret of the first choice",
        "seconds a fit",
    ]
    return markdown(header, rows)


def main(arguments=None):
    options = parser(__doc__.split("\n")[0], data_home=False)
    options.add_argument("--full", action="store_true", help="all cases")
    options.add_argument("--quick", action="store_true", help="two small cases")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--n-jobs", type=int, default=2)
    options.add_argument("--data", help="npz file with X, y [, X_test, y_test]")
    options.add_argument("--out", default="results", help="directory of the results")
    options = options.parse_args(arguments)

    cases = [case for case, default in all_cases() if default or options.full]
    n_items, max_epochs, seeds = 1000, 100, options.seeds
    if options.quick:
        cases, n_items, max_epochs, seeds = [cases[0], cases[-1]], 400, 15, 1
    shared = {"path": options.data, "n_items": n_items, "max_epochs": max_epochs}
    jobs = [
        {"case": case, "seed": seed, "method": method, **shared}
        for seed in range(seeds)
        for case in cases
        for method in [*COUPLED, *OTHERS]
    ]
    out = Path(options.out)
    name = "synthetic_quick" if options.quick else "synthetic"
    runs = by_problem(
        run_study(
            run_method, jobs, out / f"{name}.jsonl", n_jobs=options.n_jobs, title=name
        )
    )
    command = "python benchmarks/synthetic.py"
    command += " --full" * options.full + " --quick" * options.quick
    text = (
        f"# Simulated annotators\n\n`{command}`, {seeds} seeds, {n_items} items, "
        f"{max_epochs} epochs; {versions()}.\n\n"
        "A case is the kind of annotators, labels an item, and number of annotators. "
        "Mean ± standard deviation over the seeds.\n"
        f"\n{summary(runs)}\n"
    )
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    draw_synthetic(runs, COUPLED, OTHERS, out / f"{name}.png")
    print(text)


if __name__ == "__main__":
    main()

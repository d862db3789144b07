"""Accuracy on LabelMe and Music, whose labels come from real crowds.

    python benchmarks/real_labels.py --data-home DIR           # half an hour
    python benchmarks/real_labels.py --data-home DIR --quick   # a minute

Every method trains the same network on the same items. No true label is used but to
judge the results, by the row that shows what truth is worth, and in the second table,
which follows the paper: epoch and strength chosen on true validation labels (LabelMe's
own; of Music a tenth of the training items). With the `bench` extra installed the peers
run as well. An interrupted run goes on where it was.
"""

import sys
from functools import partial
from pathlib import Path

from common import METHODS, PAPER, fit_method, load_real, parser, table, versions
from oracle import fit_with_truth, with_validation
from study import run_study

# How the paper names them, and what they regularise.
WITH_TRUTH = {
    "CCEM, epoch chosen on truth": None,
    "F, epoch and strength chosen on truth": "F",
    "W, epoch and strength chosen on truth": "W",
}


def evaluate_on(data, method, seed, data_home, max_epochs):
    """The measurements of a method on a real crowd."""
    problem = load_real(data, data_home)
    if method in WITH_TRUTH:
        params = {**PAPER, "regularizer": WITH_TRUTH[method], "max_epochs": max_epochs}
        problem = with_validation(problem, seed)
        return fit_with_truth(problem, params, seed).measure(problem)
    if method not in METHODS:
        from peers import PEERS

        METHODS.update(PEERS)
    return fit_method(problem, method, seed, max_epochs=max_epochs).measure(problem)


def installed_peers():
    """The methods of other packages, if those are installed."""
    try:
        from peers import MODULES, PEERS, import_peer

        for package in MODULES:
            import_peer(package)
    except ImportError as error:
        print(f"Without peers: {error}", file=sys.stderr)
        return []
    return list(PEERS)


def main(arguments=None):
    options = parser(__doc__.split("\n")[0])
    options.add_argument("--seeds", type=int, default=10, help="seeds 0 to SEEDS - 1")
    options.add_argument("--n-jobs", type=int, default=2)
    options.add_argument("--quick", action="store_true", help="one seed, ten epochs")
    options.add_argument("--out", default="results", help="directory of the results")
    options.add_argument(
        "--data", nargs="+", choices=["labelme", "music"], default=["labelme", "music"]
    )
    options = options.parse_args(arguments)
    if options.data_home is None:
        sys.exit(
            "Where are labelme.npz and music.npz? Name their directory by --data-home "
            "or SKCCEM_DATA."
        )
    max_epochs, seeds, name = 100, options.seeds, "real_labels"
    if options.quick:
        max_epochs, seeds, name = 10, 1, "real_labels_quick"
    methods = [*METHODS, *WITH_TRUTH, *installed_peers()]
    jobs = [
        {"data": data, "method": method, "seed": seed, "max_epochs": max_epochs}
        for data in options.data
        for method in methods
        for seed in range(seeds)
    ]
    out = Path(options.out)
    runs = run_study(
        partial(evaluate_on, data_home=options.data_home),
        jobs,
        out / f"{name}.jsonl",
        n_jobs=options.n_jobs,
        title=name,
    )
    command = "python benchmarks/real_labels.py --data-home DIR"
    command += " --quick" * options.quick
    parts = [f"# Real crowds\n\n`{command}`, {max_epochs} epochs; {versions()}."]
    for data in options.data:
        results = {method: [] for method in methods}
        for run in runs:
            if run["job"]["data"] == data:
                results[run["job"]["method"]].append(run["result"])
        for title, shown in [
            (f"{data}, no truth used", set(methods) - set(WITH_TRUTH)),
            (f"{data}, chosen on true validation labels", set(WITH_TRUTH)),
        ]:
            chosen = {key: value for key, value in results.items() if key in shown}
            parts.append(table(title, chosen))
    text = "\n\n".join(parts) + "\n"
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

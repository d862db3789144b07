"""How many labels suggest_labels saves, against random collection.

    python benchmarks/suggestions.py           # a quarter of an hour of one core
    python benchmarks/suggestions.py --quick   # seconds

300 items of three classes and 20 annotators start with one random label an item; each
round fits again and collects half a label an item, up to six an item. Random collection
gives all items equally many labels. Seeds are others than those that the defaults of
``suggest_labels`` were chosen on. An interrupted run goes on where it was.
"""

import numpy as np
from collection_runs import RANDOM, SUGGESTED, UNCERTAIN, measure_collection
from common import parse_study, parser, run_jobs
from study import markdown, publish

from skccem._annotator_kinds import KINDS

# The first of the seeds.
FIRST_SEED = 5000

# Crowds of the plain model, and those that depart from it.
PLAIN = [(kind, "plain") for kind in sorted(KINDS)]
DEPARTING = [
    ("mixed", "long tail"),
    ("mixed", "capacity"),
    ("symmetric", "capacity"),
    ("mixed", "newcomers"),
    ("mixed", "difficult"),
    ("mixed", "correlated"),
    ("mixed", "outliers"),
]

# By how much random collection must raise the accuracy, mean of the seeds, for there to
# be something to reach.
LEAST_RISE = 0.05

# Labels that are counted where the accuracy is never reached, in those of random
# collection.
NEVER = 2.0


def labels_until(curve, accuracy):
    """Labels until an accuracy is first reached, between rounds by a straight line.

    Parameters
    ----------
    curve : dict
        `labels` and `accuracy`, a number for each round.
    accuracy : float

    Returns
    -------
    float or None
        None if it is never reached.
    """
    reached = np.flatnonzero(np.array(curve["accuracy"]) >= accuracy)
    if not len(reached):
        return None
    first = reached[0]
    if first == 0:
        return float(curve["labels"][0])
    # The accuracy rises between these two, as the first of them is below.
    around = slice(first - 1, first + 1)
    return float(
        np.interp(accuracy, curve["accuracy"][around], curve["labels"][around])
    )


def share_saved(curve, random):
    """Share of random collection's labels that are not needed for its last accuracy.

    Parameters
    ----------
    curve, random : dict
        As in `labels_until`.

    Returns
    -------
    saved : float
    reached : bool
        If not, twice the labels are counted.
    """
    accuracy = random["accuracy"][-1]
    # It may have been there before.
    of_random = labels_until(random, accuracy)
    needed = labels_until(curve, accuracy)
    if needed is None:
        return 1 - NEVER * random["labels"][-1] / of_random, False
    return 1 - needed / of_random, True


def summary(runs, cases):
    """What each way to collect saves in each crowd, and on average.

    Parameters
    ----------
    runs : list of dict
        Of one estimator.
    cases : list of (str, str)
        Kind and setting.

    Returns
    -------
    str
        A Markdown table.
    """
    curves = {}
    for run in runs:
        job = run["job"]
        crowd = curves.setdefault((job["kind"], job["setting"]), {})
        crowd.setdefault(job["strategy"], {})[job["seed"]] = run["result"]
    header = ["annotators", "start", RANDOM]
    for strategy in (UNCERTAIN, SUGGESTED):
        header += [strategy, "saved", "not reached"]
    rows, means = [], {UNCERTAIN: [], SUGGESTED: []}
    for kind, setting in cases:
        found = curves[kind, setting]
        random = list(found[RANDOM].values())
        start, end = (np.mean([c["accuracy"][at] for c in random]) for at in (0, -1))
        title = kind.replace("_", " ") + f", {setting}" * (setting != "plain")
        row = [title, f"{start:.3f}", f"{end:.3f}"]
        for strategy, saved in means.items():
            mine = found[strategy]
            row.append(f"{np.mean([c['accuracy'][-1] for c in mine.values()]):.3f}")
            if end - start < LEAST_RISE:
                row += ["nothing to reach", ""]
                saved.append(None)
                continue
            shares = [share_saved(mine[seed], found[RANDOM][seed]) for seed in mine]
            values = [share for share, _ in shares]
            row.append(f"{np.mean(values):.0%} ± {np.std(values):.0%}")
            row.append(str(sum(not reached for _, reached in shares) or ""))
            saved.append(np.mean(values))
        rows.append(row)
    for title, otherwise in (("mean", None), ("mean, nothing to reach as 0", 0.0)):
        row = [title, "", ""]
        for saved in means.values():
            values = [otherwise if share is None else share for share in saved]
            values = [share for share in values if share is not None]
            row += ["", f"{np.mean(values):.0%}" if values else "", ""]
        rows.append(row)
    return markdown(header, rows)


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0], data_home=False),
        argv,
        full={"seeds": 5, "network_seeds": 3, "epochs": 40, "items": 300, "labels": 6},
        quick={"seeds": 1, "network_seeds": 1, "epochs": 2, "items": 40, "labels": 2},
    )
    plain, departing = (
        cases[: 1 if options.quick else None] for cases in (PLAIN, DEPARTING)
    )
    jobs = [
        {
            "estimator": estimator,
            "kind": kind,
            "setting": setting,
            "strategy": strategy,
            "seed": FIRST_SEED + seed,
            "max_epochs": options.epochs,
            "n_items": options.items,
            "per_item": options.labels,
        }
        for estimator, cases, seeds in (
            ("DawidSkene", plain + departing, options.seeds),
            ("CrowdClassifier", plain, options.network_seeds),
        )
        for seed in range(seeds)
        for kind, setting in cases
        for strategy in (RANDOM, UNCERTAIN, SUGGESTED)
    ]
    runs, source, path = run_jobs("suggestions", measure_collection, jobs, options)
    alone = [run for run in runs if run["job"]["estimator"] == "DawidSkene"]
    network = [run for run in runs if run["job"]["estimator"] == "CrowdClassifier"]
    text = (
        "# Labels that suggestions save\n\n"
        f"{source}\n\n"
        f"{_EXPLANATION}\n\n"
        f"`DawidSkene`, {options.seeds} seeds from {FIRST_SEED} on:\n\n"
        f"{summary(alone, plain)}\n\n"
        f"Crowds that depart from the plain model:\n\n{summary(alone, departing)}\n\n"
        f"`CrowdClassifier(n_init=1)`, {options.network_seeds} seeds:\n\n"
        f"{summary(network, plain)}\n"
    )
    publish(text, path)


_EXPLANATION = f"""\
Accuracies are shares of items whose aggregated class is the true one: with the first
random label of each item (start), and at the end by random collection, by asking a
random annotator about the least certain items, and by `suggest_labels`. Saved is the
share of random collection's labels, up to where it first has its last accuracy, that
are not needed for this accuracy; mean ± standard deviation of the seeds. Where it is
never reached, {NEVER:g} times the labels of random collection are counted. Where random
labels raise the accuracy by less than {LEAST_RISE:g} on average there is nothing to
reach: the estimator does not find the classes from these labels."""


if __name__ == "__main__":
    main()

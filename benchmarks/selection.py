"""What choosing without truth costs against choosing with it.

    python benchmarks/selection.py --data-home DIR   # 50 minutes with --n-jobs 1
    python benchmarks/selection.py --quick           # seconds, simulated crowds only

The candidates of ``CrowdClassifierCV`` are trained in each fold, as it does, and what
they say of all items is kept in a folder beside the runs, so that ways to score and to
choose are compared on the same fits. Each candidate is also trained on all items and
judged by test accuracy. Regret is the accuracy of the best candidate, which only truth
can name, less that of the chosen one. The first seed has both likelihoods, and folds of
labels too where items have several; further seeds have the joint likelihood and folds
of items. An interrupted run goes on where it was.
"""

import json
from functools import partial

import numpy as np
from cases import all_cases, name_of, problem_of
from common import command_of, parse_study, parser, versions
from held_out import WITH_TRUTH, WITHOUT_TRUTH, scores_in_fold
from searches import folds_of, measure_search
from study import markdown, provenance, publish, run_study

from skccem import CrowdClassifier
from skccem._candidates import select_candidate

# The first of the seeds.
FIRST_SEED = 300
BOTH = ["joint", "marginal"]
# As in the penalised regressions that know the rule of one standard error.
STRONGEST = "strongest within one standard error"
RULES = ["nearest", "one_standard_error", STRONGEST, "best"]


def make_jobs(problems, options):
    """Searches over items and their fits, then those over labels, seed by seed."""
    shared = {"n_items": options.items, "max_epochs": options.epochs}
    jobs = []
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        first = seed == FIRST_SEED
        for problem in problems:
            # With one label an item both likelihoods are the same.
            likelihoods = BOTH if first and _has_several(problem) else ["joint"]
            jobs += [
                {"problem": problem, "splitter": splitter, "likelihoods": likelihoods}
                | {"seed": seed, **shared}
                for splitter in ("items", None)
            ]
        jobs += [
            {"problem": problem, "splitter": "labels", "likelihoods": ["joint"]}
            | {"seed": seed, **shared}
            for problem in problems
            if first and _has_several(problem)
        ]
    return jobs


def _has_several(problem):
    """Whether items of a crowd have several labels."""
    return isinstance(problem, str) or problem.get("labels_per_item") != 1


def choose(scores, strengths, rule):
    """The candidate that a rule takes by scores of shape (n_splits, n_candidates)."""
    if rule == STRONGEST:
        # The nearest to the strongest of all.
        rule, default = "nearest", strengths.max()
    else:
        default = CrowdClassifier().reg_strength
    return select_candidate(scores, strengths, rule=rule, default=default)


def searches_of(runs, directory, data_home):
    """The scores of each search by their names, and the accuracy of each candidate.

    Parameters
    ----------
    runs : list of dict
    directory : Path
        Of the files with what candidates say.
    data_home : path-like

    Returns
    -------
    list of dict
        ``problem``, ``splitter``, ``candidates``, ``accuracy`` of shape
        (n_candidates,), and ``scores``, by names arrays of shape (n_splits,
        n_candidates).
    """
    accuracies = {}
    for run in runs:
        if run["job"]["splitter"] is None:
            names = map(json.dumps, run["result"]["candidates"])
            found = dict(zip(names, run["result"]["accuracy"], strict=True))
            accuracies[_key(run["job"])] = found
    searches = []
    for run in runs:
        job, result = run["job"], run["result"]
        if job["splitter"] is None:
            continue
        problem = problem_of(job["problem"], job["seed"], job["n_items"], data_home)
        with np.load(directory / result["file"]) as said:
            parts = zip(
                folds_of(problem, job["splitter"], job["seed"]),
                said["log_posterior"],
                said["log_confusion"],
                strict=True,
            )
            scores = [scores_in_fold(*part, problem.truth) for part in parts]
        known = accuracies[_key(job)]
        searches.append(
            {
                "problem": name_of(job["problem"]),
                "seed": job["seed"],
                "splitter": job["splitter"],
                "candidates": result["candidates"],
                "accuracy": np.array(
                    [known[json.dumps(c)] for c in result["candidates"]]
                ),
                "scores": {
                    name: np.array([score[name] for score in scores])
                    for name in scores[0]
                },
            }
        )
    return searches


def _key(job):
    return json.dumps(job["problem"]), job["seed"]


def restrict(search, likelihoods):
    """A search with the candidates of some likelihoods only."""
    kept = [
        number
        for number, params in enumerate(search["candidates"])
        if params["likelihood"] in likelihoods
    ]
    return {
        **search,
        "candidates": [search["candidates"][number] for number in kept],
        "strengths": np.array(
            [search["candidates"][number]["reg_strength"] for number in kept]
        ),
        "accuracy": search["accuracy"][kept],
        "scores": {name: found[:, kept] for name, found in search["scores"].items()},
    }


def choices_of(searches):
    """Ways to choose, each with what it takes in each of the searches."""
    choices = {
        (scoring, rule): [
            choose(search["scores"][scoring], search["strengths"], rule)
            for search in searches
        ]
        for scoring in WITHOUT_TRUTH
        for rule in RULES
    }
    for strength in searches[0]["strengths"][: _n_strengths(searches[0])]:
        choices["always", f"{strength:g}"] = [
            int(np.flatnonzero(search["strengths"] == strength)[0])
            for search in searches
        ]
    choices["always", "the best of the other crowds"] = [
        _best_elsewhere(searches, search) for search in searches
    ]
    choices[WITH_TRUTH, "best"] = [
        choose(search["scores"][WITH_TRUTH], search["strengths"], "best")
        for search in searches
    ]
    return choices


def _n_strengths(search):
    return len(np.unique(search["strengths"]))


def _best_elsewhere(searches, search):
    """Of the first likelihood, the strength with the best mean accuracy elsewhere."""
    first = slice(_n_strengths(search))
    others = [
        other["accuracy"][first]
        for other in searches
        if other["problem"] != search["problem"]
    ]
    return int(np.mean(others, axis=0).argmax())


def regrets_of(searches, choice):
    """Accuracy lost by the choices, in points, by crowd; seeds are averaged first."""
    crowds = {}
    for search, chosen in zip(searches, choice, strict=True):
        pairs = crowds.setdefault(search["problem"], [])
        pairs.append((search["accuracy"], search["accuracy"][chosen]))
    return {
        name: 100 * (np.mean([a for a, _ in pairs], axis=0).max())
        - 100 * np.mean([taken for _, taken in pairs])
        for name, pairs in crowds.items()
    }


def table(searches):
    """Every way to choose: regret over the crowds, and the strengths that it takes."""
    strengths = np.unique(searches[0]["strengths"])
    several = len({search["seed"] for search in searches}) > 1
    rows = []
    for (scoring, rule), choice in choices_of(searches).items():
        regrets = regrets_of(searches, choice)
        worst = max(regrets, key=regrets.get)
        by_run = [
            100 * (search["accuracy"].max() - search["accuracy"][chosen])
            for search, chosen in zip(searches, choice, strict=True)
        ]
        taken = np.array(
            [s["strengths"][c] for s, c in zip(searches, choice, strict=True)]
        )
        rows.append(
            [
                scoring,
                rule.replace("_", " "),
                f"{np.mean(list(regrets.values())):.2f}",
                f"{regrets[worst]:.1f} ({worst})",
                *([f"{np.mean(by_run):.2f}"] if several else []),
                *(str(np.count_nonzero(taken == strength)) for strength in strengths),
            ]
        )
    header = ["score", "rule", "mean regret", "worst"]
    header += ["mean by run"] if several else []
    return markdown(header + [f"{strength:g}" for strength in strengths], rows)


def crowd_table(searches):
    """Test accuracy of each strength by crowd, and what the default search takes."""
    strengths = np.unique(searches[0]["strengths"])
    rows = []
    for search in searches:
        taken = [
            choose(search["scores"][scoring], search["strengths"], rule)
            for scoring, rule in [
                ("calibrated joint", "nearest"),
                ("marginal", "one_standard_error"),
            ]
        ]
        rows.append(
            [
                search["problem"],
                *(f"{100 * accuracy:.1f}" for accuracy in search["accuracy"]),
                *(f"{search['strengths'][number]:g}" for number in taken),
            ]
        )
    chosen = ["chosen: calibrated joint, nearest", "marginal, one standard error"]
    return markdown(["", *(f"{strength:g}" for strength in strengths), *chosen], rows)


def summary(searches):
    """All tables."""
    parts = []
    for splitter, likelihoods in [
        ("items", ["joint"]),
        ("items", BOTH),
        ("labels", ["joint"]),
    ]:
        found = [
            restrict(search, likelihoods)
            for search in searches
            if search["splitter"] == splitter
            and (len(likelihoods) == 1 or search["seed"] == FIRST_SEED)
        ]
        names = {search["problem"] for search in found}
        parts.append(
            f"## Folds of {splitter}, {' and '.join(likelihoods)} likelihood: "
            f"{len(found)} runs, {len(names)} crowds\n\n{table(found)}"
        )
    found = [
        restrict(search, ["joint"])
        for search in searches
        if search["splitter"] == "items" and search["seed"] == FIRST_SEED
    ]
    title = "## Test accuracy by strength, joint likelihood, and what is chosen by it"
    return "\n\n".join([*parts, f"{title}\n\n{crowd_table(found)}"])


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0]),
        argv,
        full={"seeds": 1, "epochs": 100, "items": 1000},
        quick={"seeds": 1, "epochs": 15, "items": 300},
    )
    real = [] if options.data_home is None else ["music", "labelme"]
    cases = [case for case, default in all_cases() if default]
    if options.quick:
        cases = [cases[0], cases[-1]]
    name, now = "selection" + "_quick" * options.quick, versions()
    runs = run_study(
        partial(measure_search, data_home=options.data_home, arrays=options.out / name),
        make_jobs([*real, *cases], options),
        options.out / f"{name}.jsonl",
        versions=now,
        n_jobs=options.n_jobs,
        title=name,
    )
    searches = searches_of(runs, options.out / name, options.data_home)
    # How fits are judged may be newer than the fits, which are all that takes long.
    measured = {run.get("versions") for run in runs}
    measured = measured.pop() if len(measured) == 1 else provenance(runs, now)
    text = (
        "# Choosing without truth\n\n"
        f"`{command_of('selection.py', options)}`; fits by {measured}.\n\n"
        "Regret: points of test accuracy lost against the best candidate, which truth "
        "names, by crowd, of mean accuracies over its seeds. The last columns count "
        "how often a strength is taken. Even the truth of the held-out items, the last "
        "row, does not name the candidate that is best on the test items.\n\n"
        f"{summary(searches)}\n"
    )
    publish(text, options.out / f"{name}.md")


if __name__ == "__main__":
    main()

"""What choosing without truth costs against choosing with it.

python benchmarks/selection.py --data-home DIR   # 45 minutes
"""

from functools import partial

from cases import all_cases
from common import parse_study, parser, versions
from searches import measure_search
from study import run_study

# The first of the seeds.
FIRST_SEED = 300
BOTH = ["joint", "marginal"]


def make_jobs(problems, options):
    """Searches with both likelihoods, then those over labels, then further seeds."""
    shared = {"n_items": options.items, "max_epochs": options.epochs}
    jobs = []
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        wanted = BOTH if seed == FIRST_SEED else ["joint"]
        for problem in problems:
            # With one label an item both likelihoods are the same.
            single = (
                not isinstance(problem, str) and problem.get("labels_per_item") == 1
            )
            likelihoods = ["joint"] if single else wanted
            jobs += [
                {"problem": problem, "splitter": splitter, "likelihoods": likelihoods}
                | {"seed": seed, **shared}
                for splitter in ("items", None)
            ]
        if seed == FIRST_SEED:
            jobs += [
                {"problem": problem, "splitter": "labels", "likelihoods": ["joint"]}
                | {"seed": seed, **shared}
                for problem in problems
                if isinstance(problem, str) or problem.get("labels_per_item") != 1
            ]
    return jobs


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
    jobs = make_jobs([*real, *cases], options)
    name, now = "selection" + "_quick" * options.quick, versions()
    run_study(
        partial(measure_search, data_home=options.data_home, arrays=options.out / name),
        jobs,
        options.out / f"{name}.jsonl",
        versions=now,
        n_jobs=options.n_jobs,
        title=name,
    )


if __name__ == "__main__":
    main()

"""Accuracy on LabelMe and Music, whose labels come from real crowds.

    python benchmarks/real_labels.py --data-home DIR              # an hour
    python benchmarks/real_labels.py --data-home DIR --defaults --seeds 20
    python benchmarks/real_labels.py --data-home DIR --quick      # a minute

Every method trains the same network on the same items. No true label is used but to
judge the results, by the row that shows what truth is worth, and in the second table,
which follows the paper: epoch and strength chosen on true validation labels (LabelMe's
own; of Music a tenth of the training items). Held-out likelihood is that of the labels
of 20% of the items; then all items are trained on. With the `bench` extra installed the
peers run as well, but for MACE if ``--quick``. ``--defaults`` is for those of skccem
alone, with `n_init` of one and more, ``--peers`` for the peers with as many networks as
they. An interrupted run goes on where it was.
"""

import sys
from functools import partial

from common import command_of, parse_study, parser, table, versions
from jobs import FURTHER_METHODS, METHODS, PEERS, WIDE_PEERS, WITH_TRUTH, measure_real
from methods import N_NETWORKS
from peers import MODULES, import_peer
from study import provenance, publish, run_study


def peers_installed():
    """Whether the methods of other packages can run; if not, it says why."""
    try:
        for package in MODULES:
            import_peer(package)
    except ImportError as error:
        print(f"Without peers: {error}", file=sys.stderr)
        return False
    return True


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0])
    arguments.add_argument(
        "--data", nargs="+", choices=["labelme", "music"], default=["labelme", "music"]
    )
    arguments.add_argument(
        "--defaults", action="store_true", help="no method but skccem's defaults"
    )
    arguments.add_argument(
        "--peers", action="store_true", help=f"no method but peers, {N_NETWORKS} wide"
    )
    options = parse_study(
        arguments,
        argv,
        full={"seeds": 10, "epochs": 100},
        quick={"seeds": 1, "epochs": 10},
    )
    if options.data_home is None:
        sys.exit(
            "Where are labelme.npz and music.npz? Name their directory by --data-home "
            "or SKCCEM_DATA."
        )
    methods, now = [*METHODS, *FURTHER_METHODS], versions()
    with_truth = WITH_TRUTH
    if options.defaults:
        methods = [name for name in METHODS if "skccem's defaults" in name]
        with_truth = {}
    elif options.peers:
        methods = [peer for peer in WIDE_PEERS if peer.endswith(f"{N_NETWORKS} wide")]
        with_truth, now = {}, versions(*MODULES)
    elif peers_installed():
        peers = [*PEERS, *WIDE_PEERS]
        if options.quick:
            # MACE takes as long as all others together.
            peers = [peer for peer in PEERS if "MACE" not in peer]
        methods, now = [*methods, *peers], versions(*MODULES)
    jobs = [
        {"data": data, "method": method, "seed": seed, "max_epochs": options.epochs}
        for data in options.data
        for method in [*methods, *with_truth]
        for seed in range(options.seeds)
    ]
    name = "real_labels" + "_defaults" * options.defaults
    name += "_peers_averaged" * options.peers + "_quick" * options.quick
    runs = run_study(
        partial(measure_real, data_home=options.data_home),
        jobs,
        options.out / f"{name}.jsonl",
        versions=now,
        n_jobs=options.n_jobs,
        title=name,
    )
    command = command_of("real_labels.py", options)
    parts = [f"# Real crowds\n\n`{command}`; {provenance(runs, now)}."]
    for data in options.data:
        for title, shown in [
            (f"{data}, no truth used", methods),
            (f"{data}, chosen on true validation labels", with_truth),
        ]:
            if not shown:
                continue
            results = {method: [] for method in shown}
            for run in runs:
                if run["job"]["data"] == data and run["job"]["method"] in results:
                    results[run["job"]["method"]].append(run["result"])
            parts.append(table(title, results))
    text = "\n\n".join(parts) + "\n"
    publish(text, options.out / f"{name}.md")


if __name__ == "__main__":
    main()

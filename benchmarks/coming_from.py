"""Other packages and ours on one crowd, job by job: where they agree.

    pip install .[bench]
    python benchmarks/coming_from.py           # some minutes a crowd
    python benchmarks/coming_from.py --quick   # two minutes

It runs the snippets of the pages "Coming from", ``from_*.py``, on simulated crowds.
What should be the same, such as a majority vote, has a limit: where a difference is
above it, the script fails. peerannot takes part where it is installed, which the extra
`bench` leaves to you: docs/coming_from/peerannot.rst says how and why.
"""

import sys
from importlib.util import find_spec

import from_cleanlab
import from_crowd_kit
import from_peerannot
import from_scikit_activeml
import numpy as np
import torch
from coming_from_crowd import simulate_crowd
from common import command_of, parse_study, parser, versions
from peers import import_peer
from study import markdown, publish

FULL = {"seeds": 3, "items": 200}
QUICK = {"seeds": 1, "items": 60}

# The comparison with each distribution.
PACKAGES = {
    "crowd-kit": from_crowd_kit.compare,
    "cleanlab": from_cleanlab.compare,
    "scikit-activeml": from_scikit_activeml.compare,
}


def summary(runs):
    """A table with a row for each number, and those that are above their limits.

    Parameters
    ----------
    runs : list of lists of Found
        Of each crowd, the same numbers in the same order.

    Returns
    -------
    text : str
    broken : list of str
    """
    rows, broken = [], []
    for found in zip(*runs, strict=True):
        what, _, limit = found[0]
        values = np.array([number.value for number in found], dtype=float)
        if limit is None:
            rows.append([what, f"{values.mean():.3f}", ""])
            continue
        rows.append([what, f"{values.max():.2g}", f"{limit:.0e}" if limit else "0"])
        if not values.max() <= limit:
            broken.append(f"{what}: {values.max():.2g}, more than {limit:g}.")
    return markdown(["what", "found", "at most"], rows), broken


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    options = parse_study(arguments, argv, full=FULL, quick=QUICK)
    try:
        for package in (*PACKAGES, "pandas"):
            import_peer(package)
    except ImportError as error:
        sys.exit(str(error))
    torch.set_num_threads(1)
    packages = dict(PACKAGES)
    if find_spec("peerannot"):
        packages["peerannot"] = from_peerannot.compare
    else:
        print("Without peerannot, which is not installed.", file=sys.stderr)
    crowds = [simulate_crowd(options.items, seed) for seed in range(options.seeds)]
    parts, broken = [], []
    for package, compare in packages.items():
        print(f"{package} ...", file=sys.stderr, flush=True)
        table, above = summary([compare(crowd) for crowd in crowds])
        parts.append(f"## {package}\n\n{table}")
        broken += [f"{package}, {line}" for line in above]
    command, used = command_of("coming_from.py", options), versions(*packages, "pandas")
    text = (
        f"# Other packages and ours on one crowd\n\n`{command}`; {used}.\n\n"
        f"Simulated crowds, {options.seeds} of them: {options.items} items of three "
        "classes, six labels each, by ten annotators, one of whom guesses and one is "
        "mostly wrong. The largest number where there is a limit, else the mean.\n\n"
        + "\n\n".join(parts)
        + "\n"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    publish(text, options.out / f"coming_from{'_quick' * options.quick}.md")
    if broken:
        sys.exit("\n".join(["Expected both sides to agree:", *broken]))


if __name__ == "__main__":
    main()

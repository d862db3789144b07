"""What fits take in seconds and bytes, as a model that is measured and then worked out.

    python benchmarks/cost_model.py                  # five minutes: measure, and fit
    python benchmarks/cost_model.py --quick          # seconds, and worth nothing
    python benchmarks/cost_model.py --labels 1e9 --items 2e8 --annotators 1e6 \
        --classes 10 --features 50                   # what that would take

Costs are sums of terms, such as labels times classes, each with a coefficient. These
are found by non-negative least squares on relative errors of small runs with one
thread, of which the fastest of several counts, and compared with runs that had no part
in it.
"""

import gc
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from common import RESULTS, command_of, parse_study, parser, versions
from crowds import make_sparse_crowd
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning
from study import markdown, publish

from skccem import CrowdClassifier, DawidSkene
from skccem._batches import _MAX_FETCHED, _MAX_SHARE
from skccem.exceptions import UnusedDataWarning

FULL = {"settings": 32, "held": 12, "repeats": 2}
QUICK = {"settings": 3, "held": 2, "repeats": 1}
FILE = "cost_model"

# Bytes of the cache that a core has to itself. Tables that fit are read faster.
CACHE = 2**21

# What the table works out; other numbers are for the command line.
EXAMPLE = {"labels": 1e9, "items": 2e8, "annotators": 1e6, "classes": 10}

GIGABYTE = 1e9
# Bytes a second between two machines: ten gigabits.
NETWORK = 1.25e9

SIZES = ("items", "per_item", "annotators", "classes")

WHAT = {
    "epoch": "an epoch of CrowdClassifier(n_init=1), in seconds",
    "beside": "its fit beside the epochs, in seconds",
    "iteration": "an iteration of DawidSkene, in seconds",
    "fit_bytes": "memory of CrowdClassifier.fit beyond X and labels, in bytes",
    "em_bytes": "memory of DawidSkene.fit beyond the labels, in bytes",
}


def outside_cache(n_bytes):
    """The share of a table that is not in the processor's cache."""
    return max(1 - CACHE / n_bytes, 0.0)


def distinct_annotators(setting):
    """Annotators in a batch on average, where all give as many labels."""
    absent = 1 - setting["per_item"] / setting["annotators"]
    return setting["annotators"] * (1 - absent ** setting["batch"])


def terms(what, setting):
    """What a cost is made of: the sizes that coefficients are multiplied with.

    Parameters
    ----------
    what : str
        One of `WHAT`.
    setting : dict
        ``items``, ``per_item`` (labels), ``annotators``, ``classes`` and, of a
        network, ``features``, ``hidden`` and ``batch``.

    Returns
    -------
    dict of float
    """
    n, n_classes = setting["items"], setting["classes"]
    n_labels = n * setting["per_item"]
    entries = setting["annotators"] * n_classes**2
    if what == "iteration":
        answers = n_labels * n_classes
        return {
            "label": n_labels,
            "label and class": answers,
            "the same, of matrices outside the cache": (
                answers * outside_cache(8 * entries)
            ),
            "item and class": n * n_classes,
            "entry of a matrix": entries,
        }
    if what.endswith("bytes"):
        found = {
            "label": n_labels,
            "item": n,
            "item and class": n * n_classes,
            "entry of a matrix": entries,
            "fit": 1.0,
        }
        if what == "fit_bytes":
            in_batch = distinct_annotators(setting)
            found["entry of a matrix in a batch"] = in_batch * n_classes**2
            # Where batches have few annotators, the others catch up in blocks.
            fetched = in_batch <= _MAX_FETCHED * setting["annotators"]
            found["entry of a matrix, of 4 million at most"] = (
                min(entries, 2**22) if fetched else 0.0
            )
        return found
    hidden, batches = setting["hidden"], n / setting["batch"]
    weights = hidden * (setting["features"] + n_classes)
    if what == "beside":
        return {
            "item": n,
            "number of X": n * setting["features"],
            "item and weight of the network": n * weights,
            "item and hidden unit": n * hidden,
            "item and class": n * n_classes,
            "label and class": n_labels * n_classes,
            "entry of a matrix": entries,
            "fit": 1.0,
        }
    in_batch = distinct_annotators(setting)
    share = in_batch / setting["annotators"]
    selected = batches * (in_batch * n_classes**2 if share <= _MAX_SHARE else entries)
    is_few = share <= _MAX_FETCHED
    fetched = selected if is_few else 0.0
    # The matrices and two moments of each entry.
    far = fetched * outside_cache(12 * entries)
    return {
        "item": n,
        "number of X": n * setting["features"],
        "item and weight of the network": n * weights,
        "item and hidden unit": n * hidden,
        "label": n_labels,
        "label and class": n_labels * n_classes,
        "entry of a matrix in a batch": selected,
        "the same, where they are few and fetched": fetched,
        "the same, of matrices outside the cache": far,
        "entry of a matrix and batch, where they are many": (
            0.0 if is_few else batches * entries
        ),
        "weight of the network and batch": batches * weights,
        "batch": batches,
    }


def predict(coefficients, what, setting):
    """The cost that the model says."""
    found = terms(what, setting)
    return sum(coefficients[what][name] * size for name, size in found.items())


def fit_coefficients(what, runs):
    """Non-negative coefficients with the least squared relative errors.

    Parameters
    ----------
    what : str
    runs : list of (dict, float)
        Settings and costs.

    Returns
    -------
    dict of float
    """
    names = list(terms(what, runs[0][0]))
    sizes = np.array([list(terms(what, setting).values()) for setting, _ in runs])
    relative = sizes / np.array([[cost] for _, cost in runs])
    # Columns of one scale, as they differ by powers of ten.
    scale = np.maximum(relative.max(axis=0), 1e-300)
    solution, _ = nnls(relative / scale, np.ones(len(runs)))
    return dict(zip(names, (solution / scale).tolist(), strict=True))


def random_settings(number, rng, largest_work=1.5e9):
    """Settings of fits of a second or less, each size drawn from a range of its own."""

    def log_uniform(low, high):
        return int(np.exp(rng.uniform(np.log(low), np.log(high))))

    settings = []
    for _ in range(number):
        per_item = int(rng.integers(1, 11))
        setting = {
            "per_item": per_item,
            "annotators": max(log_uniform(20, 100_000), per_item),
            "classes": log_uniform(2, 21),
            "features": log_uniform(10, 800),
            "hidden": log_uniform(16, 520),
            "batch": log_uniform(50, 4097),
        }
        weights = setting["hidden"] * (setting["features"] + setting["classes"])
        most = min(60_000, largest_work / weights, 1.5e7 / setting["features"])
        setting["items"] = max(log_uniform(most / 4, most), 4 * setting["batch"])
        settings.append(setting)
    return settings


def larger_settings(quick):
    """Settings of many items, whose arrays are new memory in each fit."""
    base = {"features": 30, "hidden": 32, "batch": 4096}
    sizes = [
        # Items, labels of each, annotators, classes.
        (300_000, 2, 1000, 3),
        (150_000, 5, 50_000, 10),
        (200_000, 5, 5000, 5),
        (100_000, 1, 100_000, 8),
    ]
    return [base | dict(zip(SIZES, size, strict=True)) for size in sizes[quick * 4 :]]


def measure_fit(setting, epochs=3):
    """Seconds of the fastest epoch of a fit, and of what is beside the epochs."""
    X, _, labels = _crowd_of(setting)
    start = time.perf_counter()
    fitted = _classifier(setting, epochs).fit(X, labels)
    seconds = [epoch["dur"] for epoch in fitted.history_]
    total = time.perf_counter() - start
    return {"epoch": min(seconds), "beside": total - sum(seconds)}


def _crowd_of(setting):
    return make_sparse_crowd(
        setting["items"],
        setting["annotators"],
        n_features=setting["features"],
        n_classes=setting["classes"],
        labels_per_item=setting["per_item"],
    )


def _classifier(setting, epochs):
    return CrowdClassifier(
        hidden_layer_sizes=setting["hidden"],
        batch_size=setting["batch"],
        max_epochs=epochs,
        burn_in=0,
        n_init=1,
        device="cpu",
        random_state=0,
    )


def measure_em(setting, iterations=4, repeats=2):
    """Seconds of an iteration of Dawid-Skene."""
    labels = _labels_of(setting)
    least = {}
    # What is beside the iterations is left out by the difference of two fits.
    for number in (1, 1 + iterations) * repeats:
        start = time.perf_counter()
        _aggregate(labels, number)
        seconds = time.perf_counter() - start
        least[number] = min(seconds, least.get(number, np.inf))
    first, last = least.values()
    # A miniature may take no time.
    return {"iteration": max(last - first, 1e-9) / iterations}


def _labels_of(setting):
    _, _, labels = _crowd_of({**setting, "features": setting["classes"]})
    return labels


def _aggregate(labels, iterations):
    return DawidSkene(max_iter=iterations, tol=0, random_state=0).fit(labels)


def measure_all(function, settings, repeats):
    """The least of several measurements of each setting, which take turns."""
    found = [function(setting) for setting in settings]
    for _ in range(repeats - 1):
        for best, setting in zip(found, settings, strict=True):
            again = function(setting)
            best.update({what: min(best[what], again[what]) for what in best})
    return found


def memory_settings(quick):
    """Settings whose large parts differ, and three that are held out."""
    base = {"features": 4, "hidden": 8, "batch": 4096, "per_item": 5}
    sizes = [
        # Items, labels of each, annotators, classes.
        (200_000, 5, 1000, 10),
        (600_000, 1, 1000, 2),
        (200_000, 10, 1000, 2),
        (300_000, 2, 1000, 20),
        (20_000, 5, 100_000, 10),
        (20_000, 5, 50_000, 20),
        (300_000, 5, 15_000, 12),
        (400_000, 5, 20_000, 4),
        (100_000, 5, 30_000, 10),
        (500_000, 5, 30_000, 10),
        (150_000, 3, 200_000, 6),
        (1_000_000, 5, 100_000, 10),
    ]
    if quick:
        sizes = [(n // 100, r, m // 100 + 10, k) for n, r, m, k in sizes]
    settings = [base | dict(zip(SIZES, size, strict=True)) for size in sizes]
    return settings[:-3], settings[-3:]


def measure_memory(settings):
    """Bytes by which fits raise the peak of this process above what it held."""
    warm = {**settings[0], "items": 2000, "annotators": 50}
    found = []
    for setting in [warm, *settings]:
        labels = _labels_of(setting)
        X = np.zeros((len(labels), setting["features"]), dtype=np.float32)
        clf = _classifier(setting, 1)
        found.append(
            {
                "fit_bytes": _growth(lambda clf=clf, X=X, y=labels: clf.fit(X, y)),
                "em_bytes": _growth(lambda y=labels: _aggregate(y, 2)),
            }
        )
        del X, labels, clf
    return found[1:]


def _growth(work):
    gc.collect()
    # Sets the peak to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    kept = work()
    grown = _status("VmHWM") - before
    del kept
    return max(grown, 1)


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}: Linux is needed.")


def measure_memory_apart(settings):
    """`measure_memory` in a process of its own, which gives back all that it frees."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--job", json.dumps(settings)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def far_settings():
    """Larger than all that coefficients are fitted to, in items and in annotators."""
    base = {"features": 50, "hidden": 128, "batch": 4096, "per_item": 5, "classes": 10}
    return [
        base | {"items": 1_000_000, "annotators": 10_000},
        base | {"items": 300_000, "annotators": 300_000},
    ]


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    arguments.add_argument("--job", type=json.loads, help="for the script itself")
    for name in ("labels", "items", "annotators", "classes", "features"):
        arguments.add_argument(f"--{name}", type=float, help="of an estimate")
    arguments.add_argument("--hidden", type=float, default=128, help="default: 128")
    arguments.add_argument("--batch", type=float, default=4096, help="default: 4096")
    arguments.add_argument("--epochs", type=float, default=5, help="default: 5")
    arguments.add_argument("--machines", type=float, default=8, help="of Dask")
    options = parse_study(arguments, argv, full=FULL, quick=QUICK)
    if options.labels is not None:
        coefficients = json.loads((RESULTS / f"{FILE}.json").read_text())
        print(estimate(coefficients, options))
        return
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        # Not converged, and annotators without labels: both are intended.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UnusedDataWarning)
        if options.job is None:
            measure_and_write(options)
        else:
            print(json.dumps(measure_memory(options.job)))


def measure_and_write(options):
    """Measure, fit, compare, and write the table and the coefficients."""
    rng = np.random.default_rng(0)
    runs = {what: [] for what in WHAT}
    held = {what: [] for what in WHAT}

    def add(function, fitted, others, repeats=options.repeats):
        measured = measure_all(function, [*fitted, *others], repeats)
        for number, (setting, costs) in enumerate(
            zip([*fitted, *others], measured, strict=True)
        ):
            for what, cost in costs.items():
                group = runs if number < len(fitted) else held
                group[what].append((setting, cost))

    tell("fits")
    quick = {"largest_work": 3e6} if options.quick else {}
    fitted = random_settings(options.settings, rng, **quick)
    fitted += larger_settings(options.quick)
    others = random_settings(options.held, rng, **quick)
    far = [] if options.quick else far_settings()
    measure_fit(fitted[0])
    add(measure_fit, fitted, others + far)
    tell("Dawid-Skene")
    crowds, far = ([], []) if options.quick else large_crowds()
    fitted = em_settings(fitted[: options.settings]) + crowds
    add(measure_em, fitted, em_settings(others) + far, repeats=1)
    tell("memory")
    fitted, others = memory_settings(options.quick)
    measured = iter(measure_memory_apart([*fitted, *others]))
    add(lambda _: next(measured), fitted, others, repeats=1)
    coefficients = {what: fit_coefficients(what, runs[what]) for what in WHAT}
    options.out.mkdir(parents=True, exist_ok=True)
    name = f"{FILE}{'_quick' * options.quick}"
    (options.out / f"{name}.json").write_text(json.dumps(coefficients, indent=1) + "\n")
    publish(report(options, coefficients, runs, held), options.out / f"{name}.md")


def tell(what):
    print(f"measuring: {what}", file=sys.stderr, flush=True)


def em_settings(settings):
    """Every other of them, with ten times the items, as no network takes time."""
    return [{**setting, "items": 10 * setting["items"]} for setting in settings[::2]]


def large_crowds():
    """Settings whose matrices fit no cache, and larger ones that are held out."""
    sizes = [
        (400_000, 5, 20_000, 10),
        (200_000, 5, 100_000, 10),
        (150_000, 10, 60_000, 6),
        (300_000, 2, 200_000, 8),
        (1_000_000, 5, 50_000, 10),
        (1_000_000, 5, 100_000, 10),
    ]
    settings = [dict(zip(SIZES, size, strict=True)) for size in sizes]
    return settings[:-2], settings[-2:]


def report(options, coefficients, runs, held):
    """The table: coefficients, and how far they carry."""
    shown = {"quick": options.quick, **{name: getattr(options, name) for name in FULL}}
    command = command_of("cost_model.py", type(options)(**shown))
    parts = [
        "# What fits cost: a model\n",
        f"`{command}`; {versions()}.\n",
        "One thread, the fastest of several runs. A cost is the sum over terms of the "
        "coefficient times the number of what the term names. Held-out runs had no "
        "part in the coefficients; the last ones are larger than all that had.\n",
    ]
    for what, title in WHAT.items():
        ratios = np.array(
            [predict(coefficients, what, s) / cost for s, cost in held[what]]
        )
        own = np.array([predict(coefficients, what, s) / c for s, c in runs[what]])
        near = np.mean(np.abs(ratios - 1) <= 0.3)
        unit = "bytes" if what.endswith("bytes") else "ns"
        factor = 1 if unit == "bytes" else 1e9
        rows = [
            [name, f"{factor * number:.3g}"]
            for name, number in coefficients[what].items()
            if number
        ]
        parts += [
            f"## {title[0].upper()}{title[1:]}\n",
            markdown(["for each", unit], rows) + "\n",
            f"Of {len(ratios)} held-out runs {near:.0%} are within 30%; predicted over "
            f"measured has the median {np.median(ratios):.2f}, from {ratios.min():.2f} "
            f"to {ratios.max():.2f}, and in the fitted runs {own.min():.2f} to "
            f"{own.max():.2f}.\n",
            held_table(coefficients, what, held[what], factor) + "\n",
        ]
    return "\n".join(parts) + examples(coefficients, options)


def examples(coefficients, options):
    """A billion labels, with few features and with those of a text encoder."""
    parts = ["\n## A billion labels\n"]
    for features in (50, 768):
        given = {**vars(options), **EXAMPLE, "features": features}
        parts.append(estimate(coefficients, type(options)(**given)) + "\n")
    return "\n".join(parts)


def held_table(coefficients, what, runs, factor):
    """Rows of held-out settings: predicted, measured, ratio."""
    names = list(SIZES)
    if what in ("epoch", "beside"):
        names += ["features", "hidden", "batch"]
    unit, scale = ("MB", 1e-6) if factor == 1 else ("ms", 1e3)
    rows = []
    for setting, cost in runs:
        predicted = predict(coefficients, what, setting)
        rows.append(
            [f"{setting[name]:,}" for name in names]
            + [f"{scale * number:.1f}" for number in (predicted, cost)]
            + [f"{predicted / cost:.2f}"]
        )
    header = [name.replace("per_item", "labels an item") for name in names]
    return markdown([*header, f"predicted, {unit}", f"measured, {unit}", "ratio"], rows)


def estimate(coefficients, options):
    """What the model says about numbers of the user's, as a table.

    Parameters
    ----------
    coefficients : dict
    options : argparse.Namespace
        ``labels``, ``items``, ``annotators``, ``classes``, ``features`` and so on.

    Returns
    -------
    str
    """
    setting = {
        name: getattr(options, name)
        for name in ("items", "annotators", "classes", "features", "hidden", "batch")
    }
    missing = [name for name, value in setting.items() if value is None]
    if missing:
        raise SystemExit(f"An estimate needs --{' --'.join(missing)} as well.")
    setting["per_item"] = options.labels / options.items
    machines, matrices = options.machines, options.annotators * options.classes**2
    cost = {what: predict(coefficients, what, setting) for what in WHAT}
    labels_bytes = 5 * options.labels + 8 * options.items
    x_bytes = 4 * options.items * options.features
    proba_bytes = 8 * options.items * options.classes
    # Matrices go out and counts come back, each worker with a connection of its own.
    travels = 8 * matrices * 2 / NETWORK
    epochs = options.epochs
    total = epochs * cost["epoch"] + cost["beside"]
    rows = [
        ["labels in memory", as_bytes(labels_bytes)],
        ["X in float32, in a file or in memory", as_bytes(x_bytes)],
        ["all confusion matrices in float64", as_bytes(8 * matrices)],
        ["class probabilities of the items", as_bytes(proba_bytes)],
        ["DawidSkene, an iteration", as_time(cost["iteration"])],
        ["DawidSkene, beyond the labels", as_bytes(cost["em_bytes"])],
        [
            f"DaskDawidSkene, {machines:.0f} workers, an iteration",
            as_time(cost["iteration"] / machines + travels),
        ],
        [
            "the same, each worker with its labels",
            as_bytes((labels_bytes + cost["em_bytes"]) / machines + 16 * matrices),
        ],
        ["CrowdClassifier(n_init=1), an epoch", as_time(cost["epoch"])],
        ["beside the epochs", as_time(cost["beside"])],
        [f"{epochs:.0f} epochs in all", as_time(total)],
        ["CrowdClassifier, beyond X and labels", as_bytes(cost["fit_bytes"])],
        [
            "CrowdClassifier, memory without X",
            as_bytes(cost["fit_bytes"] + labels_bytes),
        ],
    ]
    title = (
        f"{options.labels:,.0f} labels, {options.items:,.0f} items, "
        f"{options.annotators:,.0f} annotators, {options.classes:.0f} classes, "
        f"{options.features:.0f} features, {options.hidden:.0f} hidden units, batches "
        f"of {options.batch:,.0f}, one thread"
    )
    return f"{title}\n\n{markdown(['what', 'estimate'], rows)}"


def as_bytes(number):
    """Gigabytes or megabytes, as text."""
    if number >= GIGABYTE:
        return f"{number / GIGABYTE:.1f} GB"
    return f"{number / 1e6:.1f} MB"


def as_time(seconds):
    """Seconds, minutes or hours, as text."""
    if seconds < 120:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main()

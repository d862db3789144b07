"""What a fit costs, as multiples of a bare torch loop on one label an item.

    python benchmarks/speed.py                      # three minutes
    python benchmarks/speed.py --parts epochs fit   # some of it
    python benchmarks/speed.py --quick              # seconds, and worth nothing

The floor trains the same perceptron by cross-entropy on one label an item, with
``torch.optim.Adam`` and batches cut from a tensor: what is left when there is no crowd
and no estimator. One thread. Floor and fits take turns, so that a busy machine slows
both, and the fastest epochs are compared: other work only adds to them. Memory is the
growth of the peak of a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from common import command_of, parser, versions
from crowds import make_sparse_crowd
from study import markdown, publish
from torch import nn

from skccem import CrowdClassifier

PARTS = ("epochs", "fit", "memory", "million")
N_CLASSES, N_FEATURES, HIDDEN = 10, 50, 128

METHODS = {
    "marginal": {"likelihood": "marginal", "regularizer": None},
    "joint": {"likelihood": "joint", "regularizer": None},
    "joint, F": {"likelihood": "joint", "regularizer": "F"},
    "joint, W": {"likelihood": "joint", "regularizer": "W"},
}


def classifier(max_epochs, batch_size, **settings):
    """The estimator with the network of the floor."""
    return CrowdClassifier(
        hidden_layer_sizes=HIDDEN,
        dropout=0.0,
        n_init=1,
        burn_in=0,
        reg_strength=0.02,
        batch_size=batch_size,
        max_epochs=max_epochs,
        device="cpu",
        random_state=0,
        **settings,
    )


def floor_network():
    return nn.Sequential(
        nn.Linear(N_FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, N_CLASSES)
    )


def floor_epochs(X, y, max_epochs, batch_size):
    """Seconds of each epoch of the bare loop."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    network = floor_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    seconds = []
    for _ in range(max_epochs):
        start = time.perf_counter()
        order = torch.randperm(len(X))
        for first in range(0, len(X), batch_size):
            rows = order[first : first + batch_size]
            loss = nn.functional.cross_entropy(network(X[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def fit_epochs(X, labels, max_epochs, batch_size, settings):
    """Seconds of each epoch of a fit, and of what is before and after them."""
    start = time.perf_counter()
    fitted = classifier(max_epochs, batch_size, **settings).fit(X, labels)
    total = time.perf_counter() - start
    seconds = [epoch["dur"] for epoch in fitted.history_]
    return seconds, total - sum(seconds)


def time_epochs(options):
    """Rows of the table of epochs: annotators, then a ratio for each method."""
    rows = []
    for n_annotators in options.annotators:
        X, truth, labels = make_sparse_crowd(
            options.items, n_annotators, n_features=N_FEATURES, n_classes=N_CLASSES
        )
        floor, fits = [], {name: [] for name in METHODS}
        for _ in range(options.repeats):
            floor += floor_epochs(X, truth, options.epochs, 256)
            for name, settings in METHODS.items():
                seconds, _ = fit_epochs(X, labels, options.epochs, 256, settings)
                fits[name] += seconds
        base = min(floor)
        rows.append(
            [f"{n_annotators:,}", f"{1000 * base:.0f} ms"]
            + [f"{min(seconds) / base:.2f}" for seconds in fits.values()]
        )
    header = ["annotators", "floor, an epoch", *METHODS]
    return markdown(header, rows)


def time_fit(options):
    """What is beside the epochs of a fit, and prediction, against a bare pass."""
    X, _, labels = make_sparse_crowd(
        options.items, 1000, n_features=N_FEATURES, n_classes=N_CLASSES
    )
    clf = classifier(2, 256).fit(X, labels)
    network, tensor = floor_network().eval(), torch.from_numpy(X)
    beside, bare, predicted = [], [], []
    for _ in range(3 * options.repeats):
        beside.append(fit_epochs(X, labels, 2, 256, {})[1])
        start = time.perf_counter()
        with torch.inference_mode():
            parts = [
                torch.softmax(network(tensor[first : first + 4096]), dim=1)
                for first in range(0, len(X), 4096)
            ]
            torch.cat(parts).numpy()
        middle = time.perf_counter()
        clf.predict_proba(X)
        bare.append(middle - start)
        predicted.append(time.perf_counter() - middle)
    rows = [
        ["fit beside its epochs, 1,000 annotators", f"{min(beside):.3f} s"],
        [
            f"predict_proba of {len(X):,} items, against a bare pass",
            f"{min(predicted) / min(bare):.2f}",
        ],
    ]
    return markdown(["what", "measured"], rows)


def peak_memory(job):
    """Bytes of the peak of this process before and after a fit."""
    X, truth, labels = make_sparse_crowd(
        job["items"], job["annotators"], n_features=N_FEATURES, n_classes=N_CLASSES
    )
    # What the first fit of a process imports and allocates once, whatever its size.
    small = slice(0, 100)
    classifier(1, 50).fit(X[small], np.arange(100) % N_CLASSES)
    before = peak_bytes()
    start = time.perf_counter()
    seconds, beside = fit_epochs(X, labels, 1, job["batch_size"], {})
    whole = time.perf_counter() - start
    after = peak_bytes()
    floor = floor_epochs(X, truth, 2, job["batch_size"])
    return {
        "grown": after - before,
        "peak": after,
        "epoch": seconds[0],
        "beside": beside,
        "whole": whole,
        "floor": min(floor),
    }


def peak_bytes():
    """The most memory that this process had so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM: Linux is needed.")


def in_new_process(job):
    """``peak_memory`` of a job in a process of its own, with one thread."""
    result = subprocess.run(
        [sys.executable, __file__, "--job", json.dumps(job)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return json.loads(result.stdout.splitlines()[-1])


def measure_memory(options):
    """Growth of the peak during a fit of one epoch."""
    rows = []
    for n_annotators in options.annotators:
        job = {"items": options.items, "annotators": n_annotators, "batch_size": 256}
        found = in_new_process(job)
        rows.append([f"{n_annotators:,}", f"{found['grown'] / 1e6:.0f} MB"])
    return markdown(["annotators", "peak above X, labels and imports"], rows)


def measure_million(options):
    """One epoch on a million items and ten thousand annotators."""
    items = options.items if options.quick else 1_000_000
    found = in_new_process({"items": items, "annotators": 10_000, "batch_size": 4096})
    rows = [
        ["epoch, against the floor's", f"{found['epoch'] / found['floor']:.2f}"],
        [
            "whole fit, against one epoch of it",
            f"{found['whole'] / found['floor']:.2f}",
        ],
        ["seconds of the floor", f"{found['floor']:.2f}"],
        ["seconds of the epoch", f"{found['epoch']:.2f}"],
        ["seconds of the fit beside it", f"{found['beside']:.2f}"],
        ["peak of the whole process", f"{found['peak'] / 1e9:.2f} GB"],
        ["of this, above X, labels and imports", f"{found['grown'] / 1e9:.2f} GB"],
    ]
    title = f"{items:,} items, 5 labels each, 10,000 annotators, batches of 4,096"
    return markdown([title, ""], rows)


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    arguments.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments.add_argument("--annotators", nargs="+", type=int, help="numbers of them")
    arguments.add_argument("--quick", action="store_true", help="a miniature")
    arguments.add_argument("--repeats", type=int, default=3, help="default: 3")
    arguments.add_argument("--out", type=Path, help="directory of the table")
    arguments.add_argument("--job", help=argparse.SUPPRESS)
    options = arguments.parse_args(argv)
    torch.set_num_threads(1)
    if options.job:
        print(json.dumps(peak_memory(json.loads(options.job))))
        return
    options.items, options.epochs = (500, 2) if options.quick else (20_000, 6)
    if options.annotators is None:
        sizes = [50, 2000] if options.quick else [50, 1000, 10_000, 100_000]
        options.annotators = sizes
    titles = {
        "epochs": ("An epoch, as multiples of the floor's", time_epochs),
        "fit": ("Beside the epochs", time_fit),
        "memory": ("Memory of a fit", measure_memory),
        "million": ("A million items", measure_million),
    }
    parts = []
    for part in options.parts:
        title, measure = titles[part]
        print(f"measuring: {title}", file=sys.stderr, flush=True)
        parts.append(f"## {title}\n\n{measure(options)}\n")
    shown = argparse.Namespace(parts=options.parts, repeats=options.repeats)
    text = (
        "# What a fit costs\n\n"
        f"`{command_of('speed.py', shown)}`; {versions()}.\n\n"
        f"{options.items:,} items of {N_FEATURES} features, {N_CLASSES} classes, 5 "
        f"labels an item, {HIDDEN} hidden units, batches of 256, one thread.\n\n"
        + "\n".join(parts)
    )
    if options.out is None:
        print(text)
    else:
        publish(text, options.out / "speed.md")


if __name__ == "__main__":
    main()

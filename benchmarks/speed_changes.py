"""What each change that made fits faster gives, by undoing it alone.

    python benchmarks/speed_changes.py           # four minutes
    python benchmarks/speed_changes.py --quick   # seconds, and worth nothing

The epochs of ``speed.py`` with the joint likelihood and F, as multiples of those of a
fit as it is. One thread. All take turns, and the fastest epochs are compared.
"""

from contextlib import ExitStack
from unittest import mock

import torch
from common import command_of, parse_study, parser, versions
from crowds import make_sparse_crowd
from skorch.callbacks import Callback
from speed import N_CLASSES, N_FEATURES, fit_epochs
from study import markdown, publish

from skccem import _answer_logits, _batches, _losses, _trained_items

ANNOTATORS = (50, 1000, 10_000, 100_000)
SETTINGS = {"likelihood": "joint", "regularizer": "F"}


class _Listens(Callback):
    """Is told of every batch, as callbacks that watch are."""

    def on_batch_end(self, net, **kwargs):
        pass


def _torch_exponentials(logits):
    """``exponentials`` by torch's own function over answers."""
    log_total = torch.logsumexp(logits, dim=1)
    exponential = torch.softmax(logits, dim=1)
    return exponential, torch.ones_like(log_total), log_total


def _no_shares(*args, **kwargs):
    return None


# Settings, and what is replaced, to undo each change.
UNDONE = {
    "as it is": ({}, []),
    "a step of Adam moves all matrices": (
        {"net_params": {"optimizer__amsgrad": False}},
        [],
    ),
    "and all are in the likelihood": (
        {},
        [(_trained_items, "annotator_shares", _no_shares)],
    ),
    "softmax over answers by torch": (
        {},
        [
            (_answer_logits, "exponentials", _torch_exponentials),
            (_losses, "exponentials", _torch_exponentials),
        ],
    ),
    "Adam by torch's loops over tensors": (
        {"net_params": {"optimizer__foreach": True}},
        [],
    ),
    "batches are made one at a time": ({}, [(_batches, "_NUMBERS_AHEAD", 0)]),
    "a callback is told of each batch": ({"callbacks": [_Listens]}, []),
}


def measure(n_annotators, options):
    """Seconds of the fastest epoch in each way."""
    X, _, labels = make_sparse_crowd(
        options.items, n_annotators, n_features=N_FEATURES, n_classes=N_CLASSES
    )
    fastest = dict.fromkeys(UNDONE, float("inf"))
    for _ in range(options.repeats):
        for name, (settings, patches) in UNDONE.items():
            with ExitStack() as stack:
                for patch in patches:
                    stack.enter_context(mock.patch.object(*patch))
                seconds, _ = fit_epochs(
                    X, labels, options.epochs, 256, SETTINGS | settings
                )
            fastest[name] = min(fastest[name], *seconds)
    return fastest


def table(found):
    """A row for each change, and a column for each number of annotators."""
    rows = [
        [name, *(f"{times[name] / times['as it is']:.2f}" for times in found.values())]
        for name in UNDONE
    ]
    header = ["undone", *(f"{n:,} annotators" for n in found)]
    return markdown(header, rows)


def main(argv=None):
    options = parse_study(
        parser(__doc__.split("\n")[0], data_home=False),
        argv,
        full={"items": 20_000, "epochs": 3, "repeats": 3},
        quick={"items": 300, "epochs": 2, "repeats": 1},
    )
    torch.set_num_threads(1)
    found = {n: measure(n, options) for n in ANNOTATORS}
    text = (
        "# What each change that made fits faster gives\n\n"
        f"`{command_of('speed_changes.py', options)}`; {versions()}.\n\n"
        "Seconds of an epoch when one change is undone, as multiples of those of a fit "
        f"as it is.\n\n{table(found)}\n"
    )
    publish(text, options.out / f"speed_changes{'_quick' * options.quick}.md")


if __name__ == "__main__":
    main()

"""Fits in two processes; started by torchrun, compared by test_accelerated.py."""

import pickle
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np

from skccem import CrowdClassifier, CrowdLabels
from skccem._batches import EvenBatches
from skccem._crowd_loss import REGULARIZERS
from skccem.exceptions import NonFiniteLossError, UnusedDataWarning
from skccem.simulation import make_confusion_matrices, make_crowd_labels

N, BATCH = 400, 80
SETTINGS = {
    "hidden_layer_sizes": (16,),
    "dropout": 0,
    "max_epochs": 4,
    "lr": 1e-2,
    "n_init": 1,
    "random_state": 0,
}
CASES = {
    "plain": {"likelihood": "marginal", "regularizer": None},
    **{name: {"regularizer": name, "reg_strength": 0.5} for name in REGULARIZERS},
    "outliers": {"outlier_share": "auto", "burn_in": 0.5},
    "weights": {"regularizer": "F", "reg_strength": 0.5},
    "stopping": {
        "early_stopping": True,
        "validation_fraction": 0.5,
        "n_iter_no_change": 2,
        "burn_in": 0,
        "max_epochs": 100,
    },
}


def crowd():
    """Items, labels of eight annotators, of whom one has no label, and weights."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=N)
    X = rng.normal(size=(N, 5)) + 1.5 * np.eye(5)[truth]
    matrices = make_confusion_matrices(7, 3, kind="mixed", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
    labels = labels.align(annotators=range(8))
    return X, labels, truth, rng.uniform(0.2, 3, size=N)


def in_order():
    """No shuffling, so that parts of batches can be those of whole ones."""
    EvenBatches._order = lambda self: np.arange(self.n)


def part_of(index, count):
    """The items of a process: of each batch of the whole one share."""
    return np.flatnonzero(np.arange(N) % BATCH // (BATCH // count) == index)


def fit(case, items, batch_size, accelerator=None, **params):
    X, labels, _, weight = crowd()
    clf = CrowdClassifier(
        accelerator=accelerator,
        batch_size=batch_size,
        **{**SETTINGS, **CASES[case], **params},
    )
    weight = weight[items] if case == "weights" else None
    return clf.fit(X[items], labels[items], sample_weight=weight)


def learned(clf):
    """What must be the same in all processes, and as with one."""
    X, *_ = crowd()
    return {
        "loss": [epoch["train_loss"] for epoch in clf.history_],
        "log_likelihood": [epoch["train_log_likelihood"] for epoch in clf.history_],
        "proba": clf.predict_proba(X),
        "matrices": clf.confusion_matrices_,
        "prior": clf.class_prior_,
        "n_labels": clf.n_labels_per_annotator_,
        "n_iter": clf.n_iter_,
    }


def error_of(action):
    try:
        action()
    except (ValueError, NonFiniteLossError) as error:
        return str(error)
    return None


def main(out):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", UnusedDataWarning)
    index, count = accelerator.process_index, accelerator.num_processes
    in_order()
    items = part_of(index, count)
    found = {
        case: learned(fit(case, items, BATCH // count, accelerator)) for case in CASES
    }
    clf = fit("F", items, BATCH // count, accelerator, n_init=4)
    found["again"] = learned(pickle.loads(pickle.dumps(clf)))
    found["n_nets"] = len(clf.nets_)
    if accelerator.is_main_process:
        joblib.dump(clf, out / "classifier.joblib")
    X, labels, *_ = crowd()
    other = labels[items].align(annotators=range(8 + index))
    other_classes = CrowdLabels.from_matrix([[0, 1], [1, 1]], classes=range(2 + index))
    settings = {**SETTINGS, "accelerator": accelerator}
    errors = {
        "annotators": lambda: CrowdClassifier(**settings).fit(X[items], other),
        "classes": lambda: CrowdClassifier(**settings).fit(
            X[: len(other_classes)], other_classes
        ),
        "sizes": lambda: fit("F", items[: 150 if index else 3], 40, accelerator),
        "divergence": lambda: fit(
            "F", items, 40, accelerator, lr=1e30, weight_decay=1e30, optimizer="sgd"
        ),
        "stream": lambda: CrowdClassifier(**settings).partial_fit(X, labels),
        "device": lambda: CrowdClassifier(device="meta", **settings).fit(X, labels),
    }
    found["errors"] = {name: error_of(action) for name, action in errors.items()}
    (out / f"{index}.pickle").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

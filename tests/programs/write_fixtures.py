"""Write the files by which later versions are tested: saved estimators, and answers.

They go to ``tests/data/format_<version>``, once for a version of the format; those that
are there stay as they are for ever. CONTRIBUTING.md says when.
"""

import json
import sys
from pathlib import Path

import numpy as np

from skccem import (
    GLAD,
    CrowdClassifier,
    CrowdClassifierCV,
    DawidSkene,
    __version__,
)
from skccem._model_file import FORMAT_VERSION
from skccem.simulation import make_confusion_matrices, make_crowd_labels

DATA = Path(__file__).parents[1] / "data"

# Of the answers, which rounding on other machines does not reach.
DIGITS = 9

# That are answered about, so that the files stay small.
N_ITEMS = 12


def crowd():
    """Items with two features, classes with names, and five annotators."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=40)
    X = rng.normal(size=(40, 2)) + 2.0 * np.eye(3)[truth, :2]
    matrices = make_confusion_matrices(5, 3, kind="mixed", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    names = np.array(["cat", "dog", "owl", None], dtype=object)
    return X.astype(np.float32), names[np.asarray(labels)]


def stream(X, Y):
    """A classifier that learned from two batches, and goes on from a sample of them."""
    clf = CrowdClassifier(
        hidden_layer_sizes=(6,),
        max_epochs=5,
        batch_size=8,
        replay_size=16,
        outlier_share="auto",
        lr=1e-2,
        random_state=0,
    )
    for part in (slice(0, 20), slice(20, 40)):
        clf.partial_fit(X[part], Y[part], classes=["cat", "dog", "owl"])
    return clf


def answers(model, X, Y):
    """What a model says, by method or attribute, as JSON has it."""
    found = {"confusion_matrices_": model.confusion_matrices_}
    if isinstance(model, CrowdClassifier | CrowdClassifierCV):
        found["predict_proba"] = model.predict_proba(X)
        found["aggregate_proba"] = model.aggregate_proba(X, Y)
    else:
        found["predict_proba"] = model.predict_proba(Y)
    return {name: value.round(DIGITS).tolist() for name, value in found.items()}


def main(folder):
    folder.mkdir(parents=True)
    X, Y = crowd()
    clf = CrowdClassifier(
        hidden_layer_sizes=(4,), max_epochs=5, n_init=2, batch_size=8, random_state=0
    )
    search = CrowdClassifierCV(clf, reg_strengths=[0, 0.01], cv=2).fit(X, Y)
    some, said = X[:N_ITEMS], Y[:N_ITEMS]
    expected = {"skccem_version": __version__, "X": some.tolist(), "Y": said.tolist()}
    for name, model in {
        "search": search,
        "stream": stream(X, Y),
        "dawid_skene": DawidSkene(random_state=0).fit(Y),
        "glad": GLAD(random_state=0).fit(Y),
    }.items():
        model.save(folder / f"{name}.safetensors")
        expected[name] = {"estimator": type(model).__name__} | answers(
            model, some, said
        )
    text = json.dumps(expected)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else DATA / f"format_{FORMAT_VERSION}")

"""Use what is installed a little, and say as JSON what was found.

The only argument is a directory for files. Imported is what the interpreter finds, so
call it with ``python -I`` to leave out a checkout.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

import skccem
from skccem import CrowdClassifier
from skccem.report import report
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def main(folder):
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=100)
    X = rng.normal(size=(100, 3)) + 3.0 * np.eye(2, 3)[truth]
    matrices = make_confusion_matrices(4, 2, random_state=0)
    Y = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
    clf = CrowdClassifier(max_epochs=5, n_init=1, random_state=0).fit(X, Y)
    clf.save(folder / "model.safetensors")
    again = CrowdClassifier.load(folder / "model.safetensors")
    page = report(clf, X, Y, folder / "report.html").read_text(encoding="utf-8")
    found = {
        "folder": str(Path(skccem.__file__).parent),
        "versions": [skccem.__version__, version("skccem")],
        "same_after_loading": np.array_equal(clf.predict(X), again.predict(X)),
        "report": "4 annotators gave 200 labels to 100 items" in page,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

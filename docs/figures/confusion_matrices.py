"""Estimated confusion matrices beside the true ones."""

import numpy as np
from iris_crowd import iris_crowd

from skccem import CrowdClassifier
from skccem.plotting import ConfusionMatricesDisplay
from skccem.simulation import make_crowd_labels


def draw():
    X, truth, _, _ = iris_crowd()
    swapped = np.array([[0.9, 0.05, 0.05], [0.05, 0.2, 0.75], [0.05, 0.1, 0.85]])
    good = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    matrices = np.stack([good, np.full((3, 3), 1 / 3), swapped, good, good])
    Y = make_crowd_labels(truth, matrices, labels_per_item=4, random_state=0)
    clf = CrowdClassifier(max_epochs=40, lr=1e-2, random_state=0).fit(X, Y)
    ConfusionMatricesDisplay.from_estimator(
        clf, true=matrices, annotators=clf.annotators_[:3]
    )

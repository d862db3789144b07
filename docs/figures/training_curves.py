"""How the likelihood rises in a fit."""

import matplotlib.pyplot as plt
from iris_crowd import iris_crowd

from skccem import CrowdClassifier
from skccem.plotting import TrainingCurvesDisplay


def draw():
    X, _, _, Y = iris_crowd()
    clf = CrowdClassifier(max_epochs=40, lr=1e-2, n_init=1, random_state=0).fit(X, Y)
    _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    TrainingCurvesDisplay.from_estimator(clf, ax=ax)

"""Annotators from the best to the worst, and how sure that is."""

import matplotlib.pyplot as plt
import numpy as np

from skccem import DawidSkene
from skccem.plotting import AnnotatorRankingDisplay
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def draw():
    truth = np.random.default_rng(0).integers(3, size=300)
    matrices = make_confusion_matrices(20, 3, kind="mixed", random_state=0)
    Y = make_crowd_labels(truth, matrices, labels_per_item=5, random_state=0)
    _, ax = plt.subplots(figsize=(7, 5), layout="constrained")
    AnnotatorRankingDisplay.from_estimator(
        DawidSkene(random_state=0).fit(Y), None, Y, ax=ax
    )

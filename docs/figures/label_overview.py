"""Who labelled what, before any fit."""

import matplotlib.pyplot as plt
from iris_crowd import iris_crowd

from skccem.plotting import LabelOverviewDisplay


def draw():
    *_, Y = iris_crowd(8, 4, "hammer_spammer")
    _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    LabelOverviewDisplay.from_labels(
        Y, item_order="class", annotator_order="labels", ax=ax
    )

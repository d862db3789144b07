"""What the strength of F does to the posteriors of three classes."""

import matplotlib.pyplot as plt
import numpy as np
from iris_crowd import iris_crowd

from skccem import CrowdClassifier

CORNERS = np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])


def draw():
    X, truth, _, Y = iris_crowd()
    # By the sepals alone two of the kinds are hard to tell apart.
    X = X[:, :2]
    _, axes = plt.subplots(1, 3, figsize=(7.2, 2.9), layout="constrained")
    for ax, strength in zip(axes, (0, 0.02, 0.2), strict=True):
        clf = CrowdClassifier(
            reg_strength=strength, max_epochs=40, lr=1e-2, n_init=1, random_state=0
        )
        proba = clf.fit(X, Y).predict_proba(X)
        moment = proba.T @ proba / len(proba)
        _draw_simplex(ax, proba, truth)
        ax.set_title(
            f"reg_strength={strength}\n"
            f"log-volume {np.linalg.slogdet(moment).logabsdet:.2f}",
            fontsize="medium",
        )


def _draw_simplex(ax, proba, truth):
    ax.fill(*CORNERS.T, facecolor="none", edgecolor="0.6")
    for k, (marker, color) in enumerate(
        zip("os^", ("#0072B2", "#E69F00", "#009E73"), strict=True)
    ):
        ax.scatter(
            *(proba[truth == k] @ CORNERS).T,
            marker=marker,
            facecolor="none",
            edgecolor=color,
            s=25,
        )
    for k, (x, y) in enumerate(CORNERS):
        below = y == 0
        ax.annotate(
            f"class {k}",
            (x, y),
            (0, -6 if below else 6),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize="small",
        )
    ax.set(aspect="equal", xlim=(-0.15, 1.15), ylim=(-0.15, 1.02))
    ax.axis("off")

"""The coupled model as a diagram, with the numbers of a fit in it."""

import matplotlib.pyplot as plt
from iris_crowd import iris_crowd

from skccem import CrowdClassifier

BLUE, GREY = "#0072B2", "0.35"


def draw():
    X, _, _, Y = iris_crowd(3, 2)
    clf = CrowdClassifier(max_epochs=40, lr=1e-2, n_init=1, random_state=0).fit(X, Y)
    item = X[70:71]
    _, ax = plt.subplots(figsize=(6.6, 3.2), layout="constrained")
    ax.set(xlim=(0.2, 10.4), ylim=(-0.15, 4.4))
    ax.axis("off")
    _box(ax, 0.9, 2.2, "item\n$x_i$")
    _arrow(ax, 1.5, 2.2, 2.1, 2.2)
    _box(ax, 2.7, 2.2, "network\n$f$", filled=True)
    _arrow(ax, 3.3, 2.2, 3.75, 2.2)
    _bars(ax, 3.8, 1.7, clf.predict_proba(item)[0])
    ax.text(4.4, 1.2, "$f_k(x_i)$", ha="center", va="top")
    answers = clf.predict_annotator_proba(item)[0]
    for m, y in enumerate((3.75, 2.2, 0.65)):
        _arrow(ax, 5.05, 2.2, 5.75, y)
        _matrix(ax, 5.8, y - 0.5, clf.confusion_matrices_[m])
        ax.text(6.95, y, f"$B_{m + 1}$", va="center")
        _arrow(ax, 7.4, y, 7.9, y)
        _bars(ax, 7.95, y - 0.5, answers[m])
        ax.text(9.2, y, f"$p_{m + 1}(l \\mid x_i)$", va="center")


def _box(ax, x, y, text, filled=False):
    ax.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        color="white" if filled else "black",
        bbox={
            "boxstyle": "round,pad=0.5",
            "facecolor": BLUE if filled else "white",
            "edgecolor": BLUE,
        },
    )


def _arrow(ax, x, y, to_x, to_y):
    ax.annotate(
        "", (to_x, to_y), (x, y), arrowprops={"arrowstyle": "->", "color": GREY}
    )


def _bars(ax, x, y, proba):
    """Probabilities as bars within a unit square and a bit."""
    for k, height in enumerate(proba):
        middle = x + 0.2 + 0.4 * k
        ax.bar(middle, height, width=0.32, bottom=y, color=BLUE)
        ax.text(middle, y - 0.06, str(k), ha="center", va="top", fontsize="x-small")
    ax.plot([x, x + 1.2], [y, y], color=GREY, linewidth=1)


def _matrix(ax, x, y, matrix):
    ax.imshow(
        matrix,
        cmap="Blues",
        vmin=0,
        vmax=1,
        extent=(x, x + 1, y, y + 1),
        aspect="auto",
        zorder=2,
    )
    ax.plot([x, x + 1, x + 1, x, x], [y, y, y + 1, y + 1, y], color=GREY, linewidth=1)

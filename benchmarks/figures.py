"""Pictures of the studies."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

# Marks that are told apart without colour, too.
_STYLES = ["o-", "s-", "^-", "o--", "s--", "^--", "D-", "x:", "+:", "k:"]


def draw_synthetic(runs, coupled, others, path):
    """Accuracy against labels an item, number of annotators, and strength.

    Parameters
    ----------
    runs : list of dict
        What ``run_study`` returned.
    coupled, others : lists of str
        Methods with and without a strength.
    path : path-like
        Of the picture, with its suffix.
    """
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True)
    for ax, level, label in [
        (axes[0], "labels_per_item", "labels an item"),
        (axes[1], "n_annotators", "annotators"),
    ]:
        _draw_level(ax, runs, [*coupled, *others], level)
        ax.set_xlabel(label)
    _draw_strengths(axes[2], runs, coupled)
    axes[0].set_ylabel("test accuracy, mean over cases")
    axes[1].legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False
    )
    for ax in axes:
        ax.grid(alpha=0.3)
    figure.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(figure)


def _draw_level(ax, runs, methods, level):
    levels = sorted({run["job"]["case"].get(level) for run in runs} - {None})
    for method, style in zip(methods, _STYLES, strict=True):
        means = [
            np.mean(
                [
                    _chosen(run["result"][method])["accuracy"]
                    for run in runs
                    if run["job"]["case"].get(level) == value
                ]
            )
            for value in levels
        ]
        ax.plot(range(len(levels)), means, style, label=method, fillstyle="none")
    ax.set_xticks(range(len(levels)), levels)


def _draw_strengths(ax, runs, coupled):
    for method, style in zip(coupled, _STYLES, strict=False):
        strengths = [run["strength"] for run in runs[0]["result"][method]]
        by_run = [[m["accuracy"] for m in run["result"][method]] for run in runs]
        means = np.mean(by_run, axis=0)
        if len(strengths) == 1:
            ax.axhline(means[0], color="0.5", linestyle=style[1:], linewidth=1)
            ax.annotate(
                method,
                (0.99, means[0]),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                fontsize=8,
            )
        else:
            ax.plot(strengths, means, style, label=method, fillstyle="none")
    ax.set_xscale("log")
    ax.set_xlabel("strength of the regulariser")
    ax.legend(frameon=False)


def _chosen(measurements):
    return max(measurements, key=lambda m: m.get("held_out", 0.0))

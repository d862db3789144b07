"""Pictures of the studies."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from study import chosen

# One method a mark and a colour, in all panels; marks are told apart without colour.
_MARKERS = "os^DvPX*<>ph"


def draw_synthetic(problems, coupled, others, path):
    """Accuracy against labels an item, number of annotators, and strength.

    Parameters
    ----------
    problems : list of dict
        ``job`` and ``result`` of each, by method.
    coupled, others : lists of str
        Methods with and without a strength.
    path : path-like
        Of the picture, with its suffix.
    """
    methods = [*coupled, *others]
    colors = (*plt.colormaps["tab10"].colors, "navy", "black")
    styles = {
        method: {
            "color": color,
            "marker": marker,
            "fillstyle": "none",
            "linestyle": "-" if method in coupled else ":",
        }
        for method, color, marker in zip(methods, colors, _MARKERS, strict=True)
    }
    figure, axes = plt.subplots(
        1, 3, figsize=(13, 5), sharey=True, layout="constrained"
    )
    for ax, level, label in [
        (axes[0], "labels_per_item", "labels an item"),
        (axes[1], "n_annotators", "annotators"),
    ]:
        _draw_level(ax, problems, styles, level)
        ax.set_xlabel(label)
    _draw_strengths(axes[2], problems, {method: styles[method] for method in coupled})
    axes[0].set_ylabel("test accuracy, mean over cases")
    for ax in axes:
        ax.grid(alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_level(ax, problems, styles, level):
    # Machine annotators have none.
    levels = sorted(
        {problem["job"]["case"].get(level) for problem in problems} - {None}
    )
    for method, style in styles.items():
        means = [
            np.mean(
                [
                    chosen(problem["result"][method])["accuracy"]
                    for problem in problems
                    if problem["job"]["case"].get(level) == value
                ]
            )
            for value in levels
        ]
        ax.plot(range(len(levels)), means, **style, label=method)
    ax.set_xticks(range(len(levels)), levels)


def _draw_strengths(ax, problems, styles):
    for method, style in styles.items():
        results = [problem["result"][method] for problem in problems]
        strengths = [measured["strength"] for measured in results[0]]
        means = np.mean([[m["accuracy"] for m in result] for result in results], axis=0)
        if len(strengths) > 1:
            ax.plot(strengths, means, **style)
        else:
            # Without a regulariser: the same at every strength.
            ax.axhline(means[0], color=style["color"], linestyle="--")
    ax.set_xscale("log")
    ax.set_xlabel("strength of the regulariser (dashed: none)")

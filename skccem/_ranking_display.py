"""The picture of who is good, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from ._drawing import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILLION,
    legend_of,
    new_axes,
    shown_names,
)
from ._pyplot import import_pyplot
from ._typing import ItemsLike, LabelsLike
from ._verdicts import TOO_FEW
from .reports import annotator_report

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection, PathCollection
    from matplotlib.figure import Figure
    from sklearn.base import BaseEstimator

# Kinds of verdict with colour, marker, and whether it is filled: told apart without
# colour too.
_STYLES = {
    "reliable": (BLUE, "o", True),
    "often wrong": (ORANGE, "s", True),
    "guessing": (SKY_BLUE, "D", True),
    "biased": (PURPLE, "^", True),
    "adversarial": (VERMILLION, "X", True),
    TOO_FEW: (GREY, "o", False),
}
_BIASED = "biased towards"

_COLUMNS = ("accuracy", "accuracy_low", "accuracy_high", "verdict")

# With more annotators, or fewer points of height for each, intervals become a band, and
# only the ends are named.
_MOST_NAMED = 40
_LEAST_ROOM = 10

# How many are named at each end of a band.
_NAMED_ENDS = 8

# Characters of a name.
_NAME_WIDTH = 24

# Points from one name to the next at the ends.
_LINE_HEIGHT = 12


class AnnotatorRankingDisplay:
    """Annotators by accuracy, the best on top, with 90% intervals and verdicts.

    Colour and marker are the verdict. Up to 40 annotators, if there is room, each have
    a name and a bar. Of more the intervals form a band, and the best and the worst
    eight are named.

    It is recommended to use `from_report` or `from_estimator` to make one.

    Parameters
    ----------
    report : pandas.DataFrame of n_annotators rows
        What `skccem.reports.annotator_report` returned, or some rows of it.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after `plot`.
    ax_ : matplotlib Axes
        The axes.
    ranking_ : pandas.DataFrame
        The rows of `report` that are drawn, in the order of the picture from top to
        bottom. Annotators without labels are not: the picture says how many there are.
    points_ : dict of str to PathCollection
        The accuracies, by kind of verdict, in the order of the legend.
    intervals_ : LineCollection or FillBetweenPolyCollection
        The intervals: bars, or the band.

    See Also
    --------
    skccem.reports.annotator_report : The numbers, and what verdicts mean.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.plotting import AnnotatorRankingDisplay
    >>> from skccem.simulation import make_crowd_labels
    >>> good, spam = [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]]
    >>> y = np.random.default_rng(0).integers(2, size=300)
    >>> matrices = [spam, good, good, good, good, [[0.1, 0.9], [0.9, 0.1]]]
    >>> Y = make_crowd_labels(y, matrices, labels_per_item=4, random_state=0)
    >>> clf = DawidSkene(random_state=0).fit(Y)
    >>> display = AnnotatorRankingDisplay.from_estimator(clf, None, Y)
    >>> display.ranking_.index.tolist()[-2:]
    [0, 5]
    >>> list(display.points_)
    ['reliable', 'guessing', 'adversarial']
    """

    figure_: Figure
    ax_: Axes
    ranking_: pandas.DataFrame
    points_: dict[str, PathCollection]
    intervals_: Collection

    def __init__(self, report: pandas.DataFrame) -> None:
        self.report = report

    @classmethod
    def from_report(cls, report: pandas.DataFrame, *, ax: Axes | None = None) -> Self:
        """Draw a report.

        Parameters
        ----------
        report : pandas.DataFrame of n_annotators rows
            What `skccem.reports.annotator_report` returned, or some rows of it.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : AnnotatorRankingDisplay
            With the picture drawn.

        Raises
        ------
        ValueError
            If a column is missing, no annotator has labels, or a verdict is none of
            `annotator_report`.
        ImportError
            If matplotlib is not installed.
        """
        return cls(report).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        clf: BaseEstimator,
        X: ItemsLike | None,
        Y: LabelsLike,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the report on a fitted estimator.

        Parameters
        ----------
        clf : estimator
            Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such
            as `DawidSkene`; or a pipeline or search that ends with one.
        X : as in the `predict_proba` of `clf`, or None
            The items. None, and nothing else, for an estimator of labels alone.
        Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Their labels by the annotators of the fit, in the same order.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : AnnotatorRankingDisplay
            With the picture drawn.

        Raises
        ------
        NotFittedError, AttributeError, ValueError
            As `skccem.reports.annotator_report` does.
        ImportError
            If matplotlib or pandas is not installed.
        """
        import_pyplot()
        return cls.from_report(annotator_report(clf, X, Y), ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the annotators.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : AnnotatorRankingDisplay
            Itself.
        """
        import_pyplot()
        ranking, kinds = _ranked(self.report)
        n_drawn = len(ranking)
        height = 1.3 + 0.24 * max(n_drawn, 4) if n_drawn <= _MOST_NAMED else 6
        ax = new_axes(ax, (7.5, height))
        self.ax_, self.figure_, self.ranking_ = ax, ax.figure, ranking
        points = ax.get_window_extent().height * 72 / ax.figure.dpi
        is_band = n_drawn > min(_MOST_NAMED, points / _LEAST_ROOM)
        rank = np.arange(n_drawn)
        accuracy, low, high = (ranking[name].to_numpy(float) for name in _COLUMNS[:3])
        self.points_ = {}
        for kind in _STYLES:
            (shown,) = np.nonzero(kinds == kind)
            if len(shown):
                size = 12 if is_band else 40
                self.points_[kind] = _draw_points(ax, accuracy, shown, kind, size)
        names = shown_names(ranking.index, _NAME_WIDTH)
        ax.set_ylim(n_drawn - 0.5, -0.5)
        if is_band:
            self.intervals_ = ax.fill_betweenx(
                rank, low, high, color="lightgrey", linewidth=0, step="mid", zorder=1
            )
            n_ends = int(min(_NAMED_ENDS, points / 2 / _LINE_HEIGHT, n_drawn / 2))
            _name_ends(ax, names, n_ends)
        else:
            colors = [_STYLES[kind][0] for kind in kinds]
            self.intervals_ = ax.hlines(rank, low, high, colors, linewidth=2, zorder=1)
            ax.set_yticks(rank, names)
        ax.set_xlim(-0.02, 1.02)
        ax.set_xlabel("accuracy, with 90% interval")
        ax.grid(axis="x", color="0.9", zorder=0)
        ax.set_axisbelow(True)
        self._add_legend(kinds)
        return self

    def _add_legend(self, kinds):
        """What colours and markers mean, with numbers, beside the axes."""
        counts = {kind: np.count_nonzero(kinds == kind) for kind in self.points_}
        names = [f"{kind} ({count})" for kind, count in counts.items()]
        handles = list(self.points_.values())
        n_absent = len(self.report) - len(self.ranking_)
        if n_absent:
            handles.append(self.ax_.scatter([], [], marker="none"))
            names.append(f"without labels, not drawn ({n_absent})")
        legend_of(
            self.ax_,
            handles,
            names,
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            borderaxespad=0,
            frameon=False,
            # Markers in a band are small.
            markerscale=7 / self.points_[kinds[0]].get_sizes()[0] ** 0.5,
        )


def _ranked(report):
    """The rows to draw, the best first, and the kind of verdict of each."""
    absent = [column for column in _COLUMNS if column not in report]
    if absent:
        raise ValueError(
            f"Expected a report with the columns {', '.join(_COLUMNS)}, got one "
            f"without {', '.join(absent)}. Pass what annotator_report returned."
        )
    ranking = report[report["accuracy"].notna()]
    if not len(ranking):
        raise ValueError(
            f"Expected annotators with an accuracy, got none among {len(report)}. Pass "
            "a report on annotators who gave labels."
        )
    ranking = ranking.sort_values("accuracy", ascending=False, kind="stable")
    kinds = [
        "biased" if str(verdict).startswith(_BIASED) else verdict
        for verdict in ranking["verdict"]
    ]
    unknown = sorted({str(kind) for kind in kinds} - set(_STYLES))
    if unknown:
        raise ValueError(
            f"Expected verdicts of annotator_report, got {', '.join(unknown)}. Pass "
            "the column verdict as it was returned."
        )
    return ranking, np.array(kinds, dtype=object)


def _draw_points(ax, accuracy, rank, kind, size):
    """The annotators of a kind of verdict, at their ranks."""
    color, marker, is_filled = _STYLES[kind]
    return ax.scatter(
        accuracy[rank],
        rank,
        s=size,
        marker=marker,
        facecolor=color if is_filled else "white",
        edgecolor=color,
        linewidth=0.8,
        # What is rare is on top.
        zorder=3 - len(rank) / len(accuracy),
    )


def _name_ends(ax, names, n_ends):
    """The names of some of the best and the worst, with lines to where they are."""
    from matplotlib.transforms import ScaledTranslation

    ax.set_yticks([])
    last = len(names) - 1
    best = [(line, 1, -line - 0.5) for line in range(n_ends)]
    worst = [(last - line, 0, line + 0.5) for line in range(n_ends)]
    for rank, edge, line in best + worst:
        # Lines of text are further apart than ranks.
        shift = (-24 / 72, line * _LINE_HEIGHT / 72)
        place = ax.transAxes + ScaledTranslation(*shift, ax.figure.dpi_scale_trans)
        ax.annotate(
            names[rank],
            xy=(0, rank),
            xycoords=ax.get_yaxis_transform(),
            xytext=(0, edge),
            textcoords=place,
            ha="right",
            va="center",
            fontsize="small",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5},
        )

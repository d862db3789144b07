"""The picture of who labelled what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from ._annotations import check_crowd_labels
from ._drawing import COLORS, evenly_spread, legend_of, new_axes, shown_names
from ._evidence import check_some_labels
from ._label_tiles import ORDERS, annotator_order, count_tiles, item_order
from ._pyplot import import_pyplot
from ._typing import Integers, LabelsLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.legend import Legend

    from ._annotations import CrowdLabels

# With more there is no room for names.
_MOST_NAMES = 30
_MOST_CLASS_NAMES = 12
_NAME_WIDTH = 20

# Share of the pixels of axes that are tiles: margins take some of the others.
_TILES_PER_PIXEL = 0.7

# Labels that a tile should have on average, where entries share tiles: fewer would be
# noise. But so many rows or columns of tiles stay.
_LABELS_PER_TILE = 4
_FEWEST_TILES = 40

# What is left of a class's colour where others are named about as often in a tile.
_FAINTEST = 0.35

_SHOWS = ("class", "density")


class LabelOverviewDisplay:
    """Who labelled what: items by annotators, and what is missing in white.

    Where there are more items or annotators than pixels, several share a tile, which
    then has four labels on average if there are enough. It shows the class that most of
    its labels name, the paler the smaller their majority, or its density, the share of
    its entries that are labels. Tiles without any label are white in both. Up to six
    classes have colours of their own; more have those of a scale, in the order of
    `CrowdLabels.classes`.

    It is recommended to use `from_labels` to make one.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The labels.
    show : {"class", "density"}, default="class"
        What tiles show.
    item_order, annotator_order : {"given", "labels", "class"}, default="given"
        As in `from_labels`.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after `plot`.
    ax_ : matplotlib Axes
        The axes.
    image_ : AxesImage
        The tiles: classes, as positions in ``labels.classes``, or densities; masked
        without labels.
    items_, annotators_ : int ndarrays of shape (n_samples,), (n_annotators,)
        Their positions in `labels` in the order of the picture, from top and left.
    legend_ : Legend or None
        Of up to six classes.
    colorbar_ : Colorbar or None
        Of more classes, or the density.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem.plotting import LabelOverviewDisplay
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> y = np.random.default_rng(0).integers(3, size=2000)
    >>> matrices = make_confusion_matrices(50, 3, random_state=0)
    >>> Y = make_crowd_labels(y, matrices, labels_per_item=5, random_state=0)
    >>> display = LabelOverviewDisplay.from_labels(Y, item_order="class")
    >>> [text.get_text() for text in display.legend_.get_texts()]
    ['0', '1', '2', 'missing']
    """

    figure_: Figure
    ax_: Axes
    image_: AxesImage
    items_: Integers
    annotators_: Integers
    legend_: Legend | None
    colorbar_: Colorbar | None

    def __init__(
        self,
        labels: CrowdLabels,
        *,
        show: Literal["class", "density"] = "class",
        item_order: Literal["given", "labels", "class"] = "given",
        annotator_order: Literal["given", "labels", "class"] = "given",
    ) -> None:
        self.labels = labels
        self.show = show
        self.item_order = item_order
        self.annotator_order = annotator_order

    @classmethod
    def from_labels(
        cls,
        Y: LabelsLike,
        *,
        show: Literal["class", "density"] = "class",
        item_order: Literal["given", "labels", "class"] = "given",
        annotator_order: Literal["given", "labels", "class"] = "given",
        ax: Axes | None = None,
    ) -> Self:
        """Draw labels.

        Parameters
        ----------
        Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Who said what; missing as in `CrowdLabels.from_matrix`.
        show : {"class", "density"}, default="class"
            What tiles show: the class that most labels name, or the share of entries
            that are labels.
        item_order, annotator_order : {"given", "labels", "class"}, default="given"
            Items from top to bottom, annotators from left to right: as in `Y`, by
            number of labels, or by the class that most of their labels name, the
            largest majorities first. Who has no labels comes last in both.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : LabelOverviewDisplay
            With the picture drawn.

        Raises
        ------
        ValueError
            If there are no labels, `show` or an order is unknown, or as
            `CrowdLabels.from_matrix` does.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        Time and memory grow with the number of labels, not with items times annotators.
        """
        import_pyplot()
        display = cls(
            check_crowd_labels(Y),
            show=show,
            item_order=item_order,
            annotator_order=annotator_order,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the labels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : LabelOverviewDisplay
            Itself.
        """
        self._check()
        labels = self.labels
        self.items_ = item_order(labels, self.item_order)
        self.annotators_ = annotator_order(labels, self.annotator_order)
        ax = new_axes(ax, (8, 6.5))
        self.ax_, self.figure_ = ax, ax.figure
        shape = _tiling(labels, ax.get_window_extent())
        tiles = count_tiles(labels, self.items_, self.annotators_, shape)
        self.legend_ = self.colorbar_ = None
        if self.show == "density":
            self._draw_density(tiles)
        else:
            self._draw_classes(tiles)
        self._label_axes()
        return self

    def _check(self):
        for name, given, known in [
            ("show", self.show, _SHOWS),
            ("item_order", self.item_order, ORDERS),
            ("annotator_order", self.annotator_order, ORDERS),
        ]:
            if given not in known:
                raise ValueError(
                    f"Expected {name} to be one of {', '.join(known)}, got {given!r}."
                )
        check_some_labels(self.labels.n_labels, self.labels.shape)

    def _imshow(self, values, **kwargs):
        n_items, n_annotators = self.labels.shape
        return self.ax_.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            extent=(-0.5, n_annotators - 0.5, n_items - 0.5, -0.5),
            **kwargs,
        )

    def _draw_density(self, tiles):
        density = tiles.n_labels / tiles.n_cells
        density = np.ma.array(density, mask=tiles.n_labels == 0)
        self.image_ = self._imshow(density, cmap="viridis_r", vmin=0)
        self.colorbar_ = self.figure_.colorbar(
            self.image_, ax=self.ax_, label="share of entries with a label"
        )

    def _draw_classes(self, tiles):
        from matplotlib.colors import ListedColormap

        n_classes = self.labels.n_classes
        is_scale = n_classes > len(COLORS)
        if is_scale:
            # The brightest end is too near to white.
            scale = import_pyplot().get_cmap("viridis")
            colors = ListedColormap(scale(np.linspace(0, 0.92, n_classes)))
        else:
            colors = ListedColormap(list(COLORS[:n_classes]))
        winner = np.ma.array(tiles.winner, mask=tiles.n_labels == 0)
        share = tiles.n_winner / np.maximum(tiles.n_labels, 1)
        # From none, if all labels agree, to one in the smallest majority that can be.
        faintness = (1 - share) * n_classes / max(n_classes - 1, 1)
        alpha = (1 - (1 - _FAINTEST) * faintness).clip(_FAINTEST)
        self.image_ = self._imshow(
            winner, cmap=colors, vmin=-0.5, vmax=n_classes - 0.5, alpha=alpha
        )
        is_shared = tiles.winner.shape != self.labels.shape
        title = "most frequent answer" if is_shared else "answer"
        add_key = self._add_class_scale if is_scale else self._add_class_legend
        add_key(title)

    def _add_class_scale(self, title):
        ticks = evenly_spread(self.labels.n_classes, _MOST_CLASS_NAMES)
        self.colorbar_ = self.figure_.colorbar(
            self.image_, ax=self.ax_, label=f"{title} (white: missing)"
        )
        names = shown_names(self.labels.classes[ticks], _NAME_WIDTH)
        self.colorbar_.set_ticks(ticks, labels=names)
        self.colorbar_.solids.set_alpha(1)

    def _add_class_legend(self, title):
        from matplotlib.patches import Patch

        classes = self.labels.classes
        patches = [Patch(facecolor=color) for color in COLORS[: len(classes)]]
        patches.append(Patch(facecolor="white", edgecolor="black"))
        self.legend_ = legend_of(
            self.ax_,
            patches,
            [*shown_names(classes, _NAME_WIDTH), "missing"],
            title=title,
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            borderaxespad=0,
            frameon=False,
        )

    def _label_axes(self):
        labels, ax = self.labels, self.ax_
        orders = {"given": "", "labels": ", most labels first", "class": ", by class"}
        ax.set_xlabel("annotator" + orders[self.annotator_order])
        ax.set_ylabel("item" + orders[self.item_order])
        if labels.n_annotators <= _MOST_NAMES:
            names = shown_names(labels.annotators[self.annotators_], _NAME_WIDTH)
            rotation = 90 if max(map(len, names)) > 2 else 0
            ax.set_xticks(range(len(names)), names, rotation=rotation)
        if labels.n_samples <= _MOST_NAMES:
            items = np.arange(len(labels)) if labels.items is None else labels.items
            names = shown_names(items[self.items_], _NAME_WIDTH)
            ax.set_yticks(range(len(names)), names)
        if max(labels.shape) <= _MOST_NAMES:
            _draw_grid(ax, labels.shape)


def _tiling(labels, size):
    """Rows and columns of tiles in axes of this size in pixels."""
    full = np.array(labels.shape)
    most = _TILES_PER_PIXEL * np.array([size.height, size.width])
    shape = np.clip(most.astype(int), 1, full)
    shared = shape < full
    excess = shape.prod() * _LABELS_PER_TILE / labels.n_labels
    if shared.any() and excess > 1:
        fewer = shape / excess ** (1 / np.count_nonzero(shared))
        fewest = np.minimum(_FEWEST_TILES, shape)
        shape = np.where(shared, np.maximum(fewer.astype(int), fewest), shape)
    return tuple(shape.tolist())


def _draw_grid(ax, shape):
    """Lines between entries, each of which is to be seen by itself."""
    n_rows, n_columns = shape
    ax.set_xticks(np.arange(1, n_columns) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, n_rows) - 0.5, minor=True)
    ax.grid(which="minor", color="0.7", linewidth=0.8)
    ax.tick_params(which="minor", length=0)

"""The picture of annotators' confusion matrices, beside the true ones."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ._drawing import evenly_spread, grid_place, shown_names
from ._fitted_crowd import crowd_model
from ._identifiers import check_known, positions_of, read_vector
from ._pyplot import import_pyplot
from ._typing import Array, ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from sklearn.base import BaseEstimator

# Above these numbers there is no room for the class names or for a number per cell.
_MOST_CLASS_NAMES = 12
_MOST_NUMBERED_CLASSES = 4

# Characters of a class name, and of a line and of all of a title, that there is room
# for.
_NAME_WIDTH = 16
_TITLE_WIDTH = 15
_LONGEST_TITLE = 28

# Inches of a character of a class name.
_CHARACTER = 0.065

# Annotators drawn where none are named: more would be too small to read.
_MOST_ANNOTATORS = 10

# Inches of the matrices side by side, before there is a further row of them.
_WIDEST = 9


class ConfusionMatricesDisplay:
    """Confusion matrices of annotators side by side, with the true ones below.

    Each column is an annotator: above is the estimated matrix, below the true one if it
    is given. Where there are too many for one row, they go on in a further one. Rows of
    a matrix are true classes, columns are answers, and one colour scale from 0 to 1
    holds for all.

    It is recommended to use `from_estimator` or `from_matrices` to make one.

    Parameters
    ----------
    estimated : ndarray of shape (n_annotators, n_classes, n_classes)
        Estimated confusion matrices. Entries that are NaN are drawn in grey.
    true : ndarray of shape (n_annotators, n_classes, n_classes), default=None
        True confusion matrices, or those counted from true labels.
    annotators : sequence of length n_annotators, default=None
        Names of the annotators. None numbers them from 0.
    classes : sequence of length n_classes, default=None
        Names of the classes. None numbers them from 0.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after `plot`.
    axes_ : ndarray of Axes of shape (1 or 2, n_annotators)
        One axes for each matrix, however they are arranged: estimated, then true.
    images_ : ndarray of AxesImage, of the same shape
        The matrices in the axes.
    colorbar_ : matplotlib Colorbar
        The colour scale.

    Examples
    --------
    >>> from skccem.plotting import ConfusionMatricesDisplay
    >>> from skccem.simulation import make_confusion_matrices
    >>> matrices = make_confusion_matrices(3, 4, random_state=0)
    >>> display = ConfusionMatricesDisplay.from_matrices(
    ...     matrices, annotators=["Ann", "Ben", "Cat"]
    ... )
    >>> [ax.get_title() for ax in display.axes_[0]]
    ['Ann', 'Ben', 'Cat']
    """

    figure_: Figure
    axes_: Array
    images_: Array
    colorbar_: Colorbar

    def __init__(
        self,
        estimated: Array,
        *,
        true: Array | None = None,
        annotators: Sequence[Any] | Array | None = None,
        classes: Sequence[Any] | Array | None = None,
    ) -> None:
        self.estimated = estimated
        self.true = true
        self.annotators = annotators
        self.classes = classes

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        true: ArrayLike | None = None,
        annotators: ArrayLike | None = None,
        ax: Axes | None = None,
        cmap: str | Colormap = "Blues",
    ) -> Self:
        """Draw the matrices of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such
            as `DawidSkene`; or a pipeline or search that ends with one.
        true : array-like of shape (n_annotators, n_classes, n_classes), default=None
            True confusion matrices of all annotators of the estimator.
        annotators : array-like of identifiers or bool mask, default=None
            Which annotators to draw: some of `annotators_`, in the order given here, or
            a mask over all of them. None draws the first ten.
        ax : matplotlib Axes, default=None
            Axes that the picture takes the place of. None makes a figure.
        cmap : str or matplotlib Colormap, default="Blues"
            Colours of the matrices.

        Returns
        -------
        display : ConfusionMatricesDisplay
            With the picture drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        AttributeError
            If it does not know how annotators err.
        ValueError
            If `annotators` has others than those of the fit, or none, or the shape of
            `true` is another than that of the estimated matrices.
        ImportError
            If matplotlib is not installed.
        """
        model = crowd_model(estimator)
        chosen = _positions(annotators, model.annotators_)
        estimated, true = _check_matrices(model.confusion_matrices_, true)
        display = cls(
            estimated[chosen],
            true=None if true is None else true[chosen],
            annotators=model.annotators_[chosen],
            classes=model.classes_,
        )
        return display.plot(ax=ax, cmap=cmap)

    @classmethod
    def from_matrices(
        cls,
        estimated: ArrayLike,
        true: ArrayLike | None = None,
        *,
        annotators: Sequence[Any] | Array | None = None,
        classes: Sequence[Any] | Array | None = None,
        ax: Axes | None = None,
        cmap: str | Colormap = "Blues",
    ) -> Self:
        """Draw given matrices, all of them.

        Parameters
        ----------
        estimated : array-like of shape (n_annotators, n_classes, n_classes)
            Estimated confusion matrices.
        true : array-like of shape (n_annotators, n_classes, n_classes), default=None
            True confusion matrices.
        annotators : sequence of length n_annotators, default=None
            Names of the annotators. None numbers them from 0.
        classes : sequence of length n_classes, default=None
            Names of the classes. None numbers them from 0.
        ax : matplotlib Axes, default=None
            Axes that the picture takes the place of. None makes a figure.
        cmap : str or matplotlib Colormap, default="Blues"
            Colours of the matrices.

        Returns
        -------
        display : ConfusionMatricesDisplay
            With the picture drawn.

        Raises
        ------
        ValueError
            If the shapes or the numbers of names do not fit together.
        ImportError
            If matplotlib is not installed.
        """
        estimated, true = _check_matrices(estimated, true)
        for name, given, size in [
            ("annotators", annotators, len(estimated)),
            ("classes", classes, estimated.shape[1]),
        ]:
            if given is not None and len(given) != size:
                raise ValueError(
                    f"Expected {size} {name}, got {len(given)}. Name each one once."
                )
        display = cls(estimated, true=true, annotators=annotators, classes=classes)
        return display.plot(ax=ax, cmap=cmap)

    def plot(self, *, ax: Axes | None = None, cmap: str | Colormap = "Blues") -> Self:
        """Draw the matrices.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes that the picture takes the place of. None makes a figure.
        cmap : str or matplotlib Colormap, default="Blues"
            Colours of the matrices.

        Returns
        -------
        display : ConfusionMatricesDisplay
            Itself.
        """
        pyplot = import_pyplot()
        rows = [("estimated", self.estimated)]
        if self.true is not None:
            rows.append(("true", self.true))
        n_annotators, n_classes, _ = self.estimated.shape
        side = _side(n_classes)
        n_columns, n_bands = _bands(n_annotators, side)
        shape = n_bands * len(rows), n_columns
        ticks, names = self._class_names()
        margin = _CHARACTER * max(map(len, names))
        figsize = (
            side * n_columns + 1.7 + margin,
            (side + 0.15) * shape[0] + 0.8 + margin,
        )
        self.figure_, grid = grid_place(ax, shape, figsize, "compressed")

        cmap = pyplot.get_cmap(cmap).with_extremes(bad="lightgrey")
        self.axes_ = np.empty((len(rows), n_annotators), dtype=object)
        self.images_ = np.empty_like(self.axes_)
        titles = shown_names(self._titles(), _LONGEST_TITLE)
        for (row, m), _ in np.ndenumerate(self.axes_):
            band, column = divmod(m, n_columns)
            cell = self.figure_.add_subplot(grid[band * len(rows) + row, column])
            name, matrices = rows[row]
            matrix = matrices[m]
            image = cell.imshow(matrix, cmap=cmap, vmin=0, vmax=1)
            self.axes_[row, m], self.images_[row, m] = cell, image
            is_lowest = row == len(rows) - 1 and band == n_bands - 1
            _label_axes(cell, ticks, names, name if column == 0 else "", is_lowest)
            if row == 0:
                title = textwrap.fill(titles[m], _TITLE_WIDTH, break_on_hyphens=False)
                cell.set_title(title, fontsize="medium")
            if n_classes <= _MOST_NUMBERED_CLASSES:
                _write_numbers(cell, image, matrix)
        self._add_colorbar(side * shape[0])
        return self

    def _class_names(self):
        """Some of the classes, and what to write there."""
        n_classes = self.estimated.shape[1]
        # A Series would be indexed by its own labels, not by position.
        classes = range(n_classes) if self.classes is None else list(self.classes)
        ticks = evenly_spread(n_classes, _MOST_CLASS_NAMES)
        return ticks, shown_names([classes[tick] for tick in ticks], _NAME_WIDTH)

    def _titles(self):
        n_annotators = len(self.estimated)
        names = range(n_annotators) if self.annotators is None else self.annotators
        return [
            f"annotator {name}" if isinstance(name, int | np.integer) else name
            for name in names
        ]

    def _add_colorbar(self, height):
        self.colorbar_ = self.figure_.colorbar(
            self.images_[0, 0],
            ax=list(self.axes_.ravel()),
            label="P(answer | true class)",
            # Of a tall picture it need not have all of the height.
            shrink=min(0.9, 4 / height) if height > 2 else 0.75,
            pad=0.01,
            aspect=15,
        )


def _side(n_classes):
    """Inches of a matrix, in which an entry should have more than a pixel."""
    if n_classes <= _MOST_CLASS_NAMES:
        return 1.4
    return 1.8 if n_classes <= 3 * _MOST_CLASS_NAMES else 2.8


def _bands(n_annotators, side):
    """Columns, and how often a row of them is needed, about equally filled."""
    n_bands = -(-n_annotators // int(_WIDEST / side))
    return -(-n_annotators // n_bands), n_bands


def _label_axes(cell, ticks, names, row_name, is_lowest):
    """Names of classes and axes, at the left and the lower edge alone."""
    long_names = max(map(len, names)) > 2
    cell.set_xticks(ticks, names, rotation=90 if long_names else 0)
    cell.set_yticks(ticks, names)
    cell.tick_params(
        length=0,
        labelsize="x-small",
        labelbottom=is_lowest,
        labelleft=bool(row_name),
    )
    if row_name:
        cell.set_ylabel(f"$\\mathbf{{{row_name}}}$\ntrue class")
    if is_lowest:
        cell.set_xlabel("answer")


def _write_numbers(cell, image, matrix):
    """Write each entry into its cell, in a colour that stands out from it."""
    for (k, answer), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            # Weights of the channels in perceived brightness (ITU-R BT.601).
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            cell.text(
                answer,
                k,
                f"{value:.2f}".removeprefix("0"),
                ha="center",
                va="center",
                fontsize="x-small",
                color="white" if dark else "black",
            )


def _positions(annotators, known):
    """Positions of the annotators to draw among those of the fit."""
    if annotators is None:
        return np.arange(min(_MOST_ANNOTATORS, len(known)))
    # In an order of the caller's, and maybe one of them twice, to compare.
    chosen = np.asarray(annotators)
    if chosen.dtype == bool and known.dtype != bool:
        if chosen.shape != known.shape:
            raise ValueError(
                f"Expected a mask over {len(known)} annotators, got the shape "
                f"{chosen.shape}. Pass one for each of annotators_, or identifiers."
            )
        chosen = known[chosen]
    else:
        chosen, _ = read_vector(annotators, "`annotators`")
    if len(chosen) == 0:
        raise ValueError("Expected annotators to draw, got none. Name at least one.")
    positions = positions_of(chosen, known)
    check_known(
        chosen, positions, "`annotators` names some that the fit does not know: {}."
    )
    return positions


def _check_matrices(estimated, true):
    estimated = np.asarray(estimated, dtype=np.float64)
    is_square = estimated.ndim == 3 and estimated.shape[1] == estimated.shape[2]
    if not is_square or estimated.size == 0:
        raise ValueError(
            "Expected matrices of shape (n_annotators, n_classes, n_classes), got "
            f"{estimated.shape}. Put one square matrix for each annotator, of whom "
            "there is at least one, along the first axis."
        )
    if true is None:
        return estimated, None
    true = np.asarray(true, dtype=np.float64)
    if true.shape != estimated.shape:
        raise ValueError(
            f"Expected true matrices of the shape of the estimated, {estimated.shape}, "
            f"got {true.shape}. Pass those of the same annotators and classes."
        )
    return estimated, true

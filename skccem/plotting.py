"""Pictures of models and searches; they need matplotlib, the extra ``skccem[plot]``."""

import textwrap

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._path_display import RegularizationPathDisplay
from ._pyplot import import_pyplot

__all__ = ["ConfusionMatricesDisplay", "RegularizationPathDisplay"]

# Above these numbers there is no room for the class names or for a number per cell.
_MOST_CLASS_NAMES = 12
_MOST_NUMBERED_CLASSES = 4

# Characters of a title that fit above a matrix.
_TITLE_WIDTH = 14

# Annotators drawn where none are named: more would be too small to read.
_MOST_ANNOTATORS = 10


class ConfusionMatricesDisplay:
    """Confusion matrices of annotators side by side, with the true ones below.

    Each column is an annotator. The upper row has the estimated matrices, the lower row
    the true ones where they are given. Rows of a matrix are true classes, columns are
    answers, and one colour scale from 0 to 1 holds for all.

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
        One axes for each matrix.
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

    def __init__(self, estimated, *, true=None, annotators=None, classes=None):
        self.estimated = estimated
        self.true = true
        self.annotators = annotators
        self.classes = classes

    @classmethod
    def from_estimator(
        cls, estimator, *, true=None, annotators=None, ax=None, cmap="Blues"
    ):
        """Draw the matrices of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with `confusion_matrices_`, `annotators_` and `classes_`
            For example a `CrowdClassifier` or `DawidSkene`.
        true : array-like of shape (n_annotators, n_classes, n_classes), default=None
            True confusion matrices of all annotators of the estimator.
        annotators : array-like of int or mask, default=None
            Which annotators to draw, as an index into `annotators_`, in this order.
            None draws the first ten.
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
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(estimator)
        chosen = slice(_MOST_ANNOTATORS) if annotators is None else annotators
        estimated, true = _check_matrices(estimator.confusion_matrices_, true)
        display = cls(
            estimated[chosen],
            true=None if true is None else true[chosen],
            annotators=np.asarray(estimator.annotators_)[chosen],
            classes=estimator.classes_,
        )
        return display.plot(ax=ax, cmap=cmap)

    @classmethod
    def from_matrices(
        cls,
        estimated,
        true=None,
        *,
        annotators=None,
        classes=None,
        ax=None,
        cmap="Blues",
    ):
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

    def plot(self, *, ax=None, cmap="Blues"):
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
        shape = (len(rows), n_annotators)
        self.figure_, self.axes_ = _make_axes(pyplot, shape, n_classes, ax)

        cmap = pyplot.get_cmap(cmap).with_extremes(bad="lightgrey")
        self.images_ = np.empty(shape, dtype=object)
        for (row, col), cell in np.ndenumerate(self.axes_):
            matrix = rows[row][1][col]
            self.images_[row, col] = cell.imshow(matrix, cmap=cmap, vmin=0, vmax=1)
            self._label_axes(cell, row, col, rows)
            if n_classes <= _MOST_NUMBERED_CLASSES:
                _write_numbers(cell, self.images_[row, col], matrix)
        self.colorbar_ = self.figure_.colorbar(
            self.images_[0, 0],
            ax=list(self.axes_.ravel()),
            label="P(answer | true class)",
            shrink=0.9 if len(rows) > 1 else 0.75,
            pad=0.01,
            aspect=15,
        )
        return self

    def _label_axes(self, cell, row, col, rows):
        """Titles, class names and the names of the axes, once each."""
        n_classes = self.estimated.shape[1]
        if row == 0:
            cell.set_title(self._title(col), fontsize="medium")
        classes = np.arange(n_classes) if self.classes is None else self.classes
        step = -(-n_classes // _MOST_CLASS_NAMES)
        ticks = np.arange(0, n_classes, step)
        names = [str(classes[tick]) for tick in ticks]
        long_names = max(map(len, names)) > 2
        cell.set_xticks(ticks, names, rotation=90 if long_names else 0)
        cell.set_yticks(ticks, names)
        cell.tick_params(
            length=0,
            labelsize="x-small",
            labelbottom=row == len(rows) - 1,
            labelleft=col == 0,
        )
        if col == 0:
            cell.set_ylabel(f"$\\mathbf{{{rows[row][0]}}}$\ntrue class")
        if row == len(rows) - 1:
            cell.set_xlabel("answer")

    def _title(self, col):
        name = col if self.annotators is None else self.annotators[col]
        if isinstance(name, int | np.integer):
            name = f"annotator {name}"
        # A dollar sign would start a formula.
        return textwrap.fill(str(name), _TITLE_WIDTH).replace("$", r"\$")


def _make_axes(pyplot, shape, n_classes, ax):
    """Axes of a grid of matrices, in a new figure or in the place of `ax`."""
    n_rows, n_columns = shape
    if ax is None:
        # Small matrices need room for their numbers, the others for class names.
        side = 1.4 if n_classes <= _MOST_CLASS_NAMES else 1.8
        figure = pyplot.figure(
            figsize=(side * n_columns + 1.8, side * n_rows + 0.9), layout="compressed"
        )
        return figure, figure.subplots(n_rows, n_columns, squeeze=False)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "Expected ax to be one of a grid, whose place can be divided, got axes at "
            "a free position. Make it with pyplot.subplots or Figure.add_subplot."
        )
    ax.set_axis_off()
    return ax.figure, place.subgridspec(n_rows, n_columns).subplots(squeeze=False)


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


def _check_matrices(estimated, true):
    estimated = np.asarray(estimated, dtype=np.float64)
    if estimated.ndim != 3 or estimated.shape[1] != estimated.shape[2]:
        raise ValueError(
            "Expected matrices of shape (n_annotators, n_classes, n_classes), got "
            f"{estimated.shape}. Put one square matrix for each annotator along the "
            "first axis."
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

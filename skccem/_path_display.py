"""The picture of a search over the strength of the regulariser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._drawing import BLUE, ORANGE, grid_place, new_axes
from ._path_accuracy import held_out_accuracy
from ._pyplot import import_pyplot
from ._typing import Array, ArrayLike, ItemsLike, LabelsLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from ._model_selection import CrowdClassifierCV

# Of each likelihood; they differ without colour too.
_STYLES: dict[str, dict[str, Any]] = {
    "joint": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "marginal": {"color": ORANGE, "marker": "s", "linestyle": "--"},
}
_RING = {
    "marker": "o",
    "linestyle": "none",
    "markersize": 12,
    "color": "black",
    "markerfacecolor": "none",
}


class RegularizationPathDisplay:
    """Held-out likelihood of a search against the strength of the regulariser.

    One line for each likelihood. Error bars are one standard error, over folds, of the
    difference to the candidate with the highest mean, which has none: the others whose
    bars reach up to its height, the dotted line, are as good. A ring marks the choice.
    With the true classes, accuracy is below: what the choice, which does not know them,
    is worth.

    It is recommended to use `from_estimator` to make one.

    Parameters
    ----------
    cv_results : dict of arrays
        `cv_results_` of a `CrowdClassifierCV`.
    best_index : int, default=None
        Position of the choice in it.
    accuracy : ndarray of shape (n_candidates,), default=None
        Held-out accuracy of each candidate.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after `plot`.
    ax_ : matplotlib Axes
        The axes.
    lines_ : list of ErrorbarContainer
        One for each likelihood.
    accuracy_ax_ : matplotlib Axes or None
        The lower axes, if there are accuracies.
    accuracy_lines_ : list of Line2D
        In it, one for each likelihood.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import KFold
    >>> from skccem import CrowdClassifier, CrowdClassifierCV
    >>> from skccem.plotting import RegularizationPathDisplay
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> X, truth = load_iris(return_X_y=True)
    >>> matrices = make_confusion_matrices(5, 3, random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> search = CrowdClassifierCV(
    ...     CrowdClassifier(max_epochs=5, random_state=0),
    ...     cv=KFold(2, shuffle=True, random_state=0),
    ... ).fit(X, Y)
    >>> display = RegularizationPathDisplay.from_estimator(search)
    >>> display.ax_.get_xlabel()
    'strength of the regulariser'
    """

    figure_: Figure
    ax_: Axes
    lines_: list[ErrorbarContainer]
    accuracy_ax_: Axes | None
    accuracy_lines_: list[Line2D]

    def __init__(
        self,
        cv_results: Mapping[str, Any],
        *,
        best_index: int | None = None,
        accuracy: Array | None = None,
    ) -> None:
        self.cv_results = cv_results
        self.best_index = best_index
        self.accuracy = accuracy

    @classmethod
    def from_estimator(
        cls,
        search: CrowdClassifierCV,
        X: ItemsLike | None = None,
        Y: LabelsLike | None = None,
        *,
        truth: ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the scores of a fitted search, and accuracies if the truth is known.

        Parameters
        ----------
        search : CrowdClassifierCV
            Fitted; with ``refit=False`` too.
        X, Y : as in the search's `fit`, default=None
            What it was fitted to; for accuracies alone.
        truth : array-like of shape (n_samples,), default=None
            True classes of the items. With them, candidates are fitted again in the
            folds of the search, without weights or gold labels, which takes as long as
            it did.
        ax : matplotlib Axes, default=None
            Axes to draw in; with `truth`, whose place the two axes take. None makes a
            figure.

        Returns
        -------
        display : RegularizationPathDisplay
            With the picture drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the search is not fitted.
        ValueError
            If one of `X`, `Y` and `truth` is given without the others, their lengths
            differ, or no true class is among the labels.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(search, "cv_results_")
        import_pyplot()
        absent = [part is None for part in (X, Y, truth)]
        if any(absent) and not all(absent):
            raise ValueError(
                "Expected X, Y and truth together, for accuracies, or none of them, "
                "for likelihoods alone. Pass what the search was fitted to as X and Y."
            )
        accuracy = None if truth is None else held_out_accuracy(search, X, Y, truth)
        display = cls(
            search.cv_results_, best_index=search.best_index_, accuracy=accuracy
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; with accuracies, whose place the two axes take. None makes
            a figure.

        Returns
        -------
        display : RegularizationPathDisplay
            Itself.
        """
        self._make_axes(ax)
        strengths = self.cv_results["param_reg_strength"]
        means = self.cv_results["mean_test_score"]
        errors = self.cv_results["standard_error_of_difference"]
        self.lines_ = [
            self.ax_.errorbar(
                strengths[shown],
                means[shown],
                errors[shown],
                markersize=5,
                capsize=3,
                label=f"{likelihood} likelihood",
                **_STYLES[likelihood],
            )
            for likelihood, shown in self._paths()
        ]
        self.ax_.axhline(means.max(), color="grey", linestyle=":", linewidth=1)
        self._mark_choice(self.ax_, means)
        self.ax_.set_ylabel("held-out log-likelihood per label")
        self.ax_.legend()
        self.accuracy_lines_ = []
        if self.accuracy is not None:
            self._draw_accuracies(strengths)
        lowest = self.accuracy_ax_ or self.ax_
        _mark_strengths(lowest, strengths)
        lowest.set_xlabel("strength of the regulariser")
        return self

    def _make_axes(self, ax):
        """Axes of likelihoods and, if there are any, of accuracies below."""
        self.accuracy_ax_ = None
        if self.accuracy is None:
            self.ax_ = new_axes(ax, (6.4, 4.8))
            self.figure_ = self.ax_.figure
            return
        self.figure_, grid = grid_place(ax, (2, 1), (6.4, 7))
        self.accuracy_ax_ = self.figure_.add_subplot(grid[1])
        self.ax_ = self.figure_.add_subplot(grid[0], sharex=self.accuracy_ax_)
        self.ax_.tick_params(labelbottom=False)

    def _draw_accuracies(self, strengths):
        for likelihood, shown in self._paths():
            style = {"markersize": 5, **_STYLES[likelihood]}
            self.accuracy_lines_ += self.accuracy_ax_.plot(
                strengths[shown], self.accuracy[shown], **style
            )
        self._mark_choice(self.accuracy_ax_, self.accuracy)
        self.accuracy_ax_.set_ylabel("held-out accuracy")

    def _paths(self):
        """Each likelihood, and its candidates in the order of strengths."""
        strengths = self.cv_results["param_reg_strength"]
        likelihoods = self.cv_results["param_likelihood"]
        for likelihood in dict.fromkeys(likelihoods.tolist()):
            (shown,) = np.nonzero(likelihoods == likelihood)
            yield likelihood, shown[np.argsort(strengths[shown])]

    def _mark_choice(self, ax, values):
        if self.best_index is not None:
            strength = self.cv_results["param_reg_strength"][self.best_index]
            at = strength, values[self.best_index]
            ax.plot(*at, **_RING, label=f"chosen: {strength:g}")


def _mark_strengths(ax, strengths):
    """A logarithmic axis with a place for zero, and a tick for each strength."""
    positive = strengths[strengths > 0]
    if len(positive):
        ax.set_xscale("symlog", linthresh=positive.min())
    ticks = np.unique(strengths)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()

"""The picture of training: likelihood by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._drawing import BLUE, ORANGE, legend_of, new_axes
from ._fitted_crowd import last_of
from ._pyplot import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Polygon
    from sklearn.base import BaseEstimator


class TrainingCurvesDisplay:
    """Log-likelihood per label after each epoch of the coupled network.

    The burn-in is hatched: it trains the marginal likelihood whatever comes after it,
    so that the curve of the labels that are trained on breaks off where the likelihood
    changes. That of held-out labels, which early stopping adds, is marginal throughout;
    a star marks its best epoch after the burn-in, whose weights were kept.

    It is recommended to use `from_estimator` to make one.

    Parameters
    ----------
    history : list of dict
        `history_` of a `CrowdClassifier`.
    burn_in : int, default=0
        Epochs of it that are the burn-in.
    likelihood : {"marginal", "joint"}, default="joint"
        What is trained after the burn-in.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after `plot`.
    ax_ : matplotlib Axes
        The axes.
    lines_ : dict of str to Line2D
        The curves by what the legend calls them.
    burn_in_ : Polygon or None
        The hatched part, if there is one.
    best_epoch_ : int or None
        The marked epoch, counted from 1, if labels were held out.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skccem import CrowdClassifier
    >>> from skccem.plotting import TrainingCurvesDisplay
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> X, truth = load_iris(return_X_y=True)
    >>> matrices = make_confusion_matrices(5, 3, random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> clf = CrowdClassifier(max_epochs=10, n_init=1, random_state=0).fit(X, Y)
    >>> display = TrainingCurvesDisplay.from_estimator(clf)
    >>> list(display.lines_)
    ['training, marginal', 'training, joint']
    >>> display.burn_in
    4
    """

    figure_: Figure
    ax_: Axes
    lines_: dict[str, Line2D]
    burn_in_: Polygon | None
    best_epoch_: int | None

    def __init__(
        self,
        history: list[dict[str, Any]],
        *,
        burn_in: int = 0,
        likelihood: Literal["marginal", "joint"] = "joint",
    ) -> None:
        self.history = history
        self.burn_in = burn_in
        self.likelihood = likelihood

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, ax: Axes | None = None
    ) -> Self:
        """Draw the last fit of an estimator.

        Parameters
        ----------
        estimator : CrowdClassifier
            Fitted; or a pipeline or search that ends with one.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : TrainingCurvesDisplay
            With the picture drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        AttributeError
            If it trains no network.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(estimator)
        model = last_of(estimator)
        if not hasattr(model, "net_"):
            raise AttributeError(
                "Expected a fitted CrowdClassifier, or a pipeline or search that ends "
                f"with one, got {model!r}, which trains no network. What label-only "
                "estimators climb is their history_, a list of numbers."
            )
        # What training did, also where fits went on from others, or settings changed.
        display = cls(
            model.history_,
            burn_in=sum(epoch["burn_in"] for epoch in model.history_),
            likelihood=model.net_.criterion_.likelihood,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : TrainingCurvesDisplay
            Itself.

        Raises
        ------
        ValueError
            If there are no epochs, or they have no `train_log_likelihood`.
        """
        train = _values(self.history, "train_log_likelihood")
        has_valid = "valid_log_likelihood" in self.history[0]
        import_pyplot()
        ax = new_axes(ax, (6.4, 4))
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, {}
        burn_in = min(self.burn_in, len(train))
        self.burn_in_ = self._mark_burn_in(burn_in) if burn_in else None
        parts = {"marginal": (0, burn_in), self.likelihood: (burn_in, len(train))}
        if self.likelihood == "marginal":
            parts = {"marginal": (0, len(train))}
        for name, (start, stop) in parts.items():
            if stop > start:
                style = {
                    "color": BLUE,
                    "linestyle": "--" if name == "marginal" else "-",
                }
                self._add_line(f"training, {name}", start, train[start:stop], style)
        self.best_epoch_ = None
        if has_valid:
            valid = _values(self.history, "valid_log_likelihood")
            style = {"color": ORANGE, "linestyle": "-."}
            self._add_line("held out, marginal", 0, valid, style)
            self._mark_best(valid, burn_in)
        self._finish()
        return self

    def _add_line(self, name, start, values, style):
        epochs = np.arange(start, start + len(values)) + 1
        # A line of one point would not be seen.
        marker = "o" if len(values) == 1 else None
        (self.lines_[name],) = self.ax_.plot(epochs, values, marker=marker, **style)

    def _mark_burn_in(self, burn_in):
        return self.ax_.axvspan(
            0.5, burn_in + 0.5, facecolor="0.95", edgecolor="0.8", hatch="///", zorder=0
        )

    def _mark_best(self, valid, burn_in):
        """A star at the epoch that early stopping returned to."""
        if len(valid) == burn_in:
            return
        self.best_epoch_ = burn_in + int(np.argmax(valid[burn_in:])) + 1
        self.ax_.plot(
            self.best_epoch_,
            valid[self.best_epoch_ - 1],
            marker="*",
            markersize=13,
            color=ORANGE,
            markeredgecolor="black",
            linestyle="none",
        )

    def _finish(self):
        from matplotlib.ticker import MaxNLocator

        handles, names = list(self.lines_.values()), list(self.lines_)
        if self.best_epoch_ is not None:
            handles.append(self.ax_.lines[-1])
            names.append(f"best epoch: {self.best_epoch_}")
        if self.burn_in_ is not None:
            handles.append(self.burn_in_)
            names.append("burn-in")
        legend_of(self.ax_, handles, names)
        self.ax_.set_xlim(0.5, len(self.history) + 0.5)
        self.ax_.xaxis.set_major_locator(MaxNLocator(integer=True))
        self.ax_.set_xlabel("epoch")
        self.ax_.set_ylabel("log-likelihood per label")


def _values(history, name):
    if not len(history) or any(name not in epoch for epoch in history):
        raise ValueError(
            f"Expected the history of one epoch or more with {name}, got "
            f"{len(history)} epochs that lack it. Pass history_ of a CrowdClassifier."
        )
    return np.array([epoch[name] for epoch in history], dtype=np.float64)

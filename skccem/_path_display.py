"""The picture of a search over the strength of the regulariser."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._pyplot import import_pyplot


class RegularizationPathDisplay:
    """Held-out likelihood of a search against the strength of the regulariser.

    One line for each likelihood. Error bars are one standard error, over folds, of the
    difference to the candidate with the highest mean, which has none: the others whose
    bars reach up to its height, the dotted line, are as good. A ring marks the choice.

    It is recommended to use `from_estimator` to make one.

    Parameters
    ----------
    cv_results : dict of arrays
        `cv_results_` of a `CrowdClassifierCV`.
    best_index : int, default=None
        Position of the choice in it.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure, after `plot`.
    ax_ : matplotlib Axes
        The axes.
    lines_ : list of ErrorbarContainer
        One for each likelihood.

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

    def __init__(self, cv_results, *, best_index=None):
        self.cv_results = cv_results
        self.best_index = best_index

    @classmethod
    def from_estimator(cls, search, *, ax=None):
        """Draw the scores of a fitted search.

        Parameters
        ----------
        search : CrowdClassifierCV
            Fitted; with ``refit=False`` too.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : RegularizationPathDisplay
            With the picture drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the search is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(search, "cv_results_")
        return cls(search.cv_results_, best_index=search.best_index_).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.

        Returns
        -------
        display : RegularizationPathDisplay
            Itself.
        """
        pyplot = import_pyplot()
        if ax is None:
            _, ax = pyplot.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        strengths = self.cv_results["param_reg_strength"]
        means = self.cv_results["mean_test_score"]
        errors = self.cv_results["standard_error_of_difference"]
        likelihoods = self.cv_results["param_likelihood"]
        self.lines_ = []
        for likelihood in dict.fromkeys(likelihoods.tolist()):
            (shown,) = np.nonzero(likelihoods == likelihood)
            shown = shown[np.argsort(strengths[shown])]
            line = ax.errorbar(
                strengths[shown],
                means[shown],
                errors[shown],
                marker="o",
                markersize=4,
                capsize=3,
                label=f"{likelihood} likelihood",
            )
            self.lines_.append(line)
        ax.axhline(means.max(), color="grey", linestyle=":", linewidth=1)
        if self.best_index is not None:
            at = strengths[self.best_index], means[self.best_index]
            ring = {"markersize": 12, "color": "black", "label": f"chosen: {at[0]:g}"}
            ax.plot(*at, "o", markerfacecolor="none", **ring)
        _mark_strengths(ax, strengths)
        ax.set_xlabel("strength of the regulariser")
        ax.set_ylabel("held-out log-likelihood per label")
        ax.legend()
        return self


def _mark_strengths(ax, strengths):
    """A logarithmic axis with a place for zero, and a tick for each strength."""
    positive = strengths[strengths > 0]
    if len(positive):
        ax.set_xscale("symlog", linthresh=positive.min())
    ticks = np.unique(strengths)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()

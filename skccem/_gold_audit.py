"""How good a fit is on items whose classes an expert knows, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta

from ._counts import majority_vote_proba
from ._fitted_crowd import read_crowd
from ._gold import check_gold
from ._label_aggregator import argmax_with_random_ties
from ._pandas import import_pandas
from ._typing import ItemsLike, LabelsLike

if TYPE_CHECKING:
    import pandas
    from sklearn.base import BaseEstimator

# Quantiles that bound an interval.
_BOUNDS = 0.05, 0.95


def gold_audit(
    clf: BaseEstimator, X: ItemsLike | None, Y: LabelsLike, gold: LabelsLike
) -> pandas.DataFrame:
    """How often a fit, and the crowd alone, are right about items of known classes.

    Parameters
    ----------
    clf : estimator
        Fitted, without these gold labels: `CrowdClassifier`, `TwoStageClassifier`, or
        one of labels alone such as `DawidSkene`; or a pipeline or search that ends with
        one.
    X : as in the `predict_proba` of `clf`, or None
        The items. None, and nothing else, for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Their labels by the annotators of the fit, in the same order.
    gold : array-like of shape (n_samples,)
        True classes of some items, missing for the others, as in `fit`. They should be
        of items drawn at random; what `fit` was told proves nothing.

    Returns
    -------
    audit : pandas.DataFrame
        With a row for each who says something: "classifier", from the features alone
        (not of an estimator of labels alone); "model", from features and labels, or
        labels alone; and "majority vote", ties broken at random. Its columns:

        - `items`: of known class, about which it says something: the vote does not,
          where there are no labels;
        - `right`: of these;
        - `accuracy`, `accuracy_low`, `accuracy_high`: `right` / `items` with a 90%
          interval, of Jeffreys' beta posterior [1]_;
        - `log_loss`: mean of ``-log`` of the probability of the known class, in nats;
          ``inf`` where that is zero. Higher than of the others although the accuracy
          is not: it is too sure of itself.

    Raises
    ------
    NotFittedError
        If `clf` is not fitted.
    AttributeError
        If it does not know how annotators err.
    ValueError
        If `X` is given to an estimator of labels alone or not given to another, `Y`
        has no labels, or others than the fit can know, or `gold` does not fit.
    ImportError
        If pandas is not installed.

    References
    ----------
    .. [1] L. D. Brown, T. T. Cai and A. DasGupta, "Interval estimation for a binomial
       proportion", Statistical Science 16 (2), 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.reports import gold_audit
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> truth = np.random.default_rng(0).integers(3, size=500)
    >>> matrices = make_confusion_matrices(9, 3, kind="hammer_spammer", random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> gold = np.where(np.arange(500) < 100, truth, -1)
    >>> audit = gold_audit(DawidSkene(random_state=0).fit(Y), None, Y, gold)
    >>> audit[["items", "right"]]
                   items  right
    model            100     86
    majority vote    100     76
    """
    return audit_table(read_crowd(clf, X, Y), gold)


def audit_table(crowd, gold):
    """`gold_audit` of what was read already."""
    pandas = import_pandas()
    labels = crowd.labels
    if gold is None:
        raise ValueError(
            "Expected gold, the true classes of some items, got None. Pass one entry "
            "an item, missing where its class is not known."
        )
    gold, _ = check_gold(gold, labels, given=labels)
    known = np.flatnonzero(gold.labels_per_item)
    says = {"model": crowd.proba}
    if crowd.log_prior.ndim == 2:
        says = {"classifier": np.exp(crowd.log_prior)} | says
    rows = {name: _judge(proba[known], gold.codes) for name, proba in says.items()}
    voted = labels.labels_per_item[known] > 0
    votes = majority_vote_proba(labels[known[voted]])
    rows["majority vote"] = _judge(votes, gold.codes[voted])
    return pandas.DataFrame.from_dict(rows, orient="index")


def _judge(proba, truth):
    """The numbers of a row."""
    n_items = len(truth)
    right = int(np.sum(argmax_with_random_ties(proba, 0) == truth))
    low, high = beta.ppf(_BOUNDS, right + 0.5, n_items - right + 0.5)
    # All or none of them right leaves no room on one side.
    low, high = 0.0 if right == 0 else low, 1.0 if right == n_items else high
    with np.errstate(divide="ignore"):
        loss = -np.log(proba[np.arange(n_items), truth])
    return {
        "items": n_items,
        "right": right,
        "accuracy": right / n_items if n_items else np.nan,
        "accuracy_low": low if n_items else np.nan,
        "accuracy_high": high if n_items else np.nan,
        "log_loss": float(loss.mean()) if n_items else np.nan,
    }

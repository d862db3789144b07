"""Which labels to collect next."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ._fitted_crowd import read_crowd
from ._greedy_pairs import Limits, choose_pairs
from ._matrix_posterior import mean_posterior
from ._pandas import import_pandas
from ._random_state import random_generator
from ._typing import ArrayLike, ItemsLike, LabelsLike, RandomState

if TYPE_CHECKING:
    import pandas
    from sklearn.base import BaseEstimator

__all__ = ["suggest_labels"]

# Sweeps of the sampler that are thrown away, and that count. The order of gains needs
# fewer than the ends of intervals.
_WARM_UP = 50
_KEPT = 60

# Draws of the matrices, each of which costs as much as the ranking by their means.
_DRAWS = 10

# Of a batch, how many even shares an annotator gets at most.
_SHARES = 4


def suggest_labels(
    clf: BaseEstimator,
    X: ItemsLike | None,
    Y: LabelsLike,
    n: int = 100,
    *,
    annotators: ArrayLike | None = None,
    max_per_annotator: int | Mapping[Any, int] | None = None,
    max_per_item: int | None = None,
    cost: Mapping[Any, float] | ArrayLike | None = None,
    budget: float | None = None,
    random_state: RandomState = None,
) -> pandas.DataFrame:
    """Which item to show to which annotator next, by what the answer would tell.

    Parameters
    ----------
    clf : estimator
        Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such as
        `DawidSkene`; or a pipeline or search that ends with one.
    X : as in the `predict_proba` of `clf`, or None
        The items. None, and nothing else, for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Their labels so far by the annotators of the fit, in the same order. Items
        without labels are suggested like others.
    n : int, default=100
        Number of labels to suggest.
    annotators : array-like of identifiers, default=None
        Who is available, among `annotators_` of the fit. None is all. A newcomer is a
        column without labels in the fit, see `CrowdLabels.align`.
    max_per_annotator : int or mapping of identifier to int, default=None
        Most labels that an annotator is asked for. None, and for those whom a mapping
        leaves out, is four times an even share of `n`, so that no batch rests on a few.
    max_per_item : int, default=None
        Most labels that are suggested for an item. None sets no limit: what a label of
        the item is expected to tell falls with each one suggested before.
    cost : mapping of identifier to float or array-like of shape (n_annotators,), \
            default=None
        Positive cost of a label of each annotator, an array in the order of
        `annotators_`. None is 1 for all.
    budget : float, default=None
        Most that the labels cost together. None sets no limit.
    random_state : int, RandomState instance or None, default=None
        Source of the samples of the posterior, and breaks ties.

    Returns
    -------
    suggestions : pandas.DataFrame of at most n rows
        The best first. There are fewer than `n` where limits, or pairs without a label,
        run out. Its columns:

        - `item`: the identifier, or the row number;
        - `annotator`;
        - `gain`: bits that the answer is expected to tell about the item's class, after
          those suggested for the item before it;
        - `value`: with half of what it will tell besides, once more is known about the
          annotator; the best have the highest value for the cost;
        - `cost`: of the label.

    Raises
    ------
    NotFittedError
        If `clf` is not fitted.
    AttributeError
        If it does not know how annotators err.
    ValueError
        If `X` is given to an estimator of labels alone or not given to another, `Y`
        has no labels, or others than the fit can know, an annotator is unknown, or a
        number is out of its range.
    ImportError
        If pandas is not installed.

    See Also
    --------
    skccem.reports.consensus : Which items to review.
    skccem.diagnostics.identifiability_report : Whether the labels so far tell enough.

    Notes
    -----
    The gain is the mutual information between the class of the item, of probabilities
    ``q``, and the answer of the annotator, of matrix ``B`` [1]_:
    ``I(q, B) = H(q B) - sum_k q_k H(B[k])``, by how much the entropy of the class is
    expected to fall. Both are means over 60 samples of the posterior that
    `skccem.reports.annotator_report` describes, where annotators are of kinds whose
    frequencies are learned: who answered two items as others did is no expert yet, and
    an item is not certain because the one who labelled it seems to be.

    The gain of the mean matrix is less than the mean of the gains of all matrices that
    are possible, the more so the less is known about the annotator: the difference is
    what the label will tell only once its annotator is known. Half of it is added to
    the value of a label. So a newcomer is asked before those who are known to be worse
    than the crowd usually is, but not in place of those who are known to be good.

    A batch is chosen greedily, items and annotators together [2]_. A label suggested
    for an item leaves further ones the share ``1 - gain / H(q)`` of their value, as if
    it gave the class away with probability ``gain / H(q)`` and told nothing otherwise.
    Collect in several rounds, fitting again in between: what is learned about
    annotators counts in the next one.

    Beyond a few thousand items those with nearly the same ``q`` share the ranking of
    annotators, and no array of shape (n_samples, n_annotators) is made. For 100,000
    items with 200,000 labels of 1,000 annotators, 10,000 suggestions take 3 s of one
    core with four classes and 6 s with ten.

    The gain is as good as the model. It does not know that items may be difficult for
    all or that annotators may copy each other, where answers tell less than it says,
    nor that a network knows by heart the labels that it was trained on.
    ``benchmarks/suggestions.py`` measures what is saved there, too. Nor can it know
    better than a fit of labels that identify nothing, such as those of annotators who
    share no item: while `skccem.diagnostics.identifiability_report` says so, pairs that
    are drawn at random may help sooner.

    References
    ----------
    .. [1] D. V. Lindley, "On a measure of the information provided by an experiment",
       Annals of Mathematical Statistics 27 (4), 1956.
    .. [2] Y. Yan, R. Rosales, G. Fung and J. G. Dy, "Active learning from crowds",
       ICML 2011.

    Examples
    --------
    Two of six annotators guess, and are not asked again:

    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.collecting import suggest_labels
    >>> from skccem.simulation import make_crowd_labels
    >>> good, guess = [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]]
    >>> y = np.random.default_rng(0).integers(2, size=300)
    >>> matrices = [good, good, good, good, guess, guess]
    >>> Y = make_crowd_labels(y, matrices, labels_per_item=3, random_state=0)
    >>> model = DawidSkene(random_state=0).fit(Y)
    >>> table = suggest_labels(model, None, Y, n=60, random_state=0)
    >>> table.columns.tolist(), len(table)
    (['item', 'annotator', 'gain', 'value', 'cost'], 60)
    >>> bool(table["annotator"].isin([0, 1, 2, 3]).all())
    True
    """
    pandas = import_pandas()
    crowd = read_crowd(clf, X, Y)
    labels = crowd.labels
    limits = _check_limits(
        labels, n, annotators, max_per_annotator, max_per_item, cost, budget
    )
    rng = np.random.default_rng(random_generator(random_state).randint(2**31))
    proba, matrices, draws = mean_posterior(
        labels,
        crowd.log_prior,
        crowd.log_confusion,
        rng,
        warm_up=_WARM_UP,
        kept=_KEPT,
        n_draws=_DRAWS,
    )
    pairs = choose_pairs(labels, proba, matrices, draws, limits, rng)
    names = np.arange(labels.n_samples) if labels.items is None else labels.items
    cost = limits.cost[pairs.annotators]
    table = pandas.DataFrame(
        {
            "item": names[pairs.items],
            "annotator": labels.annotators[pairs.annotators],
            "gain": pairs.gain,
            "value": pairs.value,
            "cost": cost,
        }
    )
    # Items that are alike were chosen by a value in common.
    return table.iloc[np.argsort(-pairs.value / cost, kind="stable")].reset_index(
        drop=True
    )


def _check_limits(labels, n, annotators, per_annotator, per_item, cost, budget):
    """The limits of the user, as arrays in the order of the annotators."""
    _check_count("n", n)
    if per_item is not None:
        _check_count("max_per_item", per_item)
    if budget is not None and not _is_positive(budget):
        raise ValueError(
            f"Expected budget as a positive number, got {budget!r}. It is what the "
            "labels cost together; None sets no limit."
        )
    available = _available(labels, annotators)
    return Limits(
        n=n,
        per_annotator=_most_labels(labels, available, per_annotator, n),
        per_item=np.inf if per_item is None else per_item,
        cost=_costs(labels, available, cost),
        budget=np.inf if budget is None else float(budget),
    )


def _available(labels, annotators):
    """Positions of the annotators who can be asked."""
    if annotators is None:
        return np.arange(labels.n_annotators)
    found = np.unique(_positions(labels, list(annotators), "annotators"))
    if len(found) == 0:
        raise ValueError(
            "Expected annotators to name who is available, got none. Pass None for all."
        )
    return found


def _most_labels(labels, available, limit, n):
    """How many labels each annotator may be asked for: (n_annotators,)."""
    even = -(-n // len(available))
    most = np.full(labels.n_annotators, _SHARES * even)
    if isinstance(limit, Mapping):
        for name, value in limit.items():
            _check_count(f"max_per_annotator of {name!r}", value, least=0)
        most[_positions(labels, list(limit), "max_per_annotator")] = list(
            limit.values()
        )
    elif limit is not None:
        _check_count("max_per_annotator", limit)
        most[:] = limit
    return np.where(np.isin(np.arange(len(most)), available), most, 0)


def _costs(labels, available, cost):
    """What a label of each annotator costs: (n_annotators,)."""
    n_annotators = labels.n_annotators
    if cost is None:
        return np.ones(n_annotators)
    if isinstance(cost, Mapping):
        costs = np.full(n_annotators, np.nan)
        found = _positions(labels, list(cost), "cost")
        costs[found] = np.array(list(cost.values()), dtype=np.float64)
    else:
        costs = np.array(cost, dtype=np.float64)
    if costs.shape != (n_annotators,):
        raise ValueError(
            f"Expected cost of shape ({n_annotators},), one for each annotator of the "
            f"fit, got {costs.shape}. Pass one for each, or a mapping by identifier."
        )
    wrong = ~((costs[available] > 0) & np.isfinite(costs[available]))
    if wrong.any():
        first = available[wrong.argmax()]
        name = labels.annotators[[first]].tolist()[0]
        raise ValueError(
            "Expected a positive finite cost of every available annotator, got "
            f"{costs[first]} of {name!r}. Give one, or leave the "
            "annotator out of annotators=."
        )
    # Whoever is not available needs none.
    return np.where(np.isfinite(costs), costs, np.inf)


def _positions(labels, names, argument):
    """Positions of annotators among those of the fit."""
    known = {name: m for m, name in enumerate(labels.annotators.tolist())}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"Expected {argument} to name annotators of the fit, got {unknown[:5]} "
            f"({len(unknown)} in all). Fit again with a column for each newcomer, also "
            "without labels, by CrowdLabels.align(annotators=...)."
        )
    return np.array([known[name] for name in names], dtype=np.int64)


def _check_count(name, value, least=1):
    if not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"Expected {name} as an integer of at least {least}, got {value!r}. Pass a "
            "number of labels."
        )


def _is_positive(value):
    return isinstance(value, Real) and np.isfinite(value) and value > 0

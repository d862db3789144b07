"""What goes into the two stages of ``TwoStageClassifier``, and whether it fits."""

import inspect

import numpy as np
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples, has_fit_parameter

from ._aggregation import DawidSkene
from ._gold import certain, with_gold
from ._probability import safe_log


def default_stages():
    """The aggregator and the classifier that None stands for."""
    return DawidSkene(), LogisticRegression(max_iter=1000)


def check_aggregator(aggregator):
    """Raise if it can't be fitted on labels alone, with weights of the items."""
    try:
        inspect.signature(aggregator.fit).bind(None, sample_weight=None)
    except TypeError:
        takes_labels = False
    else:
        # Pipelines take anything, and pass it on to a classifier that does not.
        takes_labels = not is_classifier(aggregator)
    if not takes_labels:
        raise ValueError(
            "Expected aggregator to be an estimator of labels alone, with fit(Y, "
            f"sample_weight=None), such as DawidSkene(), got {aggregator!r}. Pass a "
            "classifier by name, TwoStageClassifier(classifier=...)."
        )


def check_takes_gold(aggregator):
    """Raise unless the aggregator can be told the classes of some items."""
    if not has_fit_parameter(aggregator, "gold"):
        raise ValueError(
            "gold needs an aggregator whose fit has the argument gold, such as "
            f"DawidSkene, but that of {aggregator!r} has not: take another, or leave "
            "out gold."
        )


def seed(estimator, rng):
    """Give an int to each ``random_state``, nested ones too, that is None."""
    estimator.set_params(
        **{
            name: rng.randint(np.iinfo(np.int32).max)
            for name, value in sorted(estimator.get_params().items())
            if name.rpartition("__")[2] == "random_state" and value is None
        }
    )


def weight_name(classifier):
    """Name of the argument of ``fit`` that carries weights, through pipelines."""
    prefix, last = "", classifier
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    if not has_fit_parameter(last, "sample_weight"):
        raise ValueError(
            "soft=True and sample_weight need a classifier whose fit has the argument "
            f"sample_weight, but that of {last!r} has not: take another, or set "
            "soft=False and leave out sample_weight."
        )
    return f"{prefix}sample_weight"


def second_stage_data(aggregator, labels, weight, soft, gold=None):
    """The items, classes and weights (or None) of the rows to fit the classifier on.

    `aggregator` is fitted, or None if there is one label an item, the truth. Items
    without labels or of weight zero are left out. Gold labels are a column of
    `CrowdLabels`, and what they say holds.
    """
    used = with_gold(labels, gold).labels_per_item > 0
    if weight is not None:
        used &= weight > 0
    rows = np.flatnonzero(used)
    item_weight = None if weight is None else weight[rows]
    if aggregator is None:
        return rows, labels.classes[labels.codes[rows]], item_weight
    # All items at once: how ties are broken depends on the company.
    if not soft:
        predicted = aggregator.predict(labels)
        if gold is not None:
            predicted[gold.labels_per_item > 0] = gold.classes[gold.codes]
        return rows, predicted[rows], item_weight
    posterior = aggregator.predict_proba(labels)[rows]
    if gold is not None:
        posterior = np.exp(certain(safe_log(posterior), gold[rows]))
    if weight is not None:
        posterior = posterior * item_weight[:, np.newaxis]
    items, codes = np.nonzero(posterior)
    return rows[items], labels.classes[codes], posterior[items, codes]


def take_rows(X, rows):
    """Some rows of ``X``; ``X`` itself if these are all."""
    if np.array_equal(rows, np.arange(_num_samples(X))):
        return X
    (X,) = indexable(X)
    return _safe_indexing(X, rows)


def check_same_classes(aggregator, labels):
    """Raise unless the aggregator was fitted with the classes of the labels."""
    if not np.array_equal(aggregator.classes_, labels.classes):
        raise ValueError(
            f"The classes are {labels.classes.tolist()}, but the aggregator "
            f"{aggregator!r} was fitted with {aggregator.classes_.tolist()}: name them "
            "once, by classes= of TwoStageClassifier."
        )


def check_two_classes(targets, aggregator):
    """Raise unless the classifier has something to tell apart."""
    observed = np.unique(targets)
    if len(observed) > 1:
        return
    made = "have" if aggregator is None else f"are aggregated by {aggregator!r} to"
    advice = "give items" if aggregator is None else "try another aggregator, or items"
    raise ValueError(
        "A classifier needs at least two classes, but all items of positive weight "
        f"{made} one class, {observed.tolist()[0]!r}: {advice} of other classes."
    )

"""Class probabilities of items from models that did not see their labels."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from ._evidence import active_annotators, check_trainable, warn_unused
from ._features import check_lengths
from ._identifiers import concatenate, sorted_unique
from ._splitters import LabelKFold, item_folds, sliceable, take_items
from ._targets import check_targets
from ._typing import Floats, Folds, ItemsLike, LabelsLike
from .exceptions import UnusedDataWarning

_METHODS = ("predict_proba", "aggregate_proba")


def cross_val_predict_proba(
    estimator: BaseEstimator,
    X: ItemsLike,
    Y: LabelsLike,
    *,
    cv: Folds = 5,
    n_jobs: int | None = None,
    method: Literal["predict_proba", "aggregate_proba"] = "predict_proba",
) -> Floats:
    """Class probabilities of each item, by a model that was fitted on other items.

    It takes the place of ``cross_val_predict(method="predict_proba")``, which encodes
    each column of a crowd's labels by itself, a missing label as a class, and returns
    numbers that are no probabilities of classes.

    Parameters
    ----------
    estimator : classifier of this package, or pipeline that ends with one
        `CrowdClassifier`, `CrowdClassifierCV` or `TwoStageClassifier`; clones of it are
        fitted.
    X : array-like, sparse matrix, DataFrame, dict of arrays, or torch Dataset
        The items, in a form that the estimator takes.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Who said what. Items without labels get probabilities too. Or one label an item,
        shape (n_samples,).
    cv : int, splitter of items, or iterable of (train, test) rows, default=5
        Which items are predicted together, each by one fold. An integer is the number
        of folds of ``KFold``, in the order of the items and not stratified, which has
        no meaning for a crowd; items that are sorted, for example by class, want
        ``KFold(5, shuffle=True)``. With one label an item it is ``StratifiedKFold``, as
        in scikit-learn.
    n_jobs : int, default=None
        Folds that are fitted at the same time, in worker processes; -1 for as many as
        there are processors.
    method : {"predict_proba", "aggregate_proba"}, default="predict_proba"
        Probabilities from the features alone, or also from the item's own labels, to
        which the model was not fitted.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Rows sum to one. The columns are the classes of all of `Y`, sorted, and those
        that the estimator names beyond (`classes`); a class that a fold's model does
        not know has probability zero there.

    Raises
    ------
    ValueError
        If lengths differ, there are no labels, `method` is unknown, or an item is
        predicted by no fold or by several.
    TypeError
        If the estimator lacks the method, or `cv` splits labels instead of items.

    Warns
    -----
    UnusedDataWarning
        Once, if items or annotators have no labels in all of `Y`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import KFold
    >>> from skccem import TwoStageClassifier, cross_val_predict_proba
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> X, truth = load_iris(return_X_y=True)
    >>> matrices = make_confusion_matrices(5, 3, kind="hammer_spammer", random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> cv = KFold(5, shuffle=True, random_state=0)
    >>> proba = cross_val_predict_proba(TwoStageClassifier(), X, Y, cv=cv)
    >>> proba.shape
    (150, 3)
    >>> bool((proba.argmax(axis=1) == truth).mean() > 0.9)
    True
    """
    _check_method(estimator, method)
    if isinstance(cv, LabelKFold):
        raise TypeError(
            "cross_val_predict_proba predicts items that were not trained on, but "
            f"{cv!r} splits labels: give an integer, a splitter of items such as "
            "KFold, or (train, test) rows."
        )
    labels, crowd = check_targets(Y)
    X = sliceable(X)
    check_lengths(np.arange(_num_samples(X)), labels)
    check_trainable(labels)
    y = labels if crowd else labels.classes[labels.codes]
    folds = item_folds(cv, X, labels, None if crowd else y)
    _check_partition(folds, labels.n_samples)
    if crowd:
        warn_unused(labels, active_annotators(labels))

    parts = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_predict)(estimator, X, y, train, test, method)
        for train, test in folds
    )
    classes = sorted_unique(concatenate([labels.classes, *(part[0] for part in parts)]))
    result = np.zeros((labels.n_samples, len(classes)))
    for (_, test), (known, proba) in zip(folds, parts, strict=True):
        result[np.ix_(test, np.searchsorted(classes, known))] = proba
    return result


def _fit_and_predict(estimator, X, y, train, test, method):
    """Classes that a fold's model knows, and its probabilities of held-out items."""
    model = clone(estimator)
    with warnings.catch_warnings():
        # What the folds leave unused is no news; of the whole the caller tells.
        warnings.simplefilter("ignore", UnusedDataWarning)
        model.fit(take_items(X, train), y[train])
    X = take_items(X, test)
    classes = model.classes_
    if method == "predict_proba":
        return classes, model.predict_proba(X)
    # Pipelines do not pass on methods that scikit-learn does not know.
    while isinstance(model, Pipeline):
        if len(model) > 1:
            X = model[:-1].transform(X)
        model = model[-1]
    return classes, model.aggregate_proba(X, y[test])


def _check_method(estimator, method):
    if method not in _METHODS:
        raise ValueError(
            f"Expected method to be one of {', '.join(_METHODS)}, got {method!r}."
        )
    last = estimator
    while method == "aggregate_proba" and isinstance(last, Pipeline):
        last = last[-1]
    if not hasattr(last, method):
        raise TypeError(
            f"Expected an estimator with {method}, such as CrowdClassifier, "
            f"CrowdClassifierCV, TwoStageClassifier or a pipeline that ends with one, "
            f"got {estimator!r}, which has none."
        )


def _check_partition(folds, n_samples):
    counts = np.bincount(
        np.concatenate([test for _, test in folds]), minlength=n_samples
    )
    for wrong, how in [(counts == 0, "by no fold"), (counts > 1, "more than once")]:
        if wrong.any():
            raise ValueError(
                f"Expected cv to predict each of {n_samples} items once, but "
                f"{np.count_nonzero(wrong)} of them, the first is row "
                f"{np.flatnonzero(wrong)[0]}, are predicted {how}: give a splitter "
                "whose held-out parts are a partition, such as KFold."
            )

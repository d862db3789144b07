"""Accuracy of the candidates of a search, where the truth is known after all."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ._candidates import fit_candidate, fold_template, shared_epochs, train_burn_in
from ._features import check_lengths
from ._fitting import checked_items
from ._identifiers import positions_of, shown
from ._net_settings import choose_device
from ._splitters import make_folds, sliceable, take_items
from ._targets import check_targets, check_truth


def held_out_accuracy(search, X, Y, truth):
    """Accuracy of each candidate on held-out items, the mean over folds.

    Candidates are fitted again as in the search, fold by fold, which takes as long: a
    search keeps scores, not models. With an integer random state and folds that are the
    same again they are the very models that were scored.

    Parameters
    ----------
    search : CrowdClassifierCV
        Fitted, without weights or gold labels.
    X, Y
        What it was fitted to.
    truth : array-like of shape (n_samples,)
        The true classes.

    Returns
    -------
    ndarray of shape (n_candidates,)
        In the order of `cv_results_`.

    Raises
    ------
    NotFittedError
        If the search is not fitted.
    ValueError
        If lengths differ, no true class is among the labels, or the folds are others in
        number.
    """
    check_is_fitted(search, "cv_results_")
    truth = check_truth(truth)
    estimator = search._new_estimator()
    candidates = search.cv_results_["params"]
    labels, crowd = check_targets(Y, estimator.classes)
    device = choose_device(estimator.device)
    items = sliceable(checked_items(clone(estimator), X, device))
    check_lengths(items, labels)
    _check_against(truth, labels)
    y = None if crowd else labels.classes[labels.codes]
    folds = make_folds(search.cv, items, labels, y)
    if len(folds) != search.n_splits_:
        raise ValueError(
            f"Expected the {search.n_splits_} folds of the search, got {len(folds)}. "
            "Pass the items that it was fitted to, and leave cv as it was."
        )
    template = fold_template(estimator, labels.classes)
    n_burn_in = shared_epochs(template, candidates) if crowd else 0
    parts = Parallel(n_jobs=search.n_jobs)(
        delayed(_accuracies)(template, n_burn_in, candidates, items, fold, truth)
        for fold in folds
    )
    return np.mean(parts, axis=0)


def _accuracies(template, n_burn_in, candidates, X, fold, truth):
    """Of all candidates, in a fold."""
    start = None
    if n_burn_in:
        start, _ = train_burn_in(template, n_burn_in, X, fold, None)
    held_out = take_items(X, fold.test_rows)
    right = truth if fold.test_rows is None else truth[fold.test_rows]
    accuracies = []
    for params in candidates:
        model = fit_candidate(template, start, params, X, fold, None)
        accuracies.append(np.mean(model.predict(held_out) == right))
    return accuracies


def _check_against(truth, labels):
    if len(truth) != labels.n_samples:
        raise ValueError(
            f"Expected the true classes of {labels.n_samples} items, got {len(truth)}. "
            "Pass one for every item of the search."
        )
    # Codes, say, instead of names, would all be wrong.
    if (positions_of(truth, labels.classes) < 0).all():
        raise ValueError(
            f"Expected true classes among {shown(labels.classes)}, got "
            f"{shown(np.unique(truth))}. Pass them as the labels name them."
        )

"""Candidates of a search: what they are, their fits in a fold, and the choice."""

import copy
import warnings
from time import perf_counter

import numpy as np
from scipy.stats import rankdata
from sklearn.base import clone

from ._calibration import calibrated_log_likelihood
from ._crowd_loss import LIKELIHOODS
from ._fitting import burn_in_epochs
from ._outliers import check_outlier_share
from ._splitters import take_items
from .exceptions import UnusedDataWarning


def make_candidates(estimator, likelihoods, strengths):
    """Every strength with every likelihood.

    Parameters
    ----------
    estimator : CrowdClassifier
    likelihoods : sequence of str, or None for the estimator's
    strengths : array-like of float

    Returns
    -------
    list of dict
        Arguments of `CrowdClassifier`, likelihood by likelihood.

    Raises
    ------
    ValueError
        If there are none, one is unknown, negative or repeated, there is no regulariser
        whose strength it could be, or outliers meet the marginal likelihood.
    """
    likelihoods = [estimator.likelihood] if likelihoods is None else list(likelihoods)
    unknown = [name for name in likelihoods if name not in LIKELIHOODS]
    if unknown or not likelihoods or len(set(likelihoods)) < len(likelihoods):
        raise ValueError(
            f"Expected likelihoods to be some of {', '.join(LIKELIHOODS)}, each once, "
            f"got {likelihoods}."
        )
    for likelihood in likelihoods:
        check_outlier_share(estimator.outlier_share, likelihood)
    try:
        strengths = np.asarray(strengths, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected reg_strengths to be numbers, got {strengths!r}."
        ) from error
    valid = strengths.ndim == 1 and strengths.size and np.isfinite(strengths).all()
    if not valid or (strengths < 0).any():
        raise ValueError(
            "Expected reg_strengths to be one or more finite numbers from 0, got "
            f"{strengths.tolist()}."
        )
    strengths = strengths.tolist()
    if len(set(strengths)) < len(strengths):
        raise ValueError(f"Expected each of reg_strengths once, got {strengths}.")
    if estimator.regularizer is None and any(strengths):
        raise ValueError(
            f"reg_strengths={strengths} have no effect with regularizer=None: set "
            "regularizer of the estimator, or reg_strengths=[0]."
        )
    return [
        {"likelihood": likelihood, "reg_strength": strength}
        for likelihood in likelihoods
        for strength in strengths
    ]


def fold_template(estimator, classes):
    """What the fits in all folds are clones of.

    Parameters
    ----------
    estimator : CrowdClassifier
        Of the search.
    classes : ndarray of shape (n_classes,)
        Of all labels: a fold may lack one.

    Returns
    -------
    CrowdClassifier
        Of the coupled network alone; an interrupted one is never judged.
    """
    return clone(estimator).set_params(classes=classes, n_init=1, on_interrupt="raise")


def shared_epochs(estimator, candidates):
    """Epochs of burn-in that the candidates of a fold share.

    Parameters
    ----------
    estimator : CrowdClassifier
    candidates : list of dict

    Returns
    -------
    int
        Zero where each is better a fit of its own: there is no other, or its early
        stopping or callbacks follow training from the first epoch on.
    """
    # The joint likelihood has a burn-in whatever the strength.
    n_burn_in = burn_in_epochs(clone(estimator).set_params(likelihood="joint"))
    alone = len(candidates) == 1 or estimator.early_stopping or estimator.callbacks
    return 0 if alone else n_burn_in


def train_burn_in(estimator, n_burn_in, X, fold, sample_weight, gold=None):
    """What all candidates of a fold go on from.

    Parameters
    ----------
    estimator : CrowdClassifier
    n_burn_in : int
    X : what ``check_features`` returned
    fold : Fold
    sample_weight : ndarray of shape (n_samples,) or None
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items.

    Returns
    -------
    estimator : CrowdClassifier
        Fitted.
    seconds : float
    """
    start = perf_counter()
    model = clone(estimator).set_params(
        likelihood="marginal",
        regularizer=None,
        outlier_share=0.0,
        burn_in=0,
        max_epochs=n_burn_in,
    )
    _fit(model, X, fold, sample_weight, gold)
    return model, perf_counter() - start


def fit_candidate(estimator, start, params, X, fold, sample_weight, gold=None):
    """Train a candidate in a fold.

    Parameters
    ----------
    estimator : CrowdClassifier
    start : CrowdClassifier or None
        What ``train_burn_in`` returned; None for a fit from scratch. It stays as it is.
    params : dict
        Of the candidate.
    X : what ``check_features`` returned
    fold : Fold
    sample_weight : ndarray of shape (n_samples,) or None
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items.

    Returns
    -------
    CrowdClassifier
        Fitted.
    """
    if start is None:
        model = clone(estimator).set_params(**params)
    else:
        # A warm start copies the network that it finds.
        model = copy.copy(start).set_params(
            regularizer=estimator.regularizer,
            outlier_share=estimator.outlier_share,
            max_epochs=estimator.max_epochs - start.max_epochs,
            warm_start=True,
            **params,
        )
    _fit(model, X, fold, sample_weight, gold)
    return model


def fit_and_score(estimator, start, params, X, fold, sample_weight, scoring, gold=None):
    """Train a candidate in a fold and score it on what is held out.

    Parameters
    ----------
    estimator, start, params, X, fold, sample_weight, gold
        As for ``fit_candidate``.
    scoring : {"calibrated_joint", "marginal"}
        Log-likelihood per held-out label: of an item's labels together, with the
        classifier calibrated on them, or of each label by itself.

    Returns
    -------
    score : float
    seconds : float
    """
    begin = perf_counter()
    model = fit_candidate(estimator, start, params, X, fold, sample_weight, gold)
    X, labels = take_items(X, fold.test_rows), fold.test_labels
    weight = _take(sample_weight, fold.test_rows)
    if scoring == "marginal":
        score = model.score(X, labels, sample_weight=weight)
    else:
        score, _ = calibrated_log_likelihood(
            labels, model.predict_log_proba(X), model._log_confusion, weight
        )
    return score, perf_counter() - begin


def _fit(model, X, fold, sample_weight, gold):
    with warnings.catch_warnings():
        # The last fit, to all items, tells what is unused in the whole.
        warnings.simplefilter("ignore", UnusedDataWarning)
        model.fit(
            take_items(X, fold.train_rows),
            fold.train_y,
            sample_weight=_take(sample_weight, fold.train_rows),
            gold=None if gold is None else _known(_take(gold, fold.train_rows)),
        )


def _take(of_items, rows):
    if of_items is None or rows is None:
        return of_items
    return of_items[rows]


def _known(gold):
    """Gold labels, or None if these items have none."""
    return gold if gold.n_labels else None


def select_candidate(scores, strengths, *, rule="nearest", default=0.0):
    """The candidate to take.

    Parameters
    ----------
    scores : array-like of shape (n_splits, n_candidates)
        Higher is better; ``-inf`` is a candidate not to take.
    strengths : array-like of shape (n_candidates,)
        Of the regulariser.
    rule : {"nearest", "one_standard_error", "best"}, default="nearest"
        "best": the highest mean; of equal ones the weakest strength, then the first.
        Of those whose difference to the best, fold by fold, has a mean of at most its
        standard error, "nearest" takes the strength nearest to the default by ratio,
        and "one_standard_error" the weakest; of equal ones the highest mean, then the
        first.
    default : float
        Strength to keep to unless the scores say otherwise; at zero, which no ratio
        reaches, "nearest" is the weakest too.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If no candidate has finite scores.

    Examples
    --------
    >>> from skccem._candidates import select_candidate
    >>> scores = [[-0.52, -0.50], [-0.50, -0.51], [-0.51, -0.50]]
    >>> select_candidate(scores, [0.0, 0.01], rule="best")
    1
    >>> select_candidate(scores, [0.0, 0.01], rule="one_standard_error")
    0
    >>> select_candidate(scores, [0.0, 0.01], rule="nearest", default=0.02)
    1
    """
    scores = np.asarray(scores, dtype=np.float64)
    strengths = np.asarray(strengths, dtype=np.float64)
    if not np.isfinite(scores).all(axis=0).any():
        raise ValueError(
            "Expected a candidate with a finite score in each fold, got none: a label "
            "that is held out has probability zero under all of them."
        )
    first = np.arange(scores.shape[1])
    mean = scores.mean(axis=0)
    best = best_candidate(mean, strengths)
    if rule == "best":
        return best
    allowed = mean[best] - mean <= standard_errors(scores, best)
    # The mean of differences and the difference of means round differently.
    allowed[best] = True
    nearest = rule == "nearest" and default > 0
    distances = _log_distances(strengths, default) if nearest else strengths
    order = np.lexsort((first, -mean, distances))
    return int(order[allowed[order]][0])


def _log_distances(strengths, default):
    with np.errstate(divide="ignore"):
        distances = np.abs(np.log(strengths / default))
    # Ratios up and down that are equal round differently.
    return np.round(distances, 12)


def best_candidate(mean, strengths):
    """The highest mean; of equal ones the weakest strength, then the first.

    Parameters
    ----------
    mean, strengths : ndarrays of shape (n_candidates,)

    Returns
    -------
    int
    """
    return int(np.lexsort((np.arange(len(mean)), strengths, -mean))[0])


def standard_errors(scores, best):
    """Over folds, of the difference to the best candidate.

    Parameters
    ----------
    scores : ndarray of shape (n_splits, n_candidates)
    best : int

    Returns
    -------
    ndarray of shape (n_candidates,)
        NaN where a score is not finite, or there is one fold.
    """
    n_splits = len(scores)
    if n_splits < 2:
        return np.full(scores.shape[1], np.nan)
    with np.errstate(invalid="ignore"):
        differences = scores[:, [best]] - scores
        return differences.std(axis=0, ddof=1) / np.sqrt(n_splits)


def make_results(candidates, scores, seconds):
    """The search as a table.

    Parameters
    ----------
    candidates : list of dict
    scores, seconds : ndarrays of shape (n_splits, n_candidates)

    Returns
    -------
    dict of arrays of shape (n_candidates,)
        `cv_results_` of `CrowdClassifierCV`.
    """
    results = {"params": list(candidates)}
    for name in candidates[0]:
        results[f"param_{name}"] = np.array([params[name] for params in candidates])
    for number, split in enumerate(scores):
        results[f"split{number}_test_score"] = split
    mean = scores.mean(axis=0)
    best = best_candidate(mean, results["param_reg_strength"])
    with np.errstate(invalid="ignore"):
        results["std_test_score"] = scores.std(axis=0)
    results["mean_test_score"] = mean
    results["rank_test_score"] = rankdata(-mean, method="min").astype(np.int32)
    results["standard_error_of_difference"] = standard_errors(scores, best)
    results["mean_fit_time"] = seconds.mean(axis=0)
    return results

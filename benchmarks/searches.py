"""Searches without truth, fold by fold, and what each candidate is worth with it."""

import warnings
from time import perf_counter

import numpy as np
import torch
from cases import name_of, problem_of
from methods import overrides_of
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from skccem import CrowdClassifier, CrowdClassifierCV, LabelKFold
from skccem._calibration import calibrated_log_likelihood
from skccem._candidates import (
    fit_candidate,
    make_candidates,
    shared_epochs,
    train_burn_in,
)
from skccem._probability import safe_log
from skccem._splitters import Fold, make_folds
from skccem.exceptions import UnusedDataWarning

SPLITTERS = {
    "items": lambda seed: KFold(5, shuffle=True, random_state=seed),
    "labels": lambda seed: LabelKFold(5, random_state=seed),
}


def folds_of(problem, splitter, seed):
    """The folds of a search; of no splitter the one of all items."""
    if splitter is None:
        return [Fold(None, problem.labels, None, problem.labels)]
    return make_folds(SPLITTERS[splitter](seed), problem.X, problem.labels)


def measure_search(
    problem, splitter, likelihoods, seed, n_items, max_epochs, data_home, arrays
):
    """Train all candidates in each fold, or on all items if there is no splitter.

    Returns
    -------
    dict
        ``candidates``, and ``file``, of the directory `arrays`, with what they say of
        all items: `log_posterior` of shape (n_splits, n_candidates, n_samples,
        n_classes) and `log_confusion` of shape (n_splits, n_candidates, n_annotators,
        n_classes, n_classes). Without a splitter ``accuracy`` of each on test items
        instead of the file.
    """
    torch.set_num_threads(1)
    name = name_of(problem)
    problem = problem_of(problem, seed, n_items, data_home)
    clf = CrowdClassifier(random_state=seed, n_init=1, **overrides_of(max_epochs))
    candidates = make_candidates(clf, likelihoods, CrowdClassifierCV().reg_strengths)
    if splitter is None:
        (fold,) = folds_of(problem, None, seed)
        accuracy = [
            fit_candidate(clf, None, params, problem.X, fold, None).score(
                problem.X_test, problem.y_test
            )
            for params in candidates
        ]
        return {"candidates": candidates, "accuracy": accuracy}
    clf.set_params(classes=problem.labels.classes)
    found = [
        _in_fold(clf, candidates, problem.X, fold)
        for fold in folds_of(problem, splitter, seed)
    ]
    arrays.mkdir(parents=True, exist_ok=True)
    file = f"{name}, {seed}, {splitter}, {len(candidates)}.npz".replace(" ", "_")
    np.savez_compressed(
        arrays / file,
        log_posterior=np.array([pair[0] for pair in found]),
        log_confusion=np.array([pair[1] for pair in found]),
    )
    return {"candidates": candidates, "file": file}


def _in_fold(clf, candidates, X, fold):
    start, _ = train_burn_in(clf, shared_epochs(clf, candidates), X, fold, None)
    models = [fit_candidate(clf, start, params, X, fold, None) for params in candidates]
    return (
        [np.float32(model.predict_log_proba(X)) for model in models],
        [np.float32(np.log(model.confusion_matrices_)) for model in models],
    )


def measure_warm_path(problem, seed, n_items, max_epochs, data_home):
    """Scores and seconds of a search with a shared burn-in, and of one without.

    Returns
    -------
    dict
        ``strengths``, and ``warm`` and ``plain``, each with ``scores``, a list of the
        folds' lists of the candidates' scores, and ``seconds``.
    """
    torch.set_num_threads(1)
    problem = problem_of(problem, seed, n_items, data_home)
    clf = CrowdClassifier(random_state=seed, n_init=1, **overrides_of(max_epochs))
    cv = SPLITTERS["items"](seed)
    warm = CrowdClassifierCV(clf, cv=cv, refit=False)
    grid = {"reg_strength": warm.reg_strengths}
    plain = GridSearchCV(clf, grid, cv=cv, scoring=_calibrated_joint, refit=False)
    # What torch does once in a process, which is not to be counted.
    _timed(clone(warm).set_params(estimator__max_epochs=3), problem)
    found = {"warm": _timed(warm, problem), "plain": _timed(plain, problem)}
    return {"strengths": list(warm.reg_strengths), **found}


def _calibrated_joint(clf, X, labels):
    """The score of `CrowdClassifierCV`, as scikit-learn calls one."""
    matrices = safe_log(clf.confusion_matrices_)
    return calibrated_log_likelihood(labels, clf.predict_log_proba(X), matrices)[0]


def _timed(search, problem):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedDataWarning)
        start = perf_counter()
        search.fit(problem.X, problem.labels)
        seconds = perf_counter() - start
    results = search.cv_results_
    scores = [
        results[f"split{number}_test_score"].tolist()
        for number in range(search.n_splits_)
    ]
    return {"scores": scores, "seconds": seconds}

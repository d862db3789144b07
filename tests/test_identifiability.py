"""What is measured for the checks."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold

from skccem import DawidSkene, TwoStageClassifier
from skccem._fitted_crowd import read_crowd
from skccem._identifiability import measure, unseen_log_prior
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def memorising_crowd(seed=0):
    """Features that say nothing, but so many that items are learned by heart."""
    rng = np.random.default_rng(seed)
    labels = make_crowd_labels(
        rng.integers(2, size=150),
        make_confusion_matrices(6, 2, kind="symmetric", random_state=seed),
        labels_per_item=2,
        random_state=seed,
    )
    return rng.normal(size=(150, 300)), labels


def test_classifiers_that_did_not_see_an_item_know_nothing_of_it_by_heart():
    X, labels = memorising_crowd()
    clf = TwoStageClassifier(classifier=LogisticRegression(C=100)).fit(X, labels)
    crowd = read_crowd(clf, X, labels)
    unseen = np.exp(unseen_log_prior(clf, X, crowd, 3))
    np.testing.assert_allclose(unseen.sum(axis=1), 1)
    assert np.exp(crowd.log_prior).max(axis=1).mean() > 0.95
    assert unseen.max(axis=1).mean() < 0.7


def test_of_a_search_its_best_estimator_is_fitted_again(crowd):
    X, labels, truth = crowd
    grid = {"aggregator": [DawidSkene()]}
    search = GridSearchCV(TwoStageClassifier(), grid, cv=2).fit(X, labels)
    folds = KFold(2)
    one, two = (
        unseen_log_prior(clf, X, read_crowd(clf, X, labels), folds)
        for clf in (search, search.best_estimator_)
    )
    np.testing.assert_allclose(one, two)
    assert np.mean(one.argmax(axis=1) == truth) > 0.7


def test_specialists_have_labels_enough_of_their_class(crowd):
    _, labels, _ = crowd
    model = DawidSkene().fit(labels)
    few, all_ = (
        measure(read := read_crowd(model, None, part), read.log_prior, n_starts=1)
        for part in (labels[:15], labels)
    )
    assert (few.purity == 0).all()
    assert all_.purity.max() == pytest.approx(1, abs=0.1)

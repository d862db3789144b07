"""Class probabilities of items that a model was not fitted on."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skccem import (
    CrowdClassifier,
    CrowdClassifierCV,
    LabelKFold,
    TwoStageClassifier,
    cross_val_predict_proba,
)
from skccem.exceptions import UnusedDataWarning

TINY = CrowdClassifier(
    hidden_layer_sizes=(8,), dropout=0, max_epochs=4, lr=1e-2, n_init=2, random_state=0
)
ESTIMATORS = {
    "coupled": TINY,
    "two stages": TwoStageClassifier(random_state=0),
    "search": CrowdClassifierCV(TINY, reg_strengths=[0, 0.01], cv=KFold(2)),
    "pipeline": make_pipeline(StandardScaler(), TINY),
    "nested": make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), TINY)),
    "pipeline of one": make_pipeline(TINY),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_is_a_loop_over_folds(crowd, name):
    X, labels, _ = crowd
    proba = np.empty((240, 3))
    posterior = np.empty((240, 3))
    for train, test in KFold(3).split(X):
        model = clone(ESTIMATORS[name]).fit(X[train], labels[train])
        proba[test] = model.predict_proba(X[test])
        rows = X[test]
        while isinstance(model, Pipeline):
            rows = model[:-1].transform(rows) if len(model) > 1 else rows
            model = model[-1]
        posterior[test] = model.aggregate_proba(rows, labels[test])
    for method, expected in [("predict_proba", proba), ("aggregate_proba", posterior)]:
        result = cross_val_predict_proba(
            ESTIMATORS[name], X, labels, cv=3, method=method
        )
        assert_array_equal(result, expected)


@pytest.mark.filterwarnings("ignore:Number of classes in training fold")
def test_scikit_learns_own_has_a_column_for_each_annotator(crowd):
    X, labels, _ = crowd
    theirs = cross_val_predict(TINY, X, labels, cv=KFold(5), method="predict_proba")
    assert theirs.shape == (240, 6)
    ours = cross_val_predict_proba(TINY, X, labels)
    assert ours.shape == (240, 3)
    assert_allclose(ours.sum(axis=1), 1)


def test_one_label_an_item_gives_what_scikit_learn_gives(crowd):
    X, _, truth = crowd
    names = np.array(["c", "a", "b"])[truth]
    expected = cross_val_predict(TINY, X, names, cv=4, method="predict_proba")
    assert_allclose(cross_val_predict_proba(TINY, X, names, cv=4), expected)


def test_two_processes_give_what_one_gives(crowd):
    X, labels, _ = crowd
    assert_array_equal(
        cross_val_predict_proba(TINY, X, labels, cv=3, n_jobs=2),
        cross_val_predict_proba(TINY, X, labels, cv=3),
    )


def test_a_class_that_a_fold_lacks_has_its_column(crowd):
    X, _, truth = crowd
    order = np.argsort(truth, kind="stable")
    Y = np.column_stack([truth[order]] * 3)
    rare = KFold(3)
    model = TwoStageClassifier(random_state=0)
    proba = cross_val_predict_proba(model, X[order], Y, cv=rare)
    assert_allclose(proba.sum(axis=1), 1)
    # One label an item: the model of a fold does not even know of the class.
    alone = cross_val_predict_proba(model, X[order], truth[order], cv=rare)
    for train, test in rare.split(X):
        absent = np.setdiff1d([0, 1, 2], truth[order][train])
        assert (alone[np.ix_(test, absent)] == 0).all()
        assert_allclose(alone[test].sum(axis=1), 1)


def test_classes_that_the_estimator_names_beyond_have_columns(crowd):
    X, labels, _ = crowd
    model = clone(TINY).set_params(classes=[0, 1, 2, 7])
    assert cross_val_predict_proba(model, X, labels, cv=2).shape == (240, 4)


def test_items_without_labels_are_predicted_and_told_of_once(crowd):
    X, labels, _ = crowd
    Y = np.array(labels)
    Y[::10] = -1
    with pytest.warns(UnusedDataWarning) as told:
        proba = cross_val_predict_proba(TINY, X, Y, cv=3)
    assert len(told) == 1
    assert "24 of 240 items" in str(told[0].message)
    assert_allclose(proba.sum(axis=1), 1)
    with pytest.warns(UnusedDataWarning):
        posterior = cross_val_predict_proba(TINY, X, Y, cv=3, method="aggregate_proba")
    assert_allclose(posterior[::10], proba[::10], rtol=1e-5)


def test_dicts_need_no_wrapping(crowd):
    X, labels, _ = crowd
    clf = CrowdClassifier(nn.Linear(5, 3), max_epochs=2, random_state=0)
    expected = cross_val_predict_proba(clf, np.float32(X), labels, cv=2)
    assert_array_equal(
        cross_val_predict_proba(clf, {"input": X}, labels, cv=2), expected
    )


def test_every_item_is_predicted_once(crowd):
    X, labels, _ = crowd
    cv = ShuffleSplit(1, test_size=120, random_state=0)
    with pytest.raises(ValueError, match=r"once, but 120 of them, .* by no fold"):
        cross_val_predict_proba(TINY, X, labels, cv=cv)
    with pytest.raises(ValueError, match=r"first is row 0, are predicted more than"):
        cross_val_predict_proba(TINY, X, labels, cv=RepeatedKFold(n_splits=2))
    with pytest.raises(TypeError, match="splits labels"):
        cross_val_predict_proba(TINY, X, labels, cv=LabelKFold())


def test_what_does_not_fit_is_an_error(crowd):
    X, labels, _ = crowd
    with pytest.raises(ValueError, match="predict_proba, aggregate_proba, got 'score'"):
        cross_val_predict_proba(TINY, X, labels, method="score")
    with pytest.raises(TypeError, match="Expected an estimator with aggregate_proba"):
        cross_val_predict_proba(
            LogisticRegression(), X, labels, method="aggregate_proba"
        )
    with pytest.raises(ValueError, match="inconsistent"):
        cross_val_predict_proba(TINY, X[1:], labels)
    with pytest.raises(ValueError, match="no labels at all"):
        cross_val_predict_proba(TINY, X, np.full((240, 2), -1))

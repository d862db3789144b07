"""What reports read from estimators."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skccem import CrowdClassifier, DawidSkene, MajorityVote, TwoStageClassifier
from skccem._fitted_crowd import read_crowd


def test_of_features_and_labels_it_is_what_the_methods_say(crowd):
    X, Y, _ = crowd
    clf = CrowdClassifier(n_init=1, max_epochs=2, random_state=0).fit(X, Y)
    found = read_crowd(clf, X, Y)
    np.testing.assert_allclose(found.proba, clf.aggregate_proba(X, Y))
    np.testing.assert_array_equal(found.log_prior, clf.predict_log_proba(X))


def test_outliers_count_as_in_the_methods(crowd):
    X, Y, _ = crowd
    clf = CrowdClassifier(outlier_share=0.2, n_init=1, max_epochs=2, random_state=0)
    clf.fit(X, Y)
    np.testing.assert_allclose(read_crowd(clf, X, Y).proba, clf.aggregate_proba(X, Y))


@pytest.mark.parametrize("model", [DawidSkene(), MajorityVote()])
def test_of_labels_alone_it_is_what_the_methods_say(crowd, model):
    _, Y, _ = crowd
    found = read_crowd(model.fit(Y), None, Y)
    np.testing.assert_array_equal(found.proba, model.predict_proba(Y))
    np.testing.assert_array_equal(np.exp(found.log_prior), model.class_prior_)


def test_pipelines_and_searches_transform_their_features(crowd):
    X, Y, _ = crowd
    pipeline = make_pipeline(StandardScaler(), TwoStageClassifier())
    search = GridSearchCV(
        pipeline, {"twostageclassifier__soft": [False]}, cv=KFold(2)
    ).fit(X, Y)
    plain = read_crowd(pipeline.fit(X, Y), X, Y)
    np.testing.assert_allclose(read_crowd(search, X, Y).proba, plain.proba)


def test_features_for_labels_alone_are_an_error(crowd):
    X, Y, _ = crowd
    with pytest.raises(ValueError, match="X=None with DawidSkene"):
        read_crowd(DawidSkene().fit(Y), X, Y)


def test_a_classifier_without_features_is_an_error(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier().fit(X, Y)
    with pytest.raises(ValueError, match="the features of the items"):
        read_crowd(clf, None, Y)


def test_features_of_other_items_are_an_error(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier().fit(X, Y)
    with pytest.raises(ValueError, match="239"):
        read_crowd(clf, X[1:], Y)


def test_one_label_an_item_is_an_error(crowd):
    X, Y, truth = crowd
    clf = TwoStageClassifier().fit(X, Y)
    with pytest.raises(ValueError, match="one column an annotator"):
        read_crowd(clf, X, truth)


def test_no_labels_are_an_error(crowd):
    _, Y, _ = crowd
    none = np.full(Y.shape, -1)
    with pytest.raises(ValueError, match="Expected labels"):
        read_crowd(DawidSkene().fit(Y), None, none)


def test_what_is_not_fitted_or_knows_no_annotators_is_an_error(crowd):
    X, Y, truth = crowd
    with pytest.raises(NotFittedError):
        read_crowd(DawidSkene(), None, Y)
    with pytest.raises(AttributeError, match="annotators_"):
        read_crowd(LogisticRegression().fit(X, truth), X, Y)

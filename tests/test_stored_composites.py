"""``save`` and ``load`` of estimators that are made of others."""

import copy
import json

import numpy as np
import pytest
import safetensors
import safetensors.torch
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from torch import nn

from skccem import (
    CrowdClassifier,
    CrowdClassifierCV,
    DawidSkene,
    MajorityVote,
    TwoStageClassifier,
)

SMALL = {
    "hidden_layer_sizes": (8,),
    "batch_size": 40,
    "max_epochs": 2,
    "n_init": 2,
    "random_state": 0,
}


def small(**params):
    return CrowdClassifier(**{**SMALL, **params})


def search_of(estimator=None, **params):
    return CrowdClassifierCV(estimator, reg_strengths=[0, 0.01], **{"cv": 2, **params})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def search(crowd):
    X, labels, _ = crowd
    return search_of(small(), likelihoods=["marginal", "joint"]).fit(X, labels)


@pytest.fixture(scope="module")
def content(search, tmp_path_factory):
    """Text and tensors of its file."""
    path = tmp_path_factory.mktemp("content") / "model.safetensors"
    search.save(path)
    with safetensors.safe_open(path, framework="pt") as opened:
        return opened.metadata()["skccem"], safetensors.torch.load_file(path)


def check_predictions(again, model, X, labels, assert_same):
    for method in ("predict", "predict_proba", "predict_annotator_proba"):
        assert_same(getattr(again, method)(X), getattr(model, method)(X))
    assert_same(again.aggregate_proba(X, labels), model.aggregate_proba(X, labels))
    assert again.score(X, labels) == model.score(X, labels)


def test_a_search_comes_back_with_its_choice_and_scores(
    crowd, search, file, assert_same
):
    X, labels, _ = crowd
    search.save(file)
    again = CrowdClassifierCV.load(file)
    assert_same(again.cv_results_, search.cv_results_)
    for name in ("best_params_", "best_index_", "reg_strength_", "n_splits_"):
        assert_same(getattr(again, name), getattr(search, name))
    assert repr(again.get_params()) == repr(search.get_params())
    check_predictions(again, search, X, labels, assert_same)
    best = [copy.deepcopy(one.best_estimator_) for one in (again, search)]
    assert_same(*(one.partial_fit(X, labels).predict_proba(X) for one in best))


def test_a_search_with_defaults_or_without_a_last_fit_comes_back(
    crowd, file, assert_same
):
    X, labels, _ = crowd
    search = search_of(small(n_init=1), refit=False).fit(X, labels)
    search.save(file)
    again = CrowdClassifierCV.load(file)
    assert_same(again.cv_results_, search.cv_results_)
    assert not hasattr(again, "predict")
    again.set_params(estimator=None)
    again.save(file)
    assert CrowdClassifierCV.load(file).estimator is None


def test_what_a_search_can_not_keep_is_asked_for(crowd, file, assert_same):
    X, labels, _ = crowd
    module, folds = nn.Linear(5, 3), KFold(2, shuffle=True, random_state=0)
    search = search_of(CrowdClassifier(module, max_epochs=2, n_init=1), cv=folds)
    search.fit(X, labels).save(file)
    with pytest.raises(TypeError, match=r"load\(path, cv=..., estimator__module=...\)"):
        CrowdClassifierCV.load(file)
    with pytest.raises(TypeError, match=r"got \['estimator__lr'\]"):
        CrowdClassifierCV.load(
            file, cv=folds, estimator__module=module, estimator__lr=1
        )
    again = CrowdClassifierCV.load(
        file, cv=folds, estimator__module=module, estimator__device="cpu"
    )
    assert again.estimator.module is again.best_estimator_.module is module
    assert again.cv is folds
    check_predictions(again, search, X, labels, assert_same)


def test_requests_for_metadata_come_back_inside_too(crowd, file):
    X, labels, _ = crowd
    with config_context(enable_metadata_routing=True):
        inner = small(n_init=1).set_fit_request(gold=True)
        search = search_of(inner).set_fit_request(sample_weight="weight")
        search.fit(X, labels).save(file)
        again = CrowdClassifierCV.load(file)
        for one, other in [
            (again, search),
            (again.estimator, search.estimator),
            (again.best_estimator_, search.best_estimator_),
        ]:
            requests = [
                part.get_metadata_routing().fit.requests for part in (one, other)
            ]
            assert requests[0] == requests[1]


@pytest.mark.parametrize("aggregator", [None, MajorityVote(random_state=0)])
def test_two_stages_of_this_package_come_back(crowd, file, aggregator, assert_same):
    X, labels, _ = crowd
    model = TwoStageClassifier(aggregator, small(), soft=True, random_state=0)
    model.fit(X, labels).save(file)
    again = TwoStageClassifier.load(file)
    assert repr(again.get_params()) == repr(model.get_params())
    assert_same(
        again.aggregator_.predict_proba(labels), model.aggregator_.predict_proba(labels)
    )
    assert again.n_features_in_ == 5
    check_predictions(again, model, X, labels, assert_same)


def test_two_stages_without_a_crowd_come_back(crowd, file):
    X, _, truth = crowd
    model = TwoStageClassifier(None, search_of(small(n_init=1))).fit(X, truth)
    model.save(file)
    again = TwoStageClassifier.load(file)
    assert again.aggregator_ is None
    assert_array_equal(again.predict(X), model.predict(X))


def test_a_classifier_of_another_package_is_no_data(crowd, file):
    X, labels, _ = crowd
    model = TwoStageClassifier(DawidSkene(), LogisticRegression()).fit(X, labels)
    with pytest.raises(
        TypeError, match=r"classifier_, got Logistic.*skops\.io\.dump, or joblib\.dump"
    ):
        model.save(file)
    assert not file.exists()


def set_inside(document, *keys, value):
    for key in keys[:-1]:
        document = document[key]
    document[keys[-1]] = value


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["fitted", "best_index_"], 5, "best_index_ is 5"),
        (["fitted", "n_splits"], 5, "no fit sets 'n_splits'"),
        (["fitted", "best_params_"], None, "best_params_ are not"),
        (["fitted", "cv_results_"], None, "no candidates"),
        (["fitted", "cv_results_", "items", -1, 1], 5, "has no len"),
        (["fitted_estimators"], {}, "best_estimator_ is no fitted"),
        (["fitted_estimators", "best_estimator_", "fitted"], None, "no fitted Crowd"),
        (["estimators", "estimator", "estimator"], "KFold", "no estimator 'KFold'"),
        (["estimators", "estimator", "estimator"], "LabelKFold", "no estimator"),
        (["estimators", "estimator", "estimator"], "os.system", "no estimator"),
        (["estimators", "estimator"], 3, "lacks"),
        (["estimators", "estimator", "params", "run"], 3, r"no parameters \['run'\]"),
    ],
)
def test_a_search_that_contradicts_itself_is_refused(
    content, file, keys, value, message
):
    text, tensors = content
    document = json.loads(text)
    set_inside(document, *keys, value=value)
    metadata = {"skccem": json.dumps(document)}
    safetensors.torch.save_file(tensors, file, metadata=metadata)
    with pytest.raises(ValueError, match=f"damaged.*{message}"):
        CrowdClassifierCV.load(file)


def test_columns_of_unlike_lengths_are_refused(search, file):
    search = copy.deepcopy(search)
    search.cv_results_["mean_fit_time"] = np.zeros(7)
    search.save(file)
    with pytest.raises(ValueError, match="columns of the lengths"):
        CrowdClassifierCV.load(file)


def test_estimators_without_end_are_refused(content, file):
    text, tensors = content
    document = json.loads(text)
    document["estimators"] = {"estimator": "inner"}
    around = json.dumps(document).split('"inner"')
    text = around[0] * 600 + text + around[1] * 600
    safetensors.torch.save_file(tensors, file, metadata={"skccem": text})
    with pytest.raises(ValueError, match="damaged"):
        CrowdClassifierCV.load(file)

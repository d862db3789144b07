"""Fitted estimators go to other processes, and know what wrote them."""

import copy
import inspect
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from aggregators import AGGREGATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone

import skccem
from skccem import (
    CrowdClassifier,
    CrowdClassifierCV,
    MajorityVote,
    TwoStageClassifier,
    _pickling,
)
from skccem.exceptions import InconsistentVersionWarning

SMALL = {
    "hidden_layer_sizes": (8,),
    "batch_size": 40,
    "max_epochs": 2,
    "random_state": 0,
}
ESTIMATORS = [
    CrowdClassifier(n_init=2, **SMALL),
    CrowdClassifierCV(
        CrowdClassifier(n_init=1, **SMALL), reg_strengths=[0, 0.01], cv=2
    ),
    # Its classifier is of another package, so that it can't be saved.
    TwoStageClassifier(random_state=0),
    *(Estimator(random_state=0) for Estimator in AGGREGATORS),
]
NAMES = [type(estimator).__name__ for estimator in ESTIMATORS]


def test_every_estimator_is_among_these():
    public = [getattr(skccem, name) for name in skccem.__all__]
    estimators = {
        value.__name__
        for value in public
        if inspect.isclass(value) and issubclass(value, BaseEstimator)
    }
    assert estimators == set(NAMES)


@pytest.fixture(scope="module")
def fitted(crowd):
    X, labels, _ = crowd
    models = {}
    for estimator in map(clone, ESTIMATORS):
        features = () if hasattr(estimator, "fit_predict") else (X,)
        models[type(estimator).__name__] = estimator.fit(*features, labels)
    return models


@pytest.fixture(scope="module")
def elsewhere(crowd, fitted, tmp_path_factory):
    """What another process computes with each of them, by name and kind of file."""
    X, labels, _ = crowd
    folder = tmp_path_factory.mktemp("elsewhere")
    joblib.dump((X, labels), folder / "data.joblib")
    for name, model in fitted.items():
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))
        joblib.dump(model, folder / f"{name}.joblib")
        if name != "TwoStageClassifier":
            model.save(folder / f"{name}.safetensors")
    program = Path(__file__).parent / "programs" / "other_process.py"
    command = [sys.executable, "-W", "error", program, folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = {}
    for name in NAMES:
        with np.load(folder / f"{name}.npz") as arrays:
            results[name] = dict(arrays)
    return results


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_other_processes_read_what_was_fitted_here(crowd, fitted, elsewhere, name):
    X, labels, _ = crowd
    model, results = fitted[name], elsewhere[name]
    if hasattr(model, "fit_predict"):
        expected = model.predict_proba(labels)
    else:
        expected = model.aggregate_proba(X, labels)
    kinds = ["pickle", "joblib"] + ["save"] * (name != "TwoStageClassifier")
    assert len(results) == 2 * len(kinds)
    for kind in kinds:
        assert_array_equal(results[kind], expected)
        again = results[f"{kind}, fitted again"]
        assert_allclose(again, model.confusion_matrices_, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_version_reads_a_pickle_without_a_word(fitted, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pickle.loads(pickle.dumps(fitted[name]))
        copied = copy.deepcopy(again)
    assert vars(copied).keys() == vars(again).keys() == vars(fitted[name]).keys()


@pytest.mark.parametrize("name", NAMES)
def test_another_version_is_told_that_it_is_another(fitted, name, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(skccem, "__version__", "0.0.1")
        content = pickle.dumps(fitted[name])
    # Of those inside it, each is named by itself.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again = pickle.loads(content)
    assert {warning.category for warning in caught} == {InconsistentVersionWarning}
    start = f"This {name} was pickled by 0.0.1 of skccem, and is read by "
    assert sum(str(warning.message).startswith(start) for warning in caught) == 1
    assert vars(again).keys() == vars(fitted[name]).keys()


def test_a_pickle_from_before_versions_were_kept_says_so(crowd, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delattr(_pickling.PickleMethods, "__getstate__")
        content = pickle.dumps(MajorityVote().fit(crowd[1]))
    with pytest.warns(InconsistentVersionWarning, match="by an unknown version"):
        pickle.loads(content)


def test_estimators_that_are_not_fitted_are_pickled_too():
    for estimator in ESTIMATORS:
        again = pickle.loads(pickle.dumps(estimator))
        assert repr(again) == repr(estimator)

"""What scikit-learn expects of an estimator, and its tools around crowd labels."""

import io

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.helper import SliceDataset, SliceDict
from torch import nn
from torch.utils.data import TensorDataset

from skccem import CrowdClassifier, CrowdLabels
from skccem.simulation import make_confusion_matrices, make_crowd_labels

# Small folds leave annotators without labels, and say so.
UNUSED = pytest.mark.filterwarnings("ignore::skccem.exceptions.UnusedDataWarning")

SMALL = {
    "hidden_layer_sizes": (32,),
    "dropout": 0.5,
    "batch_size": 32,
    "max_epochs": 30,
    "lr": 1e-2,
}
TINY = {**SMALL, "max_epochs": 3, "random_state": 0}


def _expected_failures(estimator):
    if estimator.dropout == 0:
        return {}
    reason = "dropout draws a mask for each row, however heavy the row is"
    return {
        f"check_sample_weight_equivalence_on_{kind}_data": reason
        for kind in ("dense", "sparse")
    }


@parametrize_with_checks(
    [
        CrowdClassifier(**SMALL),
        CrowdClassifier(**{**SMALL, "batch_size": None, "dropout": 0}),
    ],
    expected_failed_checks=_expected_failures,
)
def test_passes_the_common_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    """60 items of two classes, four annotators, some labels missing: codes 0, 1, -1."""
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=60)
    X = rng.normal(size=(60, 4)) + 2 * truth[:, None]
    Y = np.where(rng.random((60, 4)) < 0.8, truth[:, None], 1 - truth[:, None])
    Y[rng.random((60, 4)) < 0.3] = -1
    Y[:, 0] = np.abs(Y[:, 0])
    return X, Y


def strings(Y):
    return np.where(Y < 0, None, np.array(["no", "yes"], dtype=object)[Y])


def stored(Y):
    rows, columns = np.nonzero(Y >= 0)
    return sparse.csr_array((Y[rows, columns], (rows, columns)), shape=Y.shape)


def long_table(Y):
    rows, columns = np.nonzero(Y >= 0)
    return pd.DataFrame({"task": rows, "worker": columns, "label": Y[rows, columns]})


FORMS = {
    "integers with -1": lambda Y: Y,
    "full zeros and ones": np.abs,
    "one column": lambda Y: CrowdLabels.from_matrix(Y[:, 1:2]),
    "one full column": lambda Y: Y[:, 0],
    "floats with NaN": lambda Y: CrowdLabels.from_matrix(np.where(Y < 0, np.nan, Y)),
    "strings with None": lambda Y: CrowdLabels.from_matrix(strings(Y)),
    "CSR": lambda Y: CrowdLabels.from_matrix(stored(Y)),
    "pandas with NA": lambda Y: CrowdLabels.from_matrix(
        pd.DataFrame(Y).astype("Int64").mask(Y < 0)
    ),
    "long table": lambda Y: CrowdLabels.from_long(
        long_table(Y), items=np.arange(len(Y))
    ),
}


@UNUSED
@pytest.mark.parametrize("form", FORMS)
def test_grid_search_over_a_pipeline_takes_every_form_of_labels(data, form):
    X, Y = data
    search = GridSearchCV(
        make_pipeline(StandardScaler(), CrowdClassifier(**TINY)),
        {"crowdclassifier__reg_strength": [0, 0.01]},
        cv=5,
        error_score="raise",
    ).fit(X, FORMS[form](Y))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict(X).shape == (60,)


@UNUSED
def test_forms_of_the_same_labels_give_the_same_scores(data):
    X, Y = data
    forms = ["integers with -1", "floats with NaN", "strings with None", "CSR"]
    forms += ["pandas with NA", "long table"]
    scores = [
        cross_val_score(CrowdClassifier(**TINY), X, FORMS[form](Y), cv=KFold(3))
        for form in forms
    ]
    for score in scores[1:]:
        assert_allclose(score, scores[0])


@UNUSED
def test_searches_give_in_two_processes_what_they_give_in_one(data):
    X, Y = data
    labels = CrowdLabels.from_matrix(Y)
    results = [
        RandomizedSearchCV(
            CrowdClassifier(**TINY),
            {"reg_strength": [0, 0.003, 0.01]},
            n_iter=2,
            random_state=0,
            n_jobs=n_jobs,
            error_score="raise",
        )
        .fit(X, labels)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    assert_array_equal(*results)


@UNUSED
def test_the_default_score_is_the_likelihood_of_held_out_labels(data):
    X, Y = data
    X_train, X_test, Y_train, Y_test = train_test_split(
        X, CrowdLabels.from_matrix(Y), random_state=0
    )
    clf = CrowdClassifier(**TINY).fit(X_train, Y_train)
    rows, columns = np.nonzero(np.asarray(Y_test) >= 0)
    said = np.asarray(Y_test)[rows, columns]
    proba = clf.predict_annotator_proba(X_test)[rows, columns, said]
    assert_allclose(clf.score(X_test, Y_test), np.log(proba).mean())


def test_a_pipeline_on_text_trains_on_sparse_rows():
    good, bad = "fine great lovely superb", "awful bad poor terrible"
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=200)
    texts = [" ".join(rng.choice((bad, good)[k].split(), 3)) for k in truth]
    matrices = make_confusion_matrices(5, 2, kind="symmetric", random_state=0)
    Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    pipeline = make_pipeline(TfidfVectorizer(), CrowdClassifier(**SMALL))
    assert pipeline.fit(texts, Y).score(texts, truth) > 0.95


def test_joblib_saves_a_fitted_pipeline(data):
    X, Y = data
    pipeline = make_pipeline(StandardScaler(), CrowdClassifier(**TINY)).fit(X, Y)
    file = io.BytesIO()
    joblib.dump(pipeline, file)
    file.seek(0)
    assert_array_equal(joblib.load(file).predict_proba(X), pipeline.predict_proba(X))


def test_read_only_memory_maps_train_as_arrays_do(data, tmp_path):
    X, Y = data
    labels = CrowdLabels.from_matrix(Y)
    joblib.dump((X, labels), tmp_path / "data.joblib")
    mapped = joblib.load(tmp_path / "data.joblib", mmap_mode="r")
    expected = CrowdClassifier(**TINY).fit(X, labels).predict_proba(X)
    assert_array_equal(
        CrowdClassifier(**TINY).fit(*mapped).predict_proba(mapped[0]), expected
    )


class Images(TensorDataset):
    """Items that are one tensor, not a tuple of one."""

    def __getitem__(self, index):
        return super().__getitem__(index)[0]


@UNUSED
def test_images_dicts_and_datasets_go_through_a_search():
    X, truth = load_digits(return_X_y=True)
    images = np.float32(X[:100] / 16).reshape(-1, 1, 8, 8)
    Y = CrowdLabels.from_matrix(np.stack([truth[:100]] * 2, axis=1))
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 10))
    search = GridSearchCV(
        CrowdClassifier(network, **TINY),
        {"reg_strength": [0.01]},
        cv=2,
        error_score="raise",
    )
    scores = [
        search.fit(form, Y).cv_results_["mean_test_score"]
        for form in (
            images,
            SliceDict(input=images),
            SliceDataset(Images(torch.from_numpy(images))),
        )
    ]
    assert_array_equal(scores[1], scores[0])
    assert_array_equal(scores[2], scores[0])
    with pytest.raises(TypeError, match=r"SliceDataset"):
        search.fit(Images(torch.from_numpy(images)), Y)

"""A directory with a fitted classifier."""

import json
import os

import numpy as np
import pytest

from skccem import CrowdClassifier, CrowdLabels
from skccem._feature_files import Features
from skccem._model_files import (
    FittedModel,
    Scaling,
    check_model_directory,
    digest_of,
    load_model,
    save_model,
)
from skccem._table_files import read_table

pytest.importorskip("pandas")

IDS = np.array([f"{number:03}" for number in range(240)], dtype=object)


@pytest.fixture(scope="module")
def fitted(crowd):
    X, Y, _ = crowd
    scaling = Scaling.of(X)
    clf = CrowdClassifier(n_init=1, max_epochs=5, hidden_layer_sizes=8, random_state=0)
    clf.fit(scaling.apply(X), Y)
    return FittedModel(clf, "task", list("abcde"), scaling, "digest")


def test_a_model_that_is_saved_and_loaded_predicts_the_same(fitted, crowd, tmp_path):
    X, _, _ = crowd
    save_model(tmp_path / "model", fitted, IDS, {"seed": 0})
    loaded = load_model(tmp_path / "model")
    # Other columns in another order, as files may have them.
    columns = np.column_stack([X[:, ::-1], np.ones(len(X))])
    features = Features("f.csv", IDS, [*"edcba", "extra"], columns)
    (rows, ignored), (expected, _) = loaded.rows(features), fitted.rows(features)
    np.testing.assert_array_equal(rows, expected)
    assert ignored == ["extra"]
    np.testing.assert_array_equal(
        loaded.clf.predict_proba(rows), fitted.clf.predict_proba(expected)
    )
    assert (loaded.id, loaded.labels_digest) == ("task", "digest")


def test_the_items_of_the_fit_have_their_class_beside(fitted, tmp_path):
    save_model(tmp_path, fitted, IDS, {})
    found = read_table(tmp_path / "aggregated.csv").frame
    assert found["task"].tolist() == IDS.tolist()
    numbers = found[["p(0)", "p(1)", "p(2)"]].to_numpy(dtype=np.float64)
    np.testing.assert_array_equal(numbers, fitted.clf.aggregated_proba_)
    expected = fitted.clf.aggregated_proba_.argmax(axis=1).astype(str)
    assert found["label"].tolist() == expected.tolist()


def test_scaling_has_mean_zero_and_deviation_one_but_of_constants():
    values = np.random.default_rng(0).normal([5, 1, 7], [100, 0.1, 0], size=(50, 3))
    scaled = Scaling.of(values).apply(values)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0], atol=1e-5)


def test_files_of_two_fits_are_told_apart(fitted, tmp_path):
    save_model(tmp_path, fitted, IDS, {})
    with open(tmp_path / "model.safetensors", "ab") as file:
        file.write(b" ")
    with pytest.raises(ValueError, match="of one fit, got files of two"):
        load_model(tmp_path)


def test_an_error_leaves_the_old_model(fitted, tmp_path, monkeypatch):
    save_model(tmp_path, fitted, IDS, {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(self, path):
        raise OSError("disk full")

    monkeypatch.setattr(CrowdClassifier, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(tmp_path, fitted, IDS, {"seed": 1})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_no_model_says_so(fitted, tmp_path):
    with pytest.raises(OSError, match="directory of a model"):
        load_model(tmp_path)
    save_model(tmp_path, fitted, IDS, {})
    path = tmp_path / "skccem.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"format_version": 2}))
    with pytest.raises(ValueError, match=r"Expected version 1 .* 2\. Fit it again"):
        load_model(tmp_path)
    for text in ("{", "{}", "[]"):
        path.write_text(text)
        with pytest.raises(ValueError, match="settings of a model"):
            load_model(tmp_path)


def test_features_of_another_number_are_refused(fitted):
    nameless = FittedModel(fitted.clf, "task", None, None, "digest")
    with pytest.raises(ValueError, match=r"5 columns in f\.npy, .* got 4"):
        nameless.rows(Features("f.npy", IDS, None, np.zeros((240, 4))))


def test_a_place_that_is_no_directory_is_refused_before_the_fit(tmp_path):
    check_model_directory(tmp_path / "new", "task")
    assert not os.listdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="directory for the model"):
        check_model_directory(tmp_path / "file", "task")
    with pytest.raises(ValueError, match="another name than 'label'"):
        check_model_directory(tmp_path / "new", "label")


def test_the_digest_is_of_the_labels_and_their_order(crowd):
    Y = CrowdLabels.from_long(crowd[1].to_long())
    assert digest_of(Y) == digest_of(CrowdLabels.from_long(Y.to_long()))
    other = Y[np.arange(len(Y))[::-1]]
    assert len({digest_of(Y), digest_of(other), digest_of(Y[:-1])}) == 3

"""``to_onnx``: the graph gives what the estimator gives, and leaves it as it was."""

import builtins
import json
import logging
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from torch import nn
from torch.utils.data import Dataset

import skccem
from skccem import CrowdClassifier, CrowdClassifierCV, CrowdLabels, _onnx

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SMALL = {
    "hidden_layer_sizes": (8,),
    "batch_size": 40,
    "max_epochs": 3,
    "lr": 1e-2,
    "n_init": 2,
    "random_state": 0,
}


class Mixed(nn.Module):
    """Reads ids of words and numbers."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 4)
        self.last = nn.Linear(4 + 5, 3)

    # The second one's name is that of an operator.
    def forward(self, ids, linear):
        return self.last(torch.cat([self.embedding(ids).mean(1), linear], dim=1))


class Rows(Dataset):
    def __init__(self, X):
        self.X = torch.as_tensor(X, dtype=torch.float32)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        return self.X[row]


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 4, 2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


def small(module=None, **params):
    return CrowdClassifier(module, **{**SMALL, **params})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "classifier.onnx"


@pytest.fixture(scope="module")
def fitted(crowd):
    X, labels, _ = crowd
    return small().fit(X.astype(np.float32), labels)


def check_equal(clf, file, X, inputs):
    """Assert that any number of items gets the probabilities and labels of clf."""
    session = onnxruntime.InferenceSession(file)
    assert [part.name for part in session.get_inputs()] == list(inputs)
    expected, labels = clf.predict_proba(X), clf.predict(X)
    for rows in (slice(None), slice(0, 1), slice(3, 10), slice(0, 0)):
        proba, label = session.run(
            ["probabilities", "label"],
            {name: part[rows] for name, part in inputs.items()},
        )
        assert proba.dtype == np.float32
        assert_allclose(proba, expected[rows], atol=1e-5)
        assert_array_equal(label, labels[rows])


@pytest.mark.parametrize("seed", range(3))
def test_a_perceptron_predicts_the_same(crowd, file, seed):
    X, labels, _ = crowd
    X = X.astype(np.float32)
    clf = small(n_init=1 + seed, random_state=seed).fit(X, labels)
    clf.to_onnx(file)
    check_equal(clf, file, X, {"X": X})


def test_double_precision_stays_double(crowd, file):
    X, labels, _ = crowd
    # Numbers of which float32 keeps too few digits.
    X = X + 1e6
    clf = small().fit(X, labels)
    clf.to_onnx(file)
    check_equal(clf, file, X, {"X": X})


def test_sparse_rows_of_the_fit_are_dense_in_the_graph(crowd, file):
    X, labels, _ = crowd
    dense = X.astype(np.float32)
    rows = sparse.csr_array(dense)
    clf = small().fit(rows, labels)
    clf.to_onnx(file)
    check_equal(clf, file, rows, {"X": dense})
    clf.to_onnx(file, rows[:1])
    check_equal(clf, file, rows, {"X": dense})


def test_images_go_through_convolutions(crowd, file):
    X, labels, _ = crowd
    images = np.stack([X[:, :4].reshape(-1, 2, 2)] * 2, axis=3).reshape(-1, 1, 4, 2)
    images = images.astype(np.float32)
    clf = small(convolutions()).fit(images, labels)
    clf.to_onnx(file)
    check_equal(clf, file, images, {"X": images})


def test_a_dict_gives_its_names_to_the_inputs(crowd, file):
    X, labels, truth = crowd
    rng = np.random.default_rng(0)
    ids = truth[:, np.newaxis] + rng.integers(5, size=(len(X), 4))
    parts = {"linear": X.astype(np.float32), "ids": ids}
    clf = small(Mixed).fit(parts, labels)
    clf.to_onnx(file, {name: part[:1] for name, part in parts.items()})
    check_equal(clf, file, parts, parts)
    with pytest.raises(ValueError, match=r"to_onnx\(path, X\)"):
        clf.to_onnx(file)


def test_a_data_set_is_known_by_items_that_are_given(crowd, file):
    X, labels, _ = crowd
    rows = Rows(X)
    clf = small(nn.Linear(5, 3)).fit(rows, labels)
    with pytest.raises(ValueError, match="got none"):
        clf.to_onnx(file)
    clf.to_onnx(file, rows)
    check_equal(clf, file, rows, {"X": X.astype(np.float32)})


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        ([-3, 5, 10**12], "class"),
        (["a", "b c", "ü"], "class"),
        (np.array(["x", "yy", "z"], dtype=object), "class"),
        ([0.5, 1.5, 2.5], "position"),
        (np.array(["2020", "2021", "2022"], dtype="datetime64[Y]"), "position"),
    ],
    ids=["int", "str", "str objects", "float", "dates"],
)
def test_labels_are_classes_where_onnx_has_their_type(crowd, file, classes, kind):
    X, labels, _ = crowd
    X = X.astype(np.float32)
    named = CrowdLabels(
        labels.indptr,
        labels.indices,
        labels.codes,
        np.asarray(classes),
        labels.annotators,
    )
    clf = small(n_init=1).fit(X, named)
    clf.to_onnx(file)
    session = onnxruntime.InferenceSession(file)
    _, label = session.run(None, {"X": X})
    if kind == "position":
        assert label.dtype == np.int64
        label = clf.classes_[label]
    assert_array_equal(label, clf.predict(X))
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["label"] == kind
    assert len(json.loads(metadata["classes"])) == 3


def test_the_metadata_say_where_a_file_comes_from(fitted, file):
    fitted.to_onnx(file)
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "classes": "[0, 1, 2]",
        "label": "class",
        "estimator": "CrowdClassifier",
        "skccem_version": skccem.__version__,
    }


def test_the_search_exports_its_choice(crowd, file):
    X, labels, _ = crowd
    X = X.astype(np.float32)
    search = CrowdClassifierCV(small(n_init=1), reg_strengths=[0.01], cv=2)
    search.fit(X, labels).to_onnx(file)
    check_equal(search, file, X, {"X": X})
    assert not hasattr(CrowdClassifierCV(refit=False), "to_onnx")


def test_the_estimator_stays_as_it_was(crowd, file):
    X, labels, _ = crowd
    parts = {"input": X[:, np.newaxis, :4].reshape(-1, 1, 2, 2)}
    clf = small(convolutions()).fit(parts, labels)
    for net in clf.nets_:
        net.module_.train()
    before = [
        {name: value.clone() for name, value in net.module_.state_dict().items()}
        for net in clf.nets_
    ]
    drawn = torch.get_rng_state()
    grad = torch.is_grad_enabled()
    clf.to_onnx(file, parts)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.is_grad_enabled() == grad
    for net, state in zip(clf.nets_, before, strict=True):
        assert all(module.training for module in net.module_.modules())
        assert all(
            torch.equal(value, state[name])
            for name, value in net.module_.state_dict().items()
        )


def test_nothing_is_said_meanwhile(fitted, file, capfd):
    level = logging.getLogger("torch").level
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.to_onnx(file)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert logging.getLogger("torch").level == level


class Decides(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(5, 3)

    def forward(self, X):
        return self.last(X if X.sum() > 0 else -X)


class Counts(Decides):
    def forward(self, X):
        return self.last(2 * X if len(X) == 2 else X)


@pytest.mark.parametrize("module", [Decides, Counts])
def test_a_module_that_is_no_graph_is_refused(crowd, file, module):
    X, labels, _ = crowd
    clf = small(module, n_init=1).fit(X, labels)
    with pytest.raises(ValueError, match="Let its forward take no decision"):
        clf.to_onnx(file)
    assert not file.exists()


def test_items_that_are_no_inputs_are_refused(crowd, fitted, file):
    X, labels, _ = crowd

    class Named(Mixed):
        def forward(self, label):
            return self.last(nn.functional.pad(label, (0, 4)))

    parts = {"label": X.astype(np.float32)}
    clf = small(Named, n_init=1).fit(parts, labels)
    with pytest.raises(ValueError, match="got 'label', one of these"):
        clf.to_onnx(file, parts)
    with pytest.raises(ValueError, match="features"):
        fitted.to_onnx(file, X[:, :3])


def test_networks_that_no_file_holds_are_refused(fitted, file, monkeypatch):
    monkeypatch.setattr(_onnx, "_MOST_BYTES", 100)
    with pytest.raises(ValueError, match="smaller n_init"):
        fitted.to_onnx(file)


def test_only_a_fitted_estimator_is_exported(file):
    with pytest.raises(NotFittedError):
        CrowdClassifier().to_onnx(file)


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_without_onnx_it_says_what_to_install(fitted, file, monkeypatch, missing):
    real = builtins.__import__

    def fail(name, *args, **kwargs):
        if name == missing:
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(ImportError, match=r"pip install skccem\[onnx\]"):
        fitted.to_onnx(file)


def test_an_onnxscript_that_is_older_than_torch_is_named(fitted, file, monkeypatch):
    def fail(*args, **kwargs):
        raise ModuleNotFoundError("No module named 'onnxscript._apis.torch_99'")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ImportError, match="pip install --upgrade onnxscript"):
        fitted.to_onnx(file)


def test_a_failure_leaves_the_old_file(fitted, file, monkeypatch):
    file.write_text("old")

    def fail(*args, **kwargs):
        raise onnx.checker.ValidationError("broken")

    monkeypatch.setattr(onnx.checker, "check_model", fail)
    with pytest.raises(onnx.checker.ValidationError):
        fitted.to_onnx(file)
    assert file.read_text() == "old"

"""What is kept on accelerators, tried without one."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from skorch.helper import SliceDict
from torch import nn

from skccem import CrowdClassifier, _training
from skccem._devices import free_memory, in_precision, keep_on_device
from skccem._features import take_batch


def plenty(device):
    return 2**40


def test_arrays_that_fit_are_sent_once():
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    kept = keep_on_device(X, "meta", plenty)
    assert kept.device.type == "meta"
    assert kept.shape == X.shape
    named = keep_on_device(SliceDict(a=X, b=np.arange(4)), "meta", plenty)
    assert {part.device.type for part in named.values()} == {"meta"}
    # Twice their size must be free.
    assert keep_on_device(X, "meta", lambda device: 2 * X.nbytes - 1) is X
    assert keep_on_device(X, "meta", lambda device: 2 * X.nbytes) is not X


@pytest.mark.parametrize("X", [sparse.csr_array(np.eye(3)), [np.ones(3)]])
def test_other_forms_stay_where_they_are(X):
    assert keep_on_device(X, "meta", plenty) is X


def test_arrays_are_at_home_on_the_cpu():
    X = np.ones((2, 2))
    assert keep_on_device(X, "cpu", plenty) is X
    assert free_memory("cpu") == free_memory("meta") == 0


def test_batches_of_a_tensor_are_those_of_the_array():
    X, rows = np.random.default_rng(0).normal(size=(6, 2)), np.array([4, 1, 1])
    assert_array_equal(take_batch(torch.from_numpy(X), rows), take_batch(X, rows))
    assert take_batch(torch.empty(6, 2, device="meta"), rows).device.type == "meta"


@pytest.mark.parametrize("regularizer", ["F", "W"])
def test_a_fit_on_kept_features_is_the_same(crowd, monkeypatch, regularizer):
    X, labels, _ = crowd
    X = X.astype(np.float32)
    settings = {"n_init": 1, "max_epochs": 3, "random_state": 0}
    settings |= {"regularizer": regularizer, "early_stopping": True}
    expected = CrowdClassifier(**settings).fit(X, labels).predict_proba(X)
    kept = []

    def keep(X, device):
        kept.append(torch.from_numpy(X))
        return kept[-1]

    monkeypatch.setattr(_training, "keep_on_device", keep)
    clf = CrowdClassifier(**settings).fit(X, labels)
    assert len(kept) == 2
    assert_array_equal(clf.predict_proba(X), expected)


def test_features_that_workers_read_stay_on_the_cpu(crowd, monkeypatch):
    def keep(X, device):
        raise AssertionError("sent to a device")

    monkeypatch.setattr(_training, "keep_on_device", keep)
    X, labels, _ = crowd
    params = {"iterator_train__num_workers": 1}
    clf = CrowdClassifier(n_init=1, max_epochs=1, net_params=params)
    assert clf.fit(X, labels).n_iter_ == 1


def test_half_precision_is_not_lost_on_double_precision_features(crowd):
    X, labels, _ = crowd
    clf = CrowdClassifier(n_init=1, max_epochs=1, precision="bf16").fit(X, labels)
    assert clf.predict_proba(X).dtype == np.float32


class _Watched(nn.Module):
    """A linear classifier that takes note of the type of its output."""

    types = set()  # noqa: RUF012 - shared by copies of the module

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, X):
        logits = self.linear(X)
        self.types.add(logits.dtype)
        return logits


def test_in_half_precision_parameters_and_likelihoods_stay_whole(crowd):
    X, labels, truth = crowd
    X = X.astype(np.float32)
    settings = {"n_init": 2, "max_epochs": 20, "lr": 1e-2, "random_state": 0}
    whole = CrowdClassifier(_Watched, module_params={"n_features": 5, "n_classes": 3})
    whole.set_params(**settings).fit(X, labels)
    assert _Watched.types == {torch.float32}
    _Watched.types.clear()
    half = CrowdClassifier(_Watched, module_params={"n_features": 5, "n_classes": 3})
    half.set_params(precision="bf16", **settings).fit(X, labels)
    # Once in float32, when the module is tried out.
    assert torch.bfloat16 in _Watched.types
    _Watched.types.clear()
    proba = half.predict_proba(X)
    assert _Watched.types == {torch.bfloat16}
    assert proba.dtype == np.float32
    assert {p.dtype for p in half.net_.module_.parameters()} == {torch.float32}
    assert_allclose(proba, whole.predict_proba(X), atol=0.05)
    assert_allclose(half.confusion_matrices_, whole.confusion_matrices_, atol=0.05)
    assert half.score(X, truth) > 0.8


def test_without_a_precision_nothing_is_cast():
    with in_precision(None, "cpu"):
        assert not torch.is_autocast_enabled("cpu")
    with in_precision("bf16", "cpu"):
        assert torch.is_autocast_enabled("cpu")

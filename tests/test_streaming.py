"""``partial_fit``: a stream of items, in which annotators come and go."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdLabels
from skccem._crowd_loss import REGULARIZERS
from skccem.exceptions import NonFiniteLossError, UnusedDataWarning
from skccem.simulation import make_confusion_matrices, make_crowd_labels

SMALL = {
    "hidden_layer_sizes": (16,),
    "dropout": 0.5,
    "batch_size": 40,
    "max_epochs": 5,
    "lr": 1e-2,
    "random_state": 0,
}


def small(**params):
    return CrowdClassifier(**{**SMALL, **params})


def in_chunks(clf, X, labels, n_chunks=4, **params):
    for part in np.array_split(np.arange(len(labels)), n_chunks):
        clf.partial_fit(X[part], labels[part], **params)
    return clf


@pytest.fixture(scope="module")
def digits():
    X, truth = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, X_test, truth, truth_test = train_test_split(
        X, truth, test_size=0.3, random_state=0
    )
    matrices = make_confusion_matrices(10, 10, kind="hammer_spammer", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    return X, labels, X_test, truth_test


@pytest.fixture(scope="module")
def accuracy_of_one_fit(digits):
    X, labels, X_test, truth_test = digits
    return (
        CrowdClassifier(n_init=1, random_state=0)
        .fit(X, labels)
        .score(X_test, truth_test)
    )


def test_chunks_seen_once_are_within_a_point_of_one_fit(digits, accuracy_of_one_fit):
    X, labels, X_test, truth_test = digits
    clf = in_chunks(CrowdClassifier(random_state=0), X, labels, 5)
    assert clf.score(X_test, truth_test) > accuracy_of_one_fit - 0.01


def test_one_pass_a_call_without_a_sample_is_within_a_point_of_one_fit(
    digits, accuracy_of_one_fit
):
    X, labels, X_test, truth_test = digits
    clf = CrowdClassifier(max_epochs=1, burn_in=24, replay_size=0, random_state=0)
    for _ in range(60):
        in_chunks(clf, X, labels, 5)
    assert clf.score(X_test, truth_test) > accuracy_of_one_fit - 0.01


def test_new_annotators_join_and_absent_ones_keep_their_matrices(crowd):
    X, labels, _ = crowd
    names = np.array(list("abcdef"))
    labels = CrowdLabels.from_matrix(np.asarray(labels), annotators=names)
    early = labels[:120].select_annotators(names[[2, 0, 1, 3]])
    with pytest.warns(UnusedDataWarning, match="5 of 120 items have no labels"):
        clf = small().partial_fit(X[:120], early)
    assert_array_equal(clf.annotators_, names[[2, 0, 1, 3]])
    before = clf.confusion_matrices_
    later = labels[120:].select_annotators(names[[5, 0, 4]])
    clf.set_params(replay_size=0, regularizer="W", max_epochs=50)
    with pytest.warns(UnusedDataWarning, match="have no labels"):
        clf.partial_fit(X[120:], later)
    assert_array_equal(clf.annotators_, names[[2, 0, 1, 3, 5, 4]])
    assert clf.n_annotators_ == 6
    given = early.labels_per_annotator
    assert_array_equal(clf.n_labels_per_annotator_[[0, 2, 3]], given[[0, 2, 3]])
    # Nobody but a has new labels.
    assert_allclose(clf.confusion_matrices_[[0, 2, 3]], before[[0, 2, 3]], atol=1e-6)
    assert abs(clf.confusion_matrices_[1] - before[1]).max() > 0.05
    assert_allclose(clf.confusion_matrices_.sum(axis=2), 1)


def test_a_new_annotator_starts_at_the_pooled_matrix(crowd):
    X, labels, _ = crowd
    clf = small(replay_size=0).partial_fit(X, labels)
    n = clf.n_labels_per_annotator_[:, None, None]
    pooled = (n * clf.confusion_matrices_).sum(axis=0) / n.sum()
    more = np.full((len(X), 8), -1)
    more[:, 6] = np.asarray(labels).max(axis=1)
    clf.set_params(confusion_lr=0).partial_fit(X, more)
    assert_array_equal(clf.annotators_, np.arange(8))
    assert_allclose(clf.confusion_matrices_[6], pooled, atol=1e-6)
    # Nobody but the seventh gave further labels; the eighth has none.
    total = clf.n_labels_per_annotator_
    assert_array_equal(total, [*labels.labels_per_annotator, len(X), 0])
    weighted = (total[:, None, None] * clf.confusion_matrices_).sum(axis=0)
    assert_allclose(clf.confusion_matrices_[7], weighted / total.sum(), atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.Adagrad])
@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_calls_go_on_as_one_training_would(crowd, optimizer, regularizer):
    # Without dropout and in whole batches there is nothing random in an epoch.
    X, labels, _ = crowd
    settings = {"dropout": 0, "batch_size": None, "lr": 1e-2, "replay_size": 0}
    settings |= {"optimizer": optimizer, "regularizer": regularizer}
    one = small(**settings, max_epochs=12, burn_in=4).partial_fit(X, labels)
    several = small(**settings, max_epochs=3, burn_in=4)
    for _ in range(4):
        several.partial_fit(X, labels)
    assert_allclose(several.predict_proba(X), one.predict_proba(X), atol=1e-6)
    assert_allclose(several.confusion_matrices_, one.confusion_matrices_, atol=1e-6)
    assert several.n_iter_ == 3


def test_it_goes_on_from_fit(crowd):
    X, labels, _ = crowd
    settings = {"dropout": 0, "batch_size": None, "n_init": 1, "burn_in": 2}
    one = small(**settings, max_epochs=8).fit(X, labels)
    several = small(**settings, max_epochs=4).fit(X, labels)
    several.partial_fit(X, labels)
    assert_allclose(several.predict_proba(X), one.predict_proba(X), atol=1e-6)
    fitted = small(n_init=2).fit(X, labels).partial_fit(X[:50], labels[:50])
    assert len(fitted.nets_) == 1
    assert fitted.aggregated_proba_.shape == (50, 3)


def test_many_annotators_of_whom_each_batch_has_few_go_on_too(monkeypatch):
    monkeypatch.setattr("skccem._batches._MAX_FETCHED", 0.2)
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=600)
    X = rng.normal(size=(600, 5)) + 2.0 * np.eye(5)[truth]
    matrices = make_confusion_matrices(300, 3, kind="mixed", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
    clf = in_chunks(small(max_epochs=20, batch_size=20), X, labels, 3)
    missed = clf.net_.optimizer_.state[clf.net_.module_.answer_logits]["missed"]
    # As many earlier items as new ones: 10 batches an epoch, then twice as many.
    assert missed.n_steps == 20 * (10 + 20 + 20)
    assert clf.score(X, truth) > 0.85
    # From rows to the whole table and back.
    assert clf.set_params(batch_size=None).partial_fit(X, labels).n_iter_ == 20
    assert clf.set_params(batch_size=20).partial_fit(X, labels).score(X, truth) > 0.85


def test_a_pickled_stream_goes_on_the_same(crowd):
    X, labels, _ = crowd
    clf = small().partial_fit(X[:100], labels[:100])
    copy = pickle.loads(pickle.dumps(clf))
    for one in (clf, copy):
        one.partial_fit(X[100:], labels[100:])
    assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
    again = in_chunks(clone(clf), X, labels, 1)
    assert not hasattr(clone(clf), "net_")
    assert again.n_labels_per_annotator_.sum() == labels.n_labels


def test_calls_draw_on_from_one_random_state(crowd):
    X, labels, _ = crowd
    first, second = (in_chunks(small(), X, labels) for _ in range(2))
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.net_.seed != small().partial_fit(X[:60], labels[:60]).net_.seed


class _Rows(Dataset):
    def __init__(self, X):
        self.X = X

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return torch.from_numpy(self.X[index])


class _Named(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, X):
        return self.linear(X)


@pytest.mark.parametrize("form", ["sparse", "dict", "dataset"])
def test_items_of_every_form_stream_like_rows(crowd, form):
    X, labels, _ = crowd
    X = X.astype(np.float32)
    make = {
        "sparse": sparse.csr_array,
        "dict": lambda X: {"X": X},
        "dataset": _Rows,
    }[form]
    settings = {} if form == "sparse" else {"module": _Named}
    if settings:
        settings["module_params"] = {"n_features": 5, "n_classes": 3}
    expected, got = small(**settings), small(**settings)
    for part in np.array_split(np.arange(len(X)), 3):
        expected.partial_fit(X[part], labels[part])
        got.partial_fit(make(X[part]), labels[part])
    assert_allclose(
        got.predict_proba(make(X)), expected.predict_proba(X), rtol=1e-5, atol=1e-6
    )


def test_weights_are_on_one_scale_in_all_calls(crowd):
    X, labels, _ = crowd
    weight = np.repeat([1.0, 3.0], [100, len(X) - 100])
    light, heavy = small(), small()
    light.partial_fit(X[:100], labels[:100])
    light.partial_fit(X[100:], labels[100:], sample_weight=weight[100:])
    heavy.partial_fit(X[:100], labels[:100], sample_weight=np.full(100, 2.0))
    heavy.partial_fit(X[100:], labels[100:], sample_weight=2 * weight[100:])
    assert_allclose(heavy.predict_proba(X), light.predict_proba(X), rtol=1e-4)
    assert_allclose(heavy.class_prior_, light.class_prior_, rtol=1e-4)


def test_the_class_prior_is_of_all_calls(crowd):
    X, labels, _ = crowd
    clf, parts = small(), []
    for part in np.array_split(np.arange(len(X)), 3):
        clf.partial_fit(X[part], labels[part])
        parts.append(clf.aggregated_proba_)
    assert_allclose(clf.class_prior_, np.concatenate(parts).mean(axis=0))


def test_one_label_an_item_makes_an_ordinary_classifier():
    X, truth = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    clf = small(max_epochs=1, lr=1e-2)
    for _ in range(10):
        in_chunks(clf, X, truth, 6, classes=np.arange(10))
    assert clf.score(X, truth) > 0.9
    assert_array_equal(clf.confusion_matrices_, [np.eye(10)])


def test_an_early_class_may_be_absent_from_calls_but_no_class_joins(crowd):
    X, labels, _ = crowd
    one = np.flatnonzero((np.asarray(labels) <= 0).all(axis=1))
    clf = small().partial_fit(X[one], np.asarray(labels)[one], classes=[0, 1, 2])
    clf.partial_fit(X[one], np.asarray(labels)[one])
    assert_array_equal(clf.classes_, [0, 1, 2])
    strange = np.full((2, 6), 3)
    with pytest.raises(ValueError, match=r"classes \[3\], which fit did not see"):
        clf.partial_fit(X[:2], strange)
    with pytest.raises(ValueError, match=r"\[0, 1\] are not .* \[0, 1, 2\]: leave"):
        clf.partial_fit(X[:2], labels[:2], classes=[0, 1])
    with pytest.raises(ValueError, match="pass classes="):
        small().partial_fit(X[:2], np.zeros((2, 6), dtype=int))


def test_what_cannot_go_on_is_refused_and_leaves_everything_as_it_was(crowd):
    X, labels, truth = crowd
    clf = small().partial_fit(X, labels)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="early_stopping=False"):
        clone(clf).set_params(early_stopping=True).partial_fit(X, labels)
    with pytest.raises(ValueError, match="one label an item"):
        clf.partial_fit(X, truth)
    with pytest.raises(ValueError, match="no labels at all"):
        clf.partial_fit(X[:2], np.full((2, 6), -1))
    with pytest.raises(ValueError, match="features"):
        clf.partial_fit(X[:, :3], labels)
    with pytest.raises(NonFiniteLossError):
        clf.set_params(lr=1e300).partial_fit(X, labels)
    clf.set_params(lr=1e-2)
    assert_array_equal(clf.predict_proba(X), before)
    names = CrowdLabels.from_matrix(np.asarray(labels), annotators=list("abcdef"))
    named = small().partial_fit(X, names)
    with pytest.raises(ValueError, match="columns without names"):
        named.partial_fit(X, np.asarray(labels)[:, :5])
    # As many columns are taken by position, as everywhere after a fit.
    named.partial_fit(X, np.asarray(labels))
    assert_array_equal(named.annotators_, list("abcdef"))


class RecordedModes(Callback):
    """Whether each part of the network was in training mode at each batch."""

    def __init__(self):
        self.modes = set()

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.modes |= {part.training for part in net.module_.modules()}


@pytest.mark.parametrize("how", ["partial_fit", "warm start"])
def test_training_that_goes_on_has_dropout_as_well(digits, how):
    X, labels, *_ = digits
    X, labels = X[:100], labels[:100]
    clf = small(warm_start=how == "warm start", n_init=1)
    fit = clf.partial_fit if how == "partial_fit" else clf.fit
    fit(X, labels)
    clf.predict(X)
    modes = RecordedModes()
    clf.set_params(callbacks=[modes])
    fit(X, labels)
    assert modes.modes == {True}

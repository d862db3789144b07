"""The networks of ``CrowdClassifier`` beside the coupled one."""

import pickle
import threading
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from skorch.callbacks import Callback, LRScheduler
from torch import nn
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdLabels
from skccem._ensemble import mean_log_posterior
from skccem.exceptions import UnusedDataWarning
from skccem.simulation import make_confusion_matrices, make_crowd_labels

SMALL = {
    "hidden_layer_sizes": (16,),
    "dropout": 0.5,
    "batch_size": 40,
    "max_epochs": 10,
    "lr": 1e-2,
    "n_init": 3,
    "random_state": 0,
}


def small(**params):
    return CrowdClassifier(**{**SMALL, **params})


@pytest.fixture(scope="module")
def crowd():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=150)
    X = rng.normal(size=(150, 5)).astype("f4")
    X[np.arange(150), truth] += 2.5
    matrices = make_confusion_matrices(6, 3, kind="hammer_spammer", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    return X, labels, truth


@pytest.fixture(scope="module")
def fitted(crowd):
    X, labels, _ = crowd
    return small().fit(X, labels)


# What it is made of


def test_the_mean_is_of_probabilities():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(4), size=(3, 7))
    found = mean_log_posterior(list(np.log(proba)))
    assert_allclose(np.exp(found), proba.mean(axis=0))
    # A class that all networks exclude, and single precision, stay what they are.
    proba[:, 0] = [1, 0, 0, 0]
    with np.errstate(divide="ignore"):
        found = mean_log_posterior(list(np.log(proba).astype("f4")))
    assert_array_equal(np.exp(found[0]), [1, 0, 0, 0])
    assert found.dtype == np.float32
    only = np.log(proba[0, 1:])
    assert mean_log_posterior([only]) is only


def test_there_are_as_many_networks_as_asked_for(crowd, fitted):
    X, *_ = crowd
    assert len(fitted.nets_) == 3
    assert fitted.nets_[0] is fitted.net_
    mean = np.mean([np.exp(net.predict_log_posterior(X)) for net in fitted.nets_], 0)
    assert_allclose(fitted.predict_proba(X), mean, rtol=1e-5)
    assert fitted.predict_proba(X).dtype == np.float32
    weights = [net.module_.backbone[0].weight for net in fitted.nets_]
    assert not any(torch.equal(weights[0], other) for other in weights[1:])
    assert not torch.equal(*weights[1:])


def test_more_networks_are_the_same_ones_and_others(crowd, fitted):
    X, labels, _ = crowd
    alone, two = (small(n_init=n).fit(X, labels) for n in (1, 2))
    for clf in (alone, two):
        for net, other in zip(clf.nets_, fitted.nets_, strict=False):
            assert_array_equal(
                net.predict_log_posterior(X), other.predict_log_posterior(X)
            )
    assert_array_equal(two.confusion_matrices_, fitted.confusion_matrices_)
    assert not np.allclose(alone.confusion_matrices_, two.confusion_matrices_)
    for epoch, other in zip(alone.history_, fitted.history_, strict=True):
        assert epoch["train_loss"] == other["train_loss"]


def test_two_processes_give_what_one_gives(crowd, fitted):
    X, labels, _ = crowd
    state = torch.get_rng_state()
    parallel = small(n_jobs=2).fit(X, labels)
    assert_array_equal(parallel.predict_proba(X), fitted.predict_proba(X))
    assert_array_equal(parallel.confusion_matrices_, fitted.confusion_matrices_)
    assert_array_equal(parallel.aggregated_proba_, fitted.aggregated_proba_)
    assert torch.equal(torch.get_rng_state(), state)


def test_it_survives_pickling(crowd, fitted):
    X, labels, _ = crowd
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    assert copy.score(X, labels) == fitted.score(X, labels)


# What is known of the items of the fit


def test_aggregated_items_are_what_the_coupled_network_says_if_it_is_alone(crowd):
    X, labels, _ = crowd
    clf = small(n_init=1).fit(X, labels)
    assert_array_equal(clf.aggregated_proba_, clf.aggregate_proba(X, labels))


@pytest.mark.parametrize("weighted", [False, True])
def test_items_that_do_not_count_are_aggregated_by_all_networks(crowd, weighted):
    X, labels, _ = crowd
    table = np.array(np.asarray(labels))
    table[:20] = -1
    weight = None
    if weighted:
        weight = np.ones(150)
        weight[20:40] = 0
    with pytest.warns(UnusedDataWarning, match="20 of 150 items"):
        clf = small(n_init=2).fit(X, table, sample_weight=weight)
    found, all_networks = clf.aggregated_proba_, clf.aggregate_proba(X, table)
    assert_allclose(found.sum(axis=1), 1)
    assert_allclose(found[:20], clf.predict_proba(X[:20]), rtol=1e-5)
    unused = slice(0, 40) if weighted else slice(0, 20)
    assert_allclose(found[unused], all_networks[unused], rtol=1e-5)
    assert not np.allclose(found[40:], all_networks[40:], rtol=1e-3)
    counted = weight[20:] if weighted else np.ones(130)
    mean = np.average(found[20:], axis=0, weights=counted)
    assert_allclose(clf.class_prior_, mean)


@pytest.mark.slow
def test_no_network_judges_items_whose_labels_it_learned_by_heart():
    aggregated, accuracy = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth = rng.integers(4, size=1200)
        X = rng.normal(size=(1200, 100)).astype("f4")
        X[np.arange(1200), truth] += 1.5
        matrices = make_confusion_matrices(
            10, 4, kind="hammer_spammer", random_state=seed
        )
        labels = make_crowd_labels(
            truth[:600], matrices, labels_per_item=2, random_state=seed
        )
        fits = [
            CrowdClassifier(
                hidden_layer_sizes=(128,), dropout=0, n_init=n, random_state=seed
            ).fit(X[:600], labels)
            for n in (1, 2)
        ]
        found = [clf.aggregated_proba_.argmax(axis=1) for clf in fits]
        aggregated.append([np.mean(classes == truth[:600]) for classes in found])
        accuracy.append([clf.score(X[600:], truth[600:]) for clf in fits])
    alone, together = np.mean(aggregated, axis=0)
    assert together > alone + 0.02
    alone, together = np.mean(accuracy, axis=0)
    assert together > alone + 0.01


# Settings


def test_matrices_that_are_given_stay(crowd):
    X, labels, _ = crowd
    clf = small(n_init=2, confusion_lr=0).fit(X, labels)
    start = 0.7 * np.eye(3) + 0.1
    assert_allclose(clf.confusion_matrices_, np.tile(start, (6, 1, 1)), rtol=1e-6)
    assert len(clf.nets_) == 2


def test_the_scale_of_weights_changes_nothing_here_either(crowd, fitted):
    X, labels, _ = crowd
    clf = small().fit(X, labels, sample_weight=np.full(150, 1e6))
    assert_allclose(clf.predict_proba(X), fitted.predict_proba(X), rtol=1e-4)
    assert_allclose(clf.confusion_matrices_, fitted.confusion_matrices_, rtol=1e-4)


def test_an_idle_annotator_has_the_pooled_matrix_of_the_others(crowd, fitted):
    X, labels, _ = crowd
    table = np.insert(np.asarray(labels), 2, -1, axis=1)
    with pytest.warns(UnusedDataWarning, match="1 of 7 annotators gave no labels"):
        clf = small().fit(X, table)
    others = np.delete(clf.confusion_matrices_, 2, axis=0)
    assert_allclose(others, fitted.confusion_matrices_)
    answers = np.einsum("ik,im->mk", fitted.aggregated_proba_, np.asarray(labels) >= 0)[
        :, :, np.newaxis
    ]
    pooled = (answers * others).sum(axis=0) / answers.sum(axis=0)
    assert_allclose(clf.confusion_matrices_[2], pooled, rtol=1e-3)


def test_one_network_is_enough_where_nothing_is_to_be_inferred(crowd):
    X, labels, truth = crowd
    assert len(small().fit(X, truth).nets_) == 1
    # A solution to go on from is that of the coupled network.
    assert len(small(warm_start=True).fit(X, labels).nets_) == 1
    table = np.full((4, 3), -1)
    table[1] = [0, 1, 1]
    with pytest.warns(UnusedDataWarning, match="3 of 4 items"):
        assert len(small().fit(X[:4], table).nets_) == 1
    table[2] = [0, 2, 1]
    with pytest.warns(UnusedDataWarning, match="2 of 4 items"):
        clf = small().fit(X[:4], table)
    assert len(clf.nets_) == 3
    assert np.isfinite(clf.score(X[:4], table))


def test_early_stopping_ends_the_others_too(crowd):
    X, labels, _ = crowd
    clf = small(
        early_stopping=True, n_iter_no_change=1, burn_in=0, max_epochs=60, lr=0.1
    ).fit(X, labels)
    assert clf.n_iter_ < 60
    assert [len(net.history) for net in clf.nets_] == [clf.n_iter_] * 3


def test_the_others_learn_from_who_is_held_out_by_early_stopping(crowd):
    X, labels, _ = crowd
    lonely = np.where(np.eye(150)[:, :20] > 0, 1, -1)
    table = np.hstack([np.asarray(labels), lonely])
    settings = {"early_stopping": True, "validation_fraction": 0.5}
    with pytest.warns(UnusedDataWarning, match="early_stopping holds out"):
        small(n_init=1, **settings).fit(X, table)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnusedDataWarning)
        clf = small(**settings).fit(X, table)
    # Who said class 1 once is thought to say it more often than the pooled matrix has.
    said = clf.confusion_matrices_[6:, :, 1].mean(axis=1)
    assert (said > clf.confusion_matrices_[:6, :, 1].mean()).all()


def test_watching_callbacks_follow_the_coupled_network_alone(crowd):
    X, labels, _ = crowd
    epochs = []

    class Watch(Callback):
        # It cannot be cloned, nor copied.
        def __init__(self, name):
            self.lock = threading.Lock()

        def on_epoch_end(self, net, **kwargs):
            epochs.append(len(net.history))

    schedule = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    clf = small(callbacks=[Watch("mine"), schedule], max_epochs=4).fit(X, labels)
    assert epochs == [1, 2, 3, 4]
    for net in clf.nets_:
        rates = [group["lr"] for group in net.optimizer_.param_groups]
        assert rates == [pytest.approx(2e-2 / 2**4), pytest.approx(1e-2 / 2**4)]


class Items(Dataset):
    def __init__(self, X):
        self.X = torch.from_numpy(X)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index]


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, table):
        return self.linear(table)


@pytest.mark.parametrize(
    ("form", "module"),
    [
        (sparse.csr_array, None),
        (lambda X: {"table": X}, Named),
        # Made in the fit, from its seed.
        (Items, lambda n_features, n_classes: nn.Linear(5, n_classes)),
        (lambda X: X.astype("f8"), None),
    ],
    ids=["sparse", "dict", "Dataset", "double"],
)
def test_items_of_all_forms_are_cut_into_parts(crowd, form, module):
    X, labels, truth = crowd
    clf = small(module=module, max_epochs=20).fit(form(X), labels)
    assert (clf.predict(form(X)) == truth).mean() > 0.85
    assert len(clf.nets_) == 3


@pytest.mark.parametrize(
    "params",
    [
        {"likelihood": "marginal"},
        {"regularizer": "W", "reg_strength": 0.01},
        {"regularizer": "trace", "reg_strength": 0.01},
        {"outlier_share": "auto"},
        {"outlier_share": 0.1},
        {"batch_size": None, "optimizer": "sgd", "lr": 0.5, "confusion_lr": 0.5},
    ],
    ids=str,
)
def test_it_follows_every_loss(crowd, params):
    X, labels, truth = crowd
    clf = small(max_epochs=40, **params).fit(X, labels)
    assert clf.score(X, truth) > 0.85
    assert (clf.aggregated_proba_.argmax(axis=1) == truth).mean() > 0.9
    assert clf.outlier_share_ < 0.2


def test_crowds_whose_classes_do_not_all_occur(crowd):
    X, labels, _ = crowd
    table = np.asarray(labels)
    labels = CrowdLabels.from_matrix(np.where(table == 2, 1, table), classes=range(4))
    clf = small().fit(X, labels)
    assert clf.confusion_matrices_.shape == (6, 4, 4)
    assert (clf.confusion_matrices_ > 0).all()
    assert_allclose(clf.confusion_matrices_.sum(axis=2), 1)


def test_a_bar_counts_networks(crowd, capsys):
    X, labels, _ = crowd
    small(verbose=1, max_epochs=1).fit(X, labels)
    shown = capsys.readouterr().err
    assert "7/7" in shown
    assert "Networks" in shown
    small(max_epochs=1).fit(X, labels)
    assert capsys.readouterr().err == ""

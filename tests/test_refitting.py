"""Networks trained on probabilities of classes."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skccem import CrowdClassifier
from skccem._refitting import PosteriorDataset, PosteriorLoss, train_on_posterior

N_ITEMS = 50


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ITEMS, 4)).astype("f4")
    return X, rng.dirichlet(np.ones(3), size=N_ITEMS)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_batch_has_items_probabilities_and_relative_weights(items, weighted):
    X, posterior = items
    rows = np.arange(0, N_ITEMS, 2)
    weight = np.linspace(1, 4, len(rows)) if weighted else None
    dataset = PosteriorDataset(X, rows, posterior[rows], weight)
    assert len(dataset) == 25
    inputs, target = dataset.__getitems__([3, 0])
    assert_array_equal(inputs["X"], X[[6, 0]])
    assert len(inputs["annotators"]) == 0
    assert_allclose(target["posterior"], posterior[[6, 0]], rtol=1e-6)
    assert target["posterior"].dtype == torch.float32
    if weighted:
        assert_allclose(target["weight"], weight[[3, 0]] / 4, rtol=1e-6)
    else:
        assert "weight" not in target


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_cross_entropy(items, weighted):
    _, posterior = items
    log_f = np.log(np.random.default_rng(1).dirichlet(np.ones(3), size=N_ITEMS))
    weight = np.linspace(0.1, 1, N_ITEMS) if weighted else np.ones(N_ITEMS)
    target = {"posterior": torch.from_numpy(posterior)}
    if weighted:
        target["weight"] = torch.from_numpy(weight)
    loss, log_likelihood, n_items = PosteriorLoss()((torch.from_numpy(log_f),), target)
    expected = weight @ (posterior * log_f).sum(axis=1)
    assert log_likelihood.item() == pytest.approx(expected)
    assert n_items.item() == pytest.approx(weight.sum())
    assert loss.item() == pytest.approx(-expected / weight.sum())


def test_certain_classes_are_an_ordinary_classifier(items):
    X, posterior = items
    y = posterior.argmax(axis=1)
    clf = CrowdClassifier(
        hidden_layer_sizes=(8,), max_epochs=5, lr=1e-2, regularizer=None, random_state=0
    ).fit(X, y)
    net = train_on_posterior(
        CrowdClassifier(**clf.get_params()),
        PosteriorDataset(X, np.arange(N_ITEMS), np.eye(3)[y]),
        n_classes=3,
        max_epochs=5,
        seed=clf.net_.seed,
        device="cpu",
    )
    assert_allclose(
        np.exp(net.predict_log_posterior(X)), clf.predict_proba(X), rtol=1e-5
    )
    assert len(net.history) == 5


def test_probabilities_are_learned(items):
    X, _ = items
    # No feature tells anything, so the mean of the probabilities is all there is.
    posterior = np.tile([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]], (25, 1))
    net = train_on_posterior(
        CrowdClassifier(hidden_layer_sizes=(), lr=5e-2),
        PosteriorDataset(np.zeros_like(X), np.arange(N_ITEMS), posterior),
        n_classes=3,
        max_epochs=200,
        seed=0,
        device="cpu",
    )
    found = np.exp(net.predict_log_posterior(np.zeros_like(X)))
    assert_allclose(found, np.tile([0.4, 0.3, 0.3], (N_ITEMS, 1)), atol=0.01)

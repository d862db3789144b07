import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from skccem import CrowdClassifier, CrowdLabels
from skccem._fitting import (
    accepted_dtypes,
    burn_in_epochs,
    new_backbone,
    new_network,
    precision_of,
    start_log_confusion,
)
from skccem._learned_annotators import learned_annotators
from skccem._net_settings import new_net
from skccem._processes import Processes
from skccem._random_state import seeded
from skccem._start import start_confusion
from skccem._trained_items import new_datasets

N_ITEMS, N_FEATURES, N_CLASSES, N_ANNOTATORS = 24, 4, 3, 5


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(N_ITEMS, N_FEATURES)).astype("f4")


@pytest.fixture
def labels():
    """Item 0 has no labels, nor has annotator 2."""
    rng = np.random.default_rng(1)
    Y = rng.integers(N_CLASSES, size=(N_ITEMS, N_ANNOTATORS))
    Y[rng.random(Y.shape) < 0.4] = -1
    Y[:, 0] = rng.integers(N_CLASSES, size=N_ITEMS)
    Y[0], Y[:, 2] = -1, -1
    return CrowdLabels.from_matrix(Y, classes=range(N_CLASSES))


@pytest.fixture
def seen(labels):
    return labels.select_annotators(labels.annotators[[0, 1, 3, 4]])


def start(backbone, labels, init="identity", crowd=True):
    """The network before training."""
    estimator = CrowdClassifier(init=init)
    log_confusion = start_log_confusion(estimator, labels, None, crowd, False)
    return new_network(backbone, log_confusion, crowd)


def train(labels, X, **settings):
    """The net of an estimator's settings, trained, and its data set."""
    estimator = CrowdClassifier(
        **{"max_epochs": 3, "dropout": 0, "reg_strength": 0.01} | settings
    )
    with seeded(0, "cpu"):
        backbone = new_backbone(estimator, X, N_CLASSES)
    network = start(backbone, labels)
    net = new_net(estimator, network, X, 0, "cpu")
    train_set, *_ = new_datasets(estimator, X, labels, None, np.random.RandomState(0))
    net.train(train_set)
    return net, train_set


@pytest.mark.parametrize("sizes", [7, (7,), [7], np.array([7])])
def test_the_perceptron_is_built_from_sizes_in_the_precision_of_features(X, sizes):
    estimator = CrowdClassifier(hidden_layer_sizes=sizes)
    for dtype, form in [("f4", np.asarray), ("f8", sparse.csr_array)]:
        mlp = new_backbone(estimator, form(X.astype(dtype)), N_CLASSES)
        assert mlp[0].weight.shape == (7, N_FEATURES)
        assert precision_of(mlp) == {"f4": torch.float32, "f8": torch.float64}[dtype]


def test_a_module_is_tried_on_the_first_items(X):
    estimator = CrowdClassifier(module=nn.Linear(N_FEATURES, 2))
    with pytest.raises(ValueError, match=r"for a batch of shape \(2, 4\)"):
        new_backbone(estimator, X, N_CLASSES)


def test_a_factory_gets_the_number_of_features_of_the_estimator(X):
    estimator = CrowdClassifier(module=nn.Linear)
    estimator.n_features_in_ = N_FEATURES
    estimator.module = lambda n_features, n_classes: nn.Linear(n_features, n_classes)
    assert new_backbone(estimator, X, N_CLASSES).weight.shape == (3, N_FEATURES)


@pytest.mark.parametrize("init", ["identity", "majority_vote", "dawid_skene"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_new_network_starts_from_the_initial_matrices(seen, init, dtype):
    backbone = nn.Linear(N_FEATURES, N_CLASSES, dtype=dtype)
    network = start(backbone, seen, init)
    assert network.answer_logits.dtype == dtype
    assert network.answer_logits.requires_grad
    np.testing.assert_allclose(
        network.log_confusion().exp().detach().numpy(),
        start_confusion(seen, init),
        rtol=1e-5,
    )


def test_a_continued_fit_starts_from_what_was_learned(labels):
    estimator = CrowdClassifier()
    estimator._log_confusion = np.log(start_confusion(labels, "dawid_skene"))
    learned = start_log_confusion(estimator, labels, None, True, True)
    assert learned is estimator._log_confusion


@pytest.mark.parametrize(
    ("burn_in", "n_epochs"), [(0.0, 0), (0.4, 10), (0.99, 24), (0, 0), (1, 1), (24, 24)]
)
def test_burn_in_is_a_share_or_a_number_of_epochs(burn_in, n_epochs):
    estimator = CrowdClassifier(burn_in=burn_in, max_epochs=25)
    assert burn_in_epochs(estimator) == n_epochs


def test_a_burn_in_that_leaves_no_epoch_is_an_error():
    with pytest.raises(ValueError, match="burn_in=25 epochs leave none"):
        burn_in_epochs(CrowdClassifier(burn_in=25, max_epochs=25))


@pytest.mark.parametrize(
    ("settings", "n_epochs"),
    [
        ({"regularizer": None}, 0),
        ({"regularizer": "F", "reg_strength": 0.0}, 0),
        ({"regularizer": "F"}, 40),
        ({"regularizer": None, "likelihood": "joint"}, 40),
    ],
)
def test_there_is_no_burn_in_where_ccem_is_all_there_is(settings, n_epochs):
    estimator = CrowdClassifier(**{"likelihood": "marginal"} | settings)
    assert burn_in_epochs(estimator) == n_epochs


def test_one_annotator_of_an_ordinary_classifier_is_always_right(labels):
    y = CrowdLabels.from_matrix(np.arange(9).reshape(9, 1) % N_CLASSES)
    network = start(nn.Linear(4, 3), y, crowd=False)
    assert torch.equal(network.log_confusion().exp()[0], torch.eye(3))
    assert not network.answer_logits.requires_grad


def test_precision_is_double_where_a_parameter_is():
    single = nn.Linear(2, 2)
    assert precision_of(nn.Sequential(single, nn.Linear(2, 2).double())) == (
        torch.float64
    )
    assert precision_of(single) == precision_of(nn.ReLU()) == torch.float32


@pytest.mark.parametrize(
    ("module", "precision", "device", "preferred", "n"),
    [
        (None, None, "cpu", np.float64, 2),
        (None, None, "cuda", np.float32, 1),
        (None, "bf16", "cpu", np.float32, 1),
        (nn.Linear, None, "cpu", np.float32, 1),
    ],
)
def test_only_the_perceptron_on_a_cpu_takes_double_precision(
    module, precision, device, preferred, n
):
    clf = CrowdClassifier(module, precision=precision)
    dtypes = accepted_dtypes(clf, device)
    assert dtypes[0] == preferred
    assert len(dtypes) == n
    assert np.float32 in dtypes


@pytest.mark.parametrize("weighted", [False, True])
def test_annotators_have_the_learned_matrices_or_the_pooled_one(
    X, labels, seen, weighted
):
    weight = np.linspace(0.5, 2, N_ITEMS) if weighted else None
    net, _ = train(seen, X)
    active = labels.labels_per_annotator > 0
    log_posterior = net.predict_log_posterior(X)
    log_confusion, log_weight = learned_annotators(
        net, labels, log_posterior, weight, active, Processes()
    )
    assert log_weight is None
    B = np.exp(log_confusion)
    learned = net.module_.log_confusion().exp().detach().numpy()
    np.testing.assert_allclose(B[[0, 1, 3, 4]], learned, rtol=1e-5)
    np.testing.assert_allclose(B.sum(axis=2), 1, rtol=1e-12)

    # Bayes' rule and the pooled matrix of the idle annotator, written out.
    Y = np.asarray(labels)
    q = np.exp(net.predict_log_posterior(X).astype("f8"))
    for i, m in np.argwhere(Y >= 0):
        q[i] *= B[m, :, Y[i, m]]
    q /= q.sum(axis=1, keepdims=True)
    item_weight = np.ones(N_ITEMS) if weight is None else weight
    answers = np.einsum("i,ik,im->mk", item_weight, q, Y >= 0)
    pooled = np.einsum("mk,mkl->kl", answers, B) / answers.sum(axis=0)[:, None]
    np.testing.assert_allclose(B[2], pooled, rtol=1e-5)

import numpy as np
import pytest
import torch

from skccem import CrowdClassifier, CrowdLabels
from skccem._batches import CrowdDataset
from skccem._fitting import (
    new_backbone,
    new_network,
    start_log_confusion,
)
from skccem._net_settings import (
    check_net_params,
    check_settings,
    choose_device,
    new_net,
)
from skccem._random_state import seeded
from skccem._start import start_confusion


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(24, 4)).astype("f4")


@pytest.fixture
def labels():
    """Three classes; annotator 2 gave no labels."""
    rng = np.random.default_rng(1)
    Y = rng.integers(3, size=(24, 5))
    Y[rng.random(Y.shape) < 0.4] = -1
    Y[:, 0] = rng.integers(3, size=24)
    Y[:, 2] = -1
    return CrowdLabels.from_matrix(Y, classes=range(3))


@pytest.fixture
def seen(labels):
    return labels.select_annotators([0, 1, 3, 4])


def start(backbone, labels):
    """The network before training."""
    log_confusion = start_log_confusion(CrowdClassifier(), labels, None, True, False)
    return new_network(backbone, log_confusion, True)


def train(labels, X, **settings):
    """The net of an estimator's settings, trained, and its data set."""
    estimator = CrowdClassifier(
        **{"max_epochs": 3, "dropout": 0, "reg_strength": 0.01} | settings
    )
    with seeded(0, "cpu"):
        network = start(new_backbone(estimator, X, 3), labels)
    net = new_net(estimator, network, X, 0, "cpu")
    train_set = CrowdDataset(X, labels, annotator_share=np.ones(labels.n_annotators))
    net.train(train_set)
    return net, train_set


def test_net_params_must_not_set_what_the_estimator_sets():
    assert check_net_params(None) == {}
    free = {"optimizer__betas": 0, "iterator_train__num_workers": 2}
    assert check_net_params(free) == free
    with pytest.raises(ValueError, match=r"\['lr', 'seed'\].*estimator sets these"):
        check_net_params({"seed": 0, "lr": 1, "optimizer__betas": 0})


@pytest.mark.parametrize(
    "name",
    [
        "criterion__reg_strength",
        "module__backbone",
        "optimizer__param_groups",
        "optimizer__weight_decay",
        "iterator_train__batch_size",
        "iterator_valid__shuffle",
        "iterator_train__dataset",
        "optimizer__params",
        "callbacks__early_stopping",
        "callbacks__early_stopping__patience",
        "callbacks__progress",
        "callbacks__print_log__floatfmt",
        "train_split",
        "dataset",
    ],
)
def test_net_params_must_not_undo_the_coupling(name):
    with pytest.raises(ValueError, match=name):
        check_net_params({name: None})


def test_net_params_are_named_by_text_and_may_set_callbacks_of_the_users():
    with pytest.raises(ValueError, match=r"names of arguments.*it has \[3\]"):
        check_net_params({3: 1, "optimizer__betas": 0})
    assert check_net_params({"callbacks__mine__patience": 3})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_layer_sizes": (-3,)}, r"positive integers.*\(-3,\)"),
        ({"hidden_layer_sizes": ("a",)}, "positive integers"),
        ({"hidden_layer_sizes": (2.5,)}, "positive integers"),
        ({"hidden_layer_sizes": [[8]]}, "positive integers"),
        ({"hidden_layer_sizes": (8, 0)}, "positive integers"),
        ({"hidden_layer_sizes": (True,)}, "positive integers"),
        ({"optimizer": torch.optim.LBFGS}, "LBFGS has one learning rate"),
        ({"optimizer": torch.optim.Rprop, "weight_decay": 0.1}, "no weight_decay"),
        ({"callbacks": [3]}, "list of skorch callbacks"),
        ({"net_params": {"lr": 1}}, "must not hold"),
    ],
)
def test_settings_that_cannot_be_are_an_error(params, message):
    with pytest.raises(ValueError, match=message):
        check_settings(CrowdClassifier(**params))


@pytest.mark.parametrize("sizes", [(), 3, [3], np.array([3, 4]), np.int64(3)])
def test_widths_are_positive_integers(sizes):
    assert check_settings(CrowdClassifier(hidden_layer_sizes=sizes)) is None


def test_an_optimizer_without_weight_decay_trains(X, seen):
    net, _ = train(seen, X, optimizer=torch.optim.Rprop, batch_size=None)
    assert isinstance(net.optimizer_, torch.optim.Rprop)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.RMSprop])
def test_answer_logits_have_their_own_rate_and_no_weight_decay(X, seen, optimizer):
    net, _ = train(
        seen, X, optimizer=optimizer, lr=0.01, confusion_lr=0.2, weight_decay=0.3
    )
    groups = {
        group["lr"]: (group["weight_decay"], [id(p) for p in group["params"]])
        for group in net.optimizer_.param_groups
    }
    assert groups == {
        0.01: (0.3, [id(p) for p in net.module_.backbone.parameters()]),
        0.2: (0.0, [id(net.module_.answer_logits)]),
    }


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_weight_decay_leaves_the_logits_of_an_untouched_annotator(X, labels, optimizer):
    # Annotator 2 gave no labels, and the first feature says nothing.
    X[:, 0] = 0
    settings = {"optimizer": optimizer, "lr": 0.1, "hidden_layer_sizes": ()}
    plain, decayed = (
        train(labels, X, weight_decay=decay, **settings)[0].module_
        for decay in (0.0, 0.5)
    )
    before = start(plain.backbone, labels)
    for module in (plain, decayed):
        logits = module.answer_logits
        assert torch.equal(logits[2], before.answer_logits[2])
        assert not torch.equal(logits[0], before.answer_logits[0])
    unused = [abs(module.backbone[0].weight[:, 0]).sum() for module in (plain, decayed)]
    assert unused[1] < unused[0]


def test_a_confusion_rate_of_zero_keeps_the_start(X, seen):
    net, _ = train(seen, X, confusion_lr=0.0)
    np.testing.assert_allclose(
        net.module_.log_confusion().exp().detach().numpy(),
        start_confusion(seen, "identity"),
        rtol=1e-5,
    )


def test_no_batch_size_is_one_batch(X, seen):
    net, train_set = train(seen, X, batch_size=None)
    assert len(net.get_iterator(train_set, training=True)) == 1
    assert len(net.get_iterator(train_set)) == 1


def test_batches_are_larger_at_prediction_of_the_perceptron(X, seen):
    net, train_set = train(seen, X, batch_size=5)
    assert len(net.get_iterator(train_set, training=True)) == 5
    assert len(net.get_iterator(train_set)) == 1


def test_net_params_reach_the_net(X, seen):
    net, _ = train(seen, X, net_params={"optimizer__betas": (0.5, 0.6)})
    assert {group["betas"] for group in net.optimizer_.param_groups} == {(0.5, 0.6)}


@pytest.mark.parametrize(
    ("betas", "by_rows"),
    [((0.9, 0.999), True), ((0.9, 0.8), False), ((0.0, 0.0), False)],
)
def test_matrices_are_updated_whole_where_missed_steps_are_not_known(
    X, seen, betas, by_rows
):
    net, _ = train(seen, X, net_params={"optimizer__betas": betas})
    assert net.by_rows == by_rows


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), "cpu:0"])
def test_a_device_is_named_as_given(device):
    assert choose_device(device) == str(device)


@pytest.mark.parametrize("device", ["cuda:99", "xla", "no such"])
def test_a_device_that_is_not_there_is_an_error(device):
    with pytest.raises(ValueError, match=rf"device='{device}' cannot.*'auto'"):
        choose_device(device)


@pytest.mark.parametrize(("available", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_cuda_where_there_is_one(monkeypatch, available, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert choose_device("auto") == expected


@pytest.mark.parametrize("name", ["lr", "confusion_lr"])
def test_a_rate_that_float32_does_not_hold_is_refused(name):
    clf = CrowdClassifier(optimizer="sgd", **{name: 1e300})
    X = np.array([[0], [1]], dtype=np.float32)
    with pytest.raises(ValueError, match=rf"Expected {name} to be .* got 1e\+300"):
        clf.fit(X, [[0, 1], [1, 1]])

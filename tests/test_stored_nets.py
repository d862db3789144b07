"""Trained nets as data: what a file must have, and what is made of it."""

import pytest
import torch

from skccem import CrowdClassifier
from skccem._stored_nets import (
    StoredNet,
    check_stored_net,
    net_from_data,
    net_to_data,
)


@pytest.fixture(scope="module")
def fitted(crowd):
    X, labels, _ = crowd
    clf = CrowdClassifier(hidden_layer_sizes=(8,), max_epochs=2, n_init=2)
    return clf.fit(X, labels)


@pytest.mark.parametrize("number", [0, 1])
def test_a_net_is_made_again_from_its_data(crowd, fitted, number, assert_same):
    X, _, _ = crowd
    net = fitted.nets_[number]
    data = net_to_data(net)
    again = net_from_data(fitted, StoredNet(**data), "cpu", "path", coupled=number == 0)
    assert_same(net_to_data(again), data)
    assert_same(again.predict_log_posterior(X), net.predict_log_posterior(X))
    assert type(again.criterion_) is type(net.criterion_)
    assert not again.module_.training


def test_the_data_are_of_the_module_alone_where_nothing_goes_on(fitted):
    data = net_to_data(fitted.nets_[1])
    assert not any(data["remembered"].values())
    assert data["state"]["answer_logits"].shape == (0, 3, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "0"},
        {"seed": True},
        {"settings": {"optimizer": "sgd"}},
        {"history": [1]},
        {"state": {}},
        {"state": {"answer_logits": torch.zeros(6, 3, 2)}},
        {"state": {"answer_logits": torch.zeros(5, 3, 3)}},
        {"state": {"answer_logits": torch.zeros((6, 3, 3), dtype=torch.int64)}},
        {"frozen": "answer_logits"},
        {"optimizer": None},
        {"remembered": {"answer_logits": [1]}},
    ],
    ids=str,
)
def test_data_of_no_net_are_refused(fitted, changes):
    stored = StoredNet(**net_to_data(fitted.net_))
    check_stored_net(stored, (6, 3, 3))
    with pytest.raises(ValueError, match="network"):
        check_stored_net(stored._replace(**changes), (6, 3, 3))


@pytest.mark.parametrize(
    ("remembered", "message"),
    [
        ({"other": {"step": 1}}, "no parameter other"),
        ({"answer_logits": {"exp_avg": torch.zeros(2)}}, "exp_avg of answer_logits"),
    ],
)
def test_what_no_optimiser_can_have_remembered_is_refused(fitted, remembered, message):
    stored = StoredNet(**net_to_data(fitted.net_))._replace(remembered=remembered)
    with pytest.raises(ValueError, match=message):
        net_from_data(fitted, stored, "cpu", "path", coupled=True)


class Compiled(torch.nn.Module):
    """What ``torch.compile`` wraps a module in, which takes seconds to import."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


def test_a_net_that_was_compiled_is_the_same_data(fitted, assert_same):
    net = fitted.nets_[0]
    plain, data = net.module_, net_to_data(net)
    try:
        net.module_ = Compiled(plain)
        assert_same(net_to_data(net), data)
    finally:
        net.module_ = plain


def test_the_path_is_named_in_errors_of_weights(fitted):
    stored = StoredNet(**net_to_data(fitted.net_))
    state = dict(stored.state)
    state["backbone.0.bias"] = torch.zeros(9, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"module in some/path.*backbone\.0\.bias"):
        net_from_data(
            fitted, stored._replace(state=state), "cpu", "some/path", coupled=True
        )

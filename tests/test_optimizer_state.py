"""What an optimiser remembers, taken over by the one of another network."""

import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skccem import CrowdClassifier
from skccem._optimizer_state import take_over

SMALL = {"hidden_layer_sizes": (4,), "n_init": 1, "max_epochs": 3, "random_state": 0}


def trained(crowd, **params):
    X, labels, _ = crowd
    return CrowdClassifier(**{**SMALL, **params}).fit(X, labels).net_


def state_of(net, name):
    return net.optimizer_.state[dict(net.module_.named_parameters())[name]]


def test_moments_go_with_their_matrices_and_new_ones_have_the_mean(crowd):
    old, new = trained(crowd), trained(crowd, max_epochs=1).initialize()
    rows, at_rest = np.array([3, -1, 0, 1, -1, 5]), np.zeros(6, dtype=bool)
    at_rest[[1, 2, 4]] = True
    take_over(old, new, rows, at_rest)
    before, after = (state_of(net, "answer_logits") for net in (old, new))
    assert int(after["step"]) == int(before["step"]) > 3
    for name in ("exp_avg", "exp_avg_sq"):
        assert_array_equal(after[name][[0, 3, 5]], before[name][[3, 1, 5]])
    assert not after["exp_avg"][at_rest].any()
    mean = before["exp_avg_sq"].mean(dim=0)
    assert_allclose(after["exp_avg_sq"][1], mean, rtol=1e-6)
    assert_array_equal(after["exp_avg_sq"][2], before["exp_avg_sq"][0])
    weights = [state_of(net, "backbone.0.weight")["exp_avg"] for net in (old, new)]
    assert_array_equal(*weights)
    # A copy: the old net is as it was.
    weights[1].zero_()
    assert weights[0].any()


def test_another_optimizer_begins_anew(crowd):
    old = trained(crowd)
    new = trained(crowd, optimizer=torch.optim.RMSprop).initialize()
    take_over(old, new, np.arange(6), np.zeros(6, dtype=bool))
    assert not new.optimizer_.state

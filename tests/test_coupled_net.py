"""The net that is trained on labels, from what is known at its start."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skccem import CrowdClassifier
from skccem._coupled_net import coupled_net

SMALL = {"hidden_layer_sizes": (4,), "n_init": 1, "max_epochs": 2, "random_state": 0}
START = np.log(np.random.default_rng(0).dirichlet(np.ones(3), size=(6, 3)))


@pytest.mark.parametrize("crowd_labels", [True, False])
def test_matrices_start_where_they_are_told_and_are_learned_from_crowds(crowd_labels):
    X = np.ones((5, 2), dtype=np.float32)
    clf = CrowdClassifier(**SMALL)
    net = coupled_net(clf, X, START, crowd_labels, False, 0, "cpu", [])
    network = net.initialize().module_
    assert_allclose(network.log_confusion().numpy(), START, rtol=1e-5)
    assert network.answer_logits.requires_grad is crowd_labels
    assert network.outlier_logits is None


def test_the_backbone_and_the_outliers_go_on_from_a_fit(crowd):
    X, labels, _ = crowd
    clf = CrowdClassifier(outlier_share="auto", burn_in=0, **SMALL).fit(X, labels)
    clf._log_weight = np.log([0.5, 0.3, 0.2])
    for continued in (True, False):
        net = coupled_net(clf, X, START, True, continued, 0, "cpu", []).initialize()
        old, new = (
            one.module_.backbone.state_dict()["0.weight"] for one in (clf.net_, net)
        )
        assert torch.equal(old, new) is continued
        weight = net.module_.log_weight().detach().exp().numpy()
        assert np.allclose(weight, [0.5, 0.3, 0.2]) is continued

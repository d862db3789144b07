import pytest
import torch
from torch import nn

from skccem._network import (
    CrowdNetwork,
    call_backbone,
    check_backbone,
    make_backbone,
    make_mlp,
)

N_FEATURES, N_CLASSES, N_ANNOTATORS = 4, 3, 5


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(N_FEATURES, N_CLASSES)

    def forward(self, left, right):
        return self.linear(left - right)


class OneHot(nn.Module):
    def forward(self, batch):
        return nn.functional.one_hot(batch, 3)


class Fails(nn.Module):
    def forward(self, X):
        raise RuntimeError("out of ideas")


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N_ANNOTATORS, N_CLASSES, N_CLASSES, generator=generator)


@pytest.fixture
def network(logits):
    return CrowdNetwork(nn.Linear(N_FEATURES, N_CLASSES), logits)


@pytest.fixture
def batch():
    return torch.randn(7, N_FEATURES, generator=torch.Generator().manual_seed(1))


def test_posteriors_and_confusion_rows_sum_to_one(network, batch):
    log_posterior, _ = network(batch)
    torch.testing.assert_close(log_posterior.exp().sum(1), torch.ones(7))
    torch.testing.assert_close(
        network.log_confusion().exp().sum(2), torch.ones(N_ANNOTATORS, N_CLASSES)
    )
    assert (network.n_annotators, network.n_classes) == (N_ANNOTATORS, N_CLASSES)


def test_matrices_start_where_the_logits_are_log_probabilities(logits, batch):
    start = torch.softmax(logits, dim=2)
    network = CrowdNetwork(nn.Linear(N_FEATURES, N_CLASSES), start.log())
    torch.testing.assert_close(network(batch)[1].exp(), start.transpose(1, 2))
    torch.testing.assert_close(network.log_confusion().exp(), start)


def test_only_the_named_annotators_are_returned(network, batch):
    annotators = torch.tensor([3, 0, 3])
    _, everyone = network(batch)
    _, some = network(batch, annotators)
    assert torch.equal(some, everyone[annotators])


def test_a_dict_is_passed_as_keyword_arguments(logits, batch):
    network = CrowdNetwork(TwoInputs(), logits)
    inputs = {"right": batch, "left": 2 * batch}
    expected = torch.log_softmax(network.backbone.linear(batch), dim=1)
    torch.testing.assert_close(network(inputs)[0], expected)
    assert torch.equal(
        call_backbone(network.backbone, inputs), network.backbone(2 * batch, batch)
    )


@pytest.mark.parametrize("learn", [True, False])
def test_answer_logits_are_learned_only_if_asked_for(logits, batch, learn):
    network = CrowdNetwork(nn.Linear(N_FEATURES, N_CLASSES), logits, learn)
    sum(part.sum() for part in network(batch)).backward()
    assert (network.answer_logits.grad is not None) == learn


@pytest.mark.parametrize("learn", [True, False])
def test_kinds_of_items_start_where_they_are_and_are_learned_only_if_asked_for(
    logits, batch, learn
):
    log_weight = torch.tensor([0.7, 0.2, 0.1]).log()
    network = CrowdNetwork(
        nn.Linear(N_FEATURES, N_CLASSES), logits, True, log_weight, learn
    )
    output = network(batch)
    torch.testing.assert_close(output[2], log_weight)
    sum(part.sum() for part in output).backward()
    assert (network.outlier_logits.grad is not None) == learn


def test_log_posterior_is_wide_under_autocast(network, batch):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_posterior, log_confusion = network(batch)
    assert log_posterior.dtype == log_confusion.dtype == torch.float32
    torch.testing.assert_close(log_posterior.exp().sum(1), torch.ones(7))


def test_mlp_has_relu_and_dropout_after_every_hidden_layer():
    kinds = [type(layer) for layer in make_mlp(4, 3, (8, 6), 0.5)]
    hidden = [nn.Linear, nn.ReLU, nn.Dropout]
    assert kinds == [*hidden, *hidden, nn.Linear]


def test_mlp_without_hidden_layers_is_linear():
    (layer,) = make_mlp(4, 3, (), 0.5)
    assert layer.weight.shape == (3, 4)


def test_mlp_without_dropout_is_deterministic_in_training(batch):
    mlp = make_mlp(N_FEATURES, N_CLASSES, [8], 0).train()
    assert torch.equal(mlp(batch), mlp(batch))


def test_an_instance_is_copied_and_stays_as_it_was(batch):
    module = nn.Linear(N_FEATURES, N_CLASSES)
    before = module.weight.clone()
    backbone = make_backbone(module, {}, N_FEATURES, N_CLASSES)
    assert torch.equal(backbone(batch), module(batch))
    with torch.no_grad():
        backbone.weight.zero_()
    assert torch.equal(module.weight, before)


def test_a_class_is_called_with_module_params_alone():
    params = {"in_features": 9, "out_features": 2, "bias": False}
    backbone = make_backbone(nn.Linear, params, N_FEATURES, N_CLASSES)
    assert backbone.weight.shape == (2, 9)
    assert backbone.bias is None


def test_a_factory_is_called_with_sizes_and_module_params():
    def factory(n_features, n_classes, width=1):
        return make_mlp(n_features, n_classes, [width], 0)

    backbone = make_backbone(factory, {"width": 11}, N_FEATURES, N_CLASSES)
    shapes = [tuple(parameter.shape) for parameter in backbone.parameters()]
    assert shapes == [(11, N_FEATURES), (11,), (N_CLASSES, 11), (N_CLASSES,)]


def test_module_params_for_an_instance_are_an_error():
    with pytest.raises(ValueError, match=r"already built.*\['bias'\]"):
        make_backbone(nn.Linear(4, 3), {"bias": False}, 4, 3)


def test_a_factory_that_returns_no_module_is_an_error():
    with pytest.raises(TypeError, match=r"must return a torch.nn.Module.*int"):
        make_backbone(lambda n_features, n_classes: n_classes, {}, 4, 3)


@pytest.mark.parametrize("training", [True, False])
def test_checking_a_backbone_leaves_it_as_it_was(batch, training):
    backbone = nn.Sequential(
        nn.BatchNorm1d(N_FEATURES), nn.Linear(N_FEATURES, N_CLASSES)
    )
    backbone.train(training)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    check_backbone(backbone, batch, N_CLASSES)
    assert backbone.training == training
    after = backbone.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_checking_a_backbone_of_several_inputs_passes(batch):
    check_backbone(TwoInputs(), {"left": batch, "right": batch}, N_CLASSES)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Linear(4, 2), r"returned \(7, 2\): give its last layer 3 outputs"),
        (nn.Sequential(nn.Linear(4, 3), nn.Flatten(0)), r"returned \(21,\)"),
        (nn.Linear(9, 3), r"failed on a batch of shape \(7, 4\).*logits of shape"),
        (Fails(), r"failed on a batch.*out of ideas"),
        (nn.LSTM(4, 3), "one float tensor of logits.*returned tuple"),
        (TwoInputs(), "failed on a batch.*right"),
    ],
    ids=["width", "axes", "input", "raises", "tuple", "inputs"],
)
def test_an_unfit_backbone_is_an_error_that_says_why(module, message, batch):
    with pytest.raises(ValueError, match=message):
        check_backbone(module, batch, N_CLASSES)


def test_a_backbone_that_returns_classes_is_an_error(batch):
    class Classes(nn.Module):
        def forward(self, X):
            return X.argmax(dim=1)

    with pytest.raises(ValueError, match=r"float tensor of logits.*torch.int64"):
        check_backbone(Classes(), batch, N_CLASSES)


def test_a_failing_backbone_gets_its_mode_back(batch):
    module = Fails().train()
    with pytest.raises(ValueError, match="failed"):
        check_backbone(module, {"X": batch}, N_CLASSES)
    assert module.training


@pytest.mark.parametrize(
    "module",
    [nn.Sequential(nn.Embedding(9, 3), nn.Flatten()), OneHot()],
    ids=["embedding", "one_hot"],
)
def test_an_array_of_ids_is_an_error_that_says_how_integers_stay(module):
    with pytest.raises(ValueError, match=r"float32: give ids as a dict"):
        check_backbone(module, torch.ones(2, 1), 3)

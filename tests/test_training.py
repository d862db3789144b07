import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skccem import CrowdLabels
from skccem import _probability as dense
from skccem._batches import CrowdDataset, EvenBatches
from skccem._crowd_loss import LIKELIHOODS, REGULARIZERS, CrowdLoss
from skccem._network import CrowdNetwork, make_mlp
from skccem._training import CrowdNet
from skccem.exceptions import NonFiniteLossError
from skccem.simulation import make_confusion_matrices, make_crowd_labels

N_ITEMS, N_FEATURES, N_CLASSES, N_ANNOTATORS = 31, 4, 3, 6
COMBINATIONS = [
    (likelihood, regularizer)
    for likelihood in LIKELIHOODS
    for regularizer in (None, *REGULARIZERS)
]


class SqrtOfZero(nn.Module):
    """Finite values whose gradient is not: the derivative of sqrt(0) is infinite."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(N_CLASSES))

    def forward(self, X):
        return torch.sqrt(self.weight * 0).expand(len(X), -1)


class RaiseAt(Callback):
    """Raises KeyboardInterrupt at one method of a callback."""

    def __init__(self, method):
        self.method = method
        setattr(self, method, self._interrupt)

    def _interrupt(self, net, **kwargs):
        raise KeyboardInterrupt


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(N_ITEMS, N_FEATURES)).astype("f4")


@pytest.fixture
def labels():
    """Between 1 and 6 labels an item."""
    rng = np.random.default_rng(1)
    Y = rng.integers(N_CLASSES, size=(N_ITEMS, N_ANNOTATORS))
    Y[rng.random(Y.shape) < np.linspace(0, 1, N_ITEMS)[:, None]] = -1
    Y[:, 0] = rng.integers(N_CLASSES, size=N_ITEMS)
    return CrowdLabels.from_matrix(Y, classes=range(N_CLASSES))


def make_network(dtype=torch.float32, backbone=None):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(N_ANNOTATORS, N_CLASSES, N_CLASSES, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = backbone or make_mlp(N_FEATURES, N_CLASSES, (8,), 0)
    return CrowdNetwork(backbone, logits).to(dtype)


def make_net(network=None, **settings):
    settings = {"lr": 0.1, "max_epochs": 1, "batch_size": 8, "seed": 0} | settings
    return CrowdNet(network or make_network(), verbose=0, **settings)


def loss_and_gradients(network, criterion, dataset, rows):
    inputs, target = dataset.__getitems__(rows)
    loss, *_ = criterion(network(**inputs), target)
    return loss, torch.autograd.grad(loss, list(network.parameters()))


def by_hand(net, X, labels):
    """Log-posteriors and log-confusions of the net's present state, as arrays."""
    log_confusion = net.module_.log_confusion().detach().numpy()
    return net.predict_log_posterior(X).astype("f8"), log_confusion.astype("f8")


@pytest.mark.parametrize("rows", [[4, 2, 4], list(range(N_ITEMS)), [30]])
@pytest.mark.parametrize("gather", [False, True])
def test_a_batch_holds_the_labels_of_its_items(X, labels, rows, gather):
    weight = np.linspace(0, 1, N_ITEMS, dtype="f4")
    share = np.linspace(0.2, 0.9, N_ANNOTATORS) if gather else None
    dataset = CrowdDataset(X, labels, weight, annotator_share=share)
    inputs, target = dataset.__getitems__(rows)
    annotators = inputs.get("annotators", torch.arange(N_ANNOTATORS)).numpy()
    rebuilt = np.full((len(rows), N_ANNOTATORS), -1)
    rebuilt[target["item"], annotators[target["annotator"]]] = target["label"]
    np.testing.assert_array_equal(rebuilt, np.asarray(labels[rows]))
    np.testing.assert_array_equal(inputs["X"], X[rows])
    np.testing.assert_array_equal(target["weight"], weight[rows])


def test_a_part_of_a_data_set_equals_the_data_set_of_the_part(X, labels):
    items = np.array([3, 5, 8, 9])
    part = CrowdDataset(X, labels, items=items).__getitems__([2, 0])
    other = CrowdDataset(X[items], labels[items]).__getitems__([2, 0])
    for one, two in zip(part, other, strict=True):
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_batch_without_labels_has_only_inputs(X):
    inputs, target = CrowdDataset(X).__getitems__([1])
    assert list(inputs) == ["X"]
    assert target == {}


@pytest.mark.parametrize("n", [1, 7, 99, 100, 101, 1000])
@pytest.mark.parametrize("batch_size", [1, 8, 100])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_of_even_size_and_cover_all_items_once(n, batch_size, shuffle):
    sampler = EvenBatches(n, batch_size, np.random.default_rng(0) if shuffle else None)
    batches = list(sampler)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= batch_size
    assert len(batches) == len(sampler) == -(-n // batch_size)
    order = np.concatenate(batches)
    np.testing.assert_array_equal(np.sort(order) if shuffle else order, np.arange(n))


def test_each_pass_shuffles_anew():
    sampler = EvenBatches(50, 50, np.random.default_rng(0))
    assert not np.array_equal(next(iter(sampler)), next(iter(sampler)))


@pytest.mark.parametrize(("likelihood", "regularizer"), COMBINATIONS)
def test_sample_weights_equal_repeated_items_in_the_loss(
    X, labels, likelihood, regularizer
):
    times = np.random.default_rng(2).integers(1, 4, size=N_ITEMS)
    network = make_network(torch.float64)
    criterion = CrowdLoss(likelihood, regularizer, 0.1)
    X = X.astype("f8")
    weighted = CrowdDataset(X, labels, times.astype("f8"))
    repeated = CrowdDataset(X, labels, items=np.repeat(np.arange(N_ITEMS), times))
    loss, grads = loss_and_gradients(network, criterion, weighted, range(N_ITEMS))
    other, wanted = loss_and_gradients(network, criterion, repeated, range(times.sum()))
    torch.testing.assert_close(loss, other)
    torch.testing.assert_close(grads, wanted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("regularizer", [None, "F"])
@pytest.mark.parametrize("weighted", [False, True])
def test_gathering_annotators_changes_neither_loss_nor_gradients(
    X, labels, likelihood, regularizer, weighted
):
    network = make_network(torch.float64)
    criterion = CrowdLoss(likelihood, regularizer, 0.1)
    weight = np.linspace(0.1, 1, N_ITEMS) if weighted else None
    rows = [28, 29, 30]
    results = []
    for gather in (False, True):
        share = np.full(N_ANNOTATORS, 0.5) if gather else None
        dataset = CrowdDataset(X.astype("f8"), labels, weight, annotator_share=share)
        assert ("annotators" in dataset.__getitems__(rows)[0]) == gather
        results.append(loss_and_gradients(network, criterion, dataset, rows))
    torch.testing.assert_close(results[0], results[1])


def test_sample_weights_equal_repeated_items_in_the_loss_with_outliers(X, labels):
    times = np.random.default_rng(2).integers(1, 4, size=N_ITEMS)
    network = make_network(torch.float64)
    network.outlier_logits = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    criterion = CrowdLoss("joint", "F", 0.1)
    X = X.astype("f8")
    weighted = CrowdDataset(X, labels, times.astype("f8"))
    repeated = CrowdDataset(X, labels, items=np.repeat(np.arange(N_ITEMS), times))
    loss, grads = loss_and_gradients(network, criterion, weighted, range(N_ITEMS))
    other, wanted = loss_and_gradients(network, criterion, repeated, range(times.sum()))
    torch.testing.assert_close(loss, other)
    torch.testing.assert_close(grads, wanted)


def test_evaluation_and_burn_in_know_no_outliers(X, labels):
    network = make_network()
    inputs, target = CrowdDataset(X, labels).__getitems__(range(N_ITEMS))
    wanted = CrowdLoss("marginal")(network(**inputs), target)
    network.outlier_logits = nn.Parameter(torch.zeros(3))
    criterion = CrowdLoss("joint")
    assert criterion(network(**inputs), target)[0] != wanted[0]
    criterion.burn_in = True
    torch.testing.assert_close(criterion(network(**inputs), target), wanted)
    criterion.burn_in = False
    torch.testing.assert_close(criterion.eval()(network(**inputs), target), wanted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_loss_is_the_negative_mean_per_label(X, labels, likelihood):
    network = make_network()
    inputs, target = CrowdDataset(X, labels).__getitems__(range(N_ITEMS))
    loss, log_likelihood, n_labels = CrowdLoss(likelihood)(network(**inputs), target)
    assert n_labels == labels.n_labels
    torch.testing.assert_close(loss, -log_likelihood / labels.n_labels)


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        ("F", lambda f, B: -np.linalg.slogdet(f.T @ f / len(f) + 1e-6 * np.eye(3))[1]),
        (
            "W",
            lambda f, B: (
                -np.linalg.slogdet(
                    np.mean([b @ b.T for b in B], axis=0) + 1e-6 * np.eye(3)
                )[1]
            ),
        ),
        ("trace", lambda f, B: np.mean([np.trace(b) for b in B])),
    ],
)
def test_the_penalty_is_added_with_its_strength(X, labels, regularizer, expected):
    network = make_network(torch.float64)
    inputs, target = CrowdDataset(X.astype("f8"), labels).__getitems__(range(N_ITEMS))
    output = network(**inputs)
    plain = CrowdLoss("joint")(output, target)[0]
    penalised = CrowdLoss("joint", regularizer, 0.3)(output, target)[0]
    f = output[0].detach().exp().numpy()
    B = network.log_confusion().exp().numpy()
    assert (penalised - plain).item() == pytest.approx(0.3 * expected(f, B), rel=1e-9)


@pytest.mark.parametrize(("likelihood", "regularizer"), COMBINATIONS)
def test_evaluation_is_the_unpenalised_marginal_likelihood(
    X, labels, likelihood, regularizer
):
    inputs, target = CrowdDataset(X, labels).__getitems__(range(N_ITEMS))
    output = make_network()(**inputs)
    wanted = CrowdLoss("marginal")(output, target)
    got = CrowdLoss(likelihood, regularizer, 5.0).eval()(output, target)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("likelihood", ["marginal", "joint"])
def test_history_holds_means_over_labels_whatever_the_batches(
    X, labels, likelihood, dtype, weighted
):
    weight = np.linspace(0.5, 3, N_ITEMS).astype(dtype)
    X = X.astype(dtype)
    dataset = CrowdDataset(X, labels, weight if weighted else None)
    net = make_net(
        make_network(torch.float32 if dtype == "f4" else torch.float64),
        lr=0.0,
        criterion__likelihood=likelihood,
        criterion__regularizer="trace",
        criterion__reg_strength=0.3,
    )
    net.train(dataset, dataset)
    log_f, log_B = by_hand(net, X, labels)
    weight = weight if weighted else np.ones(N_ITEMS)
    n_labels = weight @ labels.labels_per_item
    marginal = dense.marginal_log_likelihood(labels, log_f, log_B)
    marginal = marginal @ weight[labels.row_indices()] / n_labels
    joint = weight @ dense.joint_log_likelihood(labels, log_f, log_B) / n_labels
    trained = marginal if likelihood == "marginal" else joint
    trace = np.mean([np.trace(matrix) for matrix in np.exp(log_B)])
    (epoch,) = net.history
    assert epoch["train_log_likelihood"] == pytest.approx(trained, rel=1e-5)
    assert epoch["train_loss"] == pytest.approx(-trained + 0.3 * trace, rel=1e-5)
    assert epoch["valid_log_likelihood"] == pytest.approx(marginal, rel=1e-5)
    assert epoch["valid_loss"] == pytest.approx(-marginal, rel=1e-5)


def test_without_held_out_items_nothing_is_recorded_about_them(X, labels):
    net = make_net()
    net.train(CrowdDataset(X, labels))
    assert not [key for key in net.history[0] if key.startswith("valid")]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_step_of_gradient_descent_goes_down_the_gradient(X, labels, likelihood):
    network, dataset = make_network(), CrowdDataset(X, labels)
    criterion = CrowdLoss(likelihood, "F", 0.01)
    _, grads = loss_and_gradients(network, criterion, dataset, range(N_ITEMS))
    wanted = [p - 0.1 * g for p, g in zip(network.parameters(), grads, strict=True)]
    net = make_net(
        network,
        batch_size=-1,
        criterion__likelihood=likelihood,
        criterion__regularizer="F",
        criterion__reg_strength=0.01,
    )
    net.train(dataset)
    torch.testing.assert_close([p.detach() for p in network.parameters()], wanted)


@pytest.mark.parametrize("regularizer", [None, *REGULARIZERS])
def test_a_loss_that_is_not_finite_stops_training(X, labels, regularizer):
    net = make_net(
        lr=1e30,
        max_epochs=5,
        criterion__regularizer=regularizer,
        criterion__reg_strength=0.25,
    )
    with pytest.raises(
        NonFiniteLossError,
        match=r"epoch \d.*loss became.*Lower lr or confusion_lr \(now 1e\+30\) or "
        r"reg_strength \(now 0\.?\d*\)",
    ):
        net.train(CrowdDataset(X, labels))


def test_a_gradient_that_is_not_finite_at_the_last_step_is_caught(X, labels):
    net = make_net(make_network(backbone=SqrtOfZero()), batch_size=-1)
    with pytest.raises(NonFiniteLossError, match=r"backbone\.weight is not finite"):
        net.train(CrowdDataset(X, labels))
    assert np.isfinite(net.history[-1]["train_loss"])


def test_matrices_that_are_not_learned_may_hold_minus_infinity(X):
    y = np.random.default_rng(0).integers(N_CLASSES, size=(N_ITEMS, 1))
    labels = CrowdLabels.from_matrix(y)
    network = CrowdNetwork(
        nn.Linear(N_FEATURES, N_CLASSES), torch.eye(N_CLASSES).log()[None], False
    )
    net = make_net(network)
    net.train(CrowdDataset(X, labels))
    assert torch.equal(network.answer_logits, torch.eye(N_CLASSES).log()[None])


@pytest.mark.parametrize(
    "method", ["on_batch_begin", "on_batch_end", "on_grad_computed", "on_epoch_begin"]
)
def test_ctrl_c_while_training_reaches_the_caller(X, labels, method):
    net = make_net(callbacks=[RaiseAt(method)], max_epochs=3)
    with pytest.raises(KeyboardInterrupt):
        net.train(CrowdDataset(X, labels))


def test_ctrl_c_in_the_module_reaches_the_caller(X, labels):
    class Interrupted(nn.Linear):
        def forward(self, X):
            raise KeyboardInterrupt

    net = make_net(make_network(backbone=Interrupted(N_FEATURES, N_CLASSES)))
    with pytest.raises(KeyboardInterrupt):
        net.train(CrowdDataset(X, labels))


def test_a_callback_ends_training_after_an_epoch_by_keyboard_interrupt(X, labels):
    ended = []

    class Ended(Callback):
        def on_train_end(self, net, **kwargs):
            ended.append(len(net.history))

    net = make_net(callbacks=[RaiseAt("on_epoch_end"), Ended()], max_epochs=3)
    net.train(CrowdDataset(X, labels))
    assert ended == [1]


def test_predictions_are_made_in_evaluation_mode_whatever_the_batches(X):
    network = make_network(backbone=make_mlp(N_FEATURES, N_CLASSES, (8,), 0.9))
    net = make_net(network).initialize()
    whole = net.set_params(batch_size=-1).predict_log_posterior(X)
    parts = net.set_params(batch_size=4).predict_log_posterior(X)
    np.testing.assert_allclose(whole, parts, rtol=1e-5)
    with torch.no_grad():
        expected = network.eval().log_posterior(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(whole, expected, rtol=1e-5)


def test_training_and_prediction_draw_nothing_from_global_generators(X, labels):
    before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    net = make_net(max_epochs=2)
    net.train(CrowdDataset(X, labels), CrowdDataset(X, labels))
    net.predict_log_posterior(X)
    assert torch.equal(torch.get_rng_state(), before[0])
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(after[1], before[1][1])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_decides_on_the_order_of_items(X, labels, seed):
    nets = [make_net(seed=0), make_net(seed=seed)]
    for net in nets:
        net.train(CrowdDataset(X, labels))
    one, other = (net.predict_log_posterior(X) for net in nets)
    assert np.array_equal(one, other) == (seed == 0)


@pytest.mark.parametrize("likelihood", ["marginal", "joint"])
@pytest.mark.parametrize("seed", range(3))
def test_confusion_matrices_and_classes_are_recovered(likelihood, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(N_CLASSES, size=900)
    X = rng.normal(size=(900, N_FEATURES)).astype("f4")
    X[:, :N_CLASSES] += 4 * np.eye(N_CLASSES)[y]
    B = make_confusion_matrices(
        N_ANNOTATORS, N_CLASSES, kind="diagonally_dominant", random_state=seed
    )
    labels = make_crowd_labels(y, B, labels_per_item=3, random_state=seed)
    logits = torch.log(0.7 * torch.eye(N_CLASSES) + 0.1).repeat(N_ANNOTATORS, 1, 1)
    net = make_net(
        CrowdNetwork(nn.Linear(N_FEATURES, N_CLASSES), logits),
        optimizer=torch.optim.Adam,
        lr=0.05,
        batch_size=100,
        max_epochs=25,
        criterion__likelihood=likelihood,
        criterion__regularizer="F",
        criterion__reg_strength=0.01,
    )
    net.train(CrowdDataset(X, labels))
    log_f, log_B = by_hand(net, X, labels)
    assert np.mean(log_f.argmax(axis=1) == y) > 0.95
    assert np.abs(np.exp(log_B) - B).mean() < 0.05

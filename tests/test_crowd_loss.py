import numpy as np
import pytest
import torch
from torch import nn

from skccem import CrowdClassifier
from skccem._batches import CrowdDataset, EvenBatches, annotator_shares
from skccem._crowd_loss import REGULARIZERS, CrowdLoss, RunningMoment
from skccem._network import CrowdNetwork
from skccem._volumes import confusion_second_moment, log_volume
from skccem.simulation import make_confusion_matrices, make_crowd_labels

N_ITEMS, N_ANNOTATORS, N_CLASSES = 240, 60, 3


@pytest.fixture(scope="module")
def crowd():
    """Features, and two labels an item of many annotators."""
    rng = np.random.default_rng(0)
    truth = rng.integers(N_CLASSES, size=N_ITEMS)
    X = rng.normal(size=(N_ITEMS, 4)) + 2 * np.eye(N_CLASSES, 4)[truth]
    matrices = make_confusion_matrices(N_ANNOTATORS, N_CLASSES, random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
    return X, truth, labels


def random_proba(seed, n_annotators=N_ANNOTATORS):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(
        n_annotators, N_CLASSES, N_CLASSES, generator=generator, dtype=torch.float64
    )
    return torch.softmax(logits, dim=1)


def test_the_running_moment_is_that_of_all_matrices_as_last_seen():
    matrices, now = random_proba(0), random_proba(1)
    running = RunningMoment(matrices.clone())
    for rows in (torch.tensor([3, 1]), torch.tensor([1, 50, 7])):
        moment = running(now[rows], rows, torch.ones(len(rows), dtype=torch.float64))
        matrices[rows] = now[rows]
        torch.testing.assert_close(moment, confusion_second_moment(matrices))


@pytest.mark.parametrize(
    "regularizer", [name for name, kind in REGULARIZERS.items() if kind.of_matrices]
)
def test_gradients_through_batches_are_on_average_those_of_all(crowd, regularizer):
    X, _, labels = crowd
    start = random_proba(0).transpose(1, 2).log()
    network = CrowdNetwork(nn.Linear(4, N_CLASSES).double(), start)
    share = annotator_shares(labels, np.arange(N_ITEMS), 20, np.float64)
    dataset = CrowdDataset(X, labels, annotator_share=share)
    criterion = CrowdLoss("joint", regularizer, 1.0)
    criterion.running_moment = RunningMoment(random_proba(0))
    plain = CrowdLoss("joint")

    def penalty_gradient(inputs, target):
        output = network(**inputs)
        penalty = criterion(output, target)[0] - plain(output, target)[0]
        return torch.autograd.grad(penalty, network.answer_logits)[0]

    expected = penalty_gradient(*CrowdDataset(X, labels).__getitems__(range(N_ITEMS)))
    sampled = torch.stack(
        [
            penalty_gradient(*dataset.__getitems__(batch))
            for seed in range(60)
            for batch in EvenBatches(N_ITEMS, 20, np.random.default_rng(seed))
        ]
    )
    error = sampled.std(dim=0) / len(sampled) ** 0.5
    assert (abs(sampled.mean(dim=0) - expected) < 5 * error + 1e-12).all()
    assert abs(expected).max() > 10 * error.mean()


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("regularizer", [None, *REGULARIZERS])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.Adam])
def test_a_fit_that_selects_annotators_is_close_to_one_that_does_not(
    crowd, regularizer, optimizer, few, monkeypatch
):
    X, _, labels = crowd
    monkeypatch.setattr("skccem._batches._MAX_FETCHED", float(few))
    clf = CrowdClassifier(
        optimizer=optimizer,
        regularizer=regularizer,
        reg_strength=0.01,
        hidden_layer_sizes=8,
        dropout=0,
        batch_size=20,
        max_epochs=10,
        n_init=1,
        random_state=0,
    )
    selected = clf.fit(X, labels)
    matrices, proba = selected.confusion_matrices_, selected.predict_proba(X)
    state = selected.net_.optimizer_.state[selected.net_.module_.answer_logits]
    assert ("missed" in state) == (few and optimizer in ("adam", "adamw"))
    monkeypatch.setattr("skccem._batches._MAX_SHARE", 0.0)
    whole = clf.fit(X, labels)
    # A batch's gradient of the volume and the trace is only on average that of all.
    tolerance = 1e-5 if regularizer in (None, "F") else 0.05
    np.testing.assert_allclose(whole.confusion_matrices_, matrices, atol=tolerance)
    np.testing.assert_allclose(whole.predict_proba(X), proba, atol=tolerance)


def test_the_gathered_volume_has_the_value_of_all_matrices(crowd):
    X, _, labels = crowd
    proba = random_proba(0)
    network = CrowdNetwork(
        nn.Linear(4, N_CLASSES).double(), proba.transpose(1, 2).log()
    )
    criterion = CrowdLoss("joint", "W", 1.0)
    criterion.running_moment = RunningMoment(proba)
    share = annotator_shares(labels, np.arange(N_ITEMS), 20, np.float64)
    dataset = CrowdDataset(X, labels, annotator_share=share)
    inputs, target = dataset.__getitems__(range(20))
    output = network(**inputs)
    penalty = criterion(output, target)[0] - CrowdLoss("joint")(output, target)[0]
    expected = -log_volume(confusion_second_moment(proba))
    torch.testing.assert_close(penalty, expected)

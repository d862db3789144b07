import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    PassthroughScoring,
)
from torch import nn

from skccem import CrowdLabels
from skccem import _callbacks as module
from skccem._callbacks import (
    OWN_CALLBACKS,
    ProgressBar,
    acting_callbacks,
    check_callbacks,
    make_callbacks,
)
from skccem._network import CrowdNetwork
from skccem._training import CrowdDataset, CrowdNet


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3)).astype("f4")
    Y = rng.integers(2, size=(20, 4))
    dataset = CrowdDataset(X, CrowdLabels.from_matrix(Y))
    rest = CrowdDataset(X[::-1].copy(), CrowdLabels.from_matrix(1 - Y))
    return dataset, rest


@pytest.fixture
def bars(monkeypatch):
    """The bars that are made, which can be asked what they showed."""
    made = []
    tqdm = module.tqdm

    def spy(**kwargs):
        made.append(tqdm(**kwargs))
        return made[-1]

    monkeypatch.setattr(module, "tqdm", spy)
    return made


def make_net(callbacks, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CrowdNetwork(nn.Linear(3, 2), torch.eye(2).repeat(4, 1, 1))
    settings = {"lr": 0.5, "max_epochs": 12, "batch_size": 5, "seed": 0} | settings
    return CrowdNet(network, callbacks=callbacks, verbose=0, **settings)


@pytest.mark.parametrize("held_out", [False, True])
def test_the_bar_shows_every_epoch_and_closes(data, bars, held_out, capsys):
    net = make_net([("progress", ProgressBar())])
    net.train(data[0], data[1] if held_out else None)
    (bar,) = bars
    assert (bar.n, bar.total) == (12, 12)
    assert bar.disable
    shown = capsys.readouterr().err
    assert f"loss={net.history[-1]['train_loss']:.4f}" in shown
    assert ("held-out log-likelihood=" in shown) == held_out


def test_a_net_with_a_bar_can_be_pickled_after_training(data, capsys):
    net = make_net([("progress", ProgressBar())])
    net.train(*data)
    copy = pickle.loads(pickle.dumps(net))
    X = data[0].X
    np.testing.assert_array_equal(
        copy.predict_log_posterior(X), net.predict_log_posterior(X)
    )


@pytest.mark.parametrize(
    ("verbose", "patience", "expected"),
    [
        (0, None, []),
        (1, None, ["progress"]),
        (2, None, ["print_log"]),
        (0, 3, ["early_stopping"]),
        (1, 3, ["early_stopping", "progress"]),
        (3, 3, ["early_stopping", "print_log"]),
    ],
)
def test_verbose_and_patience_choose_the_callbacks(verbose, patience, expected):
    names = [name for name, _ in make_callbacks(verbose, patience)]
    assert sorted(names) == sorted(expected)


def test_nothing_is_printed_unless_asked_for(data, capsys):
    make_net(make_callbacks(0, patience=2)).train(*data)
    assert capsys.readouterr() == ("", "")


def test_a_line_an_epoch_is_printed_if_asked_for(data, capsys):
    net = make_net(make_callbacks(2), max_epochs=3)
    net.set_params(verbose=1)
    net.train(*data)
    printed = capsys.readouterr().out
    assert "valid_log_likelihood" in printed
    # A header of two lines, then one for each epoch.
    assert len(printed.strip().splitlines()) == 5


class Remember(Callback):
    def on_train_begin(self, net, **kwargs):
        self.weights_ = []

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.weights_.append({name: value.clone() for name, value in state.items()})


def test_early_stopping_ends_in_time_and_restores_the_best_weights(data):
    # Validation labels are the opposite of the training labels, so that held-out
    # likelihood falls as training goes on.
    remember = Remember()
    callbacks = [("remember", remember), *make_callbacks(0, patience=3)]
    net = make_net(callbacks, max_epochs=200)
    net.train(*data)
    held_out = [epoch["valid_log_likelihood"] for epoch in net.history]
    best = int(np.argmax(held_out))
    assert len(held_out) == best + 1 + 3 < 200
    restored = net.module_.state_dict()
    for name, value in remember.weights_[best].items():
        assert torch.equal(restored[name], value)


def test_training_ends_after_max_epochs_while_held_out_likelihood_rises(data):
    net = make_net(make_callbacks(0, patience=3), max_epochs=10, lr=0.01)
    net.train(data[0], data[0])
    assert len(net.history) == 10


class Fixed(Callback):
    """Replaces the held-out likelihood by that of a function of the epoch."""

    def __init__(self, likelihood):
        self.likelihood = likelihood

    def on_epoch_end(self, net, **kwargs):
        value = self.likelihood(len(net.history))
        net.history.record("valid_log_likelihood", value)


def test_a_slightly_worse_likelihood_is_no_progress(data):
    slow_fall = Fixed(lambda epoch: -1 - 5e-5 * epoch)
    net = make_net([("fixed", slow_fall), *make_callbacks(0, patience=3)])
    net.train(*data)
    assert len(net.history) == 4
    assert dict(net.callbacks_)["early_stopping"].best_epoch_ == 1


def test_callbacks_after_early_stopping_see_the_last_epoch(data):
    seen = Remember()
    callbacks = [*make_callbacks(0, patience=2), ("seen", seen)]
    net = make_net(callbacks, max_epochs=200)
    net.train(*data)
    assert len(seen.weights_) == len(net.history) < 200


def test_early_stopping_passes_over_the_burn_in(data):
    # The best epoch of all is in the burn-in, the best one after it is the fourth.
    fall = Fixed(lambda epoch: -epoch)
    net = make_net([("fixed", fall), *make_callbacks(0, patience=2, burn_in=3)])
    net.train(*data)
    assert len(net.history) == 6
    assert dict(net.callbacks_)["early_stopping"].best_epoch_ == 4


def test_all_that_the_estimator_adds_has_a_name_of_its_own():
    added = [*make_callbacks(1, 3, 2), *make_callbacks(2)]
    others = {"epoch_timer", "held_out_score"}
    assert {name for name, _ in added} | others == OWN_CALLBACKS


def test_what_acts_on_training_is_told_from_what_watches_it():
    acting = [
        LRScheduler(policy="StepLR", step_size=2),
        ("clip", GradientNormClipping(1.0)),
        Freezer("backbone.0.*"),
        LRScheduler,
    ]
    watching = [
        EarlyStopping(),
        Checkpoint,
        ("mine", Callback()),
        LRScheduler(policy="ReduceLROnPlateau", monitor="valid_loss"),
    ]
    assert acting_callbacks([*watching, *acting]) == acting
    assert acting_callbacks(None) == []


def test_burn_in_is_over_after_its_epochs(data):
    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            self.seen_ = []

        def on_batch_end(self, net, training, **kwargs):
            if training:
                self.seen_.append(net.criterion_.burn_in)

    watch = Watch()
    net = make_net([*make_callbacks(0, burn_in=2), ("watch", watch)], max_epochs=4)
    net.train(*data)
    n_batches = len(watch.seen_) // 4
    assert watch.seen_ == [True] * 2 * n_batches + [False] * 2 * n_batches


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("when", ["on_epoch_begin", "on_batch_end", "on_train_begin"])
def test_the_bar_closes_however_training_ends(data, bars, error, when, capsys):
    class Fail(Callback):
        pass

    def fail(self, net, **kwargs):
        raise error

    setattr(Fail, when, fail)
    net = make_net([("progress", ProgressBar()), ("fail", Fail())])
    with pytest.raises(error):
        net.train(*data)
    (bar,) = bars
    assert bar.disable
    pickle.dumps(dict(net.callbacks_)["progress"])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_best_losses_so_far_are_recorded_as_skorch_does(data, early_stopping):
    net = make_net([])
    net.train(data[0], data[1] if early_stopping else None)
    names = ["train_loss", "valid_loss"] if early_stopping else ["train_loss"]
    for name in names:
        losses = net.history[:, name]
        best = [loss < min(losses[:i], default=np.inf) for i, loss in enumerate(losses)]
        assert net.history[:, f"{name}_best"] == best


@pytest.mark.parametrize(
    "callbacks",
    [
        None,
        [],
        [Remember, Remember()],
        [("mine", Remember()), ["other", Remember]],
        [EarlyStopping(monitor="train_loss"), LRScheduler, Checkpoint()],
    ],
)
def test_callbacks_classes_and_named_ones_are_accepted(callbacks):
    assert check_callbacks(callbacks) is None


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (3, "list of skorch callbacks.*holds 3"),
        (print, "list of skorch callbacks.*built-in function print"),
        (("mine", 3), r"holds \('mine', 3\)"),
        (
            ("early_stopping", Remember()),
            "is a name of the estimator's",
        ),
        (EpochScoring("accuracy"), "EpochScoring scores.*predict_log_posterior"),
        (BatchScoring("accuracy"), "BatchScoring scores.*valid_log_likelihood"),
        (("mine", EpochScoring), "EpochScoring scores"),
        (PassthroughScoring("train_loss"), "PassthroughScoring scores"),
    ],
)
def test_callbacks_that_cannot_be_called_are_an_error(callback, message):
    with pytest.raises(ValueError, match=message):
        check_callbacks([Remember(), callback])

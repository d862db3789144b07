import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, LRScheduler
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from torch.utils.data import Dataset

from skccem import CrowdClassifier
from skccem._checkpoints import NetCheckpoint
from skccem.exceptions import NonFiniteLossError

PROGRAM = Path(__file__).parent / "programs" / "killed_in_training.py"


class Stopped(Exception):
    """Ends a fit where it was told to."""


@pytest.fixture
def stop_after(monkeypatch):
    """A function that ends fits, when so many epochs of theirs are written down.

    It returns a list, of the file that each of the epochs is written to.
    """

    def stop(n_epochs):
        written = []

        def epoch_ended(self, net):
            self._write(net, ended=False)
            written.append(self._path.name)
            if len(written) == n_epochs:
                raise Stopped

        monkeypatch.setattr(NetCheckpoint, "epoch_ended", epoch_ended)
        return written

    return stop


def problem(n_items=60, n_annotators=5, n_labels=3):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_items, 4))
    truth = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    Y = np.full((n_items, n_annotators), -1)
    for row, label in zip(Y, truth, strict=True):
        said = rng.choice(n_annotators, n_labels, replace=False)
        row[said] = np.where(rng.random(n_labels) < 0.7, label, rng.integers(3))
    return X, Y


def classifier(folder=None, **params):
    small = {"hidden_layer_sizes": (6,), "dropout": 0.3, "max_epochs": 6, "n_init": 1}
    params = small | {"batch_size": 20, "random_state": 0} | params
    return CrowdClassifier(checkpoint_dir=folder, **params)


def of_training(clf):
    """The history without what a clock says."""
    return [
        {name: value for name, value in epoch.items() if name != "dur"}
        for epoch in clf.history_
    ]


def assert_same(one, other, X):
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(one.confusion_matrices_, other.confusion_matrices_)
    np.testing.assert_array_equal(one.aggregated_proba_, other.aggregated_proba_)
    assert of_training(one) == of_training(other)


class Noisy(nn.Module):
    """Draws while it is trained, and has a buffer."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))

    def forward(self, X):
        if self.training:
            X = X + 0.1 * torch.from_numpy(np.random.normal(size=4)).to(X)  # noqa: NPY002
        return self.layers(X)


SETTINGS = {
    "default": {},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 9},
    "W": {"regularizer": "W", "reg_strength": 0.1},
    "outliers": {"outlier_share": "auto", "optimizer": "adamw", "weight_decay": 0.01},
    "momentum": {"optimizer": "sgd", "net_params": {"optimizer__momentum": 0.9}},
    "rprop": {"optimizer": torch.optim.Rprop, "batch_size": None},
    "module": {"module": Noisy},
    "workers": {"net_params": {"iterator_train__num_workers": 0}},
    "steps": {"callbacks": [LRScheduler(StepLR, step_size=2)]},
    "cycle": {
        "callbacks": [
            LRScheduler(OneCycleLR, max_lr=0.01, total_steps=18, step_every="batch")
        ]
    },
    "plateau": {"callbacks": [LRScheduler(ReduceLROnPlateau, patience=0)]},
}


@pytest.mark.parametrize("params", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("n_epochs", [1, 4])
def test_a_fit_that_goes_on_is_that_of_one_go(tmp_path, stop_after, params, n_epochs):
    X, Y = problem()
    whole = classifier(**params).fit(X, Y)
    stop_after(n_epochs)
    with pytest.raises(Stopped):
        classifier(tmp_path, **params).fit(X, Y)
    stop_after(None)
    assert_same(classifier(tmp_path, **params).fit(X, Y), whole, X)


@pytest.mark.parametrize("regularizer", ["F", "W"])
def test_matrices_that_wait_for_their_batch_go_on_too(
    tmp_path, stop_after, regularizer
):
    X, Y = problem(n_items=240, n_annotators=80, n_labels=2)
    params = {"batch_size": 4, "regularizer": regularizer, "max_epochs": 4}
    whole = classifier(**params).fit(X, Y)
    stop_after(3)
    with pytest.raises(Stopped):
        classifier(tmp_path, **params).fit(X, Y)
    stop_after(None)
    resumed = classifier(tmp_path, **params).fit(X, Y)
    assert resumed.net_._fetches
    assert_same(resumed, whole, X)


def test_networks_beside_the_coupled_one_go_on_too(tmp_path, stop_after):
    X, Y = problem()
    params = {"n_init": 2, "max_epochs": 3}
    written = stop_after(None)
    whole = classifier(tmp_path, **params).fit(X, Y)
    assert len(set(written)) == 7
    n_epochs = len(written)
    # In the coupled network, at its end, in some of the five parts, and in the last.
    for stop in (2, 3, 5, n_epochs // 2, n_epochs - 4, n_epochs - 1):
        stop_after(stop)
        with pytest.raises(Stopped):
            classifier(tmp_path, **params).fit(X, Y)
        written = stop_after(None)
        assert_same(classifier(tmp_path, **params).fit(X, Y), whole, X)
        assert len(written) == n_epochs - stop


def test_a_warm_start_goes_on_too(tmp_path, stop_after):
    X, Y = problem()
    whole = classifier(warm_start=True).fit(X, Y).fit(X, Y)
    resumed = classifier(warm_start=True).fit(X, Y).set_params(checkpoint_dir=tmp_path)
    stop_after(2)
    with pytest.raises(Stopped):
        resumed.fit(X, Y)
    stop_after(None)
    assert_same(resumed.fit(X, Y), whole, X)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("deadline", [60, 230])
def test_a_fit_that_is_killed_goes_on_where_it_was(tmp_path, deadline):
    def run(folder, deadline):
        out = tmp_path / "out.npz"
        command = [sys.executable, "-W", "error", PROGRAM]
        command += [tmp_path / folder, out, str(deadline)]
        status = subprocess.run(command, check=False, timeout=300).returncode
        return status, dict(np.load(out)) if out.exists() else None

    status, learned = run("killed", deadline)
    assert status == -signal.SIGKILL
    assert learned is None
    assert list((tmp_path / "killed").glob("*/coupled.safetensors"))
    status, resumed = run("killed", 0)
    assert status == 0
    status, whole = run("whole", 0)
    assert status == 0
    assert resumed.pop("n_ended") < whole.pop("n_ended")
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    assert len(resumed["loss"]) == 100


def test_what_a_fit_wrote_is_removed_at_its_end(tmp_path):
    X, Y = problem()
    classifier(tmp_path / "new" / "folder").fit(X, Y)
    assert list((tmp_path / "new" / "folder").iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [{"lr": 0.01}, {"random_state": 1}, {"module": nn.Linear(4, 3)}],
    ids=str,
)
def test_other_settings_are_another_fit(tmp_path, stop_after, change):
    X, Y = problem()
    stop_after(3)
    with pytest.raises(Stopped):
        classifier(tmp_path).fit(X, Y)
    stop_after(None)
    other = classifier(tmp_path, **change).fit(X, Y)
    assert_same(other, classifier(**change).fit(X, Y), X)
    # The first one may go on yet.
    assert len(list(tmp_path.iterdir())) == 1
    assert_same(classifier(tmp_path).fit(X, Y), classifier().fit(X, Y), X)


def test_other_data_are_another_fit(tmp_path, stop_after):
    X, Y = problem()
    weight = np.linspace(1, 2, len(X))
    gold = np.where(np.arange(len(X)) < 5, 1, -1)
    stop_after(3)
    with pytest.raises(Stopped):
        classifier(tmp_path).fit(X, Y)
    stop_after(None)
    for X_, Y_, options in (
        (X + 1e-9, Y, {}),
        (X, np.where(Y == 2, 1, Y), {"sample_weight": weight}),
        (X, Y, {"sample_weight": weight}),
        (X, Y, {"gold": gold}),
    ):
        resumed = classifier(tmp_path).fit(X_, Y_, **options)
        assert_same(resumed, classifier().fit(X_, Y_, **options), X_)


class Items(Dataset):
    def __init__(self, X):
        self.X = X.astype(np.float32)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index]


@pytest.mark.parametrize("form", [Items, lambda X: {"X": X}], ids=["Dataset", "dict"])
def test_items_of_any_form_tell_fits_apart(tmp_path, stop_after, form):
    X, Y = problem()
    stop_after(3)
    for shift in (0, 1):
        with pytest.raises(Stopped):
            classifier(tmp_path, module=Noisy).fit(form(X + shift), Y)
        stop_after(3)
    assert len(list(tmp_path.iterdir())) == 2
    stop_after(None)
    resumed = classifier(tmp_path, module=Noisy).fit(form(X), Y)
    assert_same(resumed, classifier(module=Noisy).fit(form(X), Y), form(X))


class Remembers(Callback):
    """Remembers in attributes, or only by its own methods."""

    def initialize(self):
        self.seen = []
        return self

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(net.history[-1, "train_loss"])


class RemembersByMethods(Remembers):
    def initialize(self):
        super().initialize()
        self.hidden = object()
        return self

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


@pytest.mark.parametrize("kind", [Remembers, RemembersByMethods])
def test_what_callbacks_remember_is_kept(tmp_path, stop_after, kind):
    X, Y = problem()
    stop_after(3)
    with pytest.raises(Stopped):
        classifier(tmp_path, callbacks=[kind()]).fit(X, Y)
    callback = kind()
    stop_after(None)
    clf = classifier(tmp_path, callbacks=[callback]).fit(X, Y)
    assert callback.seen == [epoch["train_loss"] for epoch in clf.history_]
    assert len(callback.seen) == 6


class Hidden(Callback):
    def on_train_begin(self, net, **kwargs):
        self.hidden = object()


def test_a_callback_that_remembers_other_things_is_named(tmp_path):
    X, Y = problem()
    with pytest.raises(TypeError, match=r"'Hidden'.*hidden is of the .*state_dict"):
        classifier(tmp_path, callbacks=[Hidden()]).fit(X, Y)


def test_a_fit_that_can_not_be_repeated_has_no_checkpoints(tmp_path):
    X, Y = problem()
    with pytest.raises(ValueError, match="random_state is None: set it to an integer"):
        classifier(tmp_path, random_state=None).fit(X, Y)


def test_a_damaged_checkpoint_is_an_error(tmp_path, stop_after):
    X, Y = problem()
    stop_after(3)
    with pytest.raises(Stopped):
        classifier(tmp_path).fit(X, Y)
    (file,) = tmp_path.glob("*/*")
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"coupled\.safetensors is of no use.*Remove"):
        classifier(tmp_path).fit(X, Y)


def test_a_place_that_is_no_directory_is_an_error(tmp_path):
    X, Y = problem()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        classifier(tmp_path / "file").fit(X, Y)


def test_training_that_diverges_says_so_again(tmp_path):
    X, Y = problem()
    X = X.astype(np.float32)
    clf = classifier(tmp_path, lr=1e30, optimizer="sgd")
    for _ in range(2):
        with pytest.raises(NonFiniteLossError):
            clf.fit(X, Y)


@pytest.mark.slow
def test_workers_write_checkpoints_too(tmp_path, stop_after):
    X, Y = problem()
    params = {"n_init": 3, "max_epochs": 3}
    stop_after(2)
    with pytest.raises(Stopped):
        classifier(tmp_path, **params).fit(X, Y)
    stop_after(None)
    resumed = classifier(tmp_path, n_jobs=2, **params).fit(X, Y)
    assert_same(resumed, classifier(**params).fit(X, Y), X)
    assert os.listdir(tmp_path) == []

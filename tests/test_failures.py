"""A disk that fills, data that vanish, workers that die: a clear error, and no rest."""

import contextlib
import os
from concurrent.futures import BrokenExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdClassifierCV, DawidSkene
from skccem._atomic import check_writable
from skccem._ensemble import check_mapped_files
from skccem.report import report

SMALL = {"hidden_layer_sizes": 8, "n_init": 1, "max_epochs": 2, "random_state": 0}

only_posix = pytest.mark.skipif(os.name != "posix", reason="limits files as POSIX does")


# A disk that fills


@contextlib.contextmanager
def room_for(n_bytes):
    """Let no file of this process be larger; more is what a full disk is to it."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def old(tmp_path):
    """A function that makes an old file; all of them are there in the end, alone."""
    paths = []

    def make(name):
        paths.append(tmp_path / name)
        paths[-1].write_text("old")
        return paths[-1]

    yield make
    assert [path.read_text() for path in paths] == ["old"] * len(paths)
    assert sorted(os.listdir(tmp_path)) == sorted(path.name for path in paths)


@only_posix
@pytest.mark.parametrize(
    "estimator", [CrowdClassifier(**SMALL), DawidSkene()], ids=["network", "labels"]
)
def test_a_model_that_has_no_room_leaves_the_old_one(crowd, old, estimator):
    X, labels, _ = crowd
    path = old("model.safetensors")
    is_network = isinstance(estimator, CrowdClassifier)
    estimator.fit(*(X, labels) if is_network else (labels,))
    with (
        room_for(1000),
        pytest.raises(OSError, match=r"Expected room for .*model\.safetensors, got"),
    ):
        estimator.save(path)


@only_posix
def test_a_report_that_has_no_room_leaves_the_old_one(crowd, old):
    X, labels, _ = crowd
    clf = CrowdClassifier(**SMALL).fit(X, labels)
    path = old("report.html")
    with room_for(1000), pytest.raises(OSError, match=r"room for .*report\.html"):
        report(clf, X, labels, path)


@only_posix
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_that_has_no_room_leaves_the_old_one(tmp_path, crowd, old, suffix):
    labels = tmp_path.parent / f"labels{suffix}.csv"
    crowd[1].to_long(backend="pandas").to_csv(labels, index=False)
    path = old(f"classes{suffix}")
    with room_for(500):
        done = run("aggregate", "--labels", labels, "--out", path)
    assert done.exit_code == 1
    assert f"Error: [Errno 27] Expected room for {path}, got" in done.output


@only_posix
def test_a_fit_of_files_that_has_no_room_leaves_nothing(tmp_path, crowd):
    X, labels, _ = crowd
    files = write_crowd(tmp_path, X, labels)
    with room_for(10_000):
        done = run("fit", *files, "--out", tmp_path / "model", *FAST)
    assert done.exit_code == 1
    assert "Expected room for" in done.output
    assert "model.safetensors" in done.output
    assert not (tmp_path / "model").exists()


FAST = ("--set", "max_epochs=2", "--set", "n_init=1", "--quiet")


def run(*arguments):
    """Run the command line in this process."""
    from click.testing import CliRunner

    from skccem.cli import commands

    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def write_crowd(folder, X, labels):
    """Files of a crowd, as options of `fit`."""
    labels.to_long(backend="pandas").to_csv(folder / "labels.csv", index=False)
    table = pd.DataFrame(X, columns=[f"x{column}" for column in range(X.shape[1])])
    table.assign(task=range(len(X))).to_csv(folder / "features.csv", index=False)
    return "--labels", folder / "labels.csv", "--features", folder / "features.csv"


# Data that vanish


@pytest.mark.parametrize("name", ["labels.csv", "features.csv"])
def test_a_file_that_is_gone_after_the_check_is_named(
    tmp_path, crowd, monkeypatch, name
):
    X, labels, _ = crowd
    files = write_crowd(tmp_path, X, labels)

    def check_and_remove(path):
        check_writable(path)
        (tmp_path / name).unlink(missing_ok=True)

    monkeypatch.setattr("skccem._model_files.check_writable", check_and_remove)
    done = run("fit", *files, "--out", tmp_path / "model", *FAST)
    assert done.exit_code == 1
    assert f"No such file or directory: '{tmp_path / name}'" in done.output
    assert not (tmp_path / "model").exists()


def test_an_array_that_was_cut_short_is_named(tmp_path, crowd):
    X, labels, _ = crowd
    write_crowd(tmp_path, X, labels)
    np.save(tmp_path / "X.npy", X)
    os.truncate(tmp_path / "X.npy", 5000)
    (tmp_path / "ids.txt").write_text("\n".join(map(str, range(len(X)))))
    done = run(
        *("fit", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "model"),
        *("--features", tmp_path / "X.npy", "--ids", tmp_path / "ids.txt", *FAST),
    )
    assert done.exit_code == 1
    assert f"Expected an array of numbers in {tmp_path / 'X.npy'}" in done.output


class Vanishing(Dataset):
    """Items of which one can be read only so often."""

    def __init__(self, X, n_reads):
        self.X = torch.from_numpy(X.astype(np.float32))
        self.n_reads = n_reads

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        if row == 7:
            self.n_reads -= 1
            if self.n_reads < 0:
                raise FileNotFoundError("images/7.png")
        return self.X[row]


def test_an_item_that_vanishes_is_named_and_the_last_fit_stays(crowd):
    X, labels, _ = crowd
    clf = CrowdClassifier(nn.Linear(5, 3), **SMALL).fit(Vanishing(X, 99), labels)
    before = vars(clf).copy()
    with pytest.raises(FileNotFoundError, match=r"images/7\.png") as caught:
        clf.fit(Vanishing(X, 1), labels)
    assert caught.value.__notes__ == ["This came from X[7], of the Vanishing X."]
    assert vars(clf) == before


# From Python 3.12 on a fork of a process with threads warns; torch has some.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_an_item_that_vanishes_in_a_loader_is_named_too(crowd):
    X, labels, _ = crowd
    settings = {**SMALL, "net_params": {"iterator_train__num_workers": 1}}
    clf = CrowdClassifier(nn.Linear(5, 3), **settings)
    with pytest.raises(FileNotFoundError, match=r"images/7\.png[\s\S]*from X\[7\]"):
        clf.fit(Vanishing(X, 0), labels)


def test_a_mapped_file_that_workers_do_not_find_is_named(tmp_path, crowd):
    X, labels, _ = crowd
    path = tmp_path / "X.npy"
    np.save(path, X.astype(np.float32))
    mapped = np.load(path, mmap_mode="r")
    os.remove(path)
    clf = CrowdClassifier(**{**SMALL, "n_init": 2}, n_jobs=2)
    with pytest.raises(FileNotFoundError, match=r"use n_jobs=1.*X\.npy"):
        clf.fit(mapped, labels)
    with pytest.raises(FileNotFoundError):
        check_mapped_files(clf, {"left": X, "right": mapped})
    # This process has it still.
    with joblib.parallel_config(backend="threading"):
        clf.fit(mapped, labels)
    clf.set_params(n_jobs=1).fit(mapped, labels)


# Workers that die


class Dying(nn.Linear):
    """A network that ends every process but the one that it is made for."""

    def __init__(self, n_features, n_classes, survivor):
        super().__init__(n_features, n_classes)
        self.survivor = survivor

    def forward(self, X):
        if os.getpid() != self.survivor:
            os._exit(7)
        return super().forward(X)


def dying():
    sizes = {"n_features": 5, "n_classes": 3, "survivor": os.getpid()}
    return CrowdClassifier(Dying, **SMALL, module_params=sizes)


def search(clf):
    return GridSearchCV(clf, {"lr": [1e-3, 1e-2]}, cv=2, n_jobs=2)


def crowd_search(clf):
    return CrowdClassifierCV(clf, reg_strengths=[0, 0.01], cv=2, n_jobs=2)


def averaged(clf):
    return clf.set_params(n_init=2, n_jobs=2)


@pytest.mark.slow
@pytest.mark.parametrize("around", [search, crowd_search, averaged])
def test_a_worker_that_dies_ends_the_fit_with_its_exit_code(crowd, around):
    X, labels, _ = crowd
    clf = around(dying())
    with pytest.raises(
        BrokenExecutor, match=r"unexpectedly terminated[\s\S]*EXIT\(7\)"
    ):
        clf.fit(X.astype(np.float32), labels)
    assert not hasattr(clf, "best_params_")
    assert not hasattr(clf, "net_")


@pytest.mark.slow
def test_workers_are_there_again_after_one_died(crowd):
    X, labels, _ = crowd
    with pytest.raises(BrokenExecutor):
        averaged(dying()).fit(X.astype("f4"), labels)
    found = averaged(CrowdClassifier(**SMALL)).fit(X, labels).predict_proba(X)
    alone = CrowdClassifier(**{**SMALL, "n_init": 2}).fit(X, labels)
    np.testing.assert_array_equal(found, alone.predict_proba(X))


def test_the_command_line_tells_of_a_worker_that_died(tmp_path, crowd, monkeypatch):
    X, labels, _ = crowd

    def fit(self, *args, **kwargs):
        raise BrokenExecutor("a worker was terminated")

    monkeypatch.setattr(CrowdClassifier, "fit", fit)
    files = write_crowd(tmp_path, X, labels)
    done = run("fit", *files, "--out", tmp_path / "model", *FAST)
    assert done.exit_code == 1
    assert done.output == "Error: a worker was terminated\n"

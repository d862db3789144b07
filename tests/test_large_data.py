"""Data that do not fit in memory, with memory that is limited to show it."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from scipy import sparse
from torch import nn
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdLabels
from skccem.exceptions import UnusedDataWarning

STATUS = Path("/proc/self/status")


@contextlib.contextmanager
def memory_for(n_bytes):
    """Let this process, and those that it starts, allocate so much more at most.

    Files that are mapped into memory do not count, nor what is shared between
    processes; what is allocated by NumPy, torch and everything else does.
    """
    if not STATUS.exists():
        pytest.skip("Only Linux limits what is allocated and not what is mapped.")
    import resource

    # Workers that are there already would have no limit.
    get_reusable_executor().shutdown(kill_workers=True)
    (line,) = (s for s in STATUS.read_text().splitlines() if s.startswith("VmData"))
    limit = int(line.split()[1]) * 1024 + n_bytes
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
        get_reusable_executor().shutdown(kill_workers=True)


N_ANNOTATORS = 10


def make_labels(truth, n_labelled=None):
    """Two labels each for the first items, of which four in five are right."""
    rng = np.random.default_rng(0)
    n_classes, n_labelled = truth.max() + 1, n_labelled or len(truth)
    first = np.arange(n_labelled)[:, np.newaxis] % (N_ANNOTATORS // 2)
    codes = np.repeat(truth[:n_labelled], 2)
    wrong = rng.random(len(codes)) < 0.2
    codes[wrong] = rng.integers(n_classes, size=wrong.sum())
    return CrowdLabels(
        np.minimum(2 * np.arange(len(truth) + 1), len(codes)),
        np.hstack([first, first + N_ANNOTATORS // 2]).ravel().astype(np.int32),
        codes.astype(np.int8),
        np.arange(n_classes),
        np.arange(N_ANNOTATORS),
    )


def classifier(**settings):
    settings = {
        "hidden_layer_sizes": 8,
        "dropout": 0,
        "n_init": 1,
        "max_epochs": 1,
        "lr": 1e-2,
        "device": "cpu",
        "random_state": 0,
        **settings,
    }
    return CrowdClassifier(**settings)


@pytest.fixture(scope="module")
def warmed_up():
    """What the first fit of a process imports and allocates is there."""
    X = np.eye(30, dtype=np.float32)
    classifier().fit(X, make_labels(np.arange(30) % 3))
    return None


def save_rows(path, truth, n_features):
    """A file of features most of which are zero and take no space on the disk."""
    X = np.memmap(path, np.float32, "w+", shape=(len(truth), n_features))
    X[np.arange(len(truth)), truth] = 5
    X.flush()


SIZE = 120_000, 500
N_BYTES = 4 * SIZE[0] * SIZE[1]


@pytest.mark.slow
@pytest.mark.usefixtures("warmed_up")
@pytest.mark.parametrize(("n_init", "n_jobs"), [(1, None), (2, 2)])
def test_a_file_of_rows_is_trained_on_and_predicted_in_a_fraction_of_its_size(
    tmp_path, n_init, n_jobs
):
    truth = np.random.default_rng(0).integers(3, size=SIZE[0])
    save_rows(tmp_path / "X", truth, SIZE[1])
    X = np.memmap(tmp_path / "X", np.float32, "r", shape=SIZE)
    labels = make_labels(truth)
    # An epoch of each of the networks sees all of the 240 MB.
    clf = classifier(n_init=n_init, n_jobs=n_jobs, batch_size=1000)
    with memory_for(N_BYTES // 3):
        with pytest.raises(MemoryError):
            np.array(X)
        clf.fit(X, labels)
        predicted = clf.predict(X)
    assert np.mean(predicted == truth) > 0.9
    assert np.mean(clf.aggregated_proba_.argmax(axis=1) == truth) > 0.9


def test_a_file_gives_what_the_same_array_in_memory_gives(tmp_path):
    truth = np.arange(300) % 3
    save_rows(tmp_path / "X", truth, 6)
    X = np.memmap(tmp_path / "X", np.float32, "r", shape=(300, 6))
    labels = make_labels(truth)
    from_file, from_memory = (
        classifier(n_init=2, max_epochs=3).fit(given, labels)
        for given in (X, np.array(X))
    )
    np.testing.assert_array_equal(
        from_file.predict_proba(X), from_memory.predict_proba(np.array(X))
    )


class ImageFiles(Dataset):
    """Images, each in a file of its own."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        return torch.from_numpy(np.load(self.paths[number]))


# From Python 3.12 on a fork of a process with threads warns; torch has some.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("n_init", [1, 2])
def test_images_are_read_from_files_by_workers_as_if_they_were_in_memory(
    tmp_path, n_init
):
    truth = np.arange(60) % 2
    images = np.random.default_rng(0).normal(size=(60, 1, 6, 6)).astype(np.float32)
    images[:, 0, 0] += truth[:, np.newaxis]
    paths = [tmp_path / f"{number}.npy" for number in range(60)]
    for path, image in zip(paths, images, strict=True):
        np.save(path, image)
    workers = {"iterator_train__num_workers": 2, "iterator_valid__num_workers": 2}
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2)
    )
    proba = []
    for X, net_params in (
        (images, None),
        (ImageFiles(paths), None),
        (ImageFiles(paths), workers),
    ):
        clf = classifier(
            module=network,
            n_init=n_init,
            max_epochs=3 - n_init,
            batch_size=20,
            net_params=net_params,
        ).fit(X, make_labels(truth))
        proba.append((clf.predict_proba(X), clf.aggregated_proba_))
    for other in proba[1:]:
        np.testing.assert_array_equal(other[0], proba[0][0])
        np.testing.assert_array_equal(other[1], proba[0][1])


def make_documents(truth, n_features, words_per_item=20):
    """Sparse rows, each with a word of its class and others of any."""
    rng = np.random.default_rng(0)
    words = rng.integers(100, n_features, size=(len(truth), words_per_item))
    words[:, 0] = truth
    words.sort(axis=1)
    return sparse.csr_array(
        (
            rng.random(words.size, dtype=np.float32),
            words.ravel().astype(np.int32),
            np.arange(len(truth) + 1, dtype=np.int32) * words_per_item,
        ),
        shape=(len(truth), n_features),
    )


@pytest.mark.usefixtures("warmed_up")
def test_sparse_rows_are_dense_a_batch_at_a_time():
    truth = np.random.default_rng(0).integers(3, size=6000)
    # Dense they would take 2.4 GB, a batch of prediction 67 MB.
    X = make_documents(truth, 100_000)
    labels = make_labels(truth, 3000)
    clf = classifier()
    with memory_for(300 * 10**6):
        with pytest.warns(UnusedDataWarning, match="3000 of 6000 items"):
            clf.fit(X, labels)
        proba = clf.predict_proba(X)
    dense = clf.predict_proba(X[:50].toarray())
    np.testing.assert_allclose(proba[:50], dense, rtol=1e-4)

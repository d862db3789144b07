"""Many fits at the same time or one after the other: right, and no more memory."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from skccem import CrowdClassifier, DawidSkene

N_FITS = 20
STATM = Path("/proc/self/statm")


def classifier(seed, module=None, **settings):
    settings = {
        "hidden_layer_sizes": 16,
        "dropout": 0.2,
        "max_epochs": 4,
        "lr": 1e-2,
        "n_init": 2,
        **settings,
    }
    return CrowdClassifier(module, random_state=seed, **settings)


def in_threads(function, arguments):
    with ThreadPoolExecutor(N_FITS) as pool:
        return list(pool.map(function, arguments))


def bits(clf, X):
    return clf.predict_proba(X).tobytes() + clf.confusion_matrices_.tobytes()


def global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002 - it is what must not change
    return [*numpy_state[1], numpy_state[2], *torch.get_rng_state().tolist()]


@pytest.mark.slow
def test_fits_side_by_side_in_threads_learn_what_others_learn_alone(crowd):
    X, labels, truth = crowd
    before = global_states(), torch.get_num_threads()

    def fit(seed):
        return classifier(seed, max_epochs=30, n_init=1).fit(X, labels)

    fits = in_threads(fit, range(N_FITS))
    assert (global_states(), torch.get_num_threads()) == before
    alone = fit(0)
    for clf in fits:
        assert abs(clf.score(X, truth) - alone.score(X, truth)) < 0.04
        difference = clf.confusion_matrices_ - alone.confusion_matrices_
        assert np.abs(difference).mean() < 0.03


def test_threads_are_bit_identical_where_a_fit_draws_nothing_from_them(crowd):
    X, labels, _ = crowd
    # Initial weights are given, no unit is dropped, and items have an own generator.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Linear(5, 3)

    def fit(seed):
        return bits(classifier(seed, network, n_init=1).fit(X, labels), X)

    assert in_threads(fit, range(N_FITS)) == [fit(seed) for seed in range(N_FITS)]


def test_one_estimator_predicts_the_same_bits_in_many_threads(crowd):
    X, labels, _ = crowd
    clf = classifier(0, max_epochs=2).fit(X, labels)
    rows = [X[start : start + 7] for start in range(0, 10 * N_FITS, 10)]
    expected = [clf.predict_proba(part) for part in rows]
    for found, wanted in zip(
        in_threads(clf.predict_proba, rows), expected, strict=True
    ):
        assert_array_equal(found, wanted)


@pytest.mark.slow
def test_fits_side_by_side_in_processes_are_bit_identical(crowd):
    X, labels, _ = crowd
    alone = [bits(classifier(seed).fit(X, labels), X) for seed in range(N_FITS)]
    fits = Parallel(n_jobs=4)(
        delayed(CrowdClassifier.fit)(classifier(seed), X, labels)
        for seed in range(N_FITS)
    )
    assert [bits(clf, X) for clf in fits] == alone


def test_neither_earlier_fits_nor_global_random_states_change_a_fit(crowd):
    X, labels, _ = crowd

    def fit(seed):
        return bits(classifier(seed).fit(X, labels), X)

    first = [fit(seed) for seed in (0, 1, 2)]
    before = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(123)
        np.random.seed(123)  # noqa: NPY002 - as programs of users do
        again = [fit(seed) for seed in (2, 1, 0)]
    np.random.set_state(before)  # noqa: NPY002
    assert again[::-1] == first


def test_items_in_another_order_change_nothing_in_full_batches_without_dropout(crowd):
    X, labels, _ = crowd
    order = np.random.default_rng(0).permutation(len(X))
    settings = {"dropout": 0, "batch_size": None, "n_init": 1, "max_epochs": 20}
    straight = classifier(0, **settings).fit(X, labels)
    permuted = classifier(0, **settings).fit(X[order], labels[order])
    assert_allclose(permuted.predict_proba(X), straight.predict_proba(X), atol=1e-6)
    assert_allclose(
        permuted.confusion_matrices_, straight.confusion_matrices_, atol=1e-6
    )
    aggregated = permuted.aggregated_proba_
    assert_allclose(aggregated, straight.aggregated_proba_[order], atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="reads memory as Linux tells it")
@pytest.mark.parametrize(
    "estimator",
    [
        classifier(0, max_epochs=1, n_init=2),
        classifier(0, max_epochs=2, n_init=1, early_stopping=True),
        DawidSkene(random_state=0),
    ],
    ids=["averaged", "stopped early", "labels alone"],
)
def test_refits_do_not_take_more_and_more_memory(crowd, estimator):
    X, labels, _ = crowd
    is_network = isinstance(estimator, CrowdClassifier)
    given = (X[:60], labels[:60]) if is_network else (labels,)
    used = []
    for count in range(1, 201):
        estimator.fit(*given)
        if count % 50 == 0:
            gc.collect()
            pages = int(STATM.read_text().split()[1])
            used.append(pages * os.sysconf("SC_PAGE_SIZE"))
    # A leaked network with its optimiser and history would be 5 MB by now.
    assert used[-1] - used[0] < 4 * 2**20

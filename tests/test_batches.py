from itertools import combinations

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._batches import (
    BatchLoader,
    CrowdDataset,
    EvenBatches,
    annotator_shares,
    are_few,
    batches_ahead,
    inclusion_probability,
    prediction_batch_size,
)


def test_the_probability_to_be_in_a_batch_is_the_share_of_all_batches():
    n_items, batch_size = 7, 3
    n_labels = np.arange(n_items + 1)
    batches = list(combinations(range(n_items), batch_size))
    expected = [np.mean([min(batch) < n for batch in batches]) for n in n_labels]
    proba = inclusion_probability(n_labels, n_items, batch_size)
    np.testing.assert_allclose(proba, expected, rtol=1e-12)


def test_the_probability_is_right_for_a_billion_items():
    proba = inclusion_probability(np.array([1, 2]), 10**9, 100)
    np.testing.assert_allclose(proba, [1e-7, 2e-7 - 1e-14], rtol=1e-9)


def crowd(n_items, n_annotators):
    """One label an item, of one annotator after the other."""
    Y = np.full((n_items, n_annotators), -1)
    Y[np.arange(n_items), np.arange(n_items) % n_annotators] = np.arange(n_items) % 2
    return CrowdLabels.from_matrix(Y)


def test_annotators_are_selected_where_most_are_not_in_a_batch():
    labels, items = crowd(100, 50), np.arange(100)
    share = annotator_shares(labels, items, 10, np.float32)
    assert share.dtype == np.float32
    np.testing.assert_allclose(
        share, 1 / 50 / inclusion_probability([2] * 50, 100, 10), rtol=1e-6
    )
    for batch_size in (90, 100, None):
        assert annotator_shares(labels, items, batch_size, np.float32) is None
    assert annotator_shares(crowd(100, 4), items, 10, np.float32) is None


def test_shares_of_those_in_a_batch_sum_to_one_on_average():
    labels, items = crowd(60, 20), np.arange(60)
    share = annotator_shares(labels, items, 6, np.float64)
    dataset = CrowdDataset(np.zeros((60, 1)), labels, annotator_share=share)
    sums = [
        dataset.__getitems__(batch)[1]["annotator_share"].sum().item()
        for seed in range(300)
        for batch in EvenBatches(60, 6, np.random.default_rng(seed))
    ]
    assert np.mean(sums) == pytest.approx(1, abs=4 * np.std(sums) / len(sums) ** 0.5)


@pytest.mark.parametrize("block_size", [1, 3, 100])
def test_a_loader_gives_the_batches_of_its_sampler_in_order(block_size):
    class Echo:
        def __getitems__(self, batch):
            return batch.tolist()

    loader = BatchLoader(Echo(), EvenBatches(11, 2), block_size)
    batches = list(loader)
    assert len(batches) == len(loader) == 6
    assert [item for batch in batches for item in batch] == list(range(11))


def test_batches_are_made_ahead_only_where_they_are_small():
    assert batches_ahead(np.zeros((9, 50), "f4"), 256) > 10
    assert batches_ahead(np.zeros((9, 5000), "f4"), 100) == 1
    assert batches_ahead(np.zeros((2, 3, 224, 224), "f4"), 10) == 1
    assert batches_ahead({"ids": np.zeros((9, 5))}, 1) == 1


def test_annotators_are_few_up_to_an_eighth_of_them_in_a_batch():
    assert not are_few(None)
    for proba, expected in [(0.5, False), (0.13, False), (0.12, True)]:
        share = np.full(100, 1 / 100 / proba)
        assert are_few(share) is expected
    some = np.zeros(100)
    some[:10] = 1 / 100
    assert are_few(some)


def test_prediction_batches_are_large_where_rows_are_short():
    assert prediction_batch_size(100, 10) == 4096
    assert prediction_batch_size(100, 2**20) == 100
    assert prediction_batch_size(5000, 10) == 5000
    assert prediction_batch_size(1, 2**14) == 1024

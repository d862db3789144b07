"""The random sample of a stream."""

import numpy as np
from numpy.testing import assert_array_equal

from skccem import CrowdLabels
from skccem._replay import cut_replay, update_replay, with_replay


def stream(n_chunks, size, seed, n=10):
    """The sample after chunks of items 0, 1, 2 and so on, without each third one."""
    rng, replay = np.random.default_rng(seed), None
    for chunk in range(n_chunks):
        X = np.arange(chunk * n, (chunk + 1) * n, dtype=float)[:, None]
        labels = CrowdLabels.from_matrix(X.astype(int) % 7, classes=np.arange(7))
        weight = X[:, 0] + 1
        data = with_replay(replay, X, labels, weight)
        n_old = len(data[1]) - n
        items = n_old + np.flatnonzero(X[:, 0] % 3)
        replay = update_replay(replay, *data, items, size, rng)
    return replay


def test_items_keep_their_labels_and_weights():
    replay = stream(20, 12, 0)
    items = replay.X[:, 0].astype(int)
    assert len(replay) == len(set(items)) == 12
    assert_array_equal(np.asarray(replay.labels)[:, 0], items % 7)
    assert_array_equal(replay.weight, items + 1)
    assert (items % 3 > 0).all()
    assert replay.n_seen == np.sum(np.arange(200) % 3 > 0)


def test_every_item_is_as_likely_to_be_kept():
    kept = np.concatenate([stream(12, 16, seed).X[:, 0] for seed in range(300)])
    counts = np.bincount(kept.astype(int), minlength=120)[np.arange(120) % 3 > 0]
    expected = 16 * 300 / len(counts)
    assert abs(counts - expected).max() < 4.5 * np.sqrt(expected)
    early, late = counts[: len(counts) // 2].sum(), counts[len(counts) // 2 :].sum()
    assert abs(early - late) < 4 * np.sqrt(16 * 300)


def test_all_are_kept_while_there_is_room_and_none_without():
    assert len(stream(2, 100, 0)) == np.sum(np.arange(20) % 3 > 0)
    assert stream(2, 0, 0) is None


def test_a_smaller_sample_is_drawn_from_the_old_one():
    replay, rng = stream(4, 12, 0), np.random.default_rng(0)
    smaller = cut_replay(replay, 5, rng)
    assert len(smaller) == 5
    assert set(smaller.X[:, 0]) < set(replay.X[:, 0])
    assert smaller.n_seen == replay.n_seen
    assert cut_replay(replay, 12, rng) is replay
    assert cut_replay(replay, 0, rng) is None


def test_items_without_weights_have_weight_one():
    replay = stream(4, 12, 0)
    _, _, weight = with_replay(replay, replay.X, replay.labels, None)
    assert_array_equal(weight, [*replay.weight, *np.ones(12)])

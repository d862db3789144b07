import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._label_tiles import annotator_order, count_tiles, item_order


def random_labels(seed, shape=(23, 11), n_classes=4, share=0.3):
    rng = np.random.default_rng(seed)
    Y = rng.integers(n_classes, size=shape)
    Y[rng.random(shape) > share] = -1
    Y[3], Y[:, 5] = -1, -1
    return CrowdLabels.from_matrix(Y, classes=range(n_classes))


@pytest.mark.parametrize("shape", [(23, 11), (1, 1), (7, 3), (23, 4), (22, 10)])
@pytest.mark.parametrize("seed", range(3))
def test_tiles_count_what_a_dense_matrix_counts(seed, shape):
    labels = random_labels(seed)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(23), rng.permutation(11)
    tiles = count_tiles(labels, rows, columns, shape)
    dense = np.asarray(labels)[np.ix_(rows, columns)]
    tile = np.ix_(np.arange(23) * shape[0] // 23, np.arange(11) * shape[1] // 11)
    counts = np.zeros((*shape, 4), dtype=int)
    for code in range(4):
        np.add.at(counts[..., code], tile, dense == code)
    np.testing.assert_array_equal(tiles.n_labels, counts.sum(axis=2))
    np.testing.assert_array_equal(tiles.n_winner, counts.max(axis=2))
    expected = np.where(counts.sum(axis=2) > 0, counts.argmax(axis=2), -1)
    np.testing.assert_array_equal(tiles.winner, expected)
    assert tiles.n_cells.sum() == dense.size
    assert np.ptp(tiles.n_cells.sum(axis=1)) <= 11


def test_a_tile_for_each_entry_is_the_matrix():
    labels = random_labels(0)
    tiles = count_tiles(labels, np.arange(23), np.arange(11), (23, 11))
    np.testing.assert_array_equal(tiles.winner, np.asarray(labels))


def test_the_given_order_is_kept_and_the_most_labels_come_first():
    labels = random_labels(1)
    for order, numbers in [
        (item_order, labels.labels_per_item),
        (annotator_order, labels.labels_per_annotator),
    ]:
        np.testing.assert_array_equal(order(labels, "given"), np.arange(len(numbers)))
        assert (np.diff(numbers[order(labels, "labels")]) <= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_classes_come_one_by_one_with_clear_majorities_first(seed):
    labels = random_labels(seed)
    dense = np.asarray(labels)
    for order, matrix in [(item_order, dense), (annotator_order, dense.T)]:
        positions = order(labels, "class")
        assert sorted(positions) == list(range(len(matrix)))
        counts = (matrix[positions][..., np.newaxis] == range(4)).sum(axis=1)
        n_labels = counts.sum(axis=1)
        winner = np.where(n_labels > 0, counts.argmax(axis=1), 4)
        assert (np.diff(winner) >= 0).all()
        share = counts.max(axis=1) / np.maximum(n_labels, 1)
        for code in range(4):
            assert (np.diff(share[winner == code]) <= 0).all()


def test_sizes_that_no_dense_array_has_are_counted():
    n_items, n_annotators = 1_000_000, 1_000_000
    labels = CrowdLabels(
        np.arange(n_items + 1),
        np.arange(n_items, dtype=np.int32)[::-1],
        np.zeros(n_items, dtype=np.int8),
        np.arange(2),
        np.arange(n_annotators),
    )
    items, annotators = item_order(labels, "class"), annotator_order(labels, "labels")
    tiles = count_tiles(labels, items, annotators, (10, 10))
    expected = 100_000 * np.eye(10)[::-1]
    np.testing.assert_array_equal(tiles.n_labels, expected)
    assert tiles.n_cells.sum() == n_items * n_annotators

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skccem import CrowdLabels
from skccem._rows import (
    gather_rows,
    row_blocks,
    row_pointers,
    rows_of_csr,
    rows_of_key,
    sort_pairs,
)

REFERENCE = CrowdLabels(
    indptr=np.array([0, 2, 2, 4]),
    indices=np.array([0, 2, 0, 1], dtype=np.int32),
    codes=np.array([0, 2, 1, 0], dtype=np.int8),
    classes=np.array([0, 1, 3]),
    annotators=np.arange(3),
)


KEYS = [
    slice(None),
    slice(2, 7),
    slice(7, 2),
    slice(-4, None),
    slice(None, None, -1),
    slice(8, 1, -3),
    slice(100, 200),
    np.array([5, 0, 5, -1]),
    np.array([], dtype=int),
    [3, 1],
    [],
    range(4),
    pd.Series([4, 2]),
    np.arange(12) % 3 == 0,
    [True] * 5 + [False] * 7,
    np.zeros(12, dtype=bool),
    np.array([2], dtype=np.uint8),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_indexed_as_those_of_an_array(key, seed):
    rng = np.random.default_rng(seed)
    Y = rng.integers(-1, 3, size=(12, 4))
    labels = CrowdLabels.from_long(
        CrowdLabels.from_matrix(Y).to_long(),
        items=range(12),
        classes=range(3),
        annotators=range(4),
    )
    expected = np.arange(12)[key]
    for part in (labels[key], labels[key, ...], labels[key, :], labels[(key,)]):
        np.testing.assert_array_equal(part, Y[expected])
        np.testing.assert_array_equal(part.items, expected)
        np.testing.assert_array_equal(part.classes, labels.classes)
        np.testing.assert_array_equal(part.annotators, labels.annotators)
        assert part.codes.dtype == labels.codes.dtype
        assert part.indices.dtype == np.int32
        assert part.indptr.dtype == np.int64


@pytest.mark.parametrize("key", [0, -1, np.int64(2), np.array(1)])
def test_an_integer_takes_one_row(key):
    assert np.asarray(REFERENCE[key]).tolist() == [np.asarray(REFERENCE)[key].tolist()]


def test_iteration_ends_with_the_last_row():
    assert [row.n_labels for row in REFERENCE] == [2, 0, 2]


@pytest.mark.parametrize(
    "key",
    [
        3,
        -4,
        [0, 3],
        np.array([True, False]),
        np.array([[0, 1]]),
        np.array([0.5]),
        None,
        "a",
        (0, 1),
        (slice(None), [0]),
        (),
        (0, ..., ...),
    ],
)
def test_other_keys_are_an_index_error(key):
    with pytest.raises(IndexError):
        REFERENCE[key]


@pytest.mark.parametrize("seed", range(20))
def test_gathered_rows_equal_a_loop_over_them(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 4, size=15)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    rows = rng.integers(15, size=rng.integers(0, 30))
    positions, counts = gather_rows(indptr, rows)
    expected = [position for i in rows for position in range(*indptr[i : i + 2])]
    assert positions.tolist() == expected
    assert counts.tolist() == lengths[rows].tolist()


def test_other_keys_say_what_is_allowed():
    with pytest.raises(IndexError, match=r"by rows.* got \(0, 1\); use select_ann"):
        rows_of_key((0, 1), 3)
    with pytest.raises(IndexError, match=r"index of 2 dimensions; flatten it"):
        rows_of_key([[0, 1]], 3)


def test_consecutive_rows_are_a_slice_however_they_are_named():
    keys = ([2, 3, 4], np.arange(5) > 1, np.arange(2, 5, dtype=np.uint8))
    for key in keys:
        assert rows_of_key(key, 5) == slice(2, 5)
    for key in ([2, 4], [4, 3, 2], [2, 2, 4], [2, 1, 4], []):
        assert rows_of_key(np.array(key, dtype=int), 5).tolist() == key


@pytest.mark.parametrize("seed", range(10))
def test_sorted_pairs_keep_the_order_of_equal_ones(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(5, size=30).astype(np.int8)
    columns = rng.integers(4, size=30).astype(np.int8)
    order, repeats = sort_pairs(rows, columns, 4)
    pairs = list(zip(rows.tolist(), columns.tolist(), range(30), strict=True))
    assert order.tolist() == [number for *_, number in sorted(pairs)]
    assert len(repeats) == 30 - len({pair[:2] for pair in pairs})


def test_pairs_beyond_32_bits_are_told_apart():
    rows = np.array([2**31 - 1, 2**31 - 1, 0], dtype=np.int32)
    columns = np.array([2**31 - 2, 0, 5], dtype=np.int32)
    order, repeats = sort_pairs(rows, columns, 2**31 - 1)
    assert order.tolist() == [2, 1, 0]
    assert len(repeats) == 0


def test_row_pointers_of_no_rows_are_a_zero():
    for counts in ([], [0, 0], [2, 0, 3]):
        pointers = row_pointers(np.array(counts, dtype=np.int32))
        assert pointers.tolist() == [0, *np.cumsum(counts).astype(int)]
        assert pointers.dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("seed", range(5))
def test_blocks_cover_all_rows_in_order_and_stay_small(seed, dtype):
    counts = np.random.default_rng(seed).integers(9, size=40)
    counts[7] = 30
    indptr = row_pointers(counts).astype(dtype)
    blocks = list(row_blocks(indptr, 12))
    rows = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
    np.testing.assert_array_equal(rows, np.arange(40))
    for block in blocks:
        assert block.stop - block.start <= 12
        assert counts[block].sum() <= 12 or block == slice(7, 8)
    assert list(row_blocks(row_pointers([]), 12)) == []


def test_rows_of_a_sparse_matrix_share_its_memory():
    matrix = sparse.csr_array(np.random.default_rng(0).integers(3, size=(9, 4)))
    rows = rows_of_csr(matrix, slice(2, 6))
    np.testing.assert_array_equal(rows.toarray(), matrix.toarray()[2:6])
    assert np.shares_memory(rows.data, matrix.data)

"""Labels as dense arrays: their types, their memory, and the limit of it."""

import tracemalloc

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import type_of_target

from skccem import _annotations
from skccem._annotations import CrowdLabels

# Three items, three annotators, three classes.
LABELS = CrowdLabels.from_matrix([[0, -1, 2], [-1, -1, -1], [1, 0, -1]])


def test_a_dense_array_above_the_limit_is_refused_with_the_way_out(monkeypatch):
    labels = CrowdLabels.from_matrix(np.zeros((10, 4), dtype=int))
    monkeypatch.setattr(_annotations, "MAX_DENSE_BYTES", 40)
    assert np.asarray(labels).nbytes == 40
    monkeypatch.setattr(_annotations, "MAX_DENSE_BYTES", 39)
    with pytest.raises(MemoryError, match=r"cv=KFold\(5\)"):
        np.asarray(labels)
    with pytest.raises(MemoryError, match=r"cv=KFold\(5\)"):
        type_of_target(labels)
    assert len(train_test_split(labels)[0]) == 7


def test_dense_arrays_have_the_asked_for_type_and_are_copies():
    assert np.asarray(LABELS, dtype=float).dtype == np.float64
    assert LABELS.__array__(copy=True).flags.writeable
    with pytest.raises(ValueError, match=r"^CrowdLabels are compressed: .* a copy\.$"):
        LABELS.__array__(copy=False)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, bool])
def test_a_type_without_minus_one_is_refused_for_dense_arrays(dtype):
    with pytest.raises(ValueError, match=r"can't hold the codes and -1 .* use int8"):
        np.asarray(LABELS, dtype=dtype)


def test_the_limit_of_dense_arrays_counts_the_asked_for_type(monkeypatch):
    monkeypatch.setattr(_annotations, "MAX_DENSE_BYTES", 71)
    assert np.asarray(LABELS, dtype=np.float32).nbytes == 36
    with pytest.raises(MemoryError, match="allowed"):
        np.asarray(LABELS, dtype=float)
    # The type of texts has no size yet.
    monkeypatch.setattr(_annotations, "MAX_DENSE_BYTES", 8)
    with pytest.raises(MemoryError, match="allowed"):
        np.asarray(LABELS, dtype=str)


def test_the_error_of_too_large_an_array_says_its_size_and_the_limit():
    nothing = np.zeros(0, dtype=np.int8)
    labels = CrowdLabels(
        np.zeros(2**15 + 1, dtype=np.int64), nothing, nothing, nothing, np.arange(2**16)
    )
    message = (
        r"takes 2\.0 GiB, more than the 1\.0 GiB allowed\. scikit-learn makes one if "
        r"cv is None or a number: pass a splitter, cv=KFold\(5\), which needs none\.$"
    )
    with pytest.raises(MemoryError, match=message):
        np.asarray(labels)


def test_a_dense_array_takes_its_memory_once():
    labels = CrowdLabels.from_matrix(np.eye(1000, dtype=int) - 1)
    tracemalloc.start()
    dense = np.asarray(labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * dense.nbytes

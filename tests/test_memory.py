import numpy as np
import pytest

from skccem import _memory
from skccem._memory import check_matrices, physical_memory


def test_matrices_that_cannot_fit_are_refused_with_what_they_need(monkeypatch):
    monkeypatch.setattr(_memory, "physical_memory", lambda: 2**30)
    message = "1,024 annotators and 256 classes need 1.5 GiB .* has 1.0 GiB"
    with pytest.raises(MemoryError, match=message):
        check_matrices(2**10, 2**8)


def test_numbers_of_any_type_do_not_overflow():
    with pytest.raises(MemoryError):
        check_matrices(np.int32(2**30), np.int32(2**20))


def test_a_system_that_does_not_tell_its_memory_is_trusted(monkeypatch):
    assert 2**28 < physical_memory() < 2**50

    def refuse(name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(_memory.os, "sysconf", refuse)
    assert physical_memory() == np.inf
    assert check_matrices(100_000, 100_000) is None

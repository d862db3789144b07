"""One process alone; what several agree on is in test_accelerated.py."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skccem._processes import Processes


@pytest.mark.parametrize("value", [3.5, np.arange(3.0), torch.ones(2)])
def test_one_process_agrees_with_itself(value):
    alone = Processes()
    assert (alone.count, alone.index) == (1, 0)
    assert alone.sum(value) is value
    alone.check_same("numbers", value)


def test_a_number_of_every_process_is_an_array():
    assert_array_equal(Processes().each(7), [7])
    mask = np.array([True, False])
    assert Processes().any(mask) is mask

"""One process alone, and one of two; test_accelerated.py starts two in earnest."""

from types import SimpleNamespace

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


def first_of_two(other):
    """The first of two processes, of which the other one adds these values."""
    return Processes(
        SimpleNamespace(
            num_processes=2,
            process_index=0,
            device=torch.device("cpu"),
            reduce=lambda mine, how: mine + torch.as_tensor(other),
        )
    )


def test_two_processes_add_up_what_they_have_in_the_form_it_has():
    assert first_of_two([4.0]).sum(3.5) == 7.5
    both = first_of_two([1.0, 2.0])
    assert_array_equal(both.sum(np.array([3.0, 5.0])), [4.0, 7.0])
    assert torch.equal(both.sum(torch.tensor([3.0, 5.0])), torch.tensor([4.0, 7.0]))
    assert_array_equal(first_of_two([0, 1]).any(np.array([False, False])), [0, 1])
    assert_array_equal(first_of_two([0, 9]).each(7), [7, 9])


def test_what_differs_between_processes_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"same annotators.*labels\[index::count\]"):
        first_of_two([0, 1]).check_same("annotators", ["a", "b"])

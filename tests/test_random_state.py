import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from skccem._random_state import (
    one_thread,
    random_generator,
    reproducible,
    seeded,
)


@pytest.fixture
def states():
    """Asserts at the end that the global generators are as at the start."""

    def get():
        state = np.random.get_state()  # noqa: NPY002
        return [*state[1], state[2], *torch.get_rng_state().tolist()]

    before = get()
    yield
    assert get() == before


def test_a_seed_reproduces_and_the_global_state_stays(states):
    draws = []
    for seed in (3, 3, 4):
        with seeded(seed, "cpu"):
            draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_the_global_state_stays_also_after_an_error(states):
    with pytest.raises(RuntimeError), seeded(0, "cpu"):
        torch.rand(-1)


def test_no_random_state_is_a_new_one_and_the_global_one_stays(states):
    one, other = (random_generator(None).randint(2**31) for _ in range(2))
    assert one != other


def test_a_random_state_is_used_as_given(states):
    given = np.random.RandomState(3)
    assert random_generator(given) is given
    assert random_generator(3).randint(2**31) == given.randint(2**31)


def test_seeding_the_cpu_leaves_accelerators_alone(monkeypatch):
    def never(seed):
        raise AssertionError("would seed every device")

    monkeypatch.setattr(torch, "manual_seed", never)
    with seeded(0, "cpu"):
        torch.rand(1)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_generators_of_an_accelerator_are_restored_as_well(monkeypatch, device):
    drawn = [torch.tensor([n], dtype=torch.uint8) for n in range(2)]
    restored = {}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda index: drawn[index])
    monkeypatch.setattr(
        torch.cuda,
        "set_rng_state",
        lambda state, index: restored.update({index: state}),
    )
    with seeded(0, device):
        assert not restored
    assert restored == {0: drawn[0], 1: drawn[1]}


def test_numpys_global_generator_is_seeded_for_datasets_that_draw_from_it(states):
    def draw(seed):
        with seeded(seed, "cpu"):
            return np.random.random()  # noqa: NPY002 - as in the code of users

    assert draw(3) == draw(3) != draw(4)


def test_contexts_inside_each_other_restore_each_its_own(states):
    with seeded(3, "cpu"):
        torch.rand(1)
        expected = torch.rand(1)
    with seeded(3, "cpu"):
        torch.rand(1)
        with seeded(4, "cpu"):
            torch.rand(7)
        assert torch.equal(torch.rand(1), expected)


def test_threads_side_by_side_leave_the_global_state(states):
    both_inside, first_is_out = threading.Barrier(2), threading.Event()

    def draw(is_first):
        with seeded(3, "cpu"):
            both_inside.wait(10)
            torch.rand(1)
            assert is_first or first_is_out.wait(10)
        if is_first:
            first_is_out.set()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(draw, is_first) for is_first in (True, False)]:
            done.result()


@pytest.fixture
def threads():
    """Sets the number of torch's threads, and the old one at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("module", "device", "inside"),
    [(None, "cpu", 1), (torch.nn.Linear, "cpu", 2)],
)
def test_the_perceptron_alone_has_one_thread(threads, module, device, inside):
    threads(2)
    with reproducible(module, 0, device):
        assert torch.get_num_threads() == inside
    assert torch.get_num_threads() == 2


def test_the_number_of_threads_stays_also_after_an_error(threads):
    threads(2)
    with pytest.raises(RuntimeError), one_thread():
        torch.rand(-1)
    assert torch.get_num_threads() == 2


def test_contexts_side_by_side_restore_the_number_of_threads(threads):
    threads(2)
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert torch.get_num_threads() == 2

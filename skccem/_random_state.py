"""Random states: the global ones are left as they were found."""

from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state


def random_generator(random_state):
    """A generator that leaves NumPy's global one alone, also for None.

    Parameters
    ----------
    random_state : int, RandomState or None

    Returns
    -------
    RandomState
    """
    if random_state is None:
        return np.random.RandomState(np.random.SeedSequence().generate_state(1)[0])
    return check_random_state(random_state)


@contextmanager
def seeded(seed, device):
    """torch's global generators seeded, and as they were afterwards.

    Parameters
    ----------
    seed : int
    device : str
        Generators of other devices than this one and the CPU are not touched.
    """
    kind = torch.device(device).type
    if kind == "cpu":
        state = torch.get_rng_state()
        try:
            # torch.manual_seed would seed the accelerators as well.
            torch.default_generator.manual_seed(seed)
            yield
        finally:
            torch.set_rng_state(state)
        return
    devices = range(getattr(torch, kind).device_count())
    with torch.random.fork_rng(devices=devices, device_type=kind):
        torch.manual_seed(seed)
        yield

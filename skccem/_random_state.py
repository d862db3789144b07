"""What fits depend on beside their data; the global settings are left as found."""

import threading
from contextlib import contextmanager, nullcontext

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
    """NumPy's and torch's global generators seeded, and as they were afterwards.

    NumPy's matters to the Datasets of users. Threads share the generators: of those
    that are in here side by side the last one restores what the first one found.

    Parameters
    ----------
    seed : int
    device : str
        Generators of other devices than this one and the CPU are not touched.
    """
    with _restored(), _forked(device):
        seed_again(seed, device)
        yield


def seed_again(seed, device):
    """Seed the global generators in a context of ``seeded``, which restores them.

    Parameters
    ----------
    seed : int
    device : str
        That of the context.
    """
    np.random.seed(seed)  # noqa: NPY002 - it is what is restored
    if torch.device(device).type == "cpu":
        # torch.manual_seed would seed the accelerators as well.
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def _forked(device):
    kind = torch.device(device).type
    if kind == "cpu":
        return nullcontext()
    devices = range(getattr(torch, kind).device_count())
    return torch.random.fork_rng(devices=devices, device_type=kind)


class TrainingDraws:
    """The generators of a training by itself.

    Parameters
    ----------
    seed : int

    Attributes
    ----------
    orders : numpy.random.Generator
        Of the order of items.
    loaders : torch.Generator
        Of the seeds of data-loading workers.
    """

    def __init__(self, seed):
        self.orders = np.random.default_rng(seed)
        self.loaders = torch.Generator().manual_seed(seed)

    def state(self):
        """Where they are: a dict of data."""
        orders = self.orders.bit_generator.state
        return {"orders": orders, "loaders": self.loaders.get_state()}

    def set_state(self, state):
        """Bring them to where others were whose `state` it is."""
        self.orders.bit_generator.state = state["orders"]
        self.loaders.set_state(state["loaders"])


def generator_states(device):
    """Of the global generators that training may draw from.

    Parameters
    ----------
    device : str

    Returns
    -------
    dict
        Of arrays, numbers and tensors.
    """
    kind = torch.device(device).type
    return {
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002
        "torch": torch.get_rng_state(),
        "device": [] if kind == "cpu" else getattr(torch, kind).get_rng_state_all(),
    }


def set_generator_states(states, device):
    """Set what `generator_states` returned.

    Parameters
    ----------
    states : dict
    device : str
    """
    np.random.set_state(states["numpy"])  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    kind = torch.device(device).type
    if kind != "cpu":
        getattr(torch, kind).set_rng_state_all(states["device"])


class _Inside:
    """The threads whose generators are to be restored, and to what."""

    lock = threading.Lock()
    n_threads = 0
    before = None
    this_thread = threading.local()


@contextmanager
def _restored():
    if getattr(_Inside.this_thread, "is_inside", False):
        before = generator_states("cpu")
        try:
            yield
        finally:
            set_generator_states(before, "cpu")
        return
    with _Inside.lock:
        if _Inside.n_threads == 0:
            _Inside.before = generator_states("cpu")
        _Inside.n_threads += 1
    _Inside.this_thread.is_inside = True
    try:
        yield
    finally:
        _Inside.this_thread.is_inside = False
        with _Inside.lock:
            _Inside.n_threads -= 1
            if _Inside.n_threads == 0:
                set_generator_states(_Inside.before, "cpu")


@contextmanager
def reproducible(module, seed, device):
    """The context in which a network is trained and predicts.

    Parameters
    ----------
    module : None, nn.Module, or callable
        The estimator's. None is the perceptron, which has one thread on a CPU: it is
        too small to gain from more, and sums round by the number of threads, of which
        worker processes have fewer.
    seed : int
    device : str
    """
    alone = module is None and torch.device(device).type == "cpu"
    with one_thread() if alone else nullcontext(), seeded(seed, device):
        yield


class _OneThread:
    """Fits that run side by side in threads share one setting, the first one's."""

    lock = threading.Lock()
    n_inside = 0
    before = None


@contextmanager
def one_thread():
    """torch computes in one thread, and in as many as before afterwards."""
    with _OneThread.lock:
        if _OneThread.n_inside == 0:
            _OneThread.before = torch.get_num_threads()
        _OneThread.n_inside += 1
    try:
        torch.set_num_threads(1)
        yield
    finally:
        with _OneThread.lock:
            _OneThread.n_inside -= 1
            torch.set_num_threads(_OneThread.before)

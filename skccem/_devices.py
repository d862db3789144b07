"""Data on accelerators, and what is computed in half precision there."""

from contextlib import nullcontext

import numpy as np
import torch
from skorch.helper import SliceDict

# The share of a device's free memory that features may take; the rest is for training.
_SHARE = 0.5


def free_memory(device):
    """Bytes that are free on a device; zero where it does not tell.

    Parameters
    ----------
    device : str

    Returns
    -------
    int
    """
    if torch.device(device).type != "cuda":
        return 0
    return torch.cuda.mem_get_info(device)[0]


def keep_on_device(X, device, free=free_memory):
    """Features that are read from the device itself in every epoch, where they fit.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
    device : str
    free : callable
        From the device to the bytes that are free there.

    Returns
    -------
    Tensor, dict of Tensors, or X
        X itself on the CPU, where arrays are at home; if it is sparse or a Dataset,
        which batches are made of; and if it is larger than half the free memory.
    """
    dense = all(isinstance(part, np.ndarray) for part in _parts(X))
    if torch.device(device).type == "cpu" or not dense:
        return X
    if sum(part.nbytes for part in _parts(X)) > _SHARE * free(device):
        return X
    if isinstance(X, SliceDict):
        return {name: _moved(part, device) for name, part in X.items()}
    return _moved(X, device)


def on_device(tensors, device):
    """Tensors by name, some of them dicts themselves, on a device.

    Parameters
    ----------
    tensors : dict
    device : str

    Returns
    -------
    dict
    """
    if torch.device(device).type == "cpu":
        return tensors
    return {
        name: (
            on_device(part, device)
            if isinstance(part, dict)
            else part.to(device, non_blocking=True)
        )
        for name, part in tensors.items()
    }


def in_precision(precision, device):
    """The context in which a network is called.

    Parameters
    ----------
    precision : {None, "bf16"}
    device : str

    Returns
    -------
    context manager
    """
    if precision is None:
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def _parts(X):
    return X.values() if isinstance(X, SliceDict) else [X]


def _moved(array, device):
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)

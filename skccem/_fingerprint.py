"""A name for a fit, from all that its result depends on."""

import functools
import hashlib
import inspect
import json

import joblib
import numpy as np
import skorch
import torch
from scipy import sparse
from skorch.callbacks import Callback
from torch import nn
from torch.utils.data import Dataset

from ._callbacks import arguments_of
from ._features import n_items, take_batch
from ._stored_values import NotStorable, Writer

# Parameters that change nothing in the result.
_WITHOUT_EFFECT = {"checkpoint_dir", "n_jobs", "on_interrupt", "verbose"}

# Items of a Dataset that are looked at.
_N_LOOKED_AT = 16


def fingerprint(*parts):
    """The same for the same parts, in other processes too, and else another.

    Parameters
    ----------
    *parts : object
        Data, arrays, modules, estimators, callbacks, classes and functions. The last
        two are known by their names, and a torch Dataset by some of its items.

    Returns
    -------
    str
        Of 40 hexadecimal digits.
    """
    from . import __version__

    versions = __version__, torch.__version__, skorch.__version__, np.__version__
    described = json.dumps([versions, *map(_describe, parts)], sort_keys=True)
    return hashlib.sha1(described.encode(), usedforsecurity=False).hexdigest()


def _describe(value):
    """A value as JSON that tells it from others."""
    if isinstance(value, np.ndarray) or sparse.issparse(value):
        return _hash(value)
    if isinstance(value, torch.Tensor):
        numbers = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        return [str(value.dtype), list(value.shape), _hash(numbers.numpy())]
    if isinstance(value, dict):
        return [[str(key), _describe(part)] for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [_describe(part) for part in value]
    if isinstance(value, functools.partial):
        return [_describe(part) for part in (value.func, value.args, value.keywords)]
    if inspect.isroutine(value) or inspect.isclass(value):
        return f"{value.__module__}.{value.__qualname__}"
    name = _describe(type(value))
    if isinstance(value, nn.Module):
        return [name, str(value), _describe(dict(value.state_dict()))]
    if isinstance(value, Dataset):
        rows = np.linspace(0, n_items(value) - 1, _N_LOOKED_AT).astype(int)
        return [name, n_items(value), _describe(take_batch(value, np.unique(rows)))]
    if isinstance(value, Callback):
        return [name, _describe(arguments_of(value))]
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        effective = params.keys() - _WITHOUT_EFFECT
        return [name, _describe({key: params[key] for key in sorted(effective)})]
    return [name, _data(value)]


def _data(value):
    """What data say, with their tensors; nothing of other objects."""
    writer = Writer()
    try:
        encoded = writer.encode(value, "value")
    except NotStorable:
        return None
    return [encoded, _describe(writer.tensors)]


def _hash(array):
    return joblib.hash(array, hash_name="sha1", coerce_mmap=True)

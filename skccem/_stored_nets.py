"""Trained nets as data, and back."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from skorch.history import History
from torch.nn.parameter import is_lazy

from ._ensemble import settings_of
from ._fitting import new_backbone
from ._model_file import damaged
from ._net_settings import OPTIMIZERS, new_net
from ._network import CrowdNetwork, make_backbone
from ._optimizer_state import on_device_of, state_of
from ._random_state import reproducible
from ._refitting import PosteriorLoss

# Settings that a net has from its fit, whatever those of the estimator are by now.
_SETTINGS = ("max_epochs", "batch_size", "iterator_valid__batch_size", "precision")


class StoredNet(NamedTuple):
    """A trained net as data."""

    seed: int
    settings: dict
    # One dict an epoch.
    history: list
    # As of torch's `state_dict`.
    state: dict
    # Names of parameters that are not trained.
    frozen: list
    # Name of the optimiser's class.
    optimizer: str
    # What that remembers, by name of the parameter.
    remembered: dict


def check_perceptron(estimator):
    """Raise unless the settings still are those of the trained perceptron.

    Parameters
    ----------
    estimator : CrowdClassifier
        Fitted. A `module` is asked for when it is loaded.

    Raises
    ------
    ValueError
        If `load` could not make it from them.
    """
    if estimator.module is not None:
        return
    network = estimator.net_.network
    items = _like_items(estimator, network.answer_logits.dtype)
    with torch.device("meta"):
        made = new_backbone(estimator, items, network.n_classes)
    trained = network.backbone
    if repr(made) != repr(trained):
        raise ValueError(
            f"Expected the settings of the fit, got others, which make {made} and not "
            f"the trained {trained}. Set module, hidden_layer_sizes and dropout as "
            "they were, or fit again."
        )


def net_to_data(net):
    """What a trained net is, for a ``Writer``.

    Parameters
    ----------
    net : CrowdNet

    Returns
    -------
    dict
        Of the names of `StoredNet`.
    """
    network = _plain(net.module_)
    named = list(network.named_parameters())
    return StoredNet(
        net.seed,
        {name: getattr(net, name) for name in _SETTINGS if hasattr(net, name)},
        list(net.history),
        dict(network.state_dict()),
        [name for name, parameter in named if not parameter.requires_grad],
        type(net.optimizer_).__name__,
        {name: dict(state_of(net.optimizer_, parameter)) for name, parameter in named},
    )._asdict()


def check_stored_net(stored, shape):
    """Raise unless this is the data of a net with matrices of this shape.

    Parameters
    ----------
    stored : StoredNet
        As read from a file.
    shape : tuple of int

    Raises
    ------
    ValueError
        If it is not.
    """
    types = StoredNet.__annotations__
    for name, value in stored._asdict().items():
        if type(value) is not types[name]:
            raise ValueError(f"{name} of a network is {value!r}")
    parts = [("history", stored.history), ("remembered", stored.remembered.values())]
    for name, values in parts:
        if not all(type(value) is dict for value in values):
            raise ValueError(f"{name} of a network has other parts than dicts")
    unknown = sorted(map(str, stored.settings.keys() - set(_SETTINGS)))
    if unknown:
        raise ValueError(f"a network has settings {unknown}")
    if not all(isinstance(name, str) for name in stored.state):
        raise ValueError("a network has entries without names")
    logits = stored.state.get("answer_logits")
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        raise ValueError("a network has no matrices")
    if tuple(logits.shape) != shape:
        raise ValueError(
            f"a network has matrices of the shape {tuple(logits.shape)}, which should "
            f"be {shape}"
        )


def net_from_data(estimator, stored, device, path, *, coupled):
    """A net that predicts as the stored one, and from which training can go on.

    Parameters
    ----------
    estimator : CrowdClassifier
        With the settings and fitted attributes of the stored one.
    stored : StoredNet
    device : str
    path : str or path-like
        Of the file, for errors.
    coupled : bool
        Whether it is trained on labels.

    Returns
    -------
    CrowdNet

    Raises
    ------
    ValueError
        If its parameters are not those of the estimator's `module`, or what the
        optimiser remembers not that of `optimizer`.
    """
    # Callbacks of others than the coupled one are copies.
    settings = copy.copy(estimator) if coupled else settings_of(estimator)
    # It is one process that loads it.
    settings.accelerator = None
    changes = {} if coupled else {"criterion": PosteriorLoss}
    logits, n_classes = stored.state["answer_logits"], len(estimator.classes_)
    items = None
    with reproducible(estimator.module, stored.seed, device):
        if estimator.module is None:
            items = _like_items(estimator, logits.dtype)
            # Without memory first: the settings may be of any size.
            with torch.device("meta"):
                made = new_backbone(estimator, items, n_classes)
            _check_backbone(made, stored.state, path)
            backbone = new_backbone(estimator, items, n_classes)
        else:
            backbone = make_backbone(
                estimator.module,
                estimator.module_params or {},
                getattr(estimator, "n_features_in_", None),
                n_classes,
            )
        network = CrowdNetwork(
            backbone,
            logits.transpose(1, 2),
            outlier_logits=stored.state.get("outlier_logits"),
        )
        _load_state(network, stored.state, path)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name not in stored.frozen)
        net = new_net(
            settings, network, items, stored.seed, device, **stored.settings, **changes
        )
        net.initialize()
    _remind(net, stored, path, known=estimator.optimizer in OPTIMIZERS)
    net.history_ = History(stored.history)
    # As a fit leaves it, which ends with predictions.
    net.module_.eval()
    net.criterion_.eval()
    return net


def _like_items(estimator, dtype):
    """No items, of the width and type of those that the perceptron was trained on."""
    dtype = np.float64 if dtype == torch.float64 else np.float32
    return np.empty((0, estimator.n_features_in_), dtype=dtype)


def _check_backbone(backbone, state, path):
    """Raise unless a backbone has the entries of a network's that are of one."""
    expected = {
        f"backbone.{name}": kept for name, kept in backbone.state_dict().items()
    }
    stored = {name: kept for name, kept in state.items() if name in expected}
    _check_same(expected, stored, path)


def _load_state(network, state, path):
    """Give a network its parameters and buffers, of the very types and shapes."""
    _check_same(network.state_dict(), state, path)
    network.load_state_dict(state)


def _check_same(expected, got, path):
    """Raise unless two networks have entries of one type and shape."""
    expected, got = _kinds(expected), _kinds(got)
    differ = sorted(
        name
        for name in expected.keys() | got.keys()
        # A lazy parameter takes any shape.
        if expected.get(name, "absent") not in (got.get(name, "absent"), "lazy")
    )
    if differ:
        first = differ[0]
        raise ValueError(
            f"Expected the weights of the module in {path}, but of {len(differ)} the "
            f"type or shape is another, such as of {first}: the module has "
            f"{expected.get(first, 'none')}, the file {got.get(first, 'none')}. Give "
            "the module, or the class and its module_params, of the fit."
        )


def _kinds(state):
    """For each entry of a `state_dict` its type and shape as text."""
    kinds = {}
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            kinds[name] = "further state"
        elif is_lazy(value):
            kinds[name] = "lazy"
        else:
            kinds[name] = f"{value.dtype} of the shape {tuple(value.shape)}"
    return kinds


def _remind(net, stored, path, known):
    """Let a new optimiser remember what the stored one did.

    Parameters
    ----------
    net : CrowdNet
        Initialised.
    stored : StoredNet
    path : str or path-like
    known : bool
        Whether the optimiser is one of torch's, which trust the shapes.
    """
    optimizer = net.optimizer_
    remembered = {name: state for name, state in stored.remembered.items() if state}
    if not remembered:
        return
    if type(optimizer).__name__ != stored.optimizer:
        if known:
            # The setting was changed after the fit: it begins anew, as without a file.
            return
        raise ValueError(
            f"Expected the optimizer {stored.optimizer} of the fit in {path}, got "
            f"{type(optimizer).__name__}. Give the class of the fit."
        )
    named = dict(_plain(net.module_).named_parameters())
    groups = {
        id(parameter): group
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    # Not by `load_state_dict`, which changes the precision of some numbers.
    for name, state in remembered.items():
        if name not in named:
            raise damaged(path, f"there is no parameter {name} to be optimised")
        parameter = named[name]
        for key, value in state.items():
            is_tensor = isinstance(value, torch.Tensor)
            if known and is_tensor and value.shape not in ((), parameter.shape):
                raise damaged(path, f"{key} of {name} has the shape {value.shape}")
        group = groups[id(parameter)]
        optimizer.state[parameter] = on_device_of(parameter, state, group)


def _plain(module):
    """A module without the wrapper of ``torch.compile``, which renames parameters."""
    return getattr(module, "_orig_mod", module)

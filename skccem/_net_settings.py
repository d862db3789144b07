"""From the estimator's arguments to the skorch net."""

import inspect
import textwrap
from numbers import Integral

import torch

from ._accelerated import AcceleratedCrowdNet
from ._batches import prediction_batch_size
from ._callbacks import OWN_CALLBACKS, check_callbacks, use_gradients
from ._outliers import check_outlier_share
from ._row_optimizers import FUSED_DEVICES, RowAdam, RowAdamW, can_catch_up
from ._training import CrowdNet

OPTIMIZERS = {"adam": RowAdam, "adamw": RowAdamW, "sgd": torch.optim.SGD}

# Arguments with which these work on some rows of the matrices alone.
_ROW_ARGUMENTS = {"betas", "eps", "foreach", "fused"}

# Arguments of the skorch net that the estimator sets, by arguments of its own or
# because the coupled loss and whole batches of labels leave no choice.
_OWN_ARGUMENTS = {
    "batch_size",
    "callbacks",
    "classes",
    "criterion",
    "dataset",
    "device",
    "iterator_train",
    "iterator_train__batch_size",
    "iterator_valid",
    "lr",
    "max_epochs",
    "module",
    "optimizer",
    "optimizer__lr",
    "optimizer__param_groups",
    "optimizer__params",
    "optimizer__weight_decay",
    "by_rows",
    "precision",
    "predict_nonlinearity",
    "seed",
    "train_split",
    "verbose",
    "warm_start",
}
_OWN_PREFIXES = ("criterion__", "dataset__", "module__")
_LOADER_ARGUMENTS = (
    "batch_sampler",
    "collate_fn",
    "dataset",
    "drop_last",
    "generator",
    "sampler",
    "shuffle",
)


def check_net_params(net_params):
    """The extra arguments of the skorch net.

    Parameters
    ----------
    net_params : dict or None

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If one of them has an argument of the estimator of its own.
    """
    unnamed = [name for name in net_params or {} if not isinstance(name, str)]
    if unnamed:
        raise ValueError(
            "The keys of net_params must be names of arguments, such as "
            f"'optimizer__betas', but it has {unnamed}."
        )
    clash = sorted(
        name
        for name in net_params or {}
        if name in _OWN_ARGUMENTS
        or name.startswith(_OWN_PREFIXES)
        or (name.startswith("iterator_") and name.endswith(_LOADER_ARGUMENTS))
        or (name.startswith("callbacks__") and name.split("__")[1] in OWN_CALLBACKS)
    )
    if clash:
        raise ValueError(
            f"net_params must not hold {clash}: the estimator sets these itself, as "
            "its own arguments and the labels ask for."
        )
    return net_params or {}


def check_settings(estimator):
    """Raise unless the settings of the network and its training can be used.

    Parameters
    ----------
    estimator : CrowdClassifier

    Raises
    ------
    ValueError
        If they cannot.
    """
    check_net_params(estimator.net_params)
    check_callbacks(estimator.callbacks)
    check_outlier_share(estimator.outlier_share, estimator.likelihood)
    _check_sizes(estimator.hidden_layer_sizes)
    if estimator.accelerator is not None and estimator.on_interrupt == "keep":
        raise ValueError(
            "on_interrupt='keep' is of a fit in one process, but there is an "
            "accelerator, whose other processes would wait: set it to 'raise'."
        )
    optimizer = OPTIMIZERS.get(estimator.optimizer, estimator.optimizer)
    if inspect.isclass(optimizer) and issubclass(optimizer, torch.optim.LBFGS):
        raise ValueError(
            f"optimizer={optimizer.__name__} has one learning rate for all parameters, "
            "but the confusion matrices need their own: choose another, such as 'adam'."
        )
    if estimator.weight_decay and not takes_weight_decay(optimizer):
        raise ValueError(
            f"{optimizer.__name__} has no weight_decay, but weight_decay="
            f"{estimator.weight_decay}: set it to 0 or choose another optimizer."
        )


def _check_sizes(sizes):
    given = [sizes] if isinstance(sizes, Integral) else list(sizes)
    if not all(
        isinstance(size, Integral) and not isinstance(size, bool) and size >= 1
        for size in given
    ):
        raise ValueError(
            "hidden_layer_sizes must be one or more positive integers, the widths of "
            f"the hidden layers, or () for none, but it is {sizes!r}."
        )


def choose_device(device):
    """The torch device that ``device`` means on this machine.

    Parameters
    ----------
    device : str or torch.device

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If this machine has no such device.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except Exception as error:
        # Each kind of device that is not there raises an error of another category.
        raise ValueError(
            f"device={str(device)!r} cannot be used on this machine "
            f"({textwrap.shorten(str(error), 160)}): choose 'cpu', or 'auto', which is "
            "'cuda' where there is one and 'cpu' elsewhere."
        ) from error
    return str(device)


def new_net(estimator, network, X, seed, device, callbacks=(), **changes):
    """The skorch net with the estimator's settings.

    Parameters
    ----------
    estimator : CrowdClassifier
    network : CrowdNetwork
    X : ndarray, CSR, dict of arrays, or torch Dataset
    seed : int
    device : str
    callbacks : sequence of skorch callbacks
        Before those of the user.
    **changes
        Of the arguments that the settings make.

    Returns
    -------
    CrowdNet
    """
    _check_rates(estimator, network.answer_logits.dtype)
    full_batch = estimator.batch_size is None
    optimizer = OPTIMIZERS.get(estimator.optimizer, estimator.optimizer)
    # Not every optimiser has a weight decay to be told of.
    decays = takes_weight_decay(optimizer)
    no_decay = {"weight_decay": 0.0} if decays else {}
    coupling = ["answer_logits"]
    if network.outlier_logits is not None:
        coupling.append("outlier_logits")
    settings = {
        "optimizer": optimizer,
        "optimizer__param_groups": [
            (name, {"lr": estimator.confusion_lr} | no_decay) for name in coupling
        ],
        "lr": estimator.lr,
        "batch_size": -1 if full_batch else estimator.batch_size,
        "max_epochs": estimator.max_epochs,
        "device": device,
        "precision": estimator.precision,
        "callbacks": [
            *callbacks,
            *(estimator.callbacks or []),
        ],
        "verbose": max(int(estimator.verbose) - 1, 0),
    }
    if "criterion" not in changes:
        settings["criterion__likelihood"] = estimator.likelihood
        settings["criterion__regularizer"] = estimator.regularizer
        settings["criterion__reg_strength"] = estimator.reg_strength
    if estimator.module is None and not full_batch:
        settings["iterator_valid__batch_size"] = prediction_batch_size(
            estimator.batch_size, X.shape[1]
        )
    if decays:
        settings["optimizer__weight_decay"] = estimator.weight_decay
    given = check_net_params(estimator.net_params)
    settings.update(_optimizer_defaults(estimator.optimizer, given, device))
    settings.update(given)
    settings.update(changes)
    if estimator.accelerator is not None:
        return AcceleratedCrowdNet(
            network, seed=seed, accelerator=estimator.accelerator, **settings
        )
    by_rows = _works_by_rows(estimator, given) and network.answer_logits.requires_grad
    return CrowdNet(network, seed=seed, by_rows=by_rows, **settings)


def _check_rates(estimator, dtype):
    """Raise unless torch can multiply gradients of this type with the rates."""
    most = torch.finfo(dtype).max
    for name in ("lr", "confusion_lr"):
        rate = getattr(estimator, name)
        if rate > most:
            raise ValueError(
                f"Expected {name} to be at most {most:.1e}, the largest of {dtype}, "
                f"got {rate}. Rates that learn are below 1."
            )


def _optimizer_defaults(name, given, device):
    """What makes the named optimisers faster than by their own defaults."""
    others = {f"optimizer__{way}" for way in ("foreach", "capturable")}
    slow = others | {"optimizer__differentiable"}
    fused = name in ("adam", "adamw") and torch.device(device).type in FUSED_DEVICES
    return {"optimizer__fused": True} if fused and slow.isdisjoint(given) else {}


def _works_by_rows(estimator, given):
    """Whether the matrices that are not in a batch may cost nothing.

    Not with optimisers, or settings of theirs, of which only whole tables are known to
    give the right result, nor with callbacks that look at gradients and may not know
    those of rows.
    """
    if estimator.optimizer not in ("adam", "adamw"):
        return False
    if "optimizer__betas" in given and not can_catch_up(given["optimizer__betas"]):
        return False
    prefix = "optimizer__"
    names = {name.removeprefix(prefix) for name in given if name.startswith(prefix)}
    return names <= _ROW_ARGUMENTS and not use_gradients(estimator.callbacks)


def takes_weight_decay(optimizer):
    """Whether an optimiser has an argument `weight_decay`.

    Parameters
    ----------
    optimizer : callable

    Returns
    -------
    bool
    """
    parameters = inspect.signature(optimizer).parameters
    return "weight_decay" in parameters or any(
        parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values()
    )

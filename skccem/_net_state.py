"""A net in the middle of its training as data, and back."""

from collections.abc import Mapping

from skorch.history import History

from ._callbacks import arguments_of
from ._optimizer_state import on_device_of
from ._random_state import generator_states, set_generator_states
from ._row_optimizers import MissedSteps
from ._stored_values import NotStorable, Writer

# Packages whose callbacks make anew, when training begins, what is not data.
_KNOWN = ("skorch.", "skccem.")


def net_state(net):
    """All that the rest of the training depends on.

    Parameters
    ----------
    net : CrowdNet
        Between two epochs.

    Returns
    -------
    dict
        For a ``Writer``.

    Raises
    ------
    TypeError
        If a callback remembers what is not data.
    """
    moment = net.criterion_.running_moment
    return {
        "module": dict(net.module_.state_dict()),
        "running_moment": moment and {"proba": moment.proba, "total": moment.total},
        "optimizer": [
            _group_state(net, group) for group in net.optimizer_.param_groups
        ],
        "history": list(net.history),
        "best_loss": net.best_loss_,
        "draws": net.draws.state(),
        "generators": generator_states(net.device),
        "callbacks": {
            name: _callback_state(name, callback) for name, callback in net.callbacks_
        },
    }


def set_net_state(net, state):
    """Bring a net to where another one was.

    Parameters
    ----------
    net : CrowdNet
        Whose training has begun, with the same settings.
    state : dict
        What ``net_state`` returned, as read from a file.
    """
    net.module_.load_state_dict(state["module"])
    if state["running_moment"] is not None:
        net.begin_running_moment()
        for name, value in state["running_moment"].items():
            getattr(net.criterion_.running_moment, name).copy_(value)
    groups = net.optimizer_.param_groups
    for group, stored in zip(groups, state["optimizer"], strict=True):
        _set_group_state(net, group, stored)
    net.history_ = History(state["history"])
    net.best_loss_ = state["best_loss"]
    net.draws.set_state(state["draws"])
    for name, callback in net.callbacks_:
        _set_callback_state(callback, state["callbacks"][name])
    # Last, since what is above may draw.
    set_generator_states(state["generators"], net.device)


def _group_state(net, group):
    settings = {name: value for name, value in group.items() if name != "params"}
    remembered = [
        {
            name: value.to_data() if isinstance(value, MissedSteps) else value
            for name, value in net.optimizer_.state.get(parameter, {}).items()
        }
        for parameter in group["params"]
    ]
    return {"settings": settings, "remembered": remembered}


def _set_group_state(net, group, stored):
    group.update(stored["settings"])
    for parameter, state in zip(group["params"], stored["remembered"], strict=True):
        if not state:
            continue
        missed = state.pop("missed", None)
        state = on_device_of(parameter, state, group)
        if missed is not None:
            state["missed"] = MissedSteps.from_data(missed)
        net.optimizer_.state[parameter] = state


def _callback_state(name, callback):
    """What a callback remembers.

    Parameters
    ----------
    name : str
    callback : skorch callback
        Asked by its own ``state_dict``, if it has one.

    Returns
    -------
    dict
        By attribute.
    """
    if hasattr(callback, "state_dict"):
        return _plain(callback.state_dict())
    known = type(callback).__module__.startswith(_KNOWN)
    state = {}
    for attribute, value in vars(callback).items():
        if hasattr(value, "state_dict") and not isinstance(value, type):
            value = {"state_dict": value.state_dict()}
        value = _plain(value)
        try:
            Writer().encode(value, attribute)
        except NotStorable as error:
            # What it was made with is there anyway.
            if known or attribute in arguments_of(callback):
                continue
            raise TypeError(
                f"Expected callbacks that remember data alone, for the checkpoints of "
                f"checkpoint_dir, but of {name!r} {error}. Give it state_dict() and "
                "load_state_dict(state), or leave checkpoint_dir out."
            ) from error
        state[attribute] = value
    return state


def _set_callback_state(callback, state):
    if hasattr(callback, "load_state_dict"):
        callback.load_state_dict(state)
        return
    for attribute, value in state.items():
        part = getattr(callback, attribute, None)
        if hasattr(part, "load_state_dict"):
            part.load_state_dict(value["state_dict"])
        else:
            setattr(callback, attribute, value)


def _plain(value):
    """A value in which every mapping is a dict."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value

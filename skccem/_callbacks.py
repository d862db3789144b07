"""Callbacks of the skorch net: burn-in, early stopping and progress."""

import inspect

from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
)
from tqdm.auto import tqdm

# Names of the callbacks that the estimator may add by itself.
OWN_CALLBACKS = {
    "burn_in",
    "early_stopping",
    "epoch_timer",
    "held_out_score",
    "print_log",
    "progress",
}

# Those of skorch that act on training rather than watch it.
_ACTING = LRScheduler | GradientNormClipping | ParamMapper

# What the net records for callbacks alone.
_FOR_CALLBACKS = {"batches", "train_loss_best", "valid_loss_best"}


class BurnIn(Callback):
    """Trains the first epochs by CCEM alone, without the regulariser.

    Parameters
    ----------
    n_epochs : int
    """

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net, **kwargs):
        # skorch counts the epoch before callbacks hear of it.
        net.criterion_.burn_in = len(net.history) <= self.n_epochs


class EarlyStoppingAfterBurnIn(EarlyStopping):
    """Early stopping on what comes after the burn-in.

    Parameters
    ----------
    burn_in : int
        Epochs that neither count nor are returned to: they lack the regulariser.
    **kwargs
        As for ``skorch.callbacks.EarlyStopping``.
    """

    def __init__(self, burn_in=0, **kwargs):
        super().__init__(**kwargs)
        self.burn_in = burn_in

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) > self.burn_in:
            super().on_epoch_end(net, **kwargs)


class HeldOutScore(Callback):
    """Records after each epoch how well labels that are held out are predicted.

    Parameters
    ----------
    score : callable
        From the net to a number.
    """

    def __init__(self, score):
        self.score = score

    def on_epoch_end(self, net, **kwargs):
        net.history.record("held_out_score", self.score(net))


class ProgressBar(Callback):
    """A bar over epochs with the loss and, if there is one, held-out likelihood."""

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(total=net.max_epochs, desc="CrowdClassifier", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        epoch = net.history[-1]
        shown = {"loss": f"{epoch['train_loss']:.4f}"}
        if "valid_log_likelihood" in epoch:
            shown["held-out log-likelihood"] = f"{epoch['valid_log_likelihood']:.4f}"
        self.bar_.set_postfix(shown, refresh=False)
        self.bar_.update()

    def state_dict(self):
        """Nothing, since the history knows how many epochs there were."""
        return {}

    def load_state_dict(self, state):
        """Nothing to do."""

    def close(self):
        """Leave the bar as it is; called however training ends."""
        if hasattr(self, "bar_"):
            self.bar_.close()
            # A bar holds an open stream, which a pickled estimator must not.
            del self.bar_


def make_callbacks(verbose, patience=None, burn_in=0):
    """The callbacks that the estimator's settings ask for.

    Parameters
    ----------
    verbose : int
        1 for a bar, 2 for a line an epoch.
    patience : int, optional
        Epochs without a better held-out likelihood after which training ends and the
        best weights are restored.
    burn_in : int
        Epochs of CCEM alone, with which training begins.

    Returns
    -------
    list of (str, Callback)
    """
    callbacks = [("burn_in", BurnIn(burn_in))] if burn_in else []
    if patience is not None:
        stopping = stop_early("valid_log_likelihood", patience, burn_in)
        callbacks.append(("early_stopping", stopping))
    if verbose == 1:
        callbacks.append(("progress", ProgressBar()))
    elif verbose > 1:
        callbacks.append(("print_log", PrintLog()))
    return callbacks


def stop_early(monitor, patience, burn_in=0):
    """Early stopping that keeps the best weights.

    Parameters
    ----------
    monitor : str
        What the history holds and should rise.
    patience : int
        Epochs without a better value.
    burn_in : int
        Epochs at the beginning that do not count.

    Returns
    -------
    EarlyStoppingAfterBurnIn
    """
    return EarlyStoppingAfterBurnIn(
        burn_in,
        monitor=monitor,
        lower_is_better=False,
        patience=patience,
        load_best=True,
        # A relative threshold would take a slightly worse likelihood as better.
        threshold=0,
        sink=_silence,
    )


def acting_callbacks(callbacks):
    """The callbacks that networks beside the coupled one need as well.

    Parameters
    ----------
    callbacks : list or None
        That ``check_callbacks`` let pass.

    Returns
    -------
    list
        Those that schedule learning rates, clip gradients, or freeze or initialise
        parameters. Not those that go by held-out likelihood, which only the coupled
        network has.
    """
    chosen = []
    for given in callbacks or []:
        callback = given[1] if _is_named(given) else given
        kind = _kind_of(given)
        monitor = getattr(callback, "monitor", None)
        held_out = isinstance(monitor, str) and monitor.startswith("valid_")
        if issubclass(kind, _ACTING) and not held_out:
            chosen.append(given)
    return chosen


def use_gradients(callbacks):
    """Whether callbacks look at gradients, or change what is trained.

    Parameters
    ----------
    callbacks : list or None
        That ``check_callbacks`` let pass.

    Returns
    -------
    bool
    """
    return any(
        issubclass(_kind_of(given), ParamMapper)
        or does(given[1] if _is_named(given) else given, "on_grad_computed")
        for given in callbacks or []
    )


def does(callback, event):
    """Whether a callback does anything at an event.

    Parameters
    ----------
    callback : skorch callback, or its class
    event : str
        Name of the method.

    Returns
    -------
    bool
    """
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)


def arguments_of(callback):
    """What a callback was made with, as far as it keeps it.

    skorch's own `get_params` returns all attributes without an underscore at the end.

    Parameters
    ----------
    callback : skorch callback

    Returns
    -------
    dict
        By name.
    """
    parameters = inspect.signature(type(callback)).parameters
    takes_any = any(part.kind == part.VAR_KEYWORD for part in parameters.values())
    return {
        name: value
        for name, value in vars(callback).items()
        if name in parameters or (takes_any and not name.endswith("_"))
    }


def check_callbacks(callbacks):
    """Raise unless these are callbacks that can be called in training.

    Parameters
    ----------
    callbacks : list or None
        Of skorch callbacks, their classes, or pairs of a name and one of these.

    Raises
    ------
    ValueError
        If one of them is something else, has a name of the estimator's own, or scores
        predictions against targets, which crowds do not have.
    """
    for given in callbacks or []:
        name = given[0] if _is_named(given) else None
        kind = _kind_of(given)
        if not issubclass(kind, Callback):
            raise ValueError(
                "callbacks must be a list of skorch callbacks, each a "
                "skorch.callbacks.Callback, its class, or a pair (name, callback), "
                f"but it holds {given!r}."
            )
        if name in OWN_CALLBACKS:
            raise ValueError(
                f"{name!r} is a name of the estimator's own callbacks: give this one "
                "another name."
            )
        if issubclass(kind, EpochScoring | BatchScoring | PassthroughScoring):
            raise ValueError(
                f"{kind.__name__} scores batches against one target an item, which a "
                "crowd does not give. The history has train_loss, "
                "train_log_likelihood and, with early_stopping, valid_loss and "
                "valid_log_likelihood. For another score pass a Callback whose "
                "on_epoch_end(net, **kwargs) computes it, for instance from "
                "net.predict_log_posterior(X), and records it in net.history."
            )


def documented_history(net):
    """The history of training, without what is recorded for callbacks alone.

    Parameters
    ----------
    net : CrowdNet

    Returns
    -------
    list of dict
        `burn_in` says of each epoch whether it was of the burn-in.
    """
    burn_in = dict(net.callbacks_).get("burn_in")
    n_burn_in = 0 if burn_in is None else burn_in.n_epochs
    return [
        {key: value for key, value in epoch.items() if key not in _FOR_CALLBACKS}
        | {"burn_in": number < n_burn_in}
        for number, epoch in enumerate(net.history)
    ]


def _kind_of(given):
    """The class of a callback, given as such, as an object, or with a name."""
    callback = given[1] if _is_named(given) else given
    return callback if isinstance(callback, type) else type(callback)


def _is_named(given):
    is_pair = isinstance(given, tuple | list) and len(given) == 2
    return is_pair and isinstance(given[0], str)


def _silence(text):
    pass

"""Callbacks of the skorch net: burn-in, early stopping and progress."""

from skorch.callbacks import Callback, EarlyStopping, PrintLog
from tqdm.auto import tqdm


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
        stopping = EarlyStoppingAfterBurnIn(
            burn_in,
            monitor="valid_log_likelihood",
            lower_is_better=False,
            patience=patience,
            load_best=True,
            # A relative threshold would take a slightly worse likelihood as better.
            threshold=0,
            sink=_silence,
        )
        callbacks.append(("early_stopping", stopping))
    if verbose == 1:
        callbacks.append(("progress", ProgressBar()))
    elif verbose > 1:
        callbacks.append(("print_log", PrintLog()))
    return callbacks


def _silence(text):
    pass

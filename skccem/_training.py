"""Training: the skorch net."""

import copy
import math

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from skorch.history import History
from torch.utils.data import DataLoader

from ._answer_logits import answer_proba
from ._batches import (
    BatchLoader,
    CrowdDataset,
    EvenBatches,
    are_few,
    batches_ahead,
)
from ._callbacks import ProgressBar, does
from ._crowd_loss import CrowdLoss, RunningMoment
from ._devices import in_precision, keep_on_device, on_device
from ._epoch_means import SumsOverLabels
from ._processes import Processes
from ._random_state import TrainingDraws
from .exceptions import NonFiniteLossError

# Callbacks that do not look at the network when an epoch ends.
_BLIND_CALLBACKS = ("burn_in", "epoch_timer", "print_log", "progress")


class StopTraining(Exception):
    """A callback asked for the end of training."""


class CrowdNet(NeuralNet):
    """The skorch net that trains a ``CrowdNetwork`` on a ``CrowdDataset``.

    Parameters
    ----------
    module : CrowdNetwork
    seed : int
        Of the order of items, and of data-loading workers.
    by_rows : bool, default=False
        Whether the optimiser is one of `_row_optimizers` that may work on the matrices
        which a batch needs alone, where these are few.
    precision : {None, "bf16"}, default=None
        Of the backbone; None is that of its parameters.
    **kwargs
        As for ``skorch.NeuralNet``.
    """

    # Those that train it together.
    processes = Processes()

    # Whether the matrices of a batch are fetched from the tables of the optimiser.
    _fetches = False

    # In training: what it draws by itself, and who is told when an epoch has ended.
    draws = None
    _checkpoint = None

    def __init__(self, module, *, seed, by_rows=False, precision=None, **kwargs):
        self.seed = seed
        self.precision = precision
        self.by_rows = by_rows
        kwargs = {"criterion": CrowdLoss, "train_split": None, **kwargs}
        super().__init__(module, **kwargs)

    @property
    def network(self):
        """The CrowdNetwork, whatever it is wrapped in while it is trained."""
        return self.module_

    @property
    def training_device(self):
        """Where batches go."""
        return self.device

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    def get_split_datasets(self, X, y=None, **fit_params):
        """Training data come as ``X`` and validation data, if any, as ``y``."""
        return X, y

    def _loader_settings(self, training):
        """The size of batches, and what the user wants of a ``DataLoader``."""
        kwargs = self.get_params_for("iterator_train" if training else "iterator_valid")
        return kwargs.pop("batch_size", self.batch_size), kwargs

    def get_iterator(self, dataset, training=False):
        batch_size, kwargs = self._loader_settings(training)
        if batch_size == -1:
            batch_size = max(len(dataset), 1)
        draws = (training and self.draws) or TrainingDraws(self.seed)
        orders = draws.orders if training else None
        batches = EvenBatches(len(dataset), batch_size, orders, dataset.n_replay)
        if training:
            # Steps are of all processes together.
            batches.n_batches = int(self.processes.each(len(batches)).max())
        if not kwargs:
            return BatchLoader(dataset, batches, batches_ahead(dataset.X, batch_size))
        return DataLoader(
            dataset,
            batch_sampler=batches,
            collate_fn=_as_it_is,
            # Its own generator: a DataLoader draws a seed from torch's global one.
            generator=draws.loaders,
            **kwargs,
        )

    def initialize_callbacks(self):
        super().initialize_callbacks()
        # Most callbacks do nothing at a batch, of which there are many.
        self._at_batches = {
            event: [
                callback for _, callback in self.callbacks_ if does(callback, event)
            ]
            for event in ("on_batch_begin", "on_batch_end", "on_grad_computed")
        }
        self._is_watched = any(
            name not in _BLIND_CALLBACKS for name, _ in self.callbacks_
        )
        return self

    def notify(self, method_name, **kwargs):
        if method_name in self._at_batches:
            # Among what it does is to count batches in the history.
            if self._is_watched:
                getattr(self, method_name)(self, **kwargs)
            for callback in self._at_batches[method_name]:
                getattr(callback, method_name)(self, **kwargs)
            return
        if method_name != "on_epoch_end":
            super().notify(method_name, **kwargs)
            return
        if self._is_watched:
            self._catch_up()
        self.on_epoch_end(self, **kwargs)
        stop = None
        for _, callback in self.callbacks_:
            try:
                callback.on_epoch_end(self, **kwargs)
            except KeyboardInterrupt as asked:
                # skorch's callbacks end training so, and skorch swallows it wherever it
                # comes from. Here Ctrl-C reaches the user, and the callbacks that come
                # after the one that asks for the end still see the last epoch.
                stop = asked
        if stop is not None:
            raise StopTraining from stop
        if self._checkpoint is not None:
            self._checkpoint.epoch_ended(self)

    def train_step(self, batch, **fit_params):
        step = None

        def closure():
            nonlocal step
            for group in self.optimizer_.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None
            step = self.train_step_single(batch)
            self._notify_of_gradients(batch)
            return step["loss"]

        self.optimizer_.step(closure)
        return step

    def _notify_of_gradients(self, batch):
        if self._at_batches["on_grad_computed"]:
            named = list(self.network.named_parameters())
            self.notify(
                "on_grad_computed", named_parameters=named, batch=batch, training=True
            )

    def train_step_single(self, batch, **fit_params):
        self._set_training(True)
        step = self._step(batch)
        # On other devices looking at the loss is to wait for it.
        if step["loss"].device.type == "cpu":
            self._check_finite(step["loss"].item())
        self._backward(step["loss"])
        return step

    def _backward(self, loss):
        loss.backward()

    def _set_training(self, training=True):
        # Goes through all parts of the network, at each batch.
        if (
            self.module_.training is not training
            or self.criterion_.training is not training
        ):
            super()._set_training(training)

    def validation_step(self, batch, **fit_params):
        self._set_training(False)
        with torch.no_grad():
            return self._step(batch)

    def _step(self, batch):
        inputs, target = (on_device(part, self.training_device) for part in batch)
        if self.criterion_.needs_running_moment:
            self.begin_running_moment()
        if self._fetches and self.module_.training:
            inputs["answer_logits"] = self.optimizer_.fetch(
                self.module_.answer_logits,
                inputs["annotators"],
                batch[0]["annotators"].numpy(),
            )
        # Wrapped modules keep processes in step, which is for training alone.
        module = self.module_ if self.module_.training else self.network
        with self._in_precision():
            output = module(**inputs)
        loss, log_likelihood, n_labels = self.criterion_(output, target)
        return {
            "loss": loss,
            "log_likelihood": log_likelihood.detach(),
            "n_labels": n_labels,
            "y_pred": output,
        }

    def begin_running_moment(self):
        """Let the criterion know the second moment of all matrices as they are."""
        self._catch_up()
        proba = answer_proba(self.network.answer_logits.detach())
        self.criterion_.running_moment = RunningMoment(proba)

    def _in_precision(self):
        return in_precision(self.precision, self.training_device)

    def _check_finite(self, loss):
        if not math.isfinite(loss):
            raise diverged(self, f"the loss became {loss}")

    def _catch_up(self):
        """Make the logits of all annotators what they are by now."""
        if self._fetches:
            self.optimizer_.catch_up(self.module_.answer_logits)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the data; records means over labels, not over batches."""
        if iterator is None:
            return
        sums = SumsOverLabels()
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            sums.add(step)
            self.notify("on_batch_end", batch=batch, training=training, **step)
        loss, log_likelihood = sums.means(self.processes)
        if training:
            self._check_finite(loss)
        self.history.record(f"{prefix}_loss", loss)
        # Under the name that skorch's Checkpoint and its like look for.
        is_best = loss < self.best_loss_.get(prefix, np.inf)
        self.history.record(f"{prefix}_loss_best", is_best)
        if is_best:
            self.best_loss_[prefix] = loss
        self.history.record(f"{prefix}_log_likelihood", log_likelihood)

    def train(
        self, train_set, valid_set=None, begin=None, *, checkpoint=None, keep=False
    ):
        """Initialise, train for ``max_epochs`` or until a callback says so.

        Parameters
        ----------
        train_set : CrowdDataset
        valid_set : CrowdDataset, optional
            Its log-likelihood per label is recorded after each epoch.
        begin : callable, optional
            Called with the net when it is initialised.
        checkpoint : NetCheckpoint, optional
            From which training goes on, and which is kept up to date.
        keep : bool, default=False
            Whether Ctrl-C ends training as a callback may, once there was an epoch;
            `interrupted_` then is True.

        Raises
        ------
        NonFiniteLossError
            If the loss or, at the end, a parameter is not finite.
        KeyboardInterrupt
            If the user asks for it.
        """
        self.initialize()
        if begin is not None:
            begin(self)
        train_set = self._on_device(train_set, training=True)
        if valid_set is not None:
            valid_set = self._on_device(valid_set, training=False)
        self._fetches = self.by_rows and are_few(train_set.annotator_share)
        self.best_loss_, self.interrupted_ = {}, False
        self.draws, self._checkpoint = TrainingDraws(self.seed), checkpoint
        try:
            self.notify("on_train_begin", X=train_set, y=valid_set)
            if checkpoint is None or not checkpoint.resume(self):
                self._run_epochs(train_set, valid_set, keep)
                if checkpoint is not None and not self.interrupted_:
                    checkpoint.training_ended(self)
        finally:
            self.draws = self._checkpoint = None
            for _, callback in self.callbacks_:
                if isinstance(callback, ProgressBar):
                    callback.close()
        for name, parameter in self.module_.named_parameters():
            # Matrices that are not learned may hold -inf.
            if parameter.requires_grad and not torch.isfinite(parameter).all():
                raise diverged(self, f"{name} is not finite after training")

    def _run_epochs(self, train_set, valid_set, keep):
        """Those that are left, and what is done at the end."""
        try:
            self.fit_loop(train_set, valid_set, self.max_epochs - len(self.history))
        except StopTraining:
            pass
        except KeyboardInterrupt:
            # The last thing that is known of each epoch.
            finished = [epoch for epoch in self.history if "dur" in epoch]
            if not keep or not finished:
                raise
            self.history_, self.interrupted_ = History(finished), True
        self._catch_up()
        # It is of no use afterwards, and as large as the matrices.
        self.criterion_.running_moment = None
        self.notify("on_train_end", X=train_set, y=valid_set)

    def _on_device(self, dataset, training):
        """The data set, with features that need not be sent in each epoch."""
        _, kwargs = self._loader_settings(training)
        if kwargs:
            # Workers and pinned memory are of the CPU.
            return dataset
        X = keep_on_device(dataset.X, self.training_device)
        if X is dataset.X:
            return dataset
        dataset = copy.copy(dataset)
        dataset.X = X
        return dataset

    def predict_log_posterior(self, X, items=None):
        """Log of the classifier's probabilities, in evaluation mode.

        Parameters
        ----------
        X : ndarray, CSR, dict of arrays, or torch Dataset
            What ``check_features`` returned.
        items : int ndarray of shape (n_samples,), optional
            The rows to predict; all by default.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the precision of the network.
        """
        dataset = CrowdDataset(X, items=items)
        self._set_training(False)
        filled, log_posterior = 0, None
        with torch.inference_mode(), self._in_precision():
            for inputs, _ in self.get_iterator(dataset, training=False):
                batch = on_device(inputs, self.training_device)["X"]
                part = self.network.log_posterior(batch).cpu().numpy()
                if log_posterior is None:
                    shape = len(dataset), part.shape[1]
                    log_posterior = np.empty(shape, dtype=part.dtype)
                log_posterior[filled : filled + len(part)] = part
                filled += len(part)
        return log_posterior


def diverged(net, what):
    """The error that says what to lower.

    Parameters
    ----------
    net : CrowdNet
    what : str

    Returns
    -------
    NonFiniteLossError
    """
    epoch = len(net.history)
    rates = {group["lr"] for group in net.optimizer_.param_groups}
    strength = net.criterion_.reg_strength
    return NonFiniteLossError(
        f"Training diverged in epoch {epoch}: {what}. Lower lr or confusion_lr (now "
        f"{', '.join(f'{rate:g}' for rate in sorted(rates))}) or reg_strength (now "
        f"{strength:g}), and bring the features to a common scale, for example with "
        "sklearn.preprocessing.StandardScaler."
    )


def _as_it_is(batch):
    return batch

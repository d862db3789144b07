"""Training: batches of items with their labels, the loss, and the skorch net."""

from itertools import pairwise

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from skorch.utils import to_tensor
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ._annotations import gather_rows
from ._callbacks import ProgressBar
from ._features import n_items, take_batch
from ._losses import (
    confusion_second_moment,
    joint_log_likelihood,
    log_volume,
    marginal_log_likelihood,
    mean_trace,
    outlier_log_likelihood,
    posterior_second_moment,
)
from .exceptions import NonFiniteLossError

# Numbers in a batch at prediction, where no gradient has to be kept: 64 MB of float32.
_PREDICTION_BATCH_NUMBERS = 2**24


class CrowdDataset(Dataset):
    """Items with their labels, read a whole batch at a time.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
        What ``check_features`` returned.
    labels : CrowdLabels of shape (n_samples, n_annotators), optional
        None for prediction.
    sample_weight : ndarray of shape (n_samples,), optional
        In the precision of the network.
    items : int ndarray, optional
        The rows that this data set consists of; all by default.
    gather_annotators : bool, default=False
        Whether a batch names the annotators that it needs, where they are few, so that
        the others cost nothing. Off for losses that need every annotator.
    """

    def __init__(
        self, X, labels=None, sample_weight=None, items=None, gather_annotators=False
    ):
        self.X = X
        self.labels = labels
        self.sample_weight = sample_weight
        self.items = np.arange(n_items(X)) if items is None else items
        self.gather_annotators = gather_annotators

    def __len__(self):
        return len(self.items)

    def __getitems__(self, index):
        """The batch ``(inputs, target)``: two dicts of tensors.

        ``inputs`` are the arguments of ``CrowdNetwork.forward``; ``target`` those of a
        likelihood, and the weights of the items.
        """
        rows = self.items[np.asarray(index)]
        inputs = {"X": take_batch(self.X, rows)}
        if self.labels is None:
            return inputs, {}
        positions, counts = gather_rows(self.labels.indptr, rows)
        annotator = self.labels.indices[positions].astype(np.int64)
        if self.gather_annotators and len(positions) < self.labels.n_annotators:
            needed, annotator = np.unique(annotator, return_inverse=True)
            inputs["annotators"] = torch.from_numpy(needed)
        target = {
            "item": torch.from_numpy(np.repeat(np.arange(len(rows)), counts)),
            "annotator": torch.from_numpy(annotator),
            "label": torch.from_numpy(self.labels.codes[positions].astype(np.int64)),
        }
        if self.sample_weight is not None:
            target["weight"] = torch.from_numpy(self.sample_weight[rows])
        return inputs, target


class EvenBatches:
    """Batch sampler whose batches differ by at most one item in size.

    A short last batch would weigh its few items as much as a full one, and its second
    moment of posteriors, which regulariser F needs, would be nearly singular.

    Parameters
    ----------
    n : int
        Number of items.
    batch_size : int
        Largest size of a batch.
    rng : numpy.random.Generator, optional
        Shuffles the items at each pass; without it they come in order.
    """

    def __init__(self, n, batch_size, rng=None):
        self.n = n
        self.n_batches = -(-n // batch_size)
        self.rng = rng

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        order = np.arange(self.n) if self.rng is None else self.rng.permutation(self.n)
        bounds = np.arange(self.n_batches + 1) * self.n // max(self.n_batches, 1)
        for start, stop in pairwise(bounds):
            yield order[start:stop]


class CrowdLoss(nn.Module):
    """Mean negative log-likelihood per label, plus the regulariser while training.

    In evaluation mode, and while ``burn_in`` is set, it is the unpenalised marginal
    likelihood, whatever is trained. So held-out values compare across likelihoods and
    strengths.

    Parameters
    ----------
    likelihood : {"marginal", "joint"}
    regularizer : {None, "F", "W", "trace"}
    reg_strength : float
    """

    def __init__(self, likelihood="marginal", regularizer=None, reg_strength=0.0):
        super().__init__()
        self.likelihood = likelihood
        self.regularizer = regularizer if reg_strength else None
        self.reg_strength = reg_strength
        # Whether to train by CCEM alone for now.
        self.burn_in = False

    def forward(self, output, target):
        """Loss of a batch, the sum of log-likelihoods, and the weight of its labels.

        Parameters
        ----------
        output : tuple of Tensors
            ``log_posterior`` and ``log_confusion`` and, for items that may be outliers,
            the log-probabilities of their kinds.
        target : dict of Tensors

        Returns
        -------
        loss, log_likelihood, n_labels : Tensors of shape ()
        """
        log_posterior, log_confusion, *log_weight = output
        item, weight = target["item"], target.get("weight")
        arguments = (
            log_posterior,
            log_confusion,
            item,
            target["annotator"],
            target["label"],
        )
        full = self.training and not self.burn_in
        if full and log_weight:
            log_likelihood = outlier_log_likelihood(*arguments, *log_weight)
            per_row = weight
        elif full and self.likelihood == "joint":
            log_likelihood, per_row = joint_log_likelihood(*arguments), weight
        else:
            log_likelihood = marginal_log_likelihood(*arguments)
            per_row = None if weight is None else weight[item]
        if weight is None:
            n_labels = log_likelihood.new_tensor(len(item))
        else:
            log_likelihood = log_likelihood * per_row
            n_labels = weight[item].sum()
        log_likelihood = log_likelihood.sum()
        loss = -log_likelihood / n_labels
        if full and self.regularizer is not None:
            loss = loss + self.reg_strength * self._penalty(
                log_posterior, log_confusion, weight
            )
        return loss, log_likelihood, n_labels

    def _penalty(self, log_posterior, log_confusion, weight):
        if self.regularizer == "F":
            return -log_volume(posterior_second_moment(log_posterior, weight))
        if self.regularizer == "W":
            return -log_volume(confusion_second_moment(log_confusion))
        return mean_trace(log_confusion)


class StopTraining(Exception):
    """A callback asked for the end of training."""


class CrowdNet(NeuralNet):
    """The skorch net that trains a ``CrowdNetwork`` on a ``CrowdDataset``.

    Parameters
    ----------
    module : CrowdNetwork
    seed : int
        Of the order of items, and of data-loading workers.
    **kwargs
        As for ``skorch.NeuralNet``.
    """

    def __init__(self, module, *, seed, **kwargs):
        self.seed = seed
        kwargs = {"criterion": CrowdLoss, "train_split": None, **kwargs}
        super().__init__(module, **kwargs)

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    def get_split_datasets(self, X, y=None, **fit_params):
        """Training data come as ``X`` and validation data, if any, as ``y``."""
        return X, y

    def get_iterator(self, dataset, training=False):
        kwargs = self.get_params_for("iterator_train" if training else "iterator_valid")
        batch_size = kwargs.pop("batch_size", self.batch_size)
        if batch_size == -1:
            batch_size = max(len(dataset), 1)
        return DataLoader(
            dataset,
            batch_sampler=EvenBatches(
                len(dataset),
                batch_size,
                np.random.default_rng(self.seed) if training else None,
            ),
            collate_fn=_as_it_is,
            # Its own generator: a DataLoader draws a seed from torch's global one.
            generator=torch.Generator().manual_seed(self.seed),
            **kwargs,
        )

    def notify(self, method_name, **kwargs):
        if method_name != "on_epoch_end":
            super().notify(method_name, **kwargs)
            return
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

    def train_step_single(self, batch, **fit_params):
        self._set_training(True)
        step = self._step(batch)
        if not torch.isfinite(step["loss"]):
            raise diverged(self, f"the loss became {step['loss'].item()}")
        step["loss"].backward()
        return step

    def validation_step(self, batch, **fit_params):
        self._set_training(False)
        with torch.no_grad():
            return self._step(batch)

    def _step(self, batch):
        inputs, target = batch
        output = self.infer(inputs)
        target = to_tensor(target, device=self.device)
        loss, log_likelihood, n_labels = self.criterion_(output, target)
        return {
            "loss": loss,
            "log_likelihood": log_likelihood.detach(),
            "n_labels": n_labels.detach(),
            "y_pred": output,
        }

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the data; records means over labels, not over batches."""
        if iterator is None:
            return
        totals = torch.zeros(3, dtype=torch.float64)
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            n_labels = step["n_labels"]
            sums = (step["loss"].detach() * n_labels, step["log_likelihood"], n_labels)
            totals += torch.stack(sums).cpu()
            self.notify("on_batch_end", batch=batch, training=training, **step)
        loss, log_likelihood = (totals[:2] / totals[2]).tolist()
        self.history.record(f"{prefix}_loss", loss)
        # Under the name that skorch's Checkpoint and its like look for.
        is_best = loss < self.best_loss_.get(prefix, np.inf)
        self.history.record(f"{prefix}_loss_best", is_best)
        if is_best:
            self.best_loss_[prefix] = loss
        self.history.record(f"{prefix}_log_likelihood", log_likelihood)

    def train(self, train_set, valid_set=None):
        """Initialise, train for ``max_epochs`` or until a callback says so.

        Parameters
        ----------
        train_set : CrowdDataset
        valid_set : CrowdDataset, optional
            Its log-likelihood per label is recorded after each epoch.

        Raises
        ------
        NonFiniteLossError
            If the loss or, at the end, a parameter is not finite.
        """
        self.initialize()
        self.best_loss_ = {}
        try:
            self.notify("on_train_begin", X=train_set, y=valid_set)
            try:
                self.fit_loop(train_set, valid_set)
            except StopTraining:
                pass
            self.notify("on_train_end", X=train_set, y=valid_set)
        finally:
            for _, callback in self.callbacks_:
                if isinstance(callback, ProgressBar):
                    callback.close()
        for name, parameter in self.module_.named_parameters():
            # Matrices that are not learned may hold -inf.
            if parameter.requires_grad and not torch.isfinite(parameter).all():
                raise diverged(self, f"{name} is not finite after training")

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
        with torch.inference_mode():
            parts = [
                self.module_.log_posterior(to_tensor(inputs["X"], device=self.device))
                for inputs, _ in self.get_iterator(dataset, training=False)
            ]
            return torch.cat(parts).cpu().numpy()


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


def prediction_batch_size(batch_size, n_features):
    """Rows of a table in a batch at prediction; many, where rows are short.

    Parameters
    ----------
    batch_size : int
        In training; the least that is returned.
    n_features : int

    Returns
    -------
    int
    """
    return max(batch_size, min(4096, _PREDICTION_BATCH_NUMBERS // n_features))


def _as_it_is(batch):
    return batch

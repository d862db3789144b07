"""Changes of training that are no arguments of CrowdClassifier, as callbacks of it."""

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from skccem._counts import confusion_from_counts, expected_counts
from skccem._network import make_mlp
from skccem._outliers import class_proba


class Mixup(Callback):
    """Mixes items, and weighs the labels of each by its part (Zhang et al., 2018).

    Each batch becomes one of twice its size: mixed items with the labels of the one
    item, and again with those of the other.

    Parameters
    ----------
    alpha : float
        Of the Beta distribution of the parts, a draw for each item.
    """

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if not training:
            return
        inputs, target = batch
        X = inputs["X"]
        n_items = len(X)
        part = torch.distributions.Beta(self.alpha, self.alpha).sample((n_items,))
        part = part.to(X.dtype)
        other = torch.randperm(n_items)
        mixed = part[:, None] * X + (1 - part)[:, None] * X[other]
        inputs["X"] = torch.cat([mixed, mixed])
        # Row n_items + i has the labels of item other[i].
        row_of = n_items + torch.argsort(other)
        # The labels of an item no longer lie together.
        target.pop("starts", None)
        target["item"] = torch.cat([target["item"], row_of[target["item"]]])
        for name in ("annotator", "label"):
            target[name] = torch.cat([target[name], target[name]])
        target["weight"] = torch.cat([part, 1 - part])


class AverageWeights(Callback):
    """The mean of the last epochs' weights, at the end (Izmailov et al., 2018).

    Parameters
    ----------
    n_epochs : int
    """

    def __init__(self, n_epochs=20):
        self.n_epochs = n_epochs

    def on_train_begin(self, net, **kwargs):
        self.sums_, self.n_summed_ = None, 0

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) <= net.max_epochs - self.n_epochs:
            return
        state = net.module_.state_dict()
        if self.sums_ is None:
            self.sums_ = {
                name: torch.zeros_like(value) for name, value in state.items()
            }
        for name, value in state.items():
            self.sums_[name] += value
        self.n_summed_ += 1

    def on_train_end(self, net, **kwargs):
        mean = {name: total / self.n_summed_ for name, total in self.sums_.items()}
        net.module_.load_state_dict(mean)


class CountMatrices(Callback):
    """After each epoch, matrices in closed form from the posteriors of the items.

    To go with ``confusion_lr=0``, which leaves them alone otherwise.

    Parameters
    ----------
    smoothing : float
        Pseudo-labels in each row, which follow the annotators' common matrix.
    """

    def __init__(self, smoothing=0.1):
        self.smoothing = smoothing

    def on_train_begin(self, net, X=None, **kwargs):
        self.data_ = X

    def on_epoch_end(self, net, **kwargs):
        labels = self.data_.labels
        with torch.no_grad():
            log_confusion = net.module_.log_confusion().double().numpy()
            log_posterior = net.predict_log_posterior(self.data_.X)
            posterior = class_proba(labels, log_posterior, log_confusion)
            counts = expected_counts(labels, posterior)
            confusion = confusion_from_counts(counts, smoothing=self.smoothing)
            # A softmax does not leave probability zero.
            logits = torch.from_numpy(
                np.log(0.98 * confusion + 0.02 / labels.n_classes)
            )
            net.module_.answer_logits.copy_(logits.transpose(1, 2))


def with_input_dropout(n_features, n_classes, share):
    """The perceptron of the defaults, with dropout of the features too."""
    return nn.Sequential(
        nn.Dropout(share), make_mlp(n_features, n_classes, (512,), dropout=0.8)
    )

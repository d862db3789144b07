"""Networks trained on probabilities of the items' classes rather than on labels."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from ._features import number_type, take_batch
from ._fitting import new_backbone, new_network
from ._net_settings import new_net
from ._random_state import reproducible
from ._trained_items import network_weight


class PosteriorDataset(Dataset):
    """Items with the probabilities of their classes, read a whole batch at a time.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
        What ``check_features`` returned.
    items : int ndarray of shape (n_items,)
        The rows that this data set consists of.
    posterior : ndarray of shape (n_items, n_classes)
        Of these.
    weight : ndarray of shape (n_items,), optional
        Of these.
    """

    # As of ``CrowdDataset``.
    n_replay = 0

    def __init__(self, X, items, posterior, weight=None):
        self.X = X
        self.items = items
        self.posterior = posterior.astype(number_type(X))
        self.weight = network_weight(weight, X)

    def __len__(self):
        return len(self.items)

    def __getitems__(self, index):
        """The batch ``(inputs, target)``: two dicts of tensors."""
        index = np.asarray(index)
        inputs = {
            "X": take_batch(self.X, self.items[index]),
            # The matrices have nothing to do with it.
            "annotators": torch.zeros(0, dtype=torch.int64),
        }
        target = {"posterior": torch.from_numpy(self.posterior[index])}
        if self.weight is not None:
            target["weight"] = torch.from_numpy(self.weight[index])
        return inputs, target


class PosteriorLoss(nn.Module):
    """Cross-entropy of a classifier to given probabilities of the classes.

    It is the part of the expected log-likelihood of labels and classes that depends on
    the classifier: the M-step of expectation maximisation.
    """

    # As of ``CrowdLoss``, without a regulariser.
    reg_strength = 0.0
    needs_running_moment = False
    running_moment = None

    def forward(self, output, target):
        """Loss of a batch, the sum of log-likelihoods, and the weight of its items.

        Parameters
        ----------
        output : tuple of Tensors
            The first is the log-posterior of shape (n_items, n_classes).
        target : dict of Tensors

        Returns
        -------
        loss, log_likelihood, n_items : Tensors of shape ()
        """
        log_likelihood = (target["posterior"] * output[0]).sum(dim=1)
        weight = target.get("weight")
        if weight is None:
            weight = torch.ones_like(log_likelihood)
        log_likelihood = (weight * log_likelihood).sum()
        return -log_likelihood / weight.sum(), log_likelihood, weight.sum()


def train_on_posterior(
    estimator, dataset, n_classes, max_epochs, seed, device, checkpoint=None
):
    """A network that is trained on probabilities of the items' classes.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its settings are used.
    dataset : PosteriorDataset
    n_classes : int
    max_epochs : int
    seed : int
    device : str
    checkpoint : NetCheckpoint, optional

    Returns
    -------
    CrowdNet
        Of no annotators.
    """
    with reproducible(estimator.module, seed, device):
        network = new_network(
            new_backbone(estimator, dataset.X, n_classes),
            np.zeros((0, n_classes, n_classes)),
            False,
        )
        net = new_net(
            estimator,
            network,
            dataset.X,
            seed,
            device,
            max_epochs=max_epochs,
            criterion=PosteriorLoss,
        )
        net.train(dataset, checkpoint=checkpoint)
    # Nobody goes on with it, so what only training needs is not kept.
    net.optimizer_.state.clear()
    net.module_.zero_grad()
    return net

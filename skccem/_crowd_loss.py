"""The loss of a batch of crowd labels, and its regularisers.

`LIKELIHOODS` and `REGULARIZERS` have what ``CrowdClassifier`` knows by name.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from ._losses import (
    joint_log_likelihood,
    marginal_log_likelihood,
    outlier_log_likelihood,
    with_known_classes,
)
from ._row_optimizers import put_rows, take_rows
from ._volumes import (
    confusion_second_moment,
    gram_matrix,
    log_volume,
    mean_trace,
    posterior_log_volume,
)


class Likelihood(NamedTuple):
    """A likelihood of `_losses`."""

    function: Callable
    # Whether it has a value for each item, and takes where the labels of each begin.
    # Otherwise it has one for each label.
    of_items: bool


class Regularizer(NamedTuple):
    """What is added to the loss, times `reg_strength`."""

    # Of the loss, the log-posteriors, the probabilities of answers and the target.
    penalty: Callable
    # Whether it is of the matrices, which every process has and which not every net
    # trains, and not of the posteriors.
    of_matrices: bool


def _posterior_volume(loss, log_posterior, proba, target):
    add_up = None if loss.processes is None else loss.processes.sum
    return -posterior_log_volume(log_posterior, target.get("weight"), add_up=add_up)


def _matrix_volume(loss, log_posterior, proba, target):
    share = target.get("annotator_share")
    if share is None:
        return -log_volume(confusion_second_moment(proba))
    return -log_volume(loss.running_moment(proba, target["annotators"], share))


def _trace(loss, log_posterior, proba, target):
    return mean_trace(proba, target.get("annotator_share"))


LIKELIHOODS = {
    "marginal": Likelihood(marginal_log_likelihood, of_items=False),
    "joint": Likelihood(joint_log_likelihood, of_items=True),
}
REGULARIZERS = {
    "F": Regularizer(_posterior_volume, of_matrices=False),
    "W": Regularizer(_matrix_volume, of_matrices=True),
    "trace": Regularizer(_trace, of_matrices=True),
}


class CrowdLoss(nn.Module):
    """Mean negative log-likelihood per label, plus the regulariser while training.

    In evaluation mode, and while ``burn_in`` is set, it is the unpenalised marginal
    likelihood, whatever is trained. So held-out values compare across likelihoods and
    strengths.

    A gold label is one label more, which the classifier has to say. In training the
    other labels of the item are those of this class.

    Parameters
    ----------
    likelihood : str
        One of `LIKELIHOODS`.
    regularizer : str or None
        One of `REGULARIZERS`.
    reg_strength : float
    """

    def __init__(self, likelihood="marginal", regularizer=None, reg_strength=0.0):
        super().__init__()
        self.likelihood = likelihood
        self.regularizer = regularizer if reg_strength else None
        self.reg_strength = reg_strength
        # Whether to train by CCEM alone for now.
        self.burn_in = False
        # Those that each have a part of a batch; None for one alone.
        self.processes = None
        # Of the matrices of all annotators, where a batch has those of some.
        self.running_moment = None

    @property
    def needs_running_moment(self):
        """Whether the next batch of some annotators can't do without it."""
        needed = self.training and not self.burn_in and self.regularizer == "W"
        return needed and self.running_moment is None

    def forward(self, output, target):
        """Loss of a batch, the sum of log-likelihoods, and the weight of its labels.

        Parameters
        ----------
        output : tuple of Tensors
            ``log_posterior`` and ``answer_logits`` and, for items that may be
            outliers, the log-probabilities of their kinds.
        target : dict of Tensors

        Returns
        -------
        loss, log_likelihood : Tensors of shape ()
        n_labels : Tensor of shape (), or int where items have no weights
        """
        log_posterior, answer_logits, *log_weight = output
        item, weight = target["item"], target.get("weight")
        gold = None
        known = log_posterior
        if "gold_item" in target:
            gold = target["gold_item"], target["gold_label"]
            known = with_known_classes(known, *gold) if self.training else known
        arguments = (
            known,
            answer_logits,
            item,
            target["annotator"],
            target["label"],
        )
        full = self.training and not self.burn_in
        regularizer = None
        if full and self.regularizer is not None:
            regularizer = REGULARIZERS[self.regularizer]
        likelihood, of_items = LIKELIHOODS[self.likelihood if full else "marginal"]
        if full and log_weight:
            likelihood = partial(outlier_log_likelihood, log_weight=log_weight[0])
            of_items = True
        per_row = weight
        if of_items:
            likelihood = partial(likelihood, starts=target.get("starts"))
        elif weight is not None:
            per_row = weight[item]
        proba = None
        if regularizer is not None and regularizer.of_matrices:
            log_likelihood, proba = likelihood(*arguments, return_proba=True)
        else:
            log_likelihood = likelihood(*arguments)
        if weight is None:
            n_labels = len(item)
        else:
            log_likelihood = log_likelihood * per_row
            n_labels = weight[item].sum()
        log_likelihood = log_likelihood.sum()
        if gold is not None:
            said = log_posterior[gold]
            if weight is None:
                n_labels += len(said)
            else:
                said = said * weight[gold[0]]
                n_labels = n_labels + weight[gold[0]].sum()
            log_likelihood = log_likelihood + said.sum()
        penalty = None
        if regularizer is not None:
            penalty = regularizer.penalty(self, log_posterior, proba, target)
        if self.training and self.processes is not None:
            loss = self._loss_of_all(log_likelihood, n_labels, penalty, log_weight)
        else:
            loss = log_likelihood * (-1 / n_labels)
            if penalty is not None:
                loss = loss + self.reg_strength * penalty
        return loss, log_likelihood, n_labels

    def _loss_of_all(self, log_likelihood, n_labels, penalty, log_weight):
        """The loss of a batch of which other processes have parts.

        What is differentiated is such that the mean of the gradients over processes,
        which data-parallel training takes, is the gradient of the loss.
        """
        share = torch.stack(
            [log_likelihood.detach(), torch.as_tensor(n_labels).to(log_likelihood)]
        )
        log_likelihood_of_all, n_labels_of_all = self.processes.sum(share)
        value = -log_likelihood_of_all / n_labels_of_all
        local = log_likelihood * (-self.processes.count / n_labels_of_all)
        if penalty is not None:
            value = value + self.reg_strength * penalty.detach()
            # Every process has the matrices, but posteriors of its part alone.
            of_matrices = REGULARIZERS[self.regularizer].of_matrices
            n_parts = 1 if of_matrices else self.processes.count
            local = local + n_parts * self.reg_strength * penalty
        # A parameter without a gradient would be missed.
        local = local + sum(0 * part.sum() for part in log_weight)
        return local + (value - local.detach())


class RunningMoment(nn.Module):
    """``1/M sum_m B_m B_m'``, of which a batch brings some annotators up to date.

    It has the value of all matrices, those beside the batch as they were when they were
    in one last, one step of the optimiser ago: what they did since by momentum alone is
    left out. Its gradient is through the annotators of the batch, each divided by the
    probability of being in a batch (Horvitz and Thompson, 1952). So an epoch's
    gradients sum to those of the whole on average, and to first order in the steps in
    between. Without that the volume would count less for annotators with few labels.

    Parameters
    ----------
    proba : Tensor of shape (n_annotators, n_classes, n_classes)
        All matrices at the start, ``[m, l, k]``.
    """

    def __init__(self, proba):
        super().__init__()
        self.proba = proba
        self.total = gram_matrix(proba)

    def forward(self, proba, annotators, share):
        """The moment with the matrices of a batch.

        Parameters
        ----------
        proba : Tensor of shape (n_rows, n_classes, n_classes)
        annotators : int64 Tensor of shape (n_rows,)
            Whose they are.
        share : Tensor of shape (n_rows,)
            One over the number of all annotators, divided by the probability of being
            in a batch.

        Returns
        -------
        Tensor of shape (n_classes, n_classes)
        """
        now, before = proba.detach(), take_rows(self.proba, annotators)
        self.total += gram_matrix(now) - gram_matrix(before)
        put_rows(self.proba, annotators, now)
        return _Sampled.apply(proba, share, self.total / len(self.proba))


class _Sampled(torch.autograd.Function):
    """The moment of all matrices, with a gradient through those in the batch."""

    @staticmethod
    def forward(ctx, proba, share, moment):
        ctx.save_for_backward(proba, share)
        return moment

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        proba, share = ctx.saved_tensors
        grad = (grad + grad.T).to(proba.dtype)
        stacked = proba.reshape(-1, proba.shape[2]) @ grad
        return (
            stacked.view(len(proba), -1).mul_(share[:, None]).view_as(proba),
            None,
            None,
        )

"""Volumes and traces of posteriors and matrices: the regularisers, in torch.

Confusion matrices come as probabilities indexed ``[annotator, answer, true class]``.
"""

import torch
from torch.autograd.function import once_differentiable

# Added to the diagonal of a K x K second moment before its determinant is taken. It
# bounds the gradient where the moment is singular: in batches smaller than K, for
# classes that no item is given to, and for annotators who all ignore a class.
RIDGE = 1e-6


def posterior_log_volume(log_posterior, weight=None, ridge=RIDGE, add_up=None):
    """``log_volume`` of the weighted mean of ``f(x) f(x)'`` over a batch.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
        ``log f(x)``.
    weight : Tensor of shape (n_items,), optional
        Non-negative, not all zero.
    ridge : float
    add_up : callable, optional
        From a sum over these items to the sum over those of other processes as well.
        The gradient is with respect to the posteriors of these items.

    Returns
    -------
    Tensor of shape ()
    """
    return _PosteriorLogVolume.apply(log_posterior, weight, ridge, add_up)


def confusion_second_moment(proba):
    """``1/M sum_m B_m B_m'``, the Gram matrix of the stacked confusion matrices.

    Parameters
    ----------
    proba : Tensor of shape (n_annotators, n_classes, n_classes)
        Indexed ``[annotator, answer, true class]``.

    Returns
    -------
    Tensor of shape (n_classes, n_classes)
    """
    return gram_matrix(proba) / len(proba)


def gram_matrix(proba):
    """``sum_m B_m B_m'``, summed in float32 at least, in the widest float type.

    Parameters
    ----------
    proba : Tensor of shape (n_annotators, n_classes, n_classes)
        Indexed ``[annotator, answer, true class]``.

    Returns
    -------
    Tensor of shape (n_classes, n_classes)
    """
    if proba.dtype in (torch.float16, torch.bfloat16):
        proba = proba.float()
    stacked = proba.reshape(-1, proba.shape[2])
    return wide(stacked.T @ stacked)


def log_volume(second_moment, ridge=RIDGE):
    """``log det(second_moment + ridge * I)``, finite also where the moment is singular.

    The GeoCrowdNet regularisers subtract it from the loss: of the posteriors' second
    moment in GeoCrowdNet(F), of the confusion matrices' in (W) (Ibrahim et al., 2023).

    Parameters
    ----------
    second_moment : Tensor of shape (n_classes, n_classes)
        Symmetric, positive semi-definite.
    ridge : float
        In the units of the moment, whose trace is at most one for posteriors and at
        most K for confusion matrices.

    Returns
    -------
    Tensor of shape ()
    """
    return _LogDet.apply(wide(second_moment), ridge)


def mean_trace(proba, weight=None):
    """Mean trace of the confusion matrices (Tanno et al., 2019), added to the loss.

    Parameters
    ----------
    proba : Tensor of shape (n_annotators, n_classes, n_classes)
    weight : Tensor of shape (n_annotators,), optional
        What each trace counts in the sum; one over the number of them by default.

    Returns
    -------
    Tensor of shape ()
    """
    traces = torch.diagonal(proba, dim1=1, dim2=2).sum(dim=1)
    return traces.mean() if weight is None else traces @ weight


class _PosteriorLogVolume(torch.autograd.Function):
    """``posterior_log_volume``, without a graph in between."""

    @staticmethod
    def forward(ctx, log_posterior, weight, ridge, add_up):
        posterior, weighted, total = _weighted_posterior(log_posterior, weight)
        moment = weighted.T @ posterior
        if add_up is not None:
            moment, total = add_up(moment), add_up(torch.as_tensor(total).to(moment))
        factor = _cholesky(moment / total, ridge)
        ctx.save_for_backward(posterior, weighted, factor)
        ctx.total = total
        return _log_det(factor)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        posterior, weighted, factor = ctx.saved_tensors
        inverse = torch.cholesky_inverse(factor).mul_(2 * grad / ctx.total)
        return (weighted @ inverse).mul_(posterior), None, None, None


class _LogDet(torch.autograd.Function):
    @staticmethod
    def forward(ctx, moment, ridge):
        factor = _cholesky(moment, ridge)
        ctx.save_for_backward(factor)
        return _log_det(factor)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (factor,) = ctx.saved_tensors
        return grad * torch.cholesky_inverse(factor), None


def _weighted_posterior(log_posterior, weight):
    """Probabilities, the same times weights, and the sum of the weights."""
    posterior = wide(log_posterior).exp()
    if weight is None:
        return posterior, posterior, len(posterior)
    weight = weight.to(posterior.dtype)
    return posterior, posterior * weight[:, None], weight.sum()


def _cholesky(moment, ridge):
    """The factor of a symmetric moment with a ridge, which always has one."""
    moment = moment.clone()
    moment.diagonal().add_(ridge)
    # Does not wait for a device to say whether it worked.
    factor, _ = torch.linalg.cholesky_ex(moment)
    return factor


def _log_det(factor):
    return factor.diagonal().log().sum().mul_(2)


def wide(tensor):
    """The tensor in the widest float type of its device, for K x K algebra.

    Parameters
    ----------
    tensor : Tensor

    Returns
    -------
    Tensor
    """
    # Apple's GPUs have no float64, and half precision has no determinant.
    widest = torch.float32 if tensor.device.type == "mps" else torch.float64
    return tensor.to(widest)

"""Likelihoods of crowdsourced labels and volume regularisers, as pure torch functions.

Labels come as three aligned vectors, one entry a label: ``item`` (the row of
``log_posterior``), ``annotator`` (the row of ``log_confusion``) and ``label`` (the
class that the annotator gave). The cost of a likelihood is proportional to the number
of labels and does not depend on how many entries of the table are missing.

Everything is in log space. Likelihoods are returned per label or per item so that the
caller decides on weights and on what to divide by.
"""

import math

import torch

# Added to the diagonal of a K x K second moment before its determinant is taken. It
# bounds the gradient where the moment is singular: in batches smaller than K, for
# classes that no item is given to, and for annotators who all ignore a class.
RIDGE = 1e-6


def label_log_proba(log_confusion, annotator, label):
    """Log-probability of each label under each true class.

    Parameters
    ----------
    log_confusion : Tensor of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` = log P(annotator m says l, given the true class is k).
    annotator, label : int64 Tensors of shape (n_labels,)

    Returns
    -------
    Tensor of shape (n_labels, n_classes)
        ``[j, k]`` = log P(label j, given the true class of its item is k).
    """
    n_classes = log_confusion.shape[-1]
    by_answer = log_confusion.transpose(1, 2).reshape(-1, n_classes)
    return by_answer.index_select(0, annotator * n_classes + label)


def marginal_log_likelihood(log_posterior, log_confusion, item, annotator, label):
    """Log-probability of each label by itself (Ibrahim et al., 2023, eq. 4).

    ``log p_m(l | x_i) = log sum_k f_k(x_i) B_m[k, l]``.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
        ``log f(x)``.
    log_confusion : Tensor of shape (n_annotators, n_classes, n_classes)
    item, annotator, label : int64 Tensors of shape (n_labels,)

    Returns
    -------
    Tensor of shape (n_labels,)
    """
    log_label = label_log_proba(log_confusion, annotator, label)
    return torch.logsumexp(log_posterior.index_select(0, item) + log_label, dim=1)


def joint_log_likelihood(log_posterior, log_confusion, item, annotator, label):
    """Log-probability of all labels of each item together.

    ``log sum_k f_k(x_i) prod_m B_m[k, y_im]``: annotators answer independently given
    the true class (Dawid and Skene, 1979), and which answers occur together is used.
    An item without labels has log-likelihood zero.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
    log_confusion : Tensor of shape (n_annotators, n_classes, n_classes)
    item, annotator, label : int64 Tensors of shape (n_labels,)

    Returns
    -------
    Tensor of shape (n_items,)
    """
    log_label = label_log_proba(log_confusion, annotator, label)
    return torch.logsumexp(log_posterior.index_add(0, item, log_label), dim=1)


def outlier_log_likelihood(
    log_posterior, log_confusion, item, annotator, label, log_weight
):
    """Log-probability of all labels of each item, of which some are outliers.

    Items are of three kinds. The labels follow the matrices from the item's class, as
    in `joint_log_likelihood`; from a class drawn without looking at the item, ``1/K
    sum_k prod_m B_m[k, y_im]``; or all are guesses, ``K ** -n_i`` for ``n_i`` labels.
    An item without labels has log-likelihood zero.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
    log_confusion : Tensor of shape (n_annotators, n_classes, n_classes)
    item, annotator, label : int64 Tensors of shape (n_labels,)
    log_weight : Tensor of shape (3,)
        Log-probabilities of the three kinds.

    Returns
    -------
    Tensor of shape (n_items,)
    """
    log_classes = math.log(log_posterior.shape[1])
    # The first two differ in where the class comes from alone.
    log_prior = torch.logaddexp(
        log_posterior + log_weight[0], log_weight[1] - log_classes
    )
    from_class = joint_log_likelihood(log_prior, log_confusion, item, annotator, label)
    n_labels = torch.bincount(item, minlength=len(log_posterior)).to(from_class.dtype)
    return torch.logaddexp(from_class, log_weight[2] - n_labels * log_classes)


def posterior_second_moment(log_posterior, weight=None):
    """Weighted mean of ``f(x) f(x)'`` over a batch.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
    weight : Tensor of shape (n_items,), optional
        Non-negative, not all zero.

    Returns
    -------
    Tensor of shape (n_classes, n_classes)
    """
    posterior = _wide(log_posterior).exp()
    if weight is None:
        return posterior.T @ posterior / len(posterior)
    weight = weight.to(posterior.dtype)
    return (posterior * weight[:, None]).T @ posterior / weight.sum()


def confusion_second_moment(log_confusion):
    """``1/M sum_m B_m B_m'``, the Gram matrix of the stacked confusion matrices.

    Parameters
    ----------
    log_confusion : Tensor of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    Tensor of shape (n_classes, n_classes)
    """
    confusion = _wide(log_confusion).exp()
    # One product of K x ML matrices instead of M products of K x K ones.
    stacked = confusion.transpose(0, 1).reshape(confusion.shape[1], -1)
    return stacked @ stacked.T / len(confusion)


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
    moment = _wide(second_moment)
    identity = torch.eye(len(moment), dtype=moment.dtype, device=moment.device)
    return torch.logdet(moment + ridge * identity)


def mean_trace(log_confusion):
    """Mean trace of the confusion matrices (Tanno et al., 2019), added to the loss.

    Parameters
    ----------
    log_confusion : Tensor of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    Tensor of shape ()
    """
    diagonal = torch.diagonal(log_confusion, dim1=1, dim2=2)
    return _wide(diagonal).exp().sum(dim=1).mean()


def _wide(tensor):
    """The tensor in the widest float type of its device, for K x K algebra."""
    # Apple's GPUs have no float64, and half precision has no determinant.
    wide = torch.float32 if tensor.device.type == "mps" else torch.float64
    return tensor.to(wide)

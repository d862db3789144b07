"""Confusion matrices as softmax over answers, faster than by torch's own.

Logits are kept as ``[m, l, k]``: annotator, answer, true class. So what a label needs,
the scores of its answer under each class, lies together, and so do the rows of the
stacked matrices whose Gram matrix is the volume of GeoCrowdNet(W). The probabilities of
annotator m are the softmax over ``l``.

torch's softmax takes some hundred times as long for a number of a short row as an
elementwise function does. Here everything is elementwise or a product of matrices.
"""

import functools

import torch

# Sums of exponentials between which the largest need not be subtracted first: all that
# matters beside the sum is then far from the limits of float32.
_SAFE_SUM = 1e-20, 1e30

# Classes up to which a product with a block matrix of ones outruns sums and broadcasts.
_FEW_CLASSES = 16


def answer_proba(answer_logits):
    """Probabilities of the answers, without a gradient.

    Parameters
    ----------
    answer_logits : Tensor of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    Tensor of shape (n_annotators, n_classes, n_classes)
        ``[m, l, k]`` = P(annotator m says l, given the true class is k).
    """
    with torch.no_grad():
        exponential, total, _ = exponentials(answer_logits)
        return exponential.mul_(for_all_answers(total.reciprocal()))


def log_confusion_of(answer_logits):
    """Log confusion matrices, without a gradient.

    Parameters
    ----------
    answer_logits : Tensor of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    Tensor of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` = log P(annotator m says l, given the true class is k).
    """
    with torch.no_grad():
        _, _, log_total = exponentials(answer_logits)
        return (answer_logits - log_total[:, None]).transpose(1, 2)


def exponentials(logits):
    """Exponentials, their sums over the answers, and the logs of the sums.

    Parameters
    ----------
    logits : Tensor of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    exponential : Tensor of shape (n_annotators, n_classes, n_classes)
    total, log_total : Tensors of shape (n_annotators, n_classes)
        The first two, but not the logs, are as if some number was subtracted from the
        logits of each annotator and class.
    """
    # On other devices looking at the sums would be to wait for them.
    if logits.device.type == "cpu" and logits.numel():
        exponential = logits.exp()
        total = sum_of_answers(exponential)
        least, most = (bound.item() for bound in total.aminmax())
        if _SAFE_SUM[0] < least and most < _SAFE_SUM[1]:
            return exponential, total, total.log()
    top = logits.amax(dim=1, keepdim=True) if logits.numel() else logits[:, :1]
    exponential = (logits - top).exp()
    total = sum_of_answers(exponential)
    return exponential, total, total.log() + top[:, 0]


def sum_of_answers(values):
    """Sums over the answers.

    Parameters
    ----------
    values : Tensor of shape (n_annotators, n_classes, n_classes)

    Returns
    -------
    Tensor of shape (n_annotators, n_classes)
    """
    n_classes = values.shape[2]
    if n_classes > _FEW_CLASSES:
        return values.sum(dim=1)
    blocks = _blocks(n_classes, values.dtype, values.device)
    return values.reshape(len(values), -1) @ blocks


def for_all_answers(by_class):
    """The numbers of each annotator and class, repeated for each answer.

    Parameters
    ----------
    by_class : Tensor of shape (n_annotators, n_classes)

    Returns
    -------
    Tensor of shape (n_annotators, n_classes, n_classes)
    """
    n_annotators, n_classes = by_class.shape
    if n_classes > _FEW_CLASSES:
        return by_class[:, None].repeat(1, n_classes, 1)
    blocks = _blocks(n_classes, by_class.dtype, by_class.device)
    return (by_class @ blocks.T).view(n_annotators, n_classes, n_classes)


@functools.lru_cache
def _blocks(n_classes, dtype, device):
    """Identity matrices one upon the other."""
    return torch.eye(n_classes, dtype=dtype, device=device).repeat(n_classes, 1)

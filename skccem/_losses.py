"""Likelihoods of crowdsourced labels, as pure torch functions.

Labels come as three aligned vectors, one entry a label: ``item`` (the row of
``log_posterior``), ``annotator`` (its place in ``answer_logits``, which are indexed
``[annotator, answer, true class]``) and ``label`` (the class that the annotator gave).
The cost of a likelihood is proportional to the number of labels and of matrices, and
does not depend on how many entries of the table are missing.

Everything is in log space. Likelihoods are returned per label or per item so that the
caller decides on weights and on what to divide by.
"""

import math

import torch
from torch.autograd.function import once_differentiable

from ._answer_logits import exponentials, for_all_answers, sum_of_answers


def marginal_log_likelihood(
    log_posterior, answer_logits, item, annotator, label, *, return_proba=False
):
    """Log-probability of each label by itself: CCEM's criterion (Ibrahim et al., 2023).

    ``log p_m(l | x_i) = log sum_k f_k(x_i) B_m[k, l]``.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
        ``log f(x)``.
    answer_logits : Tensor of shape (n_annotators, n_classes, n_classes)
    item, annotator, label : int64 Tensors of shape (n_labels,)
    return_proba : bool, default=False
        Whether to return the probabilities of answers as well, which are computed in
        passing: of the shape of the logits, ``[m, l, k]`` = P(annotator m says l, given
        the true class is k).

    Returns
    -------
    Tensor of shape (n_labels,), and the probabilities
    """
    log_likelihood, proba = _CoupledLogLikelihood.apply(
        log_posterior, answer_logits, item, annotator, label, None, False, return_proba
    )
    return (log_likelihood, proba) if return_proba else log_likelihood


def joint_log_likelihood(
    log_posterior,
    answer_logits,
    item,
    annotator,
    label,
    *,
    starts=None,
    return_proba=False,
):
    """Log-probability of all labels of each item together.

    ``log sum_k f_k(x_i) prod_m B_m[k, y_im]``: annotators answer independently given
    the true class (Dawid and Skene, 1979), and which answers occur together is used.
    An item without labels has log-likelihood zero.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
    answer_logits : Tensor of shape (n_annotators, n_classes, n_classes)
    item, annotator, label : int64 Tensors of shape (n_labels,)
    starts : int64 Tensor of shape (n_items,), optional
        Where the labels of each item begin. Faster, but `item` must be sorted.
    return_proba : bool, default=False
        As of `marginal_log_likelihood`.

    Returns
    -------
    Tensor of shape (n_items,), and the probabilities
    """
    log_likelihood, proba = _CoupledLogLikelihood.apply(
        log_posterior, answer_logits, item, annotator, label, starts, True, return_proba
    )
    return (log_likelihood, proba) if return_proba else log_likelihood


def outlier_log_likelihood(
    log_posterior,
    answer_logits,
    item,
    annotator,
    label,
    log_weight,
    *,
    starts=None,
    return_proba=False,
):
    """Log-probability of all labels of each item, of which some are outliers.

    Items are of three kinds. The labels follow the matrices from the item's class, as
    in `joint_log_likelihood`; from a class drawn without looking at the item, ``1/K
    sum_k prod_m B_m[k, y_im]``; or all are guesses, ``K ** -n_i`` for ``n_i`` labels.
    An item without labels has log-likelihood zero.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
    answer_logits : Tensor of shape (n_annotators, n_classes, n_classes)
    item, annotator, label : int64 Tensors of shape (n_labels,)
    log_weight : Tensor of shape (3,)
        Log-probabilities of the three kinds.
    starts, return_proba
        As of `joint_log_likelihood`.

    Returns
    -------
    Tensor of shape (n_items,), and the probabilities
    """
    log_classes = math.log(log_posterior.shape[1])
    # The first two differ in where the class comes from alone.
    log_prior = torch.logaddexp(
        log_posterior + log_weight[0], log_weight[1] - log_classes
    )
    from_class = joint_log_likelihood(
        log_prior,
        answer_logits,
        item,
        annotator,
        label,
        starts=starts,
        return_proba=return_proba,
    )
    from_class, *proba = from_class if return_proba else (from_class,)
    n_labels = torch.bincount(item, minlength=len(log_posterior)).to(from_class.dtype)
    log_likelihood = torch.logaddexp(from_class, log_weight[2] - n_labels * log_classes)
    return (log_likelihood, *proba) if return_proba else log_likelihood


def with_known_classes(log_posterior, item, label):
    """Log-posteriors, of which those of some items are certain.

    Parameters
    ----------
    log_posterior : Tensor of shape (n_items, n_classes)
    item, label : int64 Tensors of shape (n_known,)
        Rows, each once, and their classes.

    Returns
    -------
    Tensor of shape (n_items, n_classes)
        Zero for the known class and ``-inf`` for the others, without a gradient.
    """
    known = log_posterior.new_full((len(item), log_posterior.shape[1]), -math.inf)
    known.scatter_(1, label[:, None], 0.0)
    return log_posterior.index_copy(0, item, known)


class _CoupledLogLikelihood(torch.autograd.Function):
    """``log sum_k f_k B_m[k, l]``, of each label or of all of an item together.

    A fused function, since the graph of single ones takes most of the time of a step.
    The gradient by the log-posterior is the posterior given the labels, and so is that
    by the log-probability of a label.
    """

    @staticmethod
    def forward(
        ctx,
        log_posterior,
        answer_logits,
        item,
        annotator,
        label,
        starts,
        joint,
        with_proba,
    ):
        n_classes = answer_logits.shape[2]
        answer_logits = answer_logits.contiguous()
        exponential, total, log_total = exponentials(answer_logits)
        answer = torch.add(label, annotator, alpha=n_classes)
        by_answer = answer_logits.view(-1, n_classes)
        if starts is not None:
            log_joint = _sum_of_rows(by_answer, answer, starts).add_(log_posterior)
            log_joint.sub_(_sum_of_rows(log_total, annotator, starts))
        else:
            # Of each label under each class.
            log_label = by_answer.index_select(0, answer)
            log_label.sub_(log_total.index_select(0, annotator))
            if joint:
                log_joint = log_posterior.index_add(0, item, log_label)
            else:
                log_joint = log_label.add_(log_posterior.index_select(0, item))
        top = log_joint.amax(dim=1) if log_joint.numel() else log_joint.sum(dim=1)
        posterior = log_joint.sub_(top[:, None]).exp_()
        evidence = posterior.sum(dim=1)
        proba = None
        if with_proba:
            proba = exponential.mul_(for_all_answers(total.reciprocal()))
            total = None
        ctx.joint, ctx.n_items = joint, len(log_posterior)
        ctx.save_for_backward(
            posterior, evidence, exponential, total, item, annotator, answer
        )
        return evidence.log().add_(top), proba

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, grad_proba):
        posterior, evidence, exponential, total, *indices = ctx.saved_tensors
        item, annotator, answer = indices
        by_row = posterior * (grad / evidence)[:, None]
        by_item, by_label = by_row, by_row
        if not ctx.joint:
            by_item = by_row.new_zeros(ctx.n_items, by_row.shape[1])
            by_item.index_add_(0, item, by_row)
        if not ctx.needs_input_grad[1]:
            return by_item, None, None, None, None, None, None, None
        if ctx.joint:
            by_label = by_row.index_select(0, item)
        if total is not None:
            # Few tables: they are what takes time where there are many annotators.
            by_class = torch.zeros_like(total).index_add_(0, annotator, by_label)
            by_logits = exponential * by_class.div_(total).neg_()[:, None]
            by_logits.view(-1, by_label.shape[1]).index_add_(0, answer, by_label)
        else:
            # By the logs of the probabilities, and then through the softmax.
            by_logits = grad_proba * exponential
            by_logits.view(-1, by_label.shape[1]).index_add_(0, answer, by_label)
            expected = for_all_answers(sum_of_answers(by_logits))
            by_logits.addcmul_(expected, exponential, value=-1)
        return by_item, by_logits, None, None, None, None, None, None


def _sum_of_rows(table, rows, starts):
    """Sums of the rows of a table from each start to the next one."""
    return torch.embedding_bag(table, rows, starts)[0]

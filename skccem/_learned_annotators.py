"""What the annotators turned out to be, read off a trained network."""

from typing import NamedTuple

import numpy as np

from ._counts import expected_counts, pooled_confusion
from ._outliers import class_proba
from ._probability import safe_log


class Annotators(NamedTuple):
    """What is known of the annotators, and of how many items are outliers."""

    # Of shape (n_annotators, n_classes, n_classes).
    log_confusion: np.ndarray
    # Of the kinds of items, of shape (3,); None if no item is an outlier.
    log_weight: np.ndarray | None


def trained_annotators(net):
    """What the annotators in a network turned out to be, in double precision.

    Parameters
    ----------
    net : CrowdNet
        Trained.

    Returns
    -------
    Annotators
        Of those who have a matrix in the network.
    """
    network = net.module_
    outliers = network.outlier_logits is not None
    log_weight = _as_log_proba(network.log_weight()) if outliers else None
    return Annotators(_as_log_proba(network.log_confusion()), log_weight)


def learned_annotators(net, labels, log_posterior, weight, active, processes):
    """What the annotators turned out to be.

    Parameters
    ----------
    net : CrowdNet
        Trained on the annotators who gave labels, in their order.
    labels : CrowdLabels
        Of all annotators.
    log_posterior : ndarray of shape (n_samples, n_classes)
        That the net predicts.
    weight : ndarray of shape (n_samples,) or None
    active : bool ndarray of shape (n_annotators,)
        Which annotators gave labels that count.
    processes : Processes
        Those that have parts of the items.

    Returns
    -------
    Annotators
        In double precision. An annotator without labels has the pooled matrix: each row
        is the mean of the others', weighted by how many labels they gave to items of
        the class.
    """
    learned = trained_annotators(net)
    if active.all():
        return learned
    seen = labels.select_annotators(labels.annotators[active])
    posterior = class_proba(seen, log_posterior, *learned)
    n_answers = processes.sum(expected_counts(seen, posterior, weight).sum(axis=2))
    log_confusion = with_pooled(learned.log_confusion, active, n_answers)
    return Annotators(log_confusion, learned.log_weight)


def with_pooled(log_confusion, active, n_answers):
    """Matrices of all annotators, of whom some have none of their own.

    Parameters
    ----------
    log_confusion : ndarray of shape (n_active, n_classes, n_classes)
    active : bool ndarray of shape (n_annotators,)
        Whose these are.
    n_answers : ndarray of shape (n_active, n_classes) or (n_active,)
        How many labels they gave, to items of each class where that is known.

    Returns
    -------
    ndarray of shape (n_annotators, n_classes, n_classes)
        The others have the mean of these, weighted by numbers of labels.
    """
    if active.all():
        return log_confusion
    weight = n_answers.reshape(len(n_answers), -1, 1)
    pooled = safe_log(pooled_confusion(weight * np.exp(log_confusion)))
    full = np.empty((len(active), *pooled.shape))
    full[active] = log_confusion
    full[~active] = pooled
    return full


def _as_log_proba(tensor):
    """In double precision, where the probabilities of the last axis sum to one too."""
    values = tensor.detach().cpu().double().numpy()
    return values - np.logaddexp.reduce(values, axis=-1, keepdims=True)

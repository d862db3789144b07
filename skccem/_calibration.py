"""How well labels are predicted, however confident the classifier is."""

import numpy as np
from scipy.optimize import minimize_scalar

from ._probability import log_joint_proba, log_sum_exp

# Powers of a posterior from nearly uniform to nearly certain.
_LARGEST_POWER = 20.0


def sharpen(log_posterior, power):
    """Posteriors to some power, normalised.

    Parameters
    ----------
    log_posterior : ndarray of shape (n_samples, n_classes)
    power : float
        Positive, the inverse of what is called temperature: above 1 the posteriors
        become more confident, below 1 less. The order of the classes stays.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Log probabilities.
    """
    scaled = power * log_posterior
    return scaled - log_sum_exp(scaled)[:, np.newaxis]


def calibrated_log_likelihood(labels, log_posterior, log_confusion, weight=None):
    """Log probability of each item's labels together, with calibrated posteriors.

    The posteriors are raised to the power under which the labels are most likely
    (temperature scaling [1]_), one number for all items. What they name as most
    probable does not depend on it, nor does the result on how confident they were.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        At least one label of positive weight.
    log_posterior : ndarray of shape (n_samples, n_classes)
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    weight : ndarray of shape (n_samples,), optional
        Of the items, and so of their labels.

    Returns
    -------
    log_likelihood : float
        Of ``log sum_k f_k(x_i) prod_m B_m[k, y_im]`` the sum over items by the number
        of labels; ``-inf`` if the model excludes what counts.
    power : float
        From 1/20 to 20.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", ICML 2017.
    """
    weight = np.ones(labels.n_samples) if weight is None else weight
    # Zero times the -inf of what the model excludes would be NaN.
    counted = np.flatnonzero((weight > 0) & (labels.labels_per_item > 0))
    labels, weight = labels[counted], weight[counted]
    log_posterior = log_posterior[counted].astype(np.float64)
    n_labels = weight @ labels.labels_per_item
    of_labels = log_joint_proba(labels.label_indicator(), log_confusion, 0.0)

    def mean(power):
        log_joint = of_labels + sharpen(log_posterior, power)
        return float(weight @ log_sum_exp(log_joint) / n_labels)

    as_it_is = mean(1.0)
    if np.isneginf(as_it_is):
        return as_it_is, 1.0
    bound = np.log(_LARGEST_POWER)
    found = minimize_scalar(
        lambda log_power: -mean(np.exp(log_power)),
        bounds=(-bound, bound),
        method="bounded",
        options={"xatol": 1e-3},
    )
    # The search may end in another mode than that of the posteriors as they are.
    if -found.fun < as_it_is:
        return as_it_is, 1.0
    return float(-found.fun), float(np.exp(found.x))

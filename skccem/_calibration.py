"""How well labels are predicted, however confident the classifier is."""

import numpy as np
from scipy.optimize import minimize_scalar

from ._gold import with_gold
from ._outliers import outlier_log_joint
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


class HeldOutLabels:
    """Labels by which the posteriors of many classifiers are calibrated and judged.

    What does not depend on the posteriors is computed once.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
    weight : ndarray of shape (n_samples,), optional
        Of the items, and so of their labels.
    log_weight : ndarray of shape (3,), optional
        Of the kinds of items, as in ``_outliers``; None if no item is an outlier.
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items, each of which is one label more.
    """

    def __init__(self, labels, log_confusion, weight=None, log_weight=None, gold=None):
        weight = np.ones(labels.n_samples) if weight is None else weight
        n_said = with_gold(labels, gold).labels_per_item
        # Zero times the -inf of what the model excludes would be NaN.
        self._counted = np.flatnonzero((weight > 0) & (n_said > 0))
        labels, self._weight = labels[self._counted], weight[self._counted]
        self._n_labels = self._weight @ n_said[self._counted]
        self._given_class = log_joint_proba(
            labels.label_indicator(), log_confusion, 0.0
        )
        self._outlier = None
        if log_weight is not None:
            self._given_class += log_weight[0]
            outlier = outlier_log_joint(labels, log_confusion, log_weight)
            self._outlier = np.logaddexp(outlier[:, 0], outlier[:, 1])
        if gold is not None:
            self._know(gold[self._counted])

    def _know(self, gold):
        """Leave the known classes alone, which outliers have too."""
        known = np.flatnonzero(gold.labels_per_item)
        given_class = self._given_class[known, gold.codes]
        if self._outlier is not None:
            given_class = np.logaddexp(given_class, self._outlier[known])
            self._outlier[known] = -np.inf
        self._given_class[known] = -np.inf
        self._given_class[known, gold.codes] = given_class

    def _log_likelihood(self, log_posterior, power):
        log_joint = log_sum_exp(self._given_class + sharpen(log_posterior, power))
        if self._outlier is not None:
            log_joint = np.logaddexp(log_joint, self._outlier)
        return float(self._weight @ log_joint / self._n_labels)

    def calibrate(self, log_posterior):
        """The power of the posteriors under which the labels are most likely.

        Temperature scaling [1]_, by one number for all items.

        Parameters
        ----------
        log_posterior : ndarray of shape (n_samples, n_classes)

        Returns
        -------
        log_likelihood : float
            Of ``log sum_k f_k(x_i) prod_m B_m[k, y_im]``, with that power of ``f``, the
            sum over items by the number of labels; ``-inf`` if the model excludes what
            counts.
        power : float
            From 1/20 to 20.

        References
        ----------
        .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of
           modern neural networks", ICML 2017.
        """
        log_posterior = log_posterior[self._counted].astype(np.float64)
        as_it_is = self._log_likelihood(log_posterior, 1.0)
        if np.isneginf(as_it_is):
            return as_it_is, 1.0
        bound = np.log(_LARGEST_POWER)
        found = minimize_scalar(
            lambda log_power: -self._log_likelihood(log_posterior, np.exp(log_power)),
            bounds=(-bound, bound),
            method="bounded",
            options={"xatol": 1e-3},
        )
        # The search may end in another mode than that of the posteriors as they are.
        if -found.fun < as_it_is:
            return as_it_is, 1.0
        return float(-found.fun), float(np.exp(found.x))


def calibrated_log_likelihood(labels, log_posterior, log_confusion, weight=None):
    """Log probability of each item's labels together, with calibrated posteriors.

    The posteriors are raised to the power under which the labels are most likely. What
    they name as most probable does not depend on it, nor does the result on how
    confident they were.

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
    log_likelihood, power : float
        As of `HeldOutLabels.calibrate`.
    """
    return HeldOutLabels(labels, log_confusion, weight).calibrate(log_posterior)

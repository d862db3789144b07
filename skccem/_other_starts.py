"""Other matrices that explain the labels as well: climbs from other starts."""

from copy import copy
from dataclasses import dataclass

import numpy as np

from ._counts import confusion_from_counts, counts_from_indicator, pooled_confusion
from ._em import PosteriorModel, run_em, used_labels
from ._probability import safe_log
from ._random_state import random_generator
from ._recovery import matrix_distance

# Iterations, and gain per label, at which a climb ends.
_MAX_ITER = 200
_TOL = 1e-5

# Pseudo-labels of each row, as `DawidSkene` has them.
_SMOOTHING = 0.1

# A start explains the labels as well if its log-likelihood per label is at most so much
# lower: chance moves it by as much.
_AS_GOOD = 1e-3

_SEED = 0


@dataclass(frozen=True)
class OtherStarts:
    """What climbs from other starts found.

    Attributes
    ----------
    distance : float
        The largest, to the climb from the fit, among those that explain the labels as
        well; 0 if there are none.
    gain : float
        Log-likelihood per label by which the best exceeds the climb from the fit, or 0.
    """

    distance: float
    gain: float


def climb_from_other_starts(labels, log_prior, proba, *, n_starts):
    """Fit the matrices again, from the fit's classes and from random votes.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        At least one label.
    log_prior : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Log class probabilities before any answer, which stay as they are.
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities of the items by the fit.
    n_starts : int
        Random starts: one vote of each item is taken for its class.

    Returns
    -------
    OtherStarts
    """
    data = used_labels(labels)
    if log_prior.ndim == 2:
        log_prior = log_prior[data.used]
    model = _Matrices(data, log_prior)
    rng = random_generator(_SEED)
    settings = {"n_labels": data.n_labels, "max_iter": _MAX_ITER, "tol": _TOL}
    fitted = run_em(model.starting_from(proba[data.used]), **settings)
    frequencies, n_labels = proba[data.used].mean(axis=0), labels.labels_per_annotator
    distance = gain = 0.0
    for _ in range(n_starts):
        other = run_em(model.starting_from(data.votes(rng)), **settings)
        higher = (other.history[-1] - fitted.history[-1]) / data.n_labels
        if higher >= -_AS_GOOD:
            apart = matrix_distance(
                np.exp(other.parameters),
                np.exp(fitted.parameters),
                frequencies,
                n_labels,
            )
            distance, gain = max(distance, apart), max(gain, higher)
    return OtherStarts(distance, gain)


class _Matrices(PosteriorModel):
    """Matrices alone, given the class probabilities of the items before any answer.

    Parameters
    ----------
    data : UsedLabels
    log_prior : ndarray of shape (n_classes,) or (n_used, n_classes)
    """

    def __init__(self, data, log_prior):
        super().__init__(data)
        self._log_prior = log_prior
        self._indicator = data.labels.label_indicator()
        self._target = pooled_confusion(self._counts(data.votes()))

    def starting_from(self, proba):
        """The same model, whose climb starts from these class probabilities."""
        model = copy(self)
        model._proba = proba
        return model

    def start(self, rng=None):
        return self._proba

    def _counts(self, proba):
        return counts_from_indicator(self._indicator, proba)

    def m_step(self, proba, previous):
        return safe_log(
            confusion_from_counts(
                self._counts(proba), smoothing=_SMOOTHING, target=self._target
            )
        )

    def e_step(self, log_confusion):
        proba, per_item = self.data.posterior(
            self._indicator, log_confusion, self._log_prior
        )
        return proba, self.data.total(per_item)

    def log_prior(self, log_confusion):
        summed = np.einsum("mkl->kl", log_confusion)
        known = self._target > 0
        return float(_SMOOTHING * (summed[known] @ self._target[known]))

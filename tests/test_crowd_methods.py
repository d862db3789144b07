import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skccem._crowd_methods import CrowdMethods

POSTERIOR = np.array([[0.6, 0.4], [0.1, 0.9], [0.5, 0.5]])
CONFUSION = np.array([[[0.9, 0.1], [0.3, 0.7]], [[1.0, 0.0], [0.5, 0.5]]])
Y = np.array([[0, -1], [1, 0], [-1, -1]])
LABELS = np.argwhere(Y >= 0)


class Known(CrowdMethods, BaseEstimator):
    """A classifier whose probabilities and matrices are the ones above."""

    classes_ = np.array([0, 1])
    annotators_ = np.array([0, 1])
    n_annotators_ = 2
    confusion_matrices_ = CONFUSION

    @property
    def _log_confusion(self):
        with np.errstate(divide="ignore"):
            return np.log(CONFUSION)

    def _log_posterior(self, X):
        return np.log(POSTERIOR)

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        return POSTERIOR

    def predict(self, X):
        return POSTERIOR.argmax(axis=1)


X = np.zeros((3, 1))


def test_aggregation_is_bayes_rule():
    q = POSTERIOR.copy()
    for i, m in LABELS:
        q[i] *= CONFUSION[m, :, Y[i, m]]
    q /= q.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(Known().aggregate_proba(X, Y), q)
    np.testing.assert_array_equal(Known().aggregate(X, Y), q.argmax(axis=1))


def test_annotators_answer_by_their_matrices():
    proba = Known().predict_annotator_proba(X)
    for i in range(3):
        for m in range(2):
            np.testing.assert_allclose(proba[i, m], POSTERIOR[i] @ CONFUSION[m])


def test_the_score_is_a_weighted_mean_over_labels():
    likelihood = [np.log(POSTERIOR[i] @ CONFUSION[m, :, Y[i, m]]) for i, m in LABELS]
    assert Known().score(X, Y) == pytest.approx(np.mean(likelihood))
    weighted = Known().score(X, Y, sample_weight=[1, 3, 5])
    assert weighted == pytest.approx(np.average(likelihood, weights=[1, 3, 3]))


def test_what_the_model_excludes_scores_minus_infinity_unless_it_weighs_nothing():
    certain = Known()
    certain._log_posterior = lambda X: np.array([[0.0, -np.inf]] * 3)
    excluded = np.array([[0, 1], [0, -1], [-1, -1]])
    assert certain.score(X, excluded) == -np.inf
    kept = certain.score(X, excluded, sample_weight=[0, 1, 1])
    assert kept == pytest.approx(np.log(0.9))
    with pytest.raises(ValueError, match="none of positive weight"):
        certain.score(X, excluded, sample_weight=[0, 0, 1])

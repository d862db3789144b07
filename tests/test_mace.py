import numpy as np
import pytest

from skccem import MACE
from skccem._mace import mace_confusion
from skccem.simulation import make_crowd_labels

SPAM = np.array([0.1, 0.2, 0.3, 0.9, 1.0])
STRATEGY = np.array(
    [
        [0.2, 0.3, 0.5],
        [0.8, 0.1, 0.1],
        [1 / 3, 1 / 3, 1 / 3],
        [0.5, 0.5, 0.0],
        [0.0, 0.0, 1.0],
    ]
)


def simulate(seed, n_samples=3000):
    y = np.random.default_rng(seed).choice(3, p=[0.5, 0.3, 0.2], size=n_samples)
    matrices = mace_confusion(SPAM, STRATEGY)
    return y, make_crowd_labels(y, matrices, p=0.9, random_state=seed)


def textbook_em(Y, n_classes, n_iter):
    """EM with the spam indicator of every label summed out, by loops."""
    n_samples, n_annotators = Y.shape
    votes = np.stack([(Y == k).sum(axis=1) for k in range(n_classes)], axis=1)
    posterior = votes / votes.sum(axis=1, keepdims=True)
    lucky = np.full((n_annotators, n_classes), 0.5)
    for _ in range(n_iter):
        spammed = np.zeros((n_annotators, n_classes))
        counts = np.zeros((n_annotators, n_classes))
        for i, m in np.argwhere(Y >= 0):
            q = posterior[i, Y[i, m]]
            spammed[m, Y[i, m]] += 1 - q + q * lucky[m, Y[i, m]]
            counts[m, Y[i, m]] += 1
        spam = spammed.sum(axis=1) / counts.sum(axis=1)
        strategy = spammed / spammed.sum(axis=1, keepdims=True)
        prior = posterior.mean(axis=0)
        hit = spam[:, np.newaxis] * strategy
        lucky = hit / (1 - spam[:, np.newaxis] + hit)
        posterior = np.tile(prior, (n_samples, 1))
        for i, m in np.argwhere(Y >= 0):
            answer = Y[i, m]
            right = (np.arange(n_classes) == answer) * (1 - spam[m])
            posterior[i] *= right + spam[m] * strategy[m, answer]
        likelihood = posterior.sum(axis=1)
        posterior /= likelihood[:, np.newaxis]
    return spam, strategy, prior, np.log(likelihood).sum()


def test_em_equals_the_equations_written_out():
    _, labels = simulate(0, n_samples=150)
    model = MACE(smoothing=0, max_iter=6, tol=0)
    with pytest.warns(UserWarning, match="max_iter=6"):
        model.fit(labels)
    spam, strategy, prior, log_likelihood = textbook_em(np.asarray(labels), 3, 6)
    np.testing.assert_allclose(model.competences_, 1 - spam, atol=1e-12)
    np.testing.assert_allclose(model.strategies_, strategy)
    np.testing.assert_allclose(model.class_prior_, prior)
    assert model.log_likelihood_ == pytest.approx(log_likelihood)


@pytest.mark.parametrize("seed", range(3))
def test_recovers_who_knows_and_what_the_others_say(seed):
    y, labels = simulate(seed)
    model = MACE(random_state=0, max_iter=2000, tol=1e-8).fit(labels)
    np.testing.assert_allclose(model.competences_, 1 - SPAM, atol=0.06)
    # The strategy of those who often guess is seen well.
    np.testing.assert_allclose(model.strategies_[3:], STRATEGY[3:], atol=0.06)
    np.testing.assert_allclose(
        model.confusion_matrices_, mace_confusion(SPAM, STRATEGY), atol=0.06
    )
    assert np.mean(model.predict(labels) == y) > 0.95


def test_an_annotator_without_labels_is_as_all_are_together():
    _, labels = simulate(0, n_samples=300)
    Y = np.hstack([np.asarray(labels), np.full((300, 1), -1)])
    for smoothing in (0, 0.1):
        model = MACE(smoothing=smoothing, max_iter=1000).fit(Y)
        assert model.competences_[:3].min() > model.competences_[5] > 0
        shares = np.bincount(Y[Y >= 0], minlength=3) / (Y >= 0).sum()
        np.testing.assert_allclose(model.strategies_[5], shares)

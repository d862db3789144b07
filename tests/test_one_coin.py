import numpy as np
import pytest

from skccem import CrowdLabels, OneCoinDawidSkene
from skccem._one_coin import one_coin_confusion
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def simulate(seed, n_samples=2000, accuracy=(0.95, 0.8, 0.6, 0.4, 0.1)):
    y = np.random.default_rng(seed).integers(4, size=n_samples)
    matrices = make_confusion_matrices(5, 4, kind="symmetric", accuracy=list(accuracy))
    return y, make_crowd_labels(y, matrices, p=0.7, random_state=seed)


def textbook_em(Y, n_classes, n_iter):
    """One-coin EM by loops over a dense matrix."""
    n_annotators = Y.shape[1]
    votes = np.stack([(Y == k).sum(axis=1) for k in range(n_classes)], axis=1)
    posterior = votes / votes.sum(axis=1, keepdims=True)
    for _ in range(n_iter):
        accuracy = np.array(
            [
                np.mean([posterior[i, Y[i, m]] for i in np.flatnonzero(Y[:, m] >= 0)])
                for m in range(n_annotators)
            ]
        )
        prior = posterior.mean(axis=0)
        posterior = np.tile(prior, (len(Y), 1))
        for i, m in np.argwhere(Y >= 0):
            answer = np.full(n_classes, (1 - accuracy[m]) / (n_classes - 1))
            answer[Y[i, m]] = accuracy[m]
            posterior[i] *= answer
        likelihood = posterior.sum(axis=1)
        posterior /= likelihood[:, np.newaxis]
    return accuracy, prior, np.log(likelihood).sum()


def test_em_equals_the_equations_written_out():
    _, labels = simulate(0, n_samples=100)
    labels = labels[labels.labels_per_item > 0]
    model = OneCoinDawidSkene(smoothing=0, max_iter=6, tol=0)
    with pytest.warns(UserWarning, match="max_iter=6"):
        model.fit(labels)
    accuracy, prior, log_likelihood = textbook_em(np.asarray(labels), 4, 6)
    np.testing.assert_allclose(model.accuracies_, accuracy)
    np.testing.assert_allclose(model.class_prior_, prior)
    assert model.log_likelihood_ == pytest.approx(log_likelihood)
    assert model.history_[-1] == model.log_likelihood_


@pytest.mark.parametrize("seed", range(3))
def test_recovers_accuracies_also_of_an_adversary(seed):
    y, labels = simulate(seed)
    model = OneCoinDawidSkene(random_state=0, max_iter=500).fit(labels)
    np.testing.assert_allclose(model.accuracies_, [0.95, 0.8, 0.6, 0.4, 0.1], atol=0.05)
    assert np.mean(model.predict(labels) == y) > 0.87


def test_matrices_have_two_values():
    matrices = one_coin_confusion(np.array([0.7, 1.0]), 4)
    np.testing.assert_allclose(matrices[0, 0], [0.7, 0.1, 0.1, 0.1])
    np.testing.assert_allclose(matrices[1], np.eye(4))


def test_annotators_who_never_err_or_gave_no_labels_are_no_trouble():
    Y = np.array([[0, 0, -1], [1, 1, -1], [2, 2, -1], [0, 1, -1]])
    model = OneCoinDawidSkene(smoothing=0, random_state=0, max_iter=5000, tol=1e-9)
    model.fit(CrowdLabels.from_matrix(Y))
    assert np.isfinite(model.history_).all()
    assert np.isfinite(model.predict_proba(Y)).all()
    # Of the annotator without labels nothing is known but how often votes agree.
    assert model.accuracies_[2] == pytest.approx(7 / 8)

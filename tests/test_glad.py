import numpy as np
import pytest
from scipy.special import expit, log_expit
from scipy.stats import norm

from skccem import GLAD, CrowdLabels, _glad
from skccem._glad import _newton_step

ABILITY = np.array([2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.0, -1.0])


def simulate(seed, n_samples=1500, n_classes=3):
    """Labels of the model: abilities above, log easiness from the normal prior."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    easiness = np.exp(rng.normal(1, 1, size=n_samples))
    right = rng.random((n_samples, 8)) < expit(np.outer(easiness, ABILITY))
    wrong = (y[:, None] + rng.integers(1, n_classes, size=right.shape)) % n_classes
    return y, easiness, CrowdLabels.from_matrix(np.where(right, y[:, None], wrong))


def textbook_proba(row, ability, prior, n_nodes):
    """P(class, labels) of one item by a fine sum over its log easiness."""
    log_easiness = np.linspace(-7, 9, n_nodes)
    density = norm.pdf(log_easiness, 1, 1)
    joint = np.outer(density / density.sum(), prior)
    for m in np.flatnonzero(row >= 0):
        right = expit(ability[m] * np.exp(log_easiness))[:, np.newaxis]
        is_answer = np.arange(len(prior)) == row[m]
        joint *= np.where(is_answer, right, (1 - right) / (len(prior) - 1))
    return joint.sum(axis=0)


def test_the_quadrature_equals_a_fine_sum_over_the_easiness():
    _, _, labels = simulate(0, n_samples=60)
    Y = np.asarray(labels).copy()
    Y[np.random.default_rng(0).random(Y.shape) < 0.4] = -1
    Y = Y[(Y >= 0).any(axis=1)]
    model = GLAD().fit(Y)
    joint = np.array(
        [textbook_proba(row, model.abilities_, model.class_prior_, 4001) for row in Y]
    )
    assert model.log_likelihood_ == pytest.approx(
        np.log(joint.sum(axis=1)).sum(), rel=1e-3
    )
    np.testing.assert_allclose(
        model.predict_proba(Y), joint / joint.sum(axis=1, keepdims=True), atol=5e-3
    )
    penalty = np.sum((model.abilities_ - 1) ** 2) / 2
    assert model.history_[-1] == pytest.approx(model.log_likelihood_ - penalty)


def test_a_newton_step_never_lowers_the_objective_and_many_reach_its_top():
    rng = np.random.default_rng(0)
    total = rng.exponential(50, size=(30, 4))
    right = total * rng.uniform(size=total.shape)
    easiness = np.array([0.01, 1, 10, 500])

    def objective(ability):
        score = np.outer(ability, easiness)
        fit = right * log_expit(score) + (total - right) * log_expit(-score)
        return fit.sum(axis=1) - (ability - 1) ** 2 / 2

    ability = rng.normal(0, 5, size=30)
    for _ in range(200):
        better = _newton_step(ability, easiness, right, total)
        assert np.all(objective(better) >= objective(ability))
        ability = better
    for nearby in (ability - 1e-3, ability + 1e-3):
        assert np.all(objective(nearby) <= objective(ability))


def test_items_in_other_blocks_get_the_same(monkeypatch):
    _, _, labels = simulate(0, n_samples=100)
    weight = np.random.default_rng(0).exponential(size=100)
    whole = GLAD().fit(labels, sample_weight=weight)
    monkeypatch.setattr(_glad, "_BLOCK_ITEMS", 7)
    parts = GLAD().fit(labels, sample_weight=weight)
    np.testing.assert_allclose(parts.abilities_, whole.abilities_)
    np.testing.assert_allclose(parts.difficulties_, whole.difficulties_)


@pytest.mark.parametrize("seed", range(3))
def test_recovers_abilities_and_difficulties(seed):
    y, easiness, labels = simulate(seed)
    model = GLAD(random_state=0, max_iter=500).fit(labels)
    assert np.argsort(model.abilities_).tolist() == np.argsort(ABILITY).tolist()
    np.testing.assert_allclose(model.abilities_[3:], ABILITY[3:], atol=0.25)
    ranks = [np.argsort(np.argsort(v)) for v in (model.difficulties_, 1 / easiness)]
    assert np.corrcoef(ranks)[0, 1] > 0.5
    assert np.mean(model.predict(labels) == y) > 0.85


def test_items_without_labels_have_no_difficulty():
    _, _, labels = simulate(0, n_samples=50)
    Y = np.asarray(labels).copy()
    Y[7] = -1
    model = GLAD().fit(Y)
    assert np.flatnonzero(np.isnan(model.difficulties_)).tolist() == [7]
    assert np.all(model.difficulties_[:7] > 0)

import numpy as np
import pytest
from scipy.special import expit, log_expit, logsumexp
from scipy.stats import norm

from skccem import GLAD, CrowdLabels, _glad_model
from skccem._em import used_labels
from skccem._glad_model import GLADModel, _newton_step, quadrature_level
from skccem.simulation import make_confusion_matrices, make_crowd_labels

ABILITY = np.array([2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.0, -1.0])


def simulate(seed, n_samples=1500, n_classes=3):
    """Labels of the model: abilities above, log easiness from the normal prior."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    easiness = np.exp(rng.normal(1, 1, size=n_samples))
    right = rng.random((n_samples, 8)) < expit(np.outer(easiness, ABILITY))
    wrong = (y[:, None] + rng.integers(1, n_classes, size=right.shape)) % n_classes
    return y, easiness, CrowdLabels.from_matrix(np.where(right, y[:, None], wrong))


def textbook_joint(row, ability, prior):
    """log P(class, log easiness, labels) of one item on a fine grid, and the grid."""
    log_easiness = np.linspace(-14, 16, 6001)
    joint = norm.logpdf(log_easiness, 1, 1) + np.log(np.diff(log_easiness)[0])
    joint = np.log(prior)[:, np.newaxis] + joint
    for m in np.flatnonzero(row >= 0):
        score = ability[m] * np.exp(log_easiness)
        wrong = log_expit(-score) - np.log(len(prior) - 1)
        joint += wrong
        joint[row[m]] += log_expit(score) - wrong
    return joint, log_easiness


def assert_equals_a_fine_sum(model, Y, tolerance):
    total = 0
    for row, proba, difficulty in zip(
        Y, model.predict_proba(Y), model.difficulties_, strict=True
    ):
        joint, log_easiness = textbook_joint(row, model.abilities_, model.class_prior_)
        log_likelihood = logsumexp(joint)
        joint = np.exp(joint - log_likelihood)
        total += log_likelihood
        np.testing.assert_allclose(proba, joint.sum(axis=1), atol=tolerance)
        expected = np.exp(-joint.sum(axis=0) @ log_easiness)
        assert difficulty == pytest.approx(expected, rel=5 * tolerance)
    assert model.log_likelihood_ == pytest.approx(total, abs=tolerance * len(Y))
    penalty = np.sum((model.abilities_ - 1) ** 2) / 2
    assert model.history_[-1] == pytest.approx(model.log_likelihood_ - penalty)


def test_the_quadrature_equals_a_fine_sum_over_the_easiness():
    _, _, labels = simulate(0, n_samples=60)
    Y = np.asarray(labels).copy()
    Y[np.random.default_rng(0).random(Y.shape) < 0.4] = -1
    Y = Y[(Y >= 0).any(axis=1)]
    assert_equals_a_fine_sum(GLAD().fit(Y), Y, tolerance=3e-4)


@pytest.mark.slow
@pytest.mark.parametrize("n_annotators", [5, 50, 200, 1200])
def test_the_quadrature_resolves_items_with_few_and_with_many_labels(n_annotators):
    y = np.random.default_rng(0).integers(3, size=6)
    matrices = make_confusion_matrices(n_annotators, 3, random_state=0)
    # From items on which all agree to items on which all guess.
    difficulty = np.linspace(0, 1, 6)
    labels = make_crowd_labels(y, matrices, p=1, difficulty=difficulty, random_state=0)
    model = GLAD(tol=1e-5).fit(labels)
    assert_equals_a_fine_sum(model, np.asarray(labels), tolerance=1e-4)
    assert np.diff(model.history_).min() >= 0


def test_items_with_few_labels_are_not_summed_more_finely_for_the_company_of_others():
    _, _, labels = simulate(0, n_samples=100)
    Y = np.full((101, 60), -1)
    Y[:100, :8] = np.asarray(labels)
    Y[:100, 3:8] = -1
    alone = GLADModel(used_labels(CrowdLabels.from_matrix(Y[:100])))
    Y[100] = 2
    mixed = GLADModel(used_labels(CrowdLabels.from_matrix(Y)))
    company = GLADModel(used_labels(CrowdLabels.from_matrix(Y)[100:]))
    assert len(mixed.log_easiness) > 2 * len(alone.log_easiness)
    parameters = np.linspace(-1, 2, 60), np.array([0.2, 0.3, 0.5])
    (expected, likelihood), (among, likelihood_among) = (
        model.e_step(parameters) for model in (alone, mixed)
    )
    np.testing.assert_allclose(among.posterior[:100], expected.posterior)
    _, likelihood_of_company = company.e_step(parameters)
    np.testing.assert_allclose(likelihood_among, likelihood + likelihood_of_company)


def test_the_nodes_are_closer_than_the_sharpest_posterior_is_wide():
    n_labels = np.arange(1, 10_000)
    level = quadrature_level(n_labels)
    assert level[:5].tolist() == [0] * 5
    assert np.all(np.diff(level) >= 0)
    step, deviation = 0.75 / 2.0**level, 1 / np.sqrt(1 + 0.44 * n_labels)
    assert np.all(step <= np.sqrt(2) * deviation)


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
    monkeypatch.setattr(_glad_model, "_BLOCK_ENTRIES", 150)
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


def test_items_without_labels_have_the_difficulty_of_the_prior():
    _, _, labels = simulate(0, n_samples=50)
    Y = np.asarray(labels).copy()
    Y[7] = -1
    model = GLAD().fit(Y)
    assert model.difficulties_[7] == np.exp(-1)
    assert np.all(model.difficulties_ > 0)

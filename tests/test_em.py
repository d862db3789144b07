import numpy as np
import pytest

from skccem import CrowdLabels, DawidSkene, MajorityVote
from skccem._em import e_step, initial_confusion, m_step
from skccem._probability import joint_log_likelihood, safe_log
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def simulate(n_samples):
    y = np.random.default_rng(0).integers(4, size=n_samples)
    matrices = make_confusion_matrices(10, 4, random_state=0)
    return make_crowd_labels(y, matrices, labels_per_item=4, random_state=0)


def test_steps_over_parts_of_the_items_add_up():
    labels = simulate(100)
    indicator = labels.label_indicator()
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(4), size=100)
    confusion, prior = m_step(indicator, posterior)
    whole, log_likelihood = e_step(indicator, safe_log(confusion), np.log(prior))
    for part in (slice(0, 30), slice(30, 100)):
        q, per_item = e_step(indicator[part], safe_log(confusion), np.log(prior))
        np.testing.assert_allclose(q, whole[part])
        np.testing.assert_allclose(per_item, log_likelihood[part])
    np.testing.assert_allclose(
        log_likelihood, joint_log_likelihood(labels, np.log(prior), safe_log(confusion))
    )


def test_the_e_step_says_minus_infinity_for_excluded_labels():
    labels = CrowdLabels.from_matrix([[0, 1], [1, 1]])
    log_eye = safe_log(np.array([np.eye(2)] * 2))
    posterior, per_item = e_step(labels.label_indicator(), log_eye, np.log([0.5, 0.5]))
    np.testing.assert_allclose(posterior, [[0.5, 0.5], [0, 1]])
    np.testing.assert_allclose(per_item, [-np.inf, np.log(0.5)])


@pytest.mark.parametrize(
    ("method", "Estimator"),
    [("majority_vote", MajorityVote), ("dawid_skene", DawidSkene)],
)
def test_initial_matrices_are_those_of_the_estimators(method, Estimator):
    labels = simulate(200)
    weight = np.random.default_rng(0).exponential(size=200)
    model = Estimator().fit(labels, sample_weight=weight)
    np.testing.assert_allclose(
        initial_confusion(labels, method, sample_weight=weight),
        model.confusion_matrices_,
    )


def test_an_unknown_initial_method_is_an_error():
    labels = simulate(20)
    with pytest.raises(
        ValueError, match="'majority_vote' or 'dawid_skene', got 'glad'"
    ):
        initial_confusion(labels, "glad")

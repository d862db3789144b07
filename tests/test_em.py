import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._counts import confusion_from_counts, counts_from_indicator, expected_counts
from skccem._em import class_totals, e_step, m_step, used_labels
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
    parts = slice(0, 30), slice(30, 100)
    counts, totals = (
        sum(function(part) for part in parts)
        for function in (
            lambda part: counts_from_indicator(indicator[part], posterior[part]),
            lambda part: class_totals(posterior[part]),
        )
    )
    confusion, prior = m_step(counts, totals)
    np.testing.assert_allclose(
        confusion, confusion_from_counts(expected_counts(labels, posterior))
    )
    np.testing.assert_allclose(prior, posterior.mean(axis=0))
    whole, log_likelihood = e_step(indicator, safe_log(confusion), np.log(prior))
    for part in parts:
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


@pytest.mark.parametrize("per_item", [False, True])
def test_the_e_step_in_many_blocks_is_that_in_one(monkeypatch, per_item):
    labels = simulate(200)
    rng = np.random.default_rng(0)
    log_confusion = np.log(rng.dirichlet(np.ones(4), size=(10, 4)))
    log_prior = np.log(rng.dirichlet(np.ones(4), size=200 if per_item else None))
    indicator = labels.label_indicator()
    expected = e_step(indicator, log_confusion, log_prior)
    monkeypatch.setattr("skccem._rows._BLOCK_SIZE", 13)
    out = np.empty((200, 4))
    found = e_step(indicator, log_confusion, log_prior, out=out)
    assert found[0] is out
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_random_votes_are_one_vote_an_item_as_often_as_it_was_given():
    labels = simulate(2000)
    votes = used_labels(labels).votes(np.random.RandomState(0))
    shares = used_labels(labels).votes()
    assert set(votes.ravel()) == {0, 1}
    np.testing.assert_array_equal(votes.sum(axis=1), 1)
    assert np.all(shares[votes == 1] > 0)
    np.testing.assert_allclose(votes.mean(axis=0), shares.mean(axis=0), atol=0.03)

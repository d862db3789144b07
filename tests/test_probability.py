import numpy as np
import pytest
from scipy.special import logsumexp

from skccem import CrowdLabels
from skccem._counts import (
    expected_counts,
)
from skccem._probability import (
    joint_log_likelihood,
    log_sum_exp,
    marginal_log_likelihood,
    posterior_log_proba,
    safe_log,
)

N_SAMPLES, N_ANNOTATORS = 40, 7


@pytest.fixture(params=[2, 3, 20], ids="{} classes".format)
def problem(request):
    """A dense matrix of labels with -1 missing, priors of the items, and matrices."""
    n_classes = request.param
    rng = np.random.default_rng(0)
    Y = rng.integers(n_classes, size=(N_SAMPLES, N_ANNOTATORS))
    Y[rng.random(Y.shape) < 0.6] = -1
    Y[0] = -1
    Y[:, 3] = -1
    prior = rng.dirichlet(np.ones(n_classes), size=N_SAMPLES)
    confusion = rng.dirichlet(np.ones(n_classes), size=(N_ANNOTATORS, n_classes))
    return Y, prior, confusion


def crowd(Y, n_classes):
    return CrowdLabels.from_matrix(Y, classes=np.arange(n_classes))


def textbook_joint(Y, prior, confusion):
    """f_k(x_i) prod_m B_m[k, y_im], by loops."""
    joint = prior.copy()
    for i, m in np.argwhere(Y >= 0):
        joint[i] *= confusion[m, :, Y[i, m]]
    return joint


def test_posterior_equals_bayes_rule_written_out(problem):
    Y, prior, confusion = problem
    joint = textbook_joint(Y, prior, confusion)
    log_q = posterior_log_proba(
        crowd(Y, prior.shape[1]), np.log(confusion), np.log(prior)
    )
    np.testing.assert_allclose(
        np.exp(log_q), joint / joint.sum(axis=1, keepdims=True), rtol=1e-10
    )


def test_a_prior_for_all_items_equals_the_same_prior_for_each(problem):
    Y, prior, confusion = problem
    labels = crowd(Y, prior.shape[1])
    for function in (
        posterior_log_proba,
        lambda a, b, c: joint_log_likelihood(a, c, b),
    ):
        np.testing.assert_allclose(
            function(labels, np.log(confusion), np.log(prior[5])),
            function(labels, np.log(confusion), np.log(prior[[5] * N_SAMPLES])),
        )


def test_an_item_without_labels_keeps_its_prior(problem):
    Y, prior, confusion = problem
    labels = crowd(Y, prior.shape[1])
    log_q = posterior_log_proba(labels, np.log(confusion), np.log(prior))
    np.testing.assert_allclose(log_q[0], np.log(prior[0]))
    assert joint_log_likelihood(labels, np.log(prior), np.log(confusion))[
        0
    ] == pytest.approx(0, abs=1e-12)


def test_likelihoods_equal_their_formulas_written_out(problem):
    Y, prior, confusion = problem
    labels = crowd(Y, prior.shape[1])
    np.testing.assert_allclose(
        joint_log_likelihood(labels, np.log(prior), np.log(confusion)),
        np.log(textbook_joint(Y, prior, confusion).sum(axis=1)),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        marginal_log_likelihood(labels, np.log(prior), np.log(confusion)),
        [np.log(prior[i] @ confusion[m, :, Y[i, m]]) for i, m in np.argwhere(Y >= 0)],
    )


def test_marginal_and_joint_likelihood_agree_with_one_label_an_item(problem):
    _, prior, confusion = problem
    n_classes = prior.shape[1]
    Y = np.full((N_SAMPLES, N_ANNOTATORS), -1)
    Y[np.arange(N_SAMPLES), np.arange(N_SAMPLES) % N_ANNOTATORS] = (
        np.arange(N_SAMPLES) % n_classes
    )
    labels = crowd(Y, n_classes)
    np.testing.assert_allclose(
        marginal_log_likelihood(labels, np.log(prior), np.log(confusion)),
        joint_log_likelihood(labels, np.log(prior), np.log(confusion)),
    )


def test_marginal_likelihood_does_not_depend_on_the_size_of_its_blocks(
    problem, monkeypatch
):
    Y, prior, confusion = problem
    arguments = crowd(Y, prior.shape[1]), np.log(prior), np.log(confusion)
    whole = marginal_log_likelihood(*arguments)
    monkeypatch.setattr("skccem._probability._BLOCK_SIZE", 7)
    np.testing.assert_array_equal(marginal_log_likelihood(*arguments), whole)


def test_posteriors_do_not_depend_on_the_size_of_blocks_of_items(problem, monkeypatch):
    Y, prior, confusion = problem
    labels = crowd(Y, prior.shape[1])
    log_confusion = np.log(confusion)

    def computed():
        return [
            posterior_log_proba(labels, log_confusion, np.log(prior)),
            posterior_log_proba(labels, log_confusion, np.log(prior[3])),
            joint_log_likelihood(labels, np.log(prior), log_confusion),
        ]

    whole = computed()
    monkeypatch.setattr("skccem._rows._BLOCK_SIZE", 7)
    for part, expected in zip(computed(), whole, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_answers_of_one_annotator_sum_to_one_over_the_classes(problem):
    _, prior, confusion = problem
    n_classes = prior.shape[1]
    total = np.zeros(N_SAMPLES)
    for answer in range(n_classes):
        Y = np.full((N_SAMPLES, N_ANNOTATORS), -1)
        Y[:, 2] = answer
        labels = crowd(Y, n_classes)
        total += np.exp(
            marginal_log_likelihood(labels, np.log(prior), np.log(confusion))
        )
    np.testing.assert_allclose(total, 1)


def test_permuting_annotators_and_classes_permutes_the_results(problem):
    Y, prior, confusion = problem
    n_classes = prior.shape[1]
    rng = np.random.default_rng(1)
    annotators, classes = rng.permutation(N_ANNOTATORS), rng.permutation(n_classes)
    # Class classes[j] is renamed j.
    renamed = np.append(np.argsort(classes), -1)[Y[:, annotators]]
    labels, permuted = crowd(Y, n_classes), crowd(renamed, n_classes)
    permuted_prior = prior[:, classes]
    permuted_confusion = confusion[np.ix_(annotators, classes, classes)]
    np.testing.assert_allclose(
        posterior_log_proba(labels, np.log(confusion), np.log(prior))[:, classes],
        posterior_log_proba(
            permuted, np.log(permuted_confusion), np.log(permuted_prior)
        ),
    )
    np.testing.assert_allclose(
        expected_counts(labels, prior)[np.ix_(annotators, classes, classes)],
        expected_counts(permuted, permuted_prior),
    )


def test_probability_zero_excludes_a_class_and_makes_nothing_nan():
    confusion = np.array([[[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.2, 0.4, 0.4]]] * 2)
    labels = crowd(np.array([[0, 0], [1, -1], [2, 0]]), 3)
    log_q = posterior_log_proba(labels, safe_log(confusion), np.log([0.5, 0.25, 0.25]))
    np.testing.assert_allclose(
        np.exp(log_q),
        [[0.5 / 0.51, 0, 0.01 / 0.51], [0, 5 / 9, 4 / 9], [0, 0, 1]],
    )
    likelihood = joint_log_likelihood(labels, safe_log([1, 0, 0]), safe_log(confusion))
    np.testing.assert_array_equal(likelihood, [0, -np.inf, -np.inf])
    likelihood = marginal_log_likelihood(
        labels, safe_log([1, 0, 0]), safe_log(confusion)
    )
    np.testing.assert_array_equal(likelihood, [0, 0, -np.inf, -np.inf, 0])


def test_an_impossible_item_goes_to_the_class_that_fewest_answers_contradict():
    confusion = np.array([np.eye(3)] * 3)
    labels = crowd(np.array([[0, 0, 1], [2, 1, -1], [1, 1, 1]]), 3)
    log_q = posterior_log_proba(labels, safe_log(confusion), np.log([0.2, 0.3, 0.5]))
    np.testing.assert_allclose(
        np.exp(log_q), [[1, 0, 0], [0, 0.375, 0.625], [0, 1, 0]], atol=1e-12
    )


def test_a_prior_of_zero_and_contradicting_answers_still_sum_to_one():
    labels = crowd(np.array([[0, 1]]), 2)
    log_q = posterior_log_proba(
        labels, safe_log(np.array([np.eye(2)] * 2)), safe_log([0.0, 0.0])
    )
    np.testing.assert_allclose(np.exp(log_q), [[0.5, 0.5]])


@pytest.mark.parametrize("n_classes", [3, 30])
def test_log_sum_exp_equals_scipys(n_classes):
    values = np.random.default_rng(0).normal(scale=1000, size=(50, n_classes))
    values[3], values[4, :2] = -np.inf, -np.inf
    np.testing.assert_allclose(log_sum_exp(values), logsumexp(values, axis=1))

"""Likelihood of labels whatever the classifier's confidence."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skccem import CrowdLabels
from skccem._calibration import calibrated_log_likelihood, sharpen
from skccem._probability import joint_log_likelihood
from skccem.simulation import make_confusion_matrices, make_crowd_labels

N_CLASSES = 3


def per_label(labels, log_posterior, log_confusion):
    """The likelihood of the posteriors as they are."""
    per_item = joint_log_likelihood(labels, log_posterior, log_confusion)
    return per_item.sum() / labels.n_labels


@pytest.fixture(scope="module")
def drawn():
    """Labels of items whose true classes are drawn from the posteriors."""
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.full(N_CLASSES, 0.3), size=4000)
    truth = np.array([rng.choice(N_CLASSES, p=row) for row in posterior])
    matrices = make_confusion_matrices(5, N_CLASSES, kind="symmetric", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    return labels, np.log(posterior), np.log(matrices)


def test_sharp_posteriors_are_powers_that_sum_to_one():
    log_posterior = np.log([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    squares = np.exp(log_posterior) ** 2
    expected = squares / squares.sum(axis=1, keepdims=True)
    assert_allclose(np.exp(sharpen(log_posterior, 2.0)), expected)
    assert_allclose(sharpen(log_posterior, 1.0), log_posterior)
    assert_array_equal(
        sharpen(log_posterior, 7.0).argmax(axis=1), log_posterior.argmax(axis=1)
    )


def test_posteriors_that_are_right_stay_as_they_are(drawn):
    labels, log_posterior, log_confusion = drawn
    found, power = calibrated_log_likelihood(labels, log_posterior, log_confusion)
    assert power == pytest.approx(1, abs=0.1)
    as_it_is = per_label(labels, log_posterior, log_confusion)
    assert as_it_is <= found <= as_it_is + 1e-3


@pytest.mark.parametrize("power", [0.3, 0.8, 3.0])
def test_the_score_does_not_depend_on_the_confidence(drawn, power):
    labels, log_posterior, log_confusion = drawn
    right, at = calibrated_log_likelihood(labels, log_posterior, log_confusion)
    wrong = sharpen(log_posterior, power)
    found, undone = calibrated_log_likelihood(labels, wrong, log_confusion)
    assert found == pytest.approx(right, abs=1e-6)
    assert undone == pytest.approx(at / power, rel=0.02)
    assert per_label(labels, wrong, log_confusion) < right


def test_the_power_is_the_best_of_a_grid(drawn):
    labels, log_posterior, log_confusion = drawn
    wrong = sharpen(log_posterior, 2.0)
    found, _ = calibrated_log_likelihood(labels, wrong, log_confusion)
    for power in np.geomspace(1 / 20, 20, 41):
        tried = per_label(labels, sharpen(wrong, power), log_confusion)
        assert tried <= found + 1e-7


def test_an_integer_weight_is_a_repetition(drawn):
    labels, log_posterior, log_confusion = drawn
    weight = np.random.default_rng(1).integers(3, size=labels.n_samples)
    rows = np.repeat(np.arange(labels.n_samples), weight)
    weighted = calibrated_log_likelihood(labels, log_posterior, log_confusion, weight)
    repeated = calibrated_log_likelihood(
        labels[rows], log_posterior[rows], log_confusion
    )
    assert_allclose(weighted, repeated, rtol=1e-6)


def test_a_label_that_the_model_excludes_counts_unless_its_weight_is_zero():
    labels = CrowdLabels.from_matrix([[0], [1]], classes=[0, 1])
    log_posterior = np.log([[0.6, 0.4], [0.4, 0.6]])
    with np.errstate(divide="ignore"):
        never = np.log([[[1.0, 0.0], [1.0, 0.0]]])
    found, power = calibrated_log_likelihood(labels, log_posterior, never)
    assert (found, power) == (-np.inf, 1)
    weight = np.array([1.0, 0.0])
    assert calibrated_log_likelihood(labels, log_posterior, never, weight)[
        0
    ] == pytest.approx(0)


def test_items_without_labels_do_not_count(drawn):
    labels, log_posterior, log_confusion = drawn
    labels, log_posterior = labels[:100], log_posterior[:100]
    matrix = np.vstack([np.asarray(labels), np.full((20, 5), -1)])
    wider = CrowdLabels.from_matrix(matrix, classes=range(N_CLASSES))
    more = np.vstack([log_posterior, np.zeros((20, N_CLASSES)) - np.log(N_CLASSES)])
    assert_allclose(
        calibrated_log_likelihood(wider, more, log_confusion),
        calibrated_log_likelihood(labels, log_posterior, log_confusion),
        rtol=1e-12,
    )

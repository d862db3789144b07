"""What answers tell about classes."""

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._label_information import (
    chance_accuracy,
    information_bits,
    peer_agreement,
    spammer_scores,
)
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def test_who_is_always_right_tells_the_entropy_of_the_prior():
    prior = np.array([0.5, 0.25, 0.25])
    swapped = np.eye(3)[[1, 2, 0]]
    bits = information_bits(np.stack([np.eye(3), swapped]), prior)
    np.testing.assert_allclose(bits, 1.5)


def test_answers_that_do_not_depend_on_the_class_tell_nothing():
    rows = np.random.default_rng(0).dirichlet(np.ones(4), size=5)
    spammers = np.repeat(rows[:, np.newaxis], 4, axis=1)
    prior = np.full(4, 0.25)
    np.testing.assert_allclose(information_bits(spammers, prior), 0, atol=1e-12)
    np.testing.assert_allclose(spammer_scores(spammers), 0, atol=1e-12)
    accuracy = np.einsum("mkk,k->m", spammers, prior)
    np.testing.assert_allclose(chance_accuracy(spammers, prior), accuracy)


def test_a_symmetric_channel_has_its_known_capacity():
    matrix = np.array([[[0.89, 0.11], [0.11, 0.89]]])
    assert information_bits(matrix, np.full(2, 0.5))[0] == pytest.approx(0.5, abs=1e-3)


def test_the_spammer_score_is_the_published_sum_over_pairs_of_classes():
    matrices = make_confusion_matrices(6, 4, kind="random", random_state=0)
    for matrix, score in zip(matrices, spammer_scores(matrices), strict=True):
        pairs = [
            ((matrix[j] - matrix[k]) ** 2).sum() for j in range(4) for k in range(j)
        ]
        assert score == pytest.approx(sum(pairs) / (4 * 3))
    assert spammer_scores(np.eye(4)[np.newaxis])[0] == pytest.approx(1)


def test_of_two_classes_the_spammer_score_is_that_of_sensitivity_and_specificity():
    matrix = np.array([[[0.9, 0.1], [0.3, 0.7]]])
    assert spammer_scores(matrix)[0] == pytest.approx((0.9 + 0.7 - 1) ** 2)


def test_agreement_is_the_share_of_pairs_on_the_same_items():
    truth = np.random.default_rng(0).integers(3, size=60)
    matrices = make_confusion_matrices(5, 3, random_state=0)
    labels = make_crowd_labels(truth, matrices, p=0.6, random_state=0)
    Y = np.asarray(labels)
    for m, share in enumerate(peer_agreement(labels)):
        pairs = [
            Y[i, m] == Y[i, other]
            for i in range(60)
            for other in range(5)
            if other != m and Y[i, m] >= 0 and Y[i, other] >= 0
        ]
        assert share == pytest.approx(np.mean(pairs))


def test_agreement_without_pairs_is_not_known():
    labels = CrowdLabels.from_matrix([[0, 0, -1, -1], [-1, -1, 1, -1]])
    np.testing.assert_array_equal(peer_agreement(labels), [1, 1, np.nan, np.nan])

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._counts import (
    confusion_from_counts,
    expected_counts,
    majority_vote_proba,
    mean_over_labelled,
    pooled_confusion,
)

N_SAMPLES, N_ANNOTATORS = 40, 7


def crowd(Y, n_classes):
    return CrowdLabels.from_matrix(Y, classes=np.arange(n_classes))


@pytest.mark.parametrize("n_classes", [2, 3, 20])
def test_expected_counts_equal_loops_over_the_labels(n_classes):
    rng = np.random.default_rng(0)
    Y = rng.integers(n_classes, size=(N_SAMPLES, N_ANNOTATORS))
    Y[rng.random(Y.shape) < 0.6] = -1
    Y[0] = -1
    Y[:, 3] = -1
    posterior = rng.dirichlet(np.ones(n_classes), size=N_SAMPLES)
    weight = np.arange(N_SAMPLES) / 10
    counts = np.zeros((N_ANNOTATORS, n_classes, n_classes))
    for i, m in np.argwhere(Y >= 0):
        counts[m, :, Y[i, m]] += weight[i] * posterior[i]
    labels = crowd(Y, n_classes)
    np.testing.assert_allclose(expected_counts(labels, posterior, weight), counts)
    np.testing.assert_allclose(
        expected_counts(labels, posterior),
        expected_counts(labels, posterior, np.ones(N_SAMPLES)),
    )


def test_smoothing_counts_pseudo_labels_that_follow_the_pooled_matrix():
    counts = np.array([[[8, 2], [0, 0]], [[0, 0], [3, 1]], [[0, 0], [0, 0]]])
    pooled = np.array([[0.8, 0.2], [0.75, 0.25]])
    np.testing.assert_allclose(pooled_confusion(counts), pooled)
    plain = confusion_from_counts(counts)
    np.testing.assert_allclose(plain, [pooled] * 3)
    counts[0, 0] = [5, 5]
    counts[1, 0] = [9, 1]
    smoothed = confusion_from_counts(counts, smoothing=10)
    np.testing.assert_allclose(smoothed[0, 0], [(5 + 7) / 20, (5 + 3) / 20])
    np.testing.assert_allclose(smoothed[2], pooled_confusion(counts))
    np.testing.assert_allclose(smoothed.sum(axis=2), 1)


def test_pseudo_labels_follow_a_given_target():
    counts = np.array([[[3.0, 1.0], [0.0, 0.0]]])
    target = np.array([[0.5, 0.5], [0.1, 0.9]])
    np.testing.assert_allclose(
        confusion_from_counts(counts, smoothing=4, target=target),
        [[[5 / 8, 3 / 8], [0.1, 0.9]]],
    )


def test_a_class_without_any_count_gets_the_row_of_the_identity():
    counts = np.zeros((2, 3, 3))
    counts[:, 0, :] = [2, 1, 1]
    confusion = confusion_from_counts(counts, smoothing=1)
    np.testing.assert_array_equal(confusion[:, 1:], np.eye(3)[[[1, 2]] * 2])


def test_rows_of_vanishing_counts_still_sum_to_one():
    counts = np.full((2, 2, 2), 5e-324)
    counts[0, 0] = [1e-300, 3e-300]
    counts[0, 1] = [5e-324, 1e-323]
    np.testing.assert_allclose(confusion_from_counts(counts).sum(axis=2), 1)


def test_vote_shares_count_the_labels_of_each_item():
    labels = crowd(np.array([[0, 0, 1], [-1, 1, -1], [-1, -1, -1]]), 3)
    shares = majority_vote_proba(labels)
    np.testing.assert_allclose(shares[:2], [[2 / 3, 1 / 3, 0], [0, 1, 0]])
    # The mean of the labelled items, whatever the number of their labels.
    np.testing.assert_allclose(shares[2], [1 / 3, 2 / 3, 0])
    np.testing.assert_allclose(
        majority_vote_proba(labels, sample_weight=np.array([3, 1, 7]))[2],
        [1 / 2, 1 / 2, 0],
    )
    np.testing.assert_allclose(
        majority_vote_proba(labels, default=[0.2, 0.3, 0.5])[2], [0.2, 0.3, 0.5]
    )


def test_the_mean_over_labelled_items_leaves_the_others_out():
    labels = crowd(np.array([[0, 1], [-1, -1], [1, -1]]), 2)
    proba = np.array([[0.2, 0.8], [1.0, 0.0], [0.6, 0.4]])
    np.testing.assert_allclose(mean_over_labelled(labels, proba), [0.4, 0.6])
    np.testing.assert_allclose(
        mean_over_labelled(labels, proba, np.array([3, 5, 1])), [0.3, 0.7]
    )

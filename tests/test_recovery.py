"""Recovery of the truth, and what the posterior expects of it."""

import numpy as np
import pytest

from skccem import DawidSkene
from skccem._probability import safe_log
from skccem._recovery import Recovery, expected_recovery, matrix_distance
from skccem.simulation import make_confusion_matrices, make_crowd_labels

EYE, SWAP = np.eye(2), np.eye(2)[::-1]


def test_the_distance_is_zero_for_equal_matrices_and_one_for_opposite_ones():
    matrices = np.array([EYE, SWAP])
    weights, even = np.array([3, 1]), np.array([0.5, 0.5])
    assert matrix_distance(matrices, matrices, even, weights) == 0
    assert matrix_distance(matrices, matrices[::-1], even, weights) == 1


def test_annotators_count_by_their_labels_and_rows_by_their_classes():
    one = np.array([EYE, EYE])
    other = np.array([[[1, 0], [0.4, 0.6]], EYE])
    found = matrix_distance(one, other, np.array([0.25, 0.75]), np.array([3, 1]))
    assert found == pytest.approx(0.4 * 0.75 * 0.75)


@pytest.mark.parametrize(
    ("change", "recovered"),
    [
        ({}, True),
        ({"distance": 0.2}, False),
        ({"oracle": 0.95}, False),
        ({"majority": 0.78}, False),
    ],
)
def test_each_of_three_bounds_can_deny_recovery(change, recovered):
    good = {"distance": 0.1, "accuracy": 0.8, "oracle": 0.85, "majority": 0.5}
    assert Recovery(**{**good, **change}).is_recovered == recovered


def test_gain_is_zero_for_the_most_frequent_class_and_one_for_always_right():
    found = Recovery(0.0, np.array([0.6, 1.0]), 1.0, 0.6)
    np.testing.assert_allclose(found.gain, [0, 1])
    assert np.isfinite(Recovery(0.0, 1.0, 1.0, 1.0).gain)


@pytest.mark.parametrize("per_item", [3, 6])
def test_what_the_posterior_expects_is_what_the_truth_shows(per_item):
    errors = []
    for seed in range(2):
        truth = np.random.default_rng(seed).integers(3, size=400)
        matrices = make_confusion_matrices(12, 3, random_state=seed)
        labels = make_crowd_labels(
            truth, matrices, labels_per_item=per_item, random_state=seed
        )
        model = DawidSkene().fit(labels)
        proba = model.predict_proba(labels)
        found = expected_recovery(
            labels,
            safe_log(model.class_prior_),
            safe_log(model.confusion_matrices_),
            proba,
        )
        weights = labels.labels_per_annotator
        true = matrix_distance(
            model.confusion_matrices_, matrices, np.full(3, 1 / 3), weights
        )
        accuracy = np.mean(proba.argmax(axis=1) == truth)
        errors.append([found.distance.mean() - true, found.accuracy.mean() - accuracy])
    assert np.abs(errors).max() < 0.06
    assert np.abs(np.mean(errors, axis=0)).max() < 0.03

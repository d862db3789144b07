"""Corners of the simplex, volumes, and votes for names."""

import numpy as np
import pytest

from skccem._geometry import (
    matrix_moment,
    name_votes,
    posterior_moment,
    purities,
    volume,
)
from skccem.simulation import make_confusion_matrices

GOOD, SWAP = [[0.9, 0.1], [0.2, 0.8]], [[0.1, 0.9], [0.9, 0.1]]
SPAM = np.full((2, 2), 0.5)


def test_the_volume_is_the_log_determinant():
    moment = posterior_moment(np.random.default_rng(0).dirichlet([1, 1, 1], 50))
    found = volume(moment)
    assert found.log_volume == pytest.approx(np.linalg.slogdet(moment)[1])
    assert found.condition == pytest.approx(np.linalg.cond(moment))


def test_certain_and_balanced_posteriors_have_the_largest_volume():
    corners = volume(posterior_moment(np.eye(3)))
    inside = volume(posterior_moment(0.8 * np.eye(3) + 0.2 / 3))
    unbalanced = volume(posterior_moment(np.eye(3)[[0, 0, 0, 1, 2]]))
    assert corners.condition == pytest.approx(1)
    assert corners.log_volume > max(inside.log_volume, unbalanced.log_volume)


def test_posteriors_that_are_all_the_same_have_no_volume():
    found = volume(posterior_moment(np.full((9, 3), 1 / 3)))
    assert (found.log_volume, found.condition) == (-np.inf, np.inf)


def test_the_moment_of_matrices_is_that_of_their_products():
    matrices = make_confusion_matrices(4, 3, kind="random", random_state=0)
    weights = np.array([1, 2, 3, 4])
    expected = sum(w * B @ B.T for w, B in zip(weights, matrices, strict=True)) / 10
    np.testing.assert_allclose(matrix_moment(matrices, weights), expected)


def test_a_specialist_is_pure_in_their_class_alone():
    specialist = make_confusion_matrices(
        1, 3, kind="separable_uniform", n_specialists=1, accuracy=1.0, random_state=0
    )
    np.testing.assert_array_equal(purities(specialist, np.full(3, 1 / 3)), 1)
    found = purities(np.array([SPAM, GOOD]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [9 / 11, 8 / 9]])


def test_an_answer_that_is_hardly_given_makes_no_specialist():
    shy = [[[0.01, 0.99], [0.0, 1.0]]]
    assert purities(np.array(shy), np.array([0.5, 0.5]))[0, 0] == 0


def test_the_vote_is_the_majority_in_units_of_the_opposition():
    votes, rivals = name_votes(np.array([GOOD, GOOD, SWAP]), np.array([1, 1, 1]))
    np.testing.assert_allclose(
        votes, [(0.8 + 0.8 - 0.8) / 0.8, (0.6 + 0.6 - 0.8) / 0.8]
    )
    assert rivals.tolist() == [1, 0]


def test_a_vote_without_opposition_is_as_clear_as_can_be():
    votes, _ = name_votes(np.array([GOOD, SPAM]), np.array([1, 5]))
    np.testing.assert_allclose(votes, 100)


def test_the_vote_is_lost_where_most_annotators_swap_the_classes():
    votes, _ = name_votes(np.array([GOOD, SWAP, SWAP]), np.array([1, 1, 1]))
    assert (votes < 0).all()


def test_labels_weigh_the_votes():
    votes, _ = name_votes(np.array([GOOD, SWAP]), np.array([30, 1]))
    assert (votes > 10).all()

"""What a label would tell."""

import numpy as np
import pytest

from skccem._label_gain import (
    entropy_bits,
    group_alike,
    label_gain,
    label_value,
    pair_value,
)
from skccem._label_information import information_bits
from skccem.simulation import make_confusion_matrices


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.full(3, 0.5), size=40)
    return proba, make_confusion_matrices(10, 3, kind="mixed", random_state=0)


def test_the_gain_is_the_expected_fall_of_the_entropy(drawn):
    proba, matrices = drawn
    joint = proba[:, np.newaxis, :, np.newaxis] * matrices
    answers = joint.sum(axis=2)
    after = joint.transpose(0, 1, 3, 2) / answers[..., np.newaxis]
    fall = entropy_bits(proba)[:, np.newaxis] - np.sum(
        answers * entropy_bits(after), axis=2
    )
    np.testing.assert_allclose(label_gain(proba, matrices), fall, atol=1e-12)


def test_the_gain_of_an_item_like_all_is_the_information_of_the_reports(drawn):
    proba, matrices = drawn
    np.testing.assert_allclose(
        label_gain(proba[:1], matrices)[0],
        information_bits(matrices, proba[0]),
        atol=1e-12,
    )


def test_guesses_tell_nothing_and_who_is_always_right_tells_all(drawn):
    proba, _ = drawn
    matrices = np.array([np.full((3, 3), 1 / 3), np.eye(3), np.eye(3)[[1, 2, 0]]])
    nothing, right, permuted = label_gain(proba, matrices).T
    np.testing.assert_allclose(nothing, 0, atol=1e-12)
    np.testing.assert_allclose(right, entropy_bits(proba))
    np.testing.assert_allclose(permuted, right)


def test_a_label_is_worth_more_where_less_is_known_of_its_annotator(drawn):
    proba, matrices = drawn
    value, gain = label_value(proba, matrices, matrices[np.newaxis])
    np.testing.assert_allclose(value, gain, atol=1e-12)
    np.testing.assert_allclose(gain, label_gain(proba, matrices))
    # Who is always right or always wrong, it is not known which.
    right = np.array([np.eye(2), np.eye(2)[::-1]])[:, np.newaxis]
    value, gain = label_value(np.array([[0.5, 0.5]]), right.mean(axis=0), right)
    assert (value.item(), gain.item()) == (0.5, 0)


def test_values_of_pairs_are_those_of_the_table(drawn):
    proba, matrices = drawn
    draws = np.stack([matrices, matrices[::-1]])
    items, annotators = np.arange(40), np.arange(40) % 10
    pairs = pair_value(proba, matrices[annotators], draws[:, annotators])
    table = label_value(proba, matrices, draws)
    for mine, of_all in zip(pairs, table, strict=True):
        np.testing.assert_allclose(mine, of_all[items, annotators], atol=1e-12)


def test_few_items_are_groups_of_their_own(drawn):
    proba, _ = drawn
    groups, means = group_alike(proba, 40)
    np.testing.assert_array_equal(means[groups], proba)


def test_groups_are_few_and_their_gains_near_those_of_their_items():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.full(3, 0.3), size=5000)
    matrices = make_confusion_matrices(10, 3, kind="mixed", random_state=0)
    groups, means = group_alike(proba, 600)
    assert 100 < len(means) <= 600
    ratio = entropy_bits(proba) / entropy_bits(means)[groups]
    near = label_gain(means, matrices)[groups] * ratio[:, np.newaxis]
    exact = label_gain(proba, matrices)
    assert np.abs(near - exact).max() < 0.06
    assert np.abs(near - exact).mean() < 0.005


def test_the_mean_of_a_group_is_that_of_its_items():
    proba = np.array([[0.5, 0.5], [0.51, 0.49], [1.0, 0.0], [1.0, 0.0]])
    groups, means = group_alike(proba, 2)
    assert groups[0] == groups[1] != groups[2] == groups[3]
    np.testing.assert_allclose(means[groups[0]], [0.505, 0.495])

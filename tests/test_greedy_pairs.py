"""Pairs that are chosen one after the other."""

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem import _greedy_pairs as greedy_pairs
from skccem._greedy_pairs import Limits, choose_pairs
from skccem._label_gain import entropy_bits, label_gain, label_value
from skccem.simulation import make_confusion_matrices


def limits(n, n_annotators, most=None, per_item=np.inf, cost=None, budget=np.inf):
    per_annotator = np.full(n_annotators, n if most is None else most)
    cost = np.ones(n_annotators) if cost is None else np.asarray(cost)
    return Limits(n, per_annotator, per_item, cost, budget)


@pytest.fixture
def drawn():
    """Items with some labels, probabilities that are all different, sure matrices."""
    rng = np.random.default_rng(1)
    proba = rng.dirichlet(np.full(3, 0.7), size=30)
    answers = np.where(rng.uniform(size=(30, 6)) < 0.3, 0, -1)
    labels = CrowdLabels.from_matrix(answers, classes=[0, 1, 2])
    matrices = make_confusion_matrices(6, 3, random_state=1)
    return labels, proba, matrices, matrices[np.newaxis]


def dense_greedy(labels, proba, matrices, draws, limits):
    """The same by looking at all pairs each time."""
    value, gain = label_value(proba, matrices, draws)
    told = gain / entropy_bits(proba)[:, np.newaxis]
    worth = np.where(np.asarray(labels) >= 0, -np.inf, value / limits.cost)
    left, times = limits.per_annotator.copy(), np.zeros(len(proba))
    budget, pairs = limits.budget, []
    while len(pairs) < limits.n:
        closed = (left == 0) | (limits.cost > budget)
        now = np.where(closed | (times >= limits.per_item)[:, np.newaxis], -1, worth)
        item, annotator = np.unravel_index(now.argmax(), now.shape)
        if now[item, annotator] < 0:
            break
        pairs.append((item, annotator))
        worth[item] *= 1 - told[item, annotator]
        worth[item, annotator] = -np.inf
        left[annotator] -= 1
        times[item] += 1
        budget -= limits.cost[annotator]
    return pairs


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"most": 9},
        {"per_item": 1},
        {"cost": [1, 3, 0.5, 2, 1, 4.0]},
        {"most": 12, "per_item": 2, "cost": [1, 3, 0.5, 2, 1, 4.0], "budget": 31.0},
    ],
)
def test_the_heap_chooses_what_a_look_at_all_pairs_chooses(drawn, given):
    wanted = limits(50, 6, **given)
    rng = np.random.default_rng(0)
    items, annotators, *_ = choose_pairs(*drawn, wanted, rng)
    expected = dense_greedy(*drawn, wanted)
    assert list(zip(items, annotators, strict=True)) == expected


def test_limits_hold_also_where_items_share_groups(drawn, monkeypatch):
    monkeypatch.setattr(greedy_pairs, "_GROUP_ENTRIES", 1)
    monkeypatch.setattr(greedy_pairs, "_FEWEST_GROUPS", 4)
    labels, proba, matrices, _ = drawn
    wanted = limits(40, 6, most=10, per_item=2)
    items, annotators, *_ = choose_pairs(*drawn, wanted, np.random.default_rng(0))
    assert len(items) == 40
    assert np.bincount(annotators).max() == 10
    assert np.bincount(items).max() <= 2
    assert len(set(zip(items, annotators, strict=True))) == 40
    assert (np.asarray(labels)[items, annotators] < 0).all()
    # Nearly as much is gained as by looking at all pairs.
    gain = label_gain(proba, matrices)
    exact = sum(gain[pair] for pair in dense_greedy(*drawn, wanted))
    assert gain[items, annotators].sum() > 0.9 * exact


def test_gains_of_an_item_fall_as_if_labels_gave_its_class_away_or_nothing():
    matrices = np.array([[[0.9, 0.1], [0.1, 0.9]]] * 2)
    labels = CrowdLabels.from_matrix([[-1, -1]], classes=[0, 1])
    proba = np.array([[0.5, 0.5]])
    wanted, rng = limits(2, 2), np.random.default_rng(0)
    found = choose_pairs(labels, proba, matrices, matrices[np.newaxis], wanted, rng)
    first = 1 - entropy_bits(np.array([0.9, 0.1]))
    np.testing.assert_allclose(found.gain, [first, first * (1 - first)])
    np.testing.assert_allclose(found.value, found.gain)


def test_all_pairs_are_chosen_where_nothing_limits_them(drawn):
    labels, *_ = drawn
    wanted = limits(10**6, 6)
    items, annotators, *_ = choose_pairs(*drawn, wanted, np.random.default_rng(0))
    asked = np.asarray(labels) >= 0
    asked[items, annotators] = True
    assert asked.all()
    assert len(items) == 30 * 6 - labels.n_labels


def test_ties_are_broken_at_random():
    matrices = np.array([[[0.8, 0.2], [0.2, 0.8]]] * 5)
    labels = CrowdLabels.from_matrix(np.full((50, 5), -1), classes=[0, 1])
    proba, draws = np.full((50, 2), 0.5), matrices[np.newaxis]
    chosen = [
        choose_pairs(
            labels, proba, matrices, draws, limits(5, 5), np.random.default_rng(seed)
        )
        for seed in range(4)
    ]
    assert len({found.items.tobytes() for found in chosen}) == 4
    assert len({int(found.annotators[0]) for found in chosen}) > 1

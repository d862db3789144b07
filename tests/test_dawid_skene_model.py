import pickle
from sys import getsizeof

import numpy as np
import pytest

from skccem import DawidSkene, MajorityVote
from skccem._dawid_skene_model import (
    ConfusionModel,
    LocalItems,
    add_item_sums,
    initial_confusion,
)
from skccem._em import used_labels
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def simulate(n_samples):
    y = np.random.default_rng(0).integers(4, size=n_samples)
    matrices = make_confusion_matrices(10, 4, random_state=0)
    return make_crowd_labels(y, matrices, labels_per_item=4, random_state=0)


def assert_equal_sums(sums, others):
    for mine, theirs in zip(sums, others, strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_sums_over_parts_of_the_items_add_up():
    labels = simulate(100)
    weight = np.random.default_rng(0).exponential(size=100)
    whole = LocalItems(used_labels(labels, weight))
    parts = [
        LocalItems(used_labels(labels[part], weight[part]))
        for part in (slice(0, 30), slice(30, 31), slice(31, 100))
    ]
    model = ConfusionModel(whole, 0.1)
    parameters = model.m_step(model.start(), None)
    assert_equal_sums(add_item_sums(part.start() for part in parts), whole.start())
    assert_equal_sums(
        add_item_sums(part.expect(parameters) for part in parts),
        whole.expect(parameters),
    )


def test_a_start_can_be_taken_again():
    model = ConfusionModel(LocalItems(used_labels(simulate(50))), 0.1)
    first, _ = model.m_step(model.start(), None)
    again, _ = model.m_step(model.start(), None)
    np.testing.assert_array_equal(again, first)


def test_items_are_pickled_as_labels_alone():
    items = LocalItems(used_labels(simulate(2000)))
    text = pickle.dumps(items)
    assert len(text) < 2000 * (4 * 5 + 8 + 1) + 5000
    # In memory an indicator and class probabilities come on top.
    assert getsizeof(items) > len(text) + 2000 * (4 * 12 + 4 * 8)
    assert_equal_sums(pickle.loads(text).start(), items.start())


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

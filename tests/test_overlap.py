"""The graph of items and annotators."""

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._overlap import find_overlap

# Two groups without a common item, an annotator and an item without labels.
LABELS = CrowdLabels.from_matrix(
    [
        [0, 1, -1, -1, -1],
        [1, 1, -1, -1, -1],
        [-1, -1, 0, 1, -1],
        [-1, -1, 0, -1, -1],
        [-1, -1, -1, -1, -1],
    ]
)


def test_parts_without_a_common_label_are_counted_and_the_largest_measured():
    found = find_overlap(LABELS, enough=1)
    assert found.n_components == 2
    assert found.largest_share == pytest.approx(4 / 7)


def test_labels_that_share_an_item_are_counted():
    found = find_overlap(LABELS, enough=1)
    assert found.shared == pytest.approx(6 / 7)
    assert found.in_triples == 0
    assert find_overlap(CrowdLabels.from_matrix([[0, 1, 1]]), enough=1).in_triples == 1


def test_pairs_count_from_enough_common_items_on():
    assert find_overlap(LABELS, enough=1).pairs == pytest.approx(2 / 6)
    assert find_overlap(LABELS, enough=2).pairs == pytest.approx(1 / 6)


def test_one_annotator_has_no_pairs():
    assert find_overlap(LABELS.select_annotators([0]), enough=1).pairs == 0


def test_free_parameters_are_those_of_active_annotators_and_the_frequencies():
    found = find_overlap(LABELS, enough=1)
    assert found.labels_per_parameter == pytest.approx(7 / (4 * 2 + 1))


def test_the_order_of_annotators_and_items_does_not_matter():
    shuffled = LABELS.select_annotators([4, 2, 0, 3, 1])[[3, 1, 4, 0, 2]]
    one, two = (find_overlap(part, enough=1) for part in (LABELS, shuffled))
    assert vars(one) == pytest.approx(vars(two))


def test_one_label_joins_two_groups():
    dense = np.asarray(LABELS).copy()
    dense[0, 2] = 0
    found = find_overlap(CrowdLabels.from_matrix(dense), enough=1)
    assert (found.n_components, found.largest_share) == (1, 1)

import warnings

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._evidence import (
    active_annotators,
    check_score_weight,
    check_trainable,
    check_weight,
    warn_unused,
)
from skccem.exceptions import UnusedDataWarning

Y = np.array([[0, 1, -1], [2, -1, 2], [-1, 1, 0], [1, 1, -1]])
# The last item has no labels.
LABELS = CrowdLabels.from_matrix(np.pad(Y, [(0, 1), (0, 0)], constant_values=-1))


def test_weights_are_an_array_of_floats():
    assert check_weight(None, LABELS) is None
    weight = check_weight([2] * 5, LABELS)
    assert weight.dtype == np.float64
    np.testing.assert_array_equal(weight, np.full(5, 2))


@pytest.mark.parametrize("scale", [1e-300, 1, 1e307])
def test_weights_keep_their_ratios_and_count_for_labels_alone(scale):
    weight = check_weight(scale * np.array([1, 2, 3, 4, 9]), LABELS, "f4")
    np.testing.assert_allclose(weight / weight[0], [1, 2, 3, 4, 0])
    assert np.isfinite(weight @ LABELS.labels_per_item)
    if scale < 1e307:
        assert weight[0] == scale


def test_relative_weights_that_round_to_zero_are_zero():
    weight = [1, 1e-60, 1, 1, 1]
    assert check_weight(weight, LABELS, "f4")[1] == 0
    assert check_weight(weight, LABELS, "f8")[1] == 1e-60


def test_weights_of_scores_are_relative_and_none_is_equal_ones():
    np.testing.assert_array_equal(check_score_weight(None, 3), np.ones(3))
    np.testing.assert_array_equal(check_score_weight([1e308, 0, 5e307], 3), [1, 0, 0.5])
    for bad in ([-1, 1], [np.nan, 1], [1, 1, 1]):
        with pytest.raises(ValueError, match=r"[Nn]egative|NaN|shape"):
            check_score_weight(bad, 2)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(5), "[Nn]egative"),
        (np.full(5, 1e308), "divide the weights"),
        (np.zeros(5), "zero"),
        (np.eye(5)[4], "zero for every item that has labels"),
        (np.ones(4), "shape"),
        (np.full(5, np.nan), "NaN"),
        (np.full(5, np.inf), "infinity"),
    ],
    ids=["negative", "too large", "zero", "unlabelled only", "length", "nan", "inf"],
)
def test_weights_that_cannot_be_are_an_error(weight, message):
    with pytest.raises(ValueError, match=message):
        check_weight(weight, LABELS)


def test_labels_of_two_classes_can_be_learned_from():
    assert check_trainable(CrowdLabels.from_matrix(Y)) is None


def test_no_labels_at_all_are_an_error_that_counts():
    empty = CrowdLabels.from_matrix(np.full((4, 3), -1), classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"no labels at all among 4 items and 3 annotators.*missing="
    ):
        check_trainable(empty)


@pytest.mark.parametrize("classes", [None, ["a", "b"]])
def test_labels_of_one_class_are_an_error_that_names_it(classes):
    labels = CrowdLabels.from_matrix([["b", None], ["b", "b"]], classes=classes)
    with pytest.raises(ValueError, match=r"two classes.*one class, .*'b'"):
        check_trainable(labels)


@pytest.mark.parametrize(
    ("items", "annotators", "expected"),
    [
        (1, 0, ["1 of 5 items"]),
        (0, 2, ["2 of 5 annotators"]),
        (2, 1, ["2 of 6 items", "1 of 4 annotators"]),
    ],
)
def test_unused_data_are_counted_in_one_warning(items, annotators, expected):
    labels = CrowdLabels.from_matrix(
        np.pad(Y, [(0, items), (0, annotators)], constant_values=-1)
    )
    with pytest.warns(UnusedDataWarning) as caught:
        warn_unused(labels, active_annotators(labels))
    (warning,) = caught
    assert all(part in str(warning.message) for part in expected)
    assert str(warning.message).count(";") == len(expected) - 1


def test_annotators_of_held_out_items_alone_are_counted_apart():
    labels = CrowdLabels.from_matrix(np.pad(Y, [(0, 0), (0, 1)], constant_values=-1))
    trained = np.array([True, False, True, False])
    with pytest.warns(UnusedDataWarning, match=r"1 of 4 .* no labels.*; 1 of 4 .*stop"):
        warn_unused(labels, active_annotators(labels), trained)


def test_nothing_is_said_where_everything_is_used():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unused(CrowdLabels.from_matrix(Y), np.ones(3, dtype=bool))


def test_annotators_are_active_if_a_label_of_theirs_counts():
    labels = CrowdLabels.from_matrix(Y)
    assert active_annotators(labels).all()
    # Items 1 and 2 were not labelled by annotators 1 and 0.
    for item, idle in [(1, 1), (2, 0), (3, 2)]:
        active = active_annotators(labels, np.eye(4)[item])
        assert np.flatnonzero(~active).tolist() == [idle]

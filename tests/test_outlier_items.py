from dataclasses import replace

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem.simulation import (
    make_confusion_matrices,
    make_crowd_labels,
    make_outliers,
)

N_ANNOTATORS, N_CLASSES = 6, 4
KINDS = ["other_class", "same_answer", "guesses"]
CLASSES = np.array(list("abcd"))


@pytest.fixture(scope="module")
def drawn():
    y = CLASSES[np.arange(4000) % N_CLASSES]
    matrices = make_confusion_matrices(
        N_ANNOTATORS, N_CLASSES, kind="symmetric", accuracy=0.8, random_state=0
    )
    labels = make_crowd_labels(
        y, matrices, labels_per_item=3, classes=CLASSES, random_state=0
    )
    return labels, y, matrices


def outliers_of(drawn, kind, **params):
    labels, y, matrices = drawn
    params = {"share": 0.25, "confusion_matrices": matrices, "random_state": 0} | params
    return make_outliers(labels, y, kind=kind, **params)


def right(labels, y):
    """Of each label whether it is right, item by item: shape (n_samples, 3)."""
    codes = np.searchsorted(CLASSES, y)
    return labels.codes.reshape(-1, 3) == codes[:, np.newaxis]


@pytest.mark.parametrize("kind", KINDS)
def test_only_labels_of_outliers_change_and_nobody_labels_other_items(drawn, kind):
    labels, _, _ = drawn
    changed, is_outlier = outliers_of(drawn, kind)
    assert is_outlier.mean() == pytest.approx(0.25, abs=0.02)
    assert changed[~is_outlier] == labels[~is_outlier]
    assert not changed[is_outlier] == labels[is_outlier]
    np.testing.assert_array_equal(changed.indices, labels.indices)
    np.testing.assert_array_equal(changed.classes, labels.classes)


def test_items_keep_their_names(drawn):
    labels, y, _ = drawn
    names = np.array([f"item {number}" for number in range(len(y))])
    named = replace(labels, items=names)
    changed, _ = make_outliers(named, y, kind="guesses", random_state=0)
    np.testing.assert_array_equal(changed.items, names)


def test_annotators_of_another_class_agree_as_usual_and_are_seldom_right(drawn):
    labels, y, _ = drawn
    changed, is_outlier = outliers_of(drawn, "other_class")
    assert right(changed, y)[is_outlier].mean() == pytest.approx(0.2 / 3, abs=0.015)
    usual, unusual = (
        (part.codes.reshape(-1, 3)[:, 0] == part.codes.reshape(-1, 3)[:, 1]).mean()
        for part in (labels, changed[is_outlier])
    )
    assert unusual == pytest.approx(usual, abs=0.05)


def test_the_same_answer_is_wrong_and_common_to_all(drawn):
    changed, is_outlier = outliers_of(drawn, "same_answer")
    codes = changed.codes.reshape(-1, 3)[is_outlier]
    assert (codes == codes[:, :1]).all()
    assert not right(changed, drawn[1])[is_outlier].any()
    assert len(np.unique(codes)) == N_CLASSES


def test_guesses_are_right_by_chance(drawn):
    changed, is_outlier = outliers_of(drawn, "guesses")
    mean = right(changed, drawn[1])[is_outlier].mean()
    assert mean == pytest.approx(1 / N_CLASSES, abs=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_no_item_or_every_item_may_be_an_outlier(drawn, kind):
    none, is_outlier = outliers_of(drawn, kind, share=0)
    assert none == drawn[0]
    assert not is_outlier.any()
    assert outliers_of(drawn, kind, share=1)[1].all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_repeats_the_outliers(drawn, kind):
    one, two, other = (outliers_of(drawn, kind, random_state=s) for s in (0, 0, 1))
    assert one[0] == two[0]
    np.testing.assert_array_equal(one[1], two[1])
    assert not one[0] == other[0]


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"share": -0.1}, "share from 0 to 1"),
        ({"share": "auto"}, "share from 0 to 1"),
        ({"kind": "other"}, "kind to be one of other_class"),
        ({"confusion_matrices": None}, "confusion_matrices that the labels were drawn"),
        ({"confusion_matrices": np.eye(4)[np.newaxis]}, r"of shape \(6, 4, 4\)"),
        ({"y": list("abc")}, r"y of shape \(4000,\)"),
        ({"y": ["e"] * 4000}, "among"),
        ({"labels": np.zeros((4000, 6))}, "to be CrowdLabels"),
        (
            {"labels": CrowdLabels.from_matrix([[0, 0]]), "y": [0]},
            "of at least 2 classes",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(drawn, params, match):
    labels, y, matrices = drawn
    params = {"labels": labels, "y": y, "confusion_matrices": matrices} | params
    with pytest.raises(ValueError, match=match):
        make_outliers(params.pop("labels"), params.pop("y"), **params)

"""Folds of labels and of items."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    check_cv,
)
from skorch.helper import SliceDict
from torch.utils.data import Subset, TensorDataset

from skccem import CrowdClassifier, CrowdClassifierCV, CrowdLabels, LabelKFold
from skccem._splitters import check_folds, item_folds, make_folds, sliceable, take_items


def random_crowd(seed):
    """Labels of random size and density, some annotators with one label or none."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(10, 40), rng.integers(2, 9)
    Y = rng.integers(3, size=shape)
    Y[rng.random(shape) < rng.uniform(0.1, 0.8, size=shape[1])] = -1
    Y[1:, 0] = -1
    Y[0, 0] = 2
    return CrowdLabels.from_matrix(Y, classes=range(3))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_held_out_labels_partition_all_but_those_that_stand_alone(seed, shuffle):
    labels = random_crowd(seed)
    dense = np.asarray(labels)
    cv = LabelKFold(3, shuffle=shuffle, random_state=seed if shuffle else None)
    times_held_out = np.zeros(labels.shape, dtype=int)
    for train, test in cv.split(labels):
        assert train.shape == test.shape == labels.shape
        assert_array_equal(train.annotators, labels.annotators)
        assert_array_equal(train.classes, test.classes)
        left, right = np.asarray(train), np.asarray(test)
        assert not ((left >= 0) & (right >= 0)).any()
        assert_array_equal(np.maximum(left, right), dense)
        assert (train.labels_per_annotator[labels.labels_per_annotator > 0] > 0).all()
        times_held_out += right >= 0
    alone = labels.labels_per_annotator == 1
    assert alone[0]
    assert_array_equal(times_held_out, (dense >= 0) & ~alone)


@pytest.mark.parametrize("seed", range(8))
def test_labels_are_spread_evenly_for_each_annotator_and_in_total(seed):
    tests = [
        test for _, test in LabelKFold(4, random_state=seed).split(random_crowd(9))
    ]
    per_annotator = np.array([test.labels_per_annotator for test in tests])
    assert (np.ptp(per_annotator, axis=0) <= 1).all()
    assert np.ptp(per_annotator.sum(axis=1)) <= 1


def test_an_integer_state_gives_the_same_folds_and_another_others():
    labels = random_crowd(0)
    first, again, other = (
        [test for _, test in LabelKFold(3, random_state=state).split(labels)]
        for state in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_identifiers_of_items_stay():
    table = {"task": ["a", "b", "b"], "worker": [0, 0, 1], "label": [0, 1, 1]}
    labels = CrowdLabels.from_long(table)
    for train, test in LabelKFold(2).split(labels):
        assert_array_equal(train.items, labels.items)
        assert_array_equal(test.items, labels.items)


@pytest.mark.parametrize("n_splits", [1, 2.0, "3"])
def test_fewer_than_two_folds_of_labels_are_an_error(n_splits):
    with pytest.raises(ValueError, match="at least 2"):
        next(LabelKFold(n_splits).split([[0, 1], [1, 1]]))


def test_more_folds_than_labels_to_hold_out_are_an_error():
    with pytest.raises(ValueError, match=r"there are 2 of these.*lower n_splits"):
        next(LabelKFold(3).split([[0, 1], [1, -1]]))


def test_as_a_splitter_of_items_it_says_where_it_belongs(crowd):
    X, labels, _ = crowd
    with pytest.raises(TypeError, match=r"CrowdClassifierCV\(cv=LabelKFold\(\)\)"):
        GridSearchCV(CrowdClassifier(), {"lr": [1.0]}, cv=LabelKFold()).fit(X, labels)


def test_it_is_shown_and_copied_as_an_argument():
    search = clone(CrowdClassifierCV(cv=LabelKFold(3, random_state=1)))
    assert "LabelKFold(n_splits=3, shuffle=True, random_state=1)" in repr(search)
    assert search.cv.get_n_splits() == 3


def test_an_integer_is_kfold_for_a_crowd_and_stratified_for_one_label_an_item(crowd):
    X, labels, truth = crowd
    for y, expected in [(None, KFold(4)), (truth, StratifiedKFold(4))]:
        folds = item_folds(4, X, labels, y)
        for (train, test), (left, right) in zip(
            folds, expected.split(X, truth), strict=True
        ):
            assert_array_equal(train, left)
            assert_array_equal(test, right)


def test_splitters_and_lists_of_rows_or_masks_are_taken(crowd):
    X, labels, _ = crowd
    cv = ShuffleSplit(2, random_state=0)
    rows = list(cv.split(X))
    masks = [tuple(np.isin(np.arange(240), part) for part in fold) for fold in rows]
    for given in (cv, rows, check_cv(rows)):
        folds = make_folds(given, X, labels)
        for fold, (train, test) in zip(folds, rows, strict=True):
            assert_array_equal(fold.train_rows, train)
            assert fold.train_y == labels[train]
            assert fold.test_labels == labels[test]
    for fold, (_, test) in zip(make_folds(masks, X, labels), rows, strict=True):
        assert_array_equal(fold.test_rows, np.sort(test))


def test_more_folds_than_items_and_no_folds_are_errors(crowd):
    X, labels, truth = crowd
    with pytest.raises(ValueError, match=r"cv=241.*n_samples=240"):
        item_folds(241, X, labels)
    with pytest.raises(ValueError, match="no folds"):
        item_folds(iter([]), X, labels)
    with pytest.raises(ValueError, match="one label an item"):
        make_folds(LabelKFold(), X, labels, truth)


def test_each_fold_needs_labels_to_train_on_and_to_score():
    labels = CrowdLabels.from_matrix([[0], [1], [0], [1], [-1]])
    X = np.zeros((5, 1))
    check_folds(make_folds([([0, 1], [2, 3])], X, labels))
    with pytest.raises(ValueError, match="Fold 0 of 1 holds out no label"):
        check_folds(make_folds([([0, 1], [4])], X, labels))
    with pytest.raises(ValueError, match="fewer than two classes"):
        check_folds(make_folds([([0, 2], [1])], X, labels))
    weight = np.array([1.0, 1, 0, 1, 1])
    with pytest.raises(ValueError, match="holds out no label"):
        check_folds(make_folds([([0, 1], [2])], X, labels), weight)


def test_items_are_taken_from_dicts_and_data_sets():
    rows = np.array([3, 1])
    taken = take_items(sliceable({"a": np.arange(5), "b": np.eye(5)}), rows)
    assert isinstance(taken, SliceDict)
    assert_array_equal(taken["a"], rows)
    taken = take_items(sliceable(TensorDataset()), rows)
    assert isinstance(taken, Subset)
    assert taken.indices == [3, 1]
    X = np.eye(3)
    assert take_items(sliceable(X), None) is X

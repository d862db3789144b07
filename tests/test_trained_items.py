"""Items to train on, and items held out."""

import numpy as np
import pytest
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdLabels
from skccem._trained_items import new_datasets, split_items

N_ITEMS = 24


@pytest.fixture
def X():
    return np.zeros((N_ITEMS, 4), dtype="f4")


@pytest.fixture
def labels():
    """All labels of four annotators, but for item 0, which has none."""
    Y = np.add.outer(np.arange(N_ITEMS), np.arange(4)) % 3
    Y[0] = -1
    return CrowdLabels.from_matrix(Y)


def test_weights_that_are_zero_are_left_out(X, labels):
    weight = np.ones(N_ITEMS)
    weight[3] = 0
    rng = np.random.RandomState(0)
    train, *_ = new_datasets(CrowdClassifier(), X, labels, weight, rng)
    assert train.items.tolist() == [1, 2, *range(4, N_ITEMS)]


def test_annotators_are_trained_whose_labels_are_not_all_held_out(X):
    # Item i was labelled by annotator i, and item 20 by all.
    Y = np.full((21, 20), -1)
    np.fill_diagonal(Y, np.arange(20) % 3)
    Y[20, :10] = np.arange(10) % 3
    labels = CrowdLabels.from_matrix(Y)
    estimator = CrowdClassifier(early_stopping=True, validation_fraction=0.3)
    rng = np.random.RandomState(0)
    train, valid, trained = new_datasets(estimator, X[:21], labels, None, rng)
    labelled = (Y[train.items] >= 0).any(axis=0)
    np.testing.assert_array_equal(trained, labelled)
    assert 10 < labelled.sum() < 20
    assert (valid.labels.labels_per_item[valid.items] > 0).all()
    assert train.labels.n_annotators == valid.labels.n_annotators == labelled.sum()


def test_held_out_labels_of_unknown_annotators_alone_are_an_error(X):
    Y = np.full((12, 12), -1)
    np.fill_diagonal(Y, np.arange(12) % 3)
    labels = CrowdLabels.from_matrix(Y)
    estimator = CrowdClassifier(early_stopping=True)
    rng = np.random.RandomState(0)
    with pytest.raises(ValueError, match="holds out 2 items, none of which"):
        new_datasets(estimator, X[:12], labels, None, rng)


def test_weights_are_floats_where_items_are_of_another_type(labels):
    class Ids(Dataset):
        dtype = np.dtype("i8")

        def __len__(self):
            return N_ITEMS

    rng = np.random.RandomState(0)
    weight = np.linspace(0.5, 1, N_ITEMS)
    train, *_ = new_datasets(CrowdClassifier(), Ids(), labels, weight, rng)
    np.testing.assert_allclose(train.sample_weight[1:], weight[1:], rtol=1e-6)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
def test_splits_share_all_usable_items(labels, fraction, weighted):
    weight = np.arange(N_ITEMS) % 3.0 if weighted else None
    parts = split_items(labels, weight, fraction, np.random.RandomState(0))
    usable = np.arange(1, N_ITEMS)
    if weighted:
        usable = usable[weight[usable] > 0]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), usable)
    train, valid = parts
    assert len(valid) == np.ceil(fraction * len(usable))
    assert all((np.diff(part) > 0).all() for part in parts)
    again, _ = split_items(labels, weight, fraction, np.random.RandomState(0))
    np.testing.assert_array_equal(train, again)


def test_nothing_is_held_out_without_a_fraction(labels):
    train, valid = split_items(labels, None, 0, np.random.RandomState(0))
    np.testing.assert_array_equal(train, np.arange(1, N_ITEMS))
    assert len(valid) == 0


def test_holding_out_everything_is_an_error(labels):
    with pytest.raises(ValueError, match=r"holds out 23 of 23.*validation_fraction"):
        split_items(labels, None, 0.99, np.random.RandomState(0))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_there_is_a_validation_set_only_with_early_stopping(X, labels, early_stopping):
    estimator = CrowdClassifier(early_stopping=early_stopping, validation_fraction=0.2)
    train, valid, _ = new_datasets(
        estimator, X, labels, np.ones(N_ITEMS), np.random.RandomState(0)
    )
    assert (valid is not None) == early_stopping
    assert len(train) + (len(valid) if early_stopping else 0) == N_ITEMS - 1
    assert train.sample_weight.dtype == X.dtype

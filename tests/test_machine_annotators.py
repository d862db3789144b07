import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification

from skccem._machine_annotators import _FAMILIES, _split, _training_sizes
from skccem.metrics import empirical_confusion_matrices
from skccem.simulation import make_machine_annotators


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


def test_machines_are_better_than_chance_and_not_perfect(digits):
    for seed in range(3):
        crowd = make_machine_annotators(*digits, random_state=seed)
        right = np.diagonal(crowd.confusion_matrices, axis1=1, axis2=2).mean(axis=1)
        assert right.min() > 0.2
        assert right.max() < 0.97
        assert np.ptp(right) > 0.1


def test_more_training_items_make_better_annotators(digits):
    few, many = (
        make_machine_annotators(*digits, train_size=size, random_state=0)
        for size in (20, 300)
    )
    right = [
        np.diagonal(crowd.confusion_matrices, axis1=1, axis2=2).mean()
        for crowd in (few, many)
    ]
    assert right[1] > right[0] + 0.1


def test_without_missing_labels_all_but_the_training_items_are_labelled(digits):
    X, y = digits
    crowd = make_machine_annotators(
        X, y, train_size=60, missing_rate=0.0, random_state=0
    )
    np.testing.assert_array_equal(crowd.labels.labels_per_annotator, len(y) - 60)
    unlabelled = np.asarray(crowd.labels) < 0
    assert len(np.unique(unlabelled, axis=1).T) == 7
    for left_out in unlabelled.T:
        assert abs(np.bincount(y[left_out], minlength=10) - 6).max() <= 1
    empirical, _ = empirical_confusion_matrices(crowd.labels, y)
    np.testing.assert_allclose(crowd.confusion_matrices, empirical)


def test_labels_go_missing_at_the_rate(digits):
    X, y = digits
    crowd = make_machine_annotators(
        X, y, train_size=60, missing_rate=0.7, random_state=0
    )
    shares = crowd.labels.labels_per_annotator / (len(y) - 60)
    np.testing.assert_allclose(shares, 0.3, atol=4 * np.sqrt(0.21 / 540))
    keys = crowd.labels.row_indices() * 7 + crowd.labels.indices
    assert np.all(np.diff(keys) > 0)
    empirical, counts = empirical_confusion_matrices(crowd.labels, y)
    deviation = np.sqrt(0.25 / counts.sum(axis=2, keepdims=True))
    assert np.all(abs(empirical - crowd.confusion_matrices) < 5 * deviation)


def test_annotators_take_turns_in_the_families_and_are_numbered(digits):
    crowd = make_machine_annotators(*digits, n_annotators=9, random_state=0)
    families = list(_FAMILIES)
    expected = [f"{family}_0" for family in families]
    expected += [f"{family}_1" for family in families[:2]]
    assert crowd.labels.annotators.tolist() == expected


def test_names_of_classes_are_kept_and_the_seed_decides_all():
    X, codes = make_classification(200, 6, n_informative=4, n_classes=3, random_state=0)
    y = np.array(["ape", "bee", "cat"])[codes]
    first, same, other = (
        make_machine_annotators(X, y, random_state=seed) for seed in (0, 0, 1)
    )
    assert first.labels.classes.tolist() == ["ape", "bee", "cat"]
    assert first.labels == same.labels
    assert first.labels != other.labels
    np.testing.assert_array_equal(first.confusion_matrices, same.confusion_matrices)
    by_code = make_machine_annotators(X, codes, random_state=0)
    np.testing.assert_array_equal(by_code.labels.codes, first.labels.codes)


def test_a_rare_class_is_in_every_training_set_and_may_have_no_known_row():
    X = np.random.default_rng(0).normal(size=(100, 3))
    y = np.r_[0, np.ones(99, dtype=int)]
    crowd = make_machine_annotators(X, y, train_size=4, random_state=0)
    assert np.isnan(crowd.confusion_matrices[:, 0]).all()
    np.testing.assert_allclose(crowd.confusion_matrices[:, 1].sum(axis=1), 1)


def test_training_sizes_are_proportional_sum_up_and_leave_no_class_out():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 60, size=rng.integers(2, 9))
        if counts.sum() == len(counts):
            continue
        size = int(rng.integers(len(counts), counts.sum()))
        sizes = _training_sizes(size, counts)
        assert sizes.sum() == size
        assert np.all((sizes >= 1) & (sizes <= counts))
        if size * counts.min() >= counts.sum():
            assert abs(sizes - size * counts / counts.sum()).max() < 1
    np.testing.assert_array_equal(_training_sizes(0.5, np.array([20, 40])), [10, 20])
    np.testing.assert_array_equal(_training_sizes(5, np.array([1, 1, 98])), [1, 1, 3])
    sizes = _training_sizes(6, np.array([1, 1, 1, 12, 10]))
    np.testing.assert_array_equal(sizes, [1, 1, 1, 2, 1])


def test_every_item_of_a_class_is_as_likely_to_be_trained_on():
    codes = np.array([0, 1, 0, 1, 1, 0, 1, 0, 1, 1])
    rng = np.random.RandomState(0)
    trained = np.zeros(10)
    for _ in range(4000):
        train, rest = _split(codes, np.array([1, 3]), rng)
        np.testing.assert_array_equal(np.sort(np.r_[train, rest]), np.arange(10))
        np.testing.assert_array_equal(np.bincount(codes[train]), [1, 3])
        trained[train] += 1 / 4000
    np.testing.assert_allclose(trained, np.where(codes == 0, 1 / 4, 3 / 6), atol=0.04)


@pytest.mark.parametrize(
    ("match", "params"),
    [
        ("at least 1 annotator", {"n_annotators": 0}),
        ("missing_rate=1", {"missing_rate": 1}),
        ("missing_rate=nan", {"missing_rate": np.nan}),
        ("missing_rate=None", {"missing_rate": None}),
        ("n_annotators=2.5", {"n_annotators": 2.5}),
        ("got 'half'", {"train_size": "half"}),
        ("from the 10 classes to less than the 600 items", {"train_size": 9}),
        ("or such a share of them, got 0.01, which is 6 items", {"train_size": 0.01}),
        ("got 600, which is 600 items", {"train_size": 600}),
        ("got 1.5, which is 0 items", {"train_size": 1.5}),
        ("got nan", {"train_size": np.nan}),
    ],
)
def test_wrong_numbers_are_errors(digits, match, params):
    with pytest.raises(ValueError, match=match):
        make_machine_annotators(*digits, **params)


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match="at least 2 classes"):
        make_machine_annotators(np.ones((5, 2)), np.zeros(5), train_size=2)

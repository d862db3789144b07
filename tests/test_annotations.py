import copy
import pickle
import sys
from inspect import signature

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, KFold, train_test_split

from skccem._annotations import CrowdLabels, check_crowd_labels

# Worker processes import this file: it leaves DataFrame libraries, which are slow to
# load, to the tests that convert tables.


# The reference: three items, three annotators, the classes 0, 1 and 3.
CODED = np.array([[0, -1, 3], [-1, -1, -1], [1, 0, -1]])


REFERENCE = CrowdLabels(
    indptr=np.array([0, 2, 2, 4]),
    indices=np.array([0, 2, 0, 1], dtype=np.int32),
    codes=np.array([0, 2, 1, 0], dtype=np.int8),
    classes=np.array([0, 1, 3]),
    annotators=np.arange(3),
)


NAMES = ["a", "b", "c"]
TABLE = {
    "task": ["t2", "t1", "t2", "t1"],
    "worker": [11, 10, 10, 12],
    "label": ["no", "yes", "no", "no"],
}


def random_matrix(seed, n_classes=5):
    """A random matrix of codes with -1 for missing, of random size and density."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 30), rng.integers(1, 9)
    codes = rng.integers(n_classes, size=shape)
    return np.where(rng.random(shape) < rng.random(), codes, -1)


@pytest.mark.parametrize("seed", range(20))
def test_dense_labels_come_back_from_the_container(seed):
    Y = random_matrix(seed)
    labels = CrowdLabels.from_matrix(Y, classes=range(5))
    dense = np.asarray(labels)
    np.testing.assert_array_equal(dense, Y)
    assert dense.dtype == np.int8
    assert CrowdLabels.from_matrix(dense, classes=range(5)) == labels
    np.testing.assert_array_equal(labels.labels_per_item, (Y >= 0).sum(axis=1))
    np.testing.assert_array_equal(labels.labels_per_annotator, (Y >= 0).sum(axis=0))
    np.testing.assert_array_equal(labels.row_indices(), np.nonzero(Y >= 0)[0])
    assert len(labels) == labels.n_samples == len(Y)
    assert labels.shape == Y.shape
    assert labels.ndim == 2
    assert labels.n_labels == (Y >= 0).sum()


@pytest.mark.parametrize("seed", range(20))
def test_sparse_labels_come_back_with_their_zeros(seed):
    labels = CrowdLabels.from_matrix(random_matrix(seed), classes=range(5))
    codes = labels.to_sparse()
    assert codes.nnz == labels.n_labels
    assert CrowdLabels.from_matrix(codes, classes=range(5)) == labels
    # A copy: what happens to it doesn't reach the labels.
    codes.data[:] = 0
    assert CrowdLabels.from_matrix(np.asarray(labels), classes=range(5)) == labels


@pytest.mark.parametrize("seed", range(10))
def test_the_label_indicator_counts_labels_of_each_annotator_and_class(seed):
    Y = random_matrix(seed)
    labels = CrowdLabels.from_matrix(Y, classes=range(5))
    expected = (Y[:, :, None] == np.arange(5)).reshape(len(Y), -1)
    indicator = labels.label_indicator()
    assert indicator.dtype == np.float64
    np.testing.assert_array_equal(indicator.toarray(), expected)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_a_long_table_comes_back_in_any_row_order(seed, backend):
    rng = np.random.default_rng(seed)
    labels = CrowdLabels.from_matrix(random_matrix(seed), classes=range(5))
    table = labels.to_long(backend=backend)
    assert type(table).__module__.startswith(backend)
    order = rng.permutation(labels.n_labels)
    shuffled = table.take(order) if backend != "polars" else table[order]
    again = CrowdLabels.from_long(
        shuffled,
        items=range(labels.n_samples),
        classes=range(5),
        annotators=labels.annotators,
    )
    np.testing.assert_array_equal(again, labels)
    assert again.items.tolist() == list(range(labels.n_samples))


def test_a_container_without_labels_or_items_is_allowed():
    empty = CrowdLabels.from_matrix(np.full((2, 3), -1))
    assert empty.n_labels == empty.n_classes == 0
    assert np.asarray(empty).tolist() == [[-1] * 3] * 2
    assert empty.label_indicator().shape == (2, 0)
    no_items = CrowdLabels.from_matrix(np.empty((0, 3), dtype=int), classes=[0, 1])
    assert no_items.shape == (0, 3)
    assert no_items[[]] == no_items
    no_rows = {"task": [], "worker": [], "label": []}
    labels = CrowdLabels.from_long(no_rows, items=["i"], annotators=["a"], classes=[1])
    assert labels.shape == (1, 1)
    assert labels.n_labels == 0


def test_the_signature_says_what_is_missing_by_default():
    missing = signature(CrowdLabels.from_matrix).parameters["missing"]
    assert str(missing).endswith(" = <-1 in integers>")


def test_a_label_takes_at_most_16_bytes():
    rng = np.random.default_rng(0)
    Y = np.full((2000, 500), -1, dtype=np.int16)
    Y[np.arange(2000), rng.integers(500, size=2000)] = rng.integers(300, size=2000)
    labels = CrowdLabels.from_matrix(Y)
    arrays = (labels.indptr, labels.indices, labels.codes)
    assert labels.n_labels == 2000
    assert sum(array.nbytes for array in arrays) <= 16 * labels.n_labels


@pytest.mark.parametrize("labels", [REFERENCE, CrowdLabels.from_long(TABLE)])
def test_the_size_in_memory_counts_what_all_arrays_hold(labels):
    arrays = [array for array in vars(labels).values() if array is not None]
    held = sum(array.nbytes for array in arrays)
    assert held > 0
    assert labels.__sizeof__() == object.__sizeof__(labels) + held


def test_check_crowd_labels_takes_labels_and_matrices():
    assert check_crowd_labels(REFERENCE) is REFERENCE
    assert check_crowd_labels(CODED) == REFERENCE
    assert check_crowd_labels(REFERENCE, classes=range(4)).n_classes == 4
    assert check_crowd_labels(CODED, classes=range(4)).n_classes == 4
    with pytest.raises(TypeError, match="got CrowdLabels; use them as they are"):
        CrowdLabels.from_matrix(REFERENCE)


@pytest.mark.parametrize("n_items", [0, 2])
@pytest.mark.parametrize("annotators", [[], ["a", "b", "c"]])
@pytest.mark.parametrize("classes", [[], [0, 1]])
def test_without_labels_each_view_has_its_shape(n_items, annotators, classes):
    labels = CrowdLabels.from_long(
        {"task": [], "worker": [], "label": []},
        items=range(n_items),
        annotators=annotators,
        classes=classes,
    )
    shape = (n_items, len(annotators))
    assert labels.shape == labels.to_sparse().shape == shape
    np.testing.assert_array_equal(labels, np.full(shape, -1))
    assert labels.row_indices().shape == (0,)
    assert labels.labels_per_item.tolist() == [0] * n_items
    assert labels.labels_per_annotator.tolist() == [0] * len(annotators)
    columns = len(annotators) * len(classes)
    assert labels.label_indicator().shape == (n_items, columns)
    assert labels.to_long().shape == (0, 3)
    assert labels[:] == labels[::-1][::-1] == labels
    assert CrowdLabels.concat([labels]) == labels.align(classes=classes) == labels


def test_columns_of_the_label_indicator_go_beyond_32_bits():
    last = np.array([49_999], dtype=np.int32)
    labels = CrowdLabels(
        np.array([0, 1]), last, last, np.arange(50_000), np.arange(50_000)
    )
    indicator = labels.label_indicator()
    assert indicator.shape == (1, 50_000**2)
    assert indicator.indices.tolist() == [50_000**2 - 1]


def test_long_tables_of_labels_hold_identifiers_and_labels():
    labels = CrowdLabels.from_long(TABLE)
    table = labels.to_long(item="i", annotator="m", label="y")
    assert table.columns.tolist() == ["i", "m", "y"]
    assert table.to_numpy().tolist() == [
        ["t1", 10, "yes"],
        ["t1", 12, "no"],
        ["t2", 10, "no"],
        ["t2", 11, "no"],
    ]


def test_an_absent_backend_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="needs pandas: pip install pandas"):
        REFERENCE.to_long()


def test_labels_are_equal_if_all_that_they_hold_is():
    named = CrowdLabels.from_matrix(CODED, annotators=NAMES)
    assert REFERENCE == CrowdLabels.from_matrix(CODED)
    assert REFERENCE != named
    assert REFERENCE != REFERENCE.align(classes=range(4))
    assert REFERENCE != REFERENCE[:2]
    assert REFERENCE != REFERENCE[[2, 1, 0]]
    assert REFERENCE != "labels"
    with_items = CrowdLabels.from_long(REFERENCE.to_long(), items=range(3))
    assert with_items != REFERENCE
    assert with_items == with_items[:]
    with pytest.raises(TypeError, match="unhashable"):
        hash(REFERENCE)


def test_the_repr_says_the_sizes():
    assert repr(REFERENCE) == (
        "CrowdLabels(3 items, 3 annotators, 3 classes, 4 labels, 1 item without labels)"
    )
    assert repr(CrowdLabels.from_matrix([[0]])) == (
        "CrowdLabels(1 item, 1 annotator, 1 class, 1 label)"
    )


def test_nothing_can_be_written_to():
    with pytest.raises(AttributeError):
        REFERENCE.codes = np.zeros(4, dtype=np.int8)
    for name in ("indptr", "indices", "codes", "classes", "annotators"):
        for labels in (REFERENCE, pickle.loads(pickle.dumps(REFERENCE))):
            with pytest.raises(ValueError, match="read-only"):
                getattr(labels, name)[0] = 0
    codes = np.zeros(1, dtype=np.int8)
    CrowdLabels(np.array([0, 1]), codes, codes, np.array([0]), np.array([0]))
    assert codes.flags.writeable


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda labels: pickle.loads(pickle.dumps(labels))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_equal(copied):
    labels = CrowdLabels.from_long(TABLE)
    assert copied(labels) == labels


def use_everything(labels):
    """What other code does with labels, all of which must work on read-only maps."""
    return (
        isinstance(labels.codes.base, np.memmap) or isinstance(labels.codes, np.memmap),
        labels[::-1],
        labels.align(classes=range(9), annotators=range(-1, labels.n_annotators)),
        labels.select_annotators([1]),
        CrowdLabels.concat([labels, labels]),
        labels.label_indicator().sum(),
        np.asarray(labels),
        labels.to_sparse().toarray(),
        pickle.loads(pickle.dumps(labels)),
    )


class LabelShare(ClassifierMixin, BaseEstimator):
    """Checks that the rows of its folds belong together; scores the share of code 0."""

    def __init__(self, offset=0):
        self.offset = offset

    def fit(self, X, y):
        assert isinstance(y, CrowdLabels)
        np.testing.assert_array_equal(X[:, 0], y.labels_per_item)
        self.classes_ = y.classes
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def score(self, X, y):
        np.testing.assert_array_equal(X[:, 0], y.labels_per_item)
        return self.offset + (y.codes == 0).mean()


@pytest.mark.parametrize(
    "Y",
    [
        np.random.default_rng(0).integers(-1, 3, size=(40, 5)),
        np.random.default_rng(0).integers(0, 2, size=(40, 5)),
        np.random.default_rng(0).integers(-1, 2, size=(40, 1)),
        np.random.default_rng(0).choice([np.nan, 0.5, 1.5], size=(40, 5)),
        np.random.default_rng(0).choice([None, "a", "b"], size=(40, 5)),
    ],
    ids=["int", "full", "one column", "float", "string"],
)
@pytest.mark.parametrize("cv", [None, 5, KFold(4, shuffle=True, random_state=0)])
def test_scikit_learn_splits_the_labels_with_the_features(Y, cv):
    labels = CrowdLabels.from_matrix(Y)
    X = labels.labels_per_item[:, None] * 1.0
    X_train, X_test, train, test = train_test_split(X, labels, random_state=0)
    np.testing.assert_array_equal(X_train[:, 0], train.labels_per_item)
    np.testing.assert_array_equal(X_test[:, 0], test.labels_per_item)
    assert train.n_labels + test.n_labels == labels.n_labels
    search = GridSearchCV(LabelShare(), {"offset": [0, 1]}, cv=cv)
    search.fit(X, labels)
    assert search.best_params_ == {"offset": 1}


@pytest.fixture(scope="module")
def workers():
    """Settings of one pool of processes that get each array as a memory map."""
    # Like settings make joblib use the same processes again, which are slow to start.
    return {"backend": "loky", "n_jobs": 2, "max_nbytes": 100}


def test_labels_work_as_read_only_memory_maps_in_worker_processes(workers):
    rng = np.random.default_rng(0)
    labels = CrowdLabels.from_matrix(rng.integers(-1, 3, size=(500, 4)))
    expected = use_everything(labels)
    tasks = [joblib.delayed(use_everything)(labels) for _ in range(2)]
    with joblib.parallel_config(**workers):
        for mapped, *results in joblib.Parallel()(tasks):
            assert mapped
            for result, value in zip(results, expected[1:], strict=True):
                np.testing.assert_array_equal(result, value)


def test_a_search_runs_in_worker_processes(workers):
    labels = CrowdLabels.from_matrix(np.random.default_rng(0).integers(3, size=(40, 2)))
    X = labels.labels_per_item[:, None] * 1.0
    search = GridSearchCV(LabelShare(), {"offset": [0, 1]}, cv=5)
    alone = search.fit(X, labels).cv_results_["mean_test_score"]
    with joblib.parallel_config(**workers):
        search.fit(X, labels)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone)


def test_columns_of_a_long_table_have_three_names():
    labels = CrowdLabels.from_matrix([[0, 1], [1, -1]])
    with pytest.raises(ValueError, match="three names of columns, got 'x', 'x'"):
        labels.to_long(item="x", annotator="x")


@pytest.mark.parametrize("names", [[1, "a"], [1.5, "b"], [10**30, 3]])
def test_mixed_identifiers_come_back_or_are_an_error_that_names_the_column(names):
    labels = CrowdLabels.from_matrix([[0, 1], [1, -1]], annotators=names)
    message = (
        r"pyarrow cannot hold .*\['worker'\] .*\): rename them to str, or take "
        'backend="pandas", which holds any.$'
    )
    with pytest.raises(TypeError, match=message):
        labels.to_long(backend="pyarrow")
    for backend in ("pandas", "polars"):
        back = CrowdLabels.from_long(labels.to_long(backend=backend), annotators=names)
        assert back.annotators.tolist() == names
        np.testing.assert_array_equal(np.asarray(back), np.asarray(labels))


def test_the_label_indicator_takes_12_bytes_a_label_while_its_columns_allow():
    labels = CrowdLabels.from_matrix([[0, 1], [1, -1]])
    assert labels.label_indicator().indices.dtype == np.int32
    # Without the memory of a billion names.
    annotators = np.broadcast_to(0, 2**30)
    many = CrowdLabels(
        labels.indptr, labels.indices, labels.codes, np.arange(3), annotators
    )
    assert many.label_indicator().indices.dtype == np.int64
    largest = np.broadcast_to(0, 2**31 - 1)
    one_class = CrowdLabels(
        labels.indptr, labels.indices, 0 * labels.codes, np.arange(1), largest
    )
    assert one_class.label_indicator().indices.dtype == np.int32


def test_labels_of_chosen_annotators_follow_their_order():
    labels = CrowdLabels.from_matrix(CODED, annotators=NAMES)
    chosen = labels.select_annotators(["c", "a"])
    assert chosen.annotators.tolist() == ["c", "a"]
    np.testing.assert_array_equal(chosen, np.asarray(labels)[:, [2, 0]])


def test_labels_are_aligned_to_other_annotators():
    labels = CrowdLabels.from_matrix(CODED, annotators=NAMES)
    wider = labels.align(annotators=["new", "c", "b", "a"])
    assert wider.annotators.tolist() == ["new", "c", "b", "a"]
    np.testing.assert_array_equal(np.asarray(wider)[:, 1:], np.asarray(labels)[:, ::-1])
    assert wider.labels_per_annotator[0] == 0


@pytest.mark.parametrize("parts", [[], [np.eye(2)], [REFERENCE, "labels"]])
def test_only_labels_are_joined(parts):
    message = r"^concat takes a sequence of at least one CrowdLabels\.$"
    with pytest.raises(TypeError, match=message):
        CrowdLabels.concat(parts)


def test_a_label_that_is_given_twice_is_an_error_unless_one_is_chosen():
    table = {"task": [0, 0], "worker": ["a", "a"], "label": ["no", "yes"]}
    with pytest.raises(ValueError, match="duplicates"):
        CrowdLabels.from_long(table)
    last = CrowdLabels.from_long(table, duplicates="last")
    assert last.classes[last.codes].tolist() == ["yes"]


def test_other_errors_of_a_library_of_tables_pass_unchanged():
    # narwhals before 2.0 does not name it.
    words = "such_a_library|Not supported"
    with pytest.raises(Exception, match=words) as raised:
        REFERENCE.to_long(backend="such_a_library")
    assert "cannot hold" not in str(raised.value)

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold
from skorch.helper import SliceDataset, SliceDict
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

from skccem import CrowdLabels
from skccem._features import (
    check_features,
    check_lengths,
    item_shape,
    n_items,
    take_batch,
)

ROWS = np.array([4, 0, 4])


class Items(Dataset):
    """The items of a sequence one by one."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, row):
        return self.items[row]


class Batches(Items):
    """The same, with all items of a batch in one call."""

    def __getitems__(self, rows):
        return [self.items[row] for row in rows]


class WholeBatches(Items):
    """A whole batch in one call as one tensor."""

    def __getitems__(self, rows):
        return self.items[rows]


@pytest.fixture
def table():
    return np.random.default_rng(0).normal(size=(6, 3)).astype("f4")


def check(X, *, any_shape=True, dtype=np.float32, estimator=None, reset=True):
    return check_features(
        estimator or BaseEstimator(), X, any_shape=any_shape, dtype=dtype, reset=reset
    )


def batch(X, rows=ROWS):
    return take_batch(check(X), rows)


TABLES = {
    "array": lambda table: table,
    "float64 array": lambda table: table.astype("f8"),
    "list": lambda table: table.tolist(),
    "list of tuples": lambda table: [tuple(row) for row in table.tolist()],
    "list of arrays": list,
    "DataFrame": pd.DataFrame,
    "tensor": torch.from_numpy,
    "tensor with gradient": lambda table: torch.from_numpy(table).requires_grad_(),
    "csr_array": sparse.csr_array,
    "coo_matrix": sparse.coo_matrix,
    "dok_array": sparse.dok_array,
    "Dataset": lambda table: Items(torch.from_numpy(table)),
    "Dataset of arrays": lambda table: Items(table),
    "Dataset of float64 arrays": lambda table: Items(table.astype("f8")),
    "Dataset with __getitems__": lambda table: Batches(torch.from_numpy(table)),
    "Dataset of whole batches": lambda table: WholeBatches(torch.from_numpy(table)),
    "Dataset of whole float64 batches": lambda table: WholeBatches(table.astype("f8")),
    "Subset": lambda table: Subset(Items(np.r_[table, table]), range(6)),
    "SliceDataset": lambda table: SliceDataset(Items(torch.from_numpy(table))),
    "SliceDataset of whole batches": lambda table: SliceDataset(
        WholeBatches(torch.from_numpy(table))
    ),
    "SliceDataset of pairs": lambda table: SliceDataset(
        TensorDataset(torch.from_numpy(table), torch.arange(6))
    ),
    "SliceDataset of second parts": lambda table: SliceDataset(
        TensorDataset(torch.arange(6), torch.from_numpy(table)), idx=1
    ),
}


@pytest.mark.parametrize("form", TABLES)
def test_every_form_of_a_table_gives_the_same_batches(table, form):
    X = check(TABLES[form](table))
    assert n_items(X) == 6
    taken = take_batch(X, ROWS)
    assert taken.dtype == torch.float32
    np.testing.assert_array_equal(taken.detach(), table[ROWS])


@pytest.mark.parametrize(
    "form", ["array", "csr_array", "SliceDataset", "SliceDataset of pairs"]
)
def test_what_a_fold_gets_of_a_table_gives_the_batches_of_the_fold(table, form):
    X = TABLES[form](table)
    _, fold = next(KFold(2).split(X))
    np.testing.assert_array_equal(batch(X[fold], np.array([2, 0])), table[fold][[2, 0]])


@pytest.mark.parametrize("wrap", [dict, SliceDict], ids=["dict", "SliceDict"])
def test_a_dict_gives_batches_of_every_part(table, wrap):
    ids = np.arange(6)
    X = check(
        wrap(
            table=table.astype("f8"),
            ids=ids,
            sparse=sparse.coo_array(table),
            tensor=torch.from_numpy(table),
            image=np.ones((6, 2, 2), dtype=bool),
        )
    )
    assert n_items(X) == 6
    taken = take_batch(X, ROWS)
    for name in ("table", "sparse", "tensor"):
        assert taken[name].dtype == torch.float32
        np.testing.assert_array_equal(taken[name], table[ROWS])
    assert taken["ids"].dtype == torch.int64
    assert taken["ids"].tolist() == ROWS.tolist()
    assert taken["image"].shape == (3, 2, 2)


def test_a_slice_dict_is_cut_into_folds_whole(table):
    X = SliceDict(a=table, b=np.arange(6))
    taken = batch(X[np.array([5, 1])], np.array([0]))
    np.testing.assert_array_equal(taken["a"], table[[5]])
    assert taken["b"].tolist() == [5]


@pytest.mark.parametrize("dataset", [Items, Batches])
@pytest.mark.parametrize("wrap", [lambda X: X, SliceDataset], ids=["raw", "sliced"])
def test_items_that_are_dicts_give_batches_that_are_dicts(table, dataset, wrap):
    items = [{"x": row.astype("f8"), "id": i} for i, row in enumerate(table)]
    taken = batch(wrap(dataset(items)))
    assert taken["x"].dtype == torch.float32
    np.testing.assert_array_equal(taken["x"], table[ROWS])
    assert taken["id"].tolist() == ROWS.tolist()


def test_integers_of_a_data_set_stay_integers():
    assert batch(Items(torch.arange(12).reshape(6, 2))).dtype == torch.int64


def test_whole_batches_may_be_dicts(table):
    class Keyed(WholeBatches):
        def __getitems__(self, rows):
            return {"x": torch.from_numpy(self.items[rows]).double()}

    for X in (Keyed(table), SliceDataset(Keyed(table))):
        assert batch(X)["x"].dtype == torch.float32
        np.testing.assert_array_equal(batch(X)["x"], table[ROWS])


def test_a_whole_batch_may_be_a_dict_of_arrays_of_any_precision(table):
    class Arrays(Items):
        def __getitems__(self, rows):
            return {"a": table[rows].astype(np.float64), "id": np.array(rows)}

    taken = batch(Arrays(table))
    assert taken["a"].dtype == torch.float32
    np.testing.assert_array_equal(taken["a"], table[ROWS])
    np.testing.assert_array_equal(taken["id"], ROWS)


@pytest.mark.parametrize("dataset", [Items, WholeBatches])
def test_a_slice_data_set_transforms_item_by_item(table, dataset):
    class Row(SliceDataset):
        def transform(self, data):
            assert data.ndim == 1
            return 2 * data

    np.testing.assert_array_equal(batch(Row(dataset(table))), 2 * table[ROWS])


@pytest.mark.parametrize("items", [list("abcdef"), [{"text": t} for t in "abcdef"]])
def test_items_that_are_no_numbers_are_an_error_with_advice(items):
    with pytest.raises(TypeError, match=r"holds a list: encode them"):
        batch(Items(items))


@pytest.mark.parametrize("dtype", [">i4", ">f4", "u2", "u4", "u8", "i2", "f2", "?"])
def test_numbers_of_a_dict_come_in_types_that_torch_computes_with(dtype):
    values = np.array([[0], [1], [0], [1]]).astype(dtype)
    taken = take_batch(check({"a": values}), np.array([1, 0]))["a"]
    np.testing.assert_array_equal(taken * torch.ones(1), [[1], [0]])


def test_half_precision_that_numpy_lacks_is_widened(table):
    half = torch.from_numpy(table).bfloat16()
    for X in (half, {"a": half}):
        taken = batch(X)
        taken = taken if isinstance(taken, torch.Tensor) else taken["a"]
        np.testing.assert_array_equal(taken, half[ROWS].float())


@pytest.mark.parametrize(
    ("value", "message"),
    [(1e300, "infinity"), (np.uint64(2**63), "does not fit into int64")],
)
def test_numbers_too_large_for_torch_are_an_error(value, message):
    with pytest.raises(ValueError, match=rf"X\['a'\].*{message}"):
        check({"a": np.array([value])})


@pytest.mark.parametrize("form", [np.array, sparse.csr_array])
def test_numbers_too_large_for_single_precision_are_an_error_and_no_warning(form):
    X = form([[1e300, -1e300], [1.0, 2.0]])
    for given in (X, {"a": X}):
        with pytest.raises(ValueError, match="infinity"):
            check(given, dtype=np.float32)


@pytest.mark.parametrize("X", [{"a": np.empty((0, 2))}, Items([])])
def test_no_items_are_an_error(X):
    with pytest.raises(ValueError, match="of no items"):
        check(X)


def test_a_data_set_without_a_length_is_an_error():
    class Stream(IterableDataset):
        def __iter__(self):
            yield torch.zeros(3)

    with pytest.raises(TypeError, match="without a length"):
        check(Stream())


@pytest.mark.parametrize("X", [{"a": np.ones(3)}, Items([1]), SliceDataset(Items([1]))])
def test_what_the_perceptron_cannot_read_is_an_error_with_advice(X):
    with pytest.raises(TypeError, match=r"perceptron cannot read.*module="):
        check(X, any_shape=False)


def test_columns_of_an_earlier_fit_are_forgotten(table):
    estimator = BaseEstimator()
    check(pd.DataFrame(table, columns=list("abc")), estimator=estimator)
    check({"a": table}, estimator=estimator)
    assert not hasattr(estimator, "n_features_in_")
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize("dataset", [Items, Batches, lambda X: Subset(X, range(6))])
@pytest.mark.parametrize("kind", [tuple, list])
def test_items_with_targets_are_an_error_that_says_how_to_drop_them(
    table, dataset, kind
):
    X = check(dataset([kind((row, 1)) for row in table]))
    with pytest.raises(TypeError, match=rf"X\[4\] is a {kind.__name__}.*SliceDataset"):
        take_batch(X, ROWS)


class Paired(Items):
    """Whole batches with targets, as one pair."""

    kind = tuple

    def __getitems__(self, rows):
        return self.kind((torch.from_numpy(self.items[rows]), torch.zeros(len(rows))))

    def __getitem__(self, row):
        return torch.from_numpy(self.items[row]), 0.0


@pytest.mark.parametrize("kind", [tuple, list])
def test_batches_with_targets_are_an_error_that_says_how_to_drop_them(table, kind):
    X = check(Paired(table))
    X.kind = kind
    with pytest.raises(
        TypeError, match=rf"returned a {kind.__name__} of length 2 for 3"
    ):
        take_batch(X, ROWS)
    with pytest.raises(TypeError, match=r"SliceDataset|do not make a batch"):
        take_batch(X, ROWS[:2])


def test_a_slice_data_set_drops_the_targets_of_batches(table):
    np.testing.assert_array_equal(batch(SliceDataset(Paired(table))), table[ROWS])


def test_items_that_are_lists_are_an_error_that_says_what_to_return(table):
    with pytest.raises(
        TypeError, match=r"X\[4\] is a list of length 3: return torch\."
    ):
        batch(Items(table.tolist()))


def test_items_of_several_shapes_are_an_error(table):
    with pytest.raises(TypeError, match=r"do not make a batch.*equal size"):
        batch(Items([row[: 1 + i] for i, row in enumerate(table)]))


def test_batches_of_another_number_of_items_are_an_error(table):
    class First(Items):
        def __getitems__(self, rows):
            return self.items[:1]

    with pytest.raises(ValueError, match=r"batch of 3 items.*shape \(1, 3\)"):
        batch(First(table))


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e39])
@pytest.mark.parametrize("dataset", [Items, Batches, WholeBatches])
def test_items_that_are_not_finite_are_an_error_naming_the_first(table, value, dataset):
    table = table.astype("f8")
    table[4, 1] = value
    with pytest.raises(ValueError, match=r"X\[4\] of the torch Dataset X contains NaN"):
        batch(dataset(table), np.array([0, 4, 2]))


def test_parts_of_items_that_are_not_finite_are_named():
    items = [{"a": 1, "b": np.float32(i)} for i in (0, np.nan, 0)]
    with pytest.raises(ValueError, match=r"X\[1\]\['b'\] of the torch Dataset"):
        batch(Items(items), np.array([2, 1]))


def test_a_data_loader_is_an_error_that_names_its_data_set(table):
    with pytest.raises(TypeError, match=r"X\.dataset"):
        check(DataLoader(Items(table)))


def test_only_columns_of_two_axes_are_features(table):
    estimator = BaseEstimator()
    check(table, estimator=estimator)
    check(np.zeros((6, 1, 2, 2)), estimator=estimator)
    assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize(
    ("X", "shape"),
    [
        (np.zeros((6, 1, 2)), (1, 2)),
        (np.zeros(6), ()),
        (sparse.csr_array((6, 3)), (3,)),
        ({"a": np.zeros((6, 2)), "b": np.zeros(6)}, {"a": (2,), "b": ()}),
        (Items(np.zeros((6, 3))), None),
    ],
    ids=["images", "numbers", "sparse", "dict", "data set"],
)
def test_the_shape_of_an_item_is_known_but_of_a_data_set(X, shape):
    assert item_shape(check(X)) == shape


def test_the_items_of_a_tensor_data_set_are_tuples(table):
    X = check(TensorDataset(torch.from_numpy(table)))
    with pytest.raises(TypeError, match=r"tuple of length 1.*SliceDataset\(X, idx=0\)"):
        take_batch(X, ROWS)


@pytest.mark.parametrize(
    "X",
    [
        [torch.zeros(3), torch.ones(3)],
        [{"x": 1}, {"x": 2}],
        [(torch.zeros(3), 0), (torch.ones(3), 1)],
        [(np.zeros(3), 0), (np.ones(3), 1)],
    ],
    ids=["tensors", "dicts", "tuples of tensors", "tuples of arrays"],
)
def test_what_a_search_makes_of_a_data_set_is_an_error_with_advice(X):
    with pytest.raises(TypeError, match=r"list of .*SliceDict\(\*\*X\).*SliceDataset"):
        check(X)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, torch.from_numpy])
def test_numbers_that_are_not_finite_are_an_error(table, value, form):
    table[2, 1] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        check(form(table))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, torch.from_numpy])
def test_numbers_of_a_dict_that_are_not_finite_are_an_error_naming_the_part(
    table, form
):
    table[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"X\['b'\] contains NaN"):
        check({"a": np.arange(6), "b": form(table)})


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ({}, ValueError, "empty dict"),
        ({1: np.zeros(3)}, TypeError, "keys of a dict X.*must be str, but got 1"),
        ({"a": np.array("text")}, ValueError, r"X\['a'\] must be an array of numbers"),
        ({"a": np.array(["b"])}, ValueError, r"X\['a'\] must be an array of numbers"),
        ({"a": 3.0}, ValueError, r"first axis is items, but it has shape \(\)"),
        (
            {"a": np.zeros((3, 1)), "b": np.zeros(2)},
            ValueError,
            r"one length, but got \{'a': 3, 'b': 2\}",
        ),
    ],
    ids=["empty", "keys", "text", "texts", "number", "lengths"],
)
def test_an_unfit_dict_is_an_error_that_says_why(X, error, message):
    with pytest.raises(error, match=message):
        check(X)


def test_more_axes_than_two_need_a_module_of_the_users():
    images = np.zeros((6, 1, 2, 2))
    assert batch(images).shape == (3, 1, 2, 2)
    with pytest.raises(ValueError, match="dim 4"):
        check(images, any_shape=False)


def test_one_axis_needs_a_module_of_the_users():
    assert batch(np.arange(6.0)).shape == (3,)
    with pytest.raises(ValueError, match="Expected 2D array"):
        check(np.arange(6.0), any_shape=False)


def test_equal_lengths_are_accepted_and_others_are_an_error(table):
    labels = CrowdLabels.from_matrix([[0, 1]] * 6)
    assert check_lengths(table, labels) is None
    with pytest.raises(ValueError, match=r"X has 3 items, but y has 6: inconsistent"):
        check_lengths(SliceDict(a=table[:3]), labels)


@pytest.mark.parametrize("any_shape", [False, True])
def test_columns_of_a_frame_are_remembered_and_compared(table, any_shape):
    estimator = BaseEstimator()
    frame = pd.DataFrame(table, columns=list("abc"))
    check(frame, estimator=estimator, any_shape=any_shape)
    assert estimator.n_features_in_ == 3
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        check(
            frame[["c", "b", "a"]],
            estimator=estimator,
            any_shape=any_shape,
            reset=False,
        )


@pytest.mark.parametrize("any_shape", [False, True])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_the_number_of_features_is_remembered_and_compared(table, form, any_shape):
    estimator = BaseEstimator()
    check(form(table), estimator=estimator, any_shape=any_shape)
    assert estimator.n_features_in_ == 3
    with pytest.raises(ValueError, match="2 features"):
        check(form(table[:, :2]), estimator=estimator, any_shape=any_shape, reset=False)


@pytest.mark.parametrize("kind", ["f4", "f8", "i8"])
def test_the_first_accepted_type_is_what_others_become(table, kind):
    X = check(table.astype(kind), dtype=[np.float64, np.float32])
    assert X.dtype == ("f4" if kind == "f4" else "f8")


def test_read_only_memory_maps_can_be_batched(table):
    table.setflags(write=False)
    taken = batch(table)
    taken += 1
    np.testing.assert_array_equal(taken, table[ROWS] + 1)

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skccem import CrowdLabels
from skccem._identifiers import pack, positions_of, smallest_int

NAN = float("nan")
TABLE = {
    "task": ["t2", "t1", "t2", "t1"],
    "worker": [11, 10, 10, 12],
    "label": ["no", "yes", "no", "no"],
}


# The reference: three items, three annotators, the classes 0, 1 and 3.
CODED = np.array([[0, -1, 3], [-1, -1, -1], [1, 0, -1]])


def test_unsortable_identifiers_keep_the_order_of_their_first_appearance():
    table = {"task": ["b", 1, "a", 1], "worker": [0, 0, 0, 1], "label": [0, 1, 1, 1]}
    assert CrowdLabels.from_long(table).items.tolist() == ["b", 1, "a"]


def test_identifiers_outside_the_given_ones_are_named():
    with pytest.raises(ValueError, match="items that `items=` lacks: 't2'"):
        CrowdLabels.from_long(TABLE, items=["t1"])
    with pytest.raises(ValueError, match="annotators that `annotators=` lacks: 10, 12"):
        CrowdLabels.from_long(TABLE, annotators=[11])
    with pytest.raises(ValueError, match="outside `classes`: 'yes'"):
        CrowdLabels.from_long(TABLE, classes=["no", "maybe"])


@pytest.mark.parametrize("argument", ["items", "annotators", "classes"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["t1", "t2", "t1"], "must be distinct, got more than once: 't1'"),
        (["t1", None], "must not hold None or NaN"),
        ([1.0, NAN], "must not hold None or NaN"),
        (np.ma.MaskedArray([1, 2], mask=[0, 1]), "must not hold None or NaN"),
        (np.array([["t1", "t2"]]), r"must be 1-D, got the shape \(1, 2\)"),
        ({"t1", "t2"}, "must be a 1-D list or array, got {"),
        (pd.DataFrame({"t1": [0], "t2": [0]}), r"must be 1-D, got the shape \(1, 2\)"),
        ("t1", "must be a 1-D list or array, got 't1'"),
        (3, "must be a 1-D list or array, got 3"),
    ],
)
def test_given_identifiers_are_distinct_vectors_without_gaps(argument, values, message):
    with pytest.raises(ValueError, match=f"`{argument}` {message}"):
        CrowdLabels.from_long(TABLE, **{argument: values})


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([True, False], "bool"),
        ([2**40, -5], "int64"),
        (["b", "a"], "<U1"),
        ([b"b", b"a"], "S1"),
        ([2.5, 1.5], "float64"),
        ([2.5, 1], "float64"),
        ([2**70, 3], "object"),
        ([2**53 + 1, 0.5], "object"),
        (["a\0", "a"], "object"),
        ([decimal.Decimal(2), decimal.Decimal(1)], "object"),
        ([datetime.date(2021, 1, 1), datetime.date(2020, 1, 1)], "object"),
        (
            [np.datetime64("2021-01-01", "ns"), np.datetime64("2020-01-01", "ns")],
            "<M8[ns]",
        ),
    ],
)
def test_labels_are_any_sortable_scalars(values, dtype):
    table = {"task": [0, 1, 2], "worker": [0, 0, 0], "label": [*values, values[0]]}
    Y = np.empty((3, 1), dtype=object)
    Y[:, 0] = table["label"]
    for labels in (CrowdLabels.from_long(table), CrowdLabels.from_matrix(Y)):
        assert list(labels.classes) == sorted(values)
        assert labels.classes.dtype == dtype
        assert list(labels.classes[labels.codes]) == table["label"]
        assert labels.align(classes=values) is labels


def test_large_integers_are_not_rounded_next_to_floats():
    frame = pd.DataFrame({"a": [2**53 + 1, 2**53], "b": [0.5, NAN], "c": [1, 1]})
    for names in (["a", "b", "c"], ["c", "b", "a"]):
        labels = CrowdLabels.from_matrix(frame[names])
        assert labels.classes.tolist() == [0.5, 1, 2**53, 2**53 + 1]
    Y = np.array([[2**63 + 1, 2**63]], dtype=np.uint64)
    assert CrowdLabels.from_matrix(Y).classes.tolist() == [2**63, 2**63 + 1]


def test_mixed_types_are_not_turned_into_strings():
    frame = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    for Y in ([["x", 1], ["y", 2]], frame, np.array([["x", 1]], dtype=object)):
        with pytest.raises(ValueError, match=r"sortable, got .* types int, str"):
            CrowdLabels.from_matrix(Y)
    assert CrowdLabels.from_matrix([["a", NAN]]).classes.tolist() == ["a"]


def test_numbers_that_are_equal_are_one_class_whatever_their_type():
    labels = CrowdLabels.from_matrix([[1, 2], [1, 0]], classes=[0.0, 1.0, 2.0])
    assert labels.codes.tolist() == [1, 2, 1, 0]
    labels = CrowdLabels.from_matrix(np.array([[1.0, NAN, 2.0]]), classes=[2, 1])
    assert labels.classes.tolist() == [1, 2]
    assert labels.codes.tolist() == [0, 1]


def test_labels_that_are_no_scalars_are_an_error():
    table = {"task": [0, 1], "worker": [0, 0], "label": [{1}, {2}]}
    with pytest.raises(ValueError, match="labels must be plain scalars"):
        CrowdLabels.from_long(table)
    with pytest.raises(ValueError, match="must be plain scalars"):
        CrowdLabels.from_long(table, classes=[0, 1])
    with pytest.raises(ValueError, match=r"must be numbers.* got complex128"):
        CrowdLabels.from_matrix(np.array([[1j]]))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_labels_are_an_error(value):
    beside_large = [[2**70, value]]
    floats = np.array([[0.0, value]])
    for Y in (floats, [[0, value]], pd.DataFrame(floats), beside_large):
        with pytest.raises(ValueError, match=r"labels must be finite, got -?inf"):
            CrowdLabels.from_matrix(Y)


def test_given_classes_are_kept_sorted_and_bound_the_labels():
    labels = CrowdLabels.from_matrix(CODED, classes=[3, 2, 1, 0])
    assert labels.classes.tolist() == [0, 1, 2, 3]
    assert labels.codes.tolist() == [0, 3, 1, 0]
    with pytest.raises(ValueError, match=r"outside `classes`: 1, 3\. Add them"):
        CrowdLabels.from_matrix(CODED, classes=[0, 7])
    with pytest.raises(ValueError, match="classes must be sortable"):
        CrowdLabels.from_matrix(CODED, classes=[0, "a"])
    with pytest.raises(ValueError, match=r"0, 1, 2, 3, 4 and 7 more"):
        CrowdLabels.from_matrix([list(range(12))], classes=["a"])


@pytest.mark.parametrize(
    ("n_classes", "dtype"), [(2, "i1"), (128, "i1"), (129, "i2"), (2**15 + 1, "i4")]
)
def test_codes_take_the_smallest_type_that_holds_the_last_class(n_classes, dtype):
    labels = CrowdLabels.from_matrix([[0, n_classes - 1, -1]], classes=range(n_classes))
    assert labels.codes.dtype == dtype
    assert labels.codes.tolist() == [0, n_classes - 1]
    assert np.asarray(labels).tolist() == [[0, n_classes - 1, -1]]
    assert np.asarray(labels).dtype == dtype


def test_identifiers_may_be_tuples():
    names = [(1,), (1, 2), (0, 2)]
    labels = CrowdLabels.from_matrix(CODED, annotators=names)
    assert labels.annotators.tolist() == names
    assert labels.select_annotators(names[:2]).annotators.tolist() == names[:2]


@pytest.mark.parametrize(
    "convert",
    [
        np.array,
        tuple,
        pd.Series,
        pd.Index,
        pl.Series,
        pa.array,
        lambda v: {}.fromkeys(v).keys(),
    ],
)
@pytest.mark.parametrize("values", [["t2", "t0", "t1"], [2, 0, 1], [2.5, 0.5, 1.5]])
def test_identifiers_come_in_vectors_of_any_library(convert, values):
    table = {"task": values[:2], "worker": values[1:], "label": [0, 1]}
    given = {"items": convert(values), "annotators": convert(values)}
    labels = CrowdLabels.from_long(pa.table(table), **given)
    assert labels.items.tolist() == labels.annotators.tolist() == values
    assert labels.items.dtype == labels.annotators.dtype == np.array(values).dtype
    assert np.asarray(labels).tolist() == [[-1, 0, -1], [-1, -1, 1], [-1, -1, -1]]


def test_items_of_a_column_name_its_rows_whatever_the_library():
    table = pd.DataFrame(
        {
            "task": pd.to_datetime(["2020-01-02", "2020-01-01"]).tz_localize("CET"),
            "worker": pd.Series([1, 0], dtype="Int64"),
            "label": [1, 0],
        }
    )
    for form in (table, pl.from_pandas(table), pa.Table.from_pandas(table)):
        labels = CrowdLabels.from_long(
            form, items=form["task"], annotators=form["worker"]
        )
        assert np.asarray(labels).tolist() == [[1, -1], [-1, 0]]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("dtype", [np.int8, np.uint64, float, "U2", object])
def test_positions_equal_those_of_a_loop(seed, dtype):
    rng = np.random.default_rng(seed)
    targets = rng.permutation(12)[: rng.integers(12)]
    values = rng.integers(12, size=20)
    expected = [next(iter(np.flatnonzero(targets == v)), -1) for v in values]
    positions = positions_of(values.astype(dtype), targets.astype(dtype))
    assert positions.tolist() == expected
    assert positions.dtype == smallest_int(len(targets)) == np.int8


@pytest.mark.parametrize(
    "values",
    [
        [1, "a"],
        [2**53 + 1, 0.5],
        ["a\0", "a"],
        [(1, 2), (3, 4)],
        [(1,), (1, 2)],
        [None, 1],
        [2**70, -1],
        [],
    ],
)
def test_packed_values_are_the_same_values(values):
    packed = pack(values)
    assert packed.shape == (len(values),)
    assert packed.tolist() == values
    assert list(map(type, packed.tolist())) == list(map(type, values))


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.int8, -128, 127),
        (np.uint8, 0, 255),
        (np.int16, -300, 300),
        (np.int64, 2**62, 2**62 + 100),
        (np.int64, -(2**62), 2**62),
        (np.uint64, 2**63, 2**63 + 100),
    ],
)
def test_integers_are_found_whatever_their_type_and_range(dtype, low, high):
    values = np.random.default_rng(0).integers(low, high, 400, dtype, endpoint=True)
    values[:2] = low, high
    items = CrowdLabels.from_long(
        {"task": values, "worker": np.arange(400), "label": [0, 1] * 200}
    ).items
    np.testing.assert_array_equal(items, np.unique(values))
    positions = positions_of(values, items)
    np.testing.assert_array_equal(items[positions], values)


@pytest.mark.parametrize(
    "values",
    [
        np.array([-1.5, -1, 0, 0.5, 3, np.inf, 1e300]),
        np.array([-(2**50), -1, 3, 4, 2**50]),
        np.array([200, 3], dtype=np.uint8),
        np.array([True, False]),
    ],
)
def test_values_outside_a_range_of_integers_have_no_position(values):
    targets = np.array([3, 0, -1, 1], dtype=np.int8)
    expected = [targets.tolist().index(v) if v in targets else -1 for v in values]
    assert positions_of(values, targets).tolist() == expected

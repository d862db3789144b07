"""`CrowdLabels` of any table: nothing is dropped, changed or made up."""

import numpy as np
import pytest
from hypothesis import strategies as st
from strategies import (
    code_tables,
    forms_of,
    given,
    outcome,
    scalars,
    value_tables,
)

from skccem import CrowdLabels


def values_of(labels):
    """The table that labels stand for, as lists with None for missing ones."""
    table = [[None] * labels.n_annotators for _ in range(labels.n_samples)]
    rows, classes = labels.row_indices(), labels.classes[labels.codes].tolist()
    for row, column, value in zip(rows, labels.indices, classes, strict=True):
        table[row][column] = value
    return table


def plain(table):
    """A table with the dates of NumPy as those of Python."""
    return [
        [v.item() if isinstance(v, np.generic) else v for v in row] for row in table
    ]


def crowd_of(codes, n_classes):
    return CrowdLabels.from_matrix(codes, classes=np.arange(n_classes))


@given(value_tables())
def test_every_form_of_a_table_gives_its_labels(drawn):
    table, kind = drawn
    for name, form in forms_of(table, kind).items():
        labels = CrowdLabels.from_matrix(form)
        assert values_of(labels) == plain(table), name
        assert len(set(labels.classes.tolist())) == labels.n_classes, name
        if labels.n_labels:
            used = np.unique(labels.codes)
            assert np.array_equal(used, np.arange(labels.n_classes)), name


@given(st.lists(st.lists(scalars(), max_size=3), max_size=4))
def test_a_table_of_anything_gives_each_label_or_a_clear_error(table):
    labels = outcome(CrowdLabels.from_matrix, table)
    if labels is not None:
        # In a list of integers alone, -1 is missing.
        flat = [value for row in table for value in row]
        integers = all(type(v) in (int, np.int8) for v in flat)
        missing = [
            v is None or v is np.ma.masked or v != v or (integers and v == -1)
            for v in flat
        ]
        assert labels.n_labels == len(flat) - sum(missing)
        assert labels.shape == (len(table), len(table[0]))


@given(
    st.sampled_from(["int8", "uint16", "int64", "uint64", "float16", "float64", "U2"]),
    code_tables(min_items=0),
)
def test_any_type_of_array_gives_the_same_codes(dtype, drawn):
    codes, _ = drawn
    codes = np.where(codes < 0, 7, codes)
    missing = np.array(7).astype(dtype)[()]
    labels = CrowdLabels.from_matrix(codes.astype(dtype), missing=missing)
    got = [[7 if v is None else int(v) for v in row] for row in values_of(labels)]
    assert got == codes.tolist()


@given(code_tables(), st.data())
def test_rows_and_columns_can_be_taken_and_put_back(drawn, data):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes)
    rows = data.draw(st.permutations(range(len(codes))))
    columns = data.draw(st.permutations(range(codes.shape[1])))
    taken = labels[rows].select_annotators(columns)
    assert np.array_equal(np.asarray(taken), codes[rows][:, columns])
    back = taken[np.argsort(rows)].align(annotators=labels.annotators)
    assert back == labels
    cut = data.draw(st.integers(0, len(codes)))
    assert CrowdLabels.concat([labels[:cut], labels[cut:]]) == labels


@given(value_tables(), st.sampled_from(["pandas", "polars", "pyarrow"]))
def test_a_long_table_gives_the_labels_back(drawn, backend):
    table, kind = drawn
    labels = CrowdLabels.from_matrix(table)
    if kind != "date" and labels.n_labels:
        long = labels.to_long(backend=backend)
        again = CrowdLabels.from_long(
            long, items=np.arange(len(table)), annotators=labels.annotators
        )
        assert values_of(again) == values_of(labels)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.integers(-1, 2)),
        min_size=1,
        max_size=12,
    )
)
def test_repeats_in_a_long_table_are_resolved_as_asked(records):
    columns = dict(
        zip(["task", "worker", "label"], zip(*records, strict=True), strict=True)
    )
    columns = {name: list(values) for name, values in columns.items()}
    last = {(item, worker): label for item, worker, label in records}
    first = {(item, worker): label for item, worker, label in reversed(records)}
    for duplicates, expected in [("first", first), ("last", last)]:
        labels = CrowdLabels.from_long(columns, duplicates=duplicates)
        items, workers = labels.items.tolist(), labels.annotators.tolist()
        got = {
            (items[i], workers[m]): label
            for i, row in enumerate(values_of(labels))
            for m, label in enumerate(row)
            if label is not None
        }
        assert got == expected
    if len(last) < len(records):
        with pytest.raises(ValueError, match="more than once"):
            CrowdLabels.from_long(columns)
    else:
        assert CrowdLabels.from_long(columns) == labels


@given(
    st.dictionaries(
        st.sampled_from(["task", "worker", "label"]), st.lists(scalars(), max_size=4)
    )
)
def test_a_long_table_of_anything_gives_each_label_or_a_clear_error(columns):
    labels = outcome(CrowdLabels.from_long, columns)
    if labels is not None:
        assert labels.n_labels == len(columns["label"])


@given(code_tables(max_classes=3), st.integers(1, 1000), st.integers(0, 10_000))
def test_classes_and_annotators_may_be_many_more_than_are_used(drawn, more, idle):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes + more)
    labels = labels.align(annotators=np.arange(codes.shape[1] + idle))
    assert labels.shape == (len(codes), codes.shape[1] + idle)
    assert labels.n_classes == n_classes + more
    indicator = labels.label_indicator()
    assert indicator.shape == (len(codes), labels.n_annotators * labels.n_classes)
    assert indicator.sum() == labels.n_labels == (codes >= 0).sum()
    assert np.array_equal(np.asarray(labels)[:, : codes.shape[1]], codes)

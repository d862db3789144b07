import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from skccem import CrowdLabels
from skccem._targets import (
    check_known_crowd,
    check_same_task,
    check_targets,
    check_truth,
    is_crowd,
)

Y = np.array([[0, 1, -1], [2, -1, 2], [-1, 1, 0], [1, 1, -1]])
Y_NAN = np.where(Y < 0, np.nan, Y)


def stored(form):
    """The labels as a sparse matrix, where class 0 is a stored entry."""
    item, annotator = np.nonzero(Y >= 0)
    return form((Y[item, annotator], (item, annotator)), shape=Y.shape)


CROWDS = {
    "array": Y,
    "list": Y.tolist(),
    "tuple of arrays": tuple(Y),
    "float array": Y_NAN,
    "masked array": np.ma.masked_less(Y, 0),
    "DataFrame": pd.DataFrame(Y_NAN),
    "nullable DataFrame": pd.DataFrame(Y_NAN).astype("Int64"),
    "polars DataFrame": pl.DataFrame(Y_NAN, schema=["a", "b", "c"]),
    "csr_array": stored(sparse.coo_array).tocsr(),
    "coo_matrix": stored(sparse.coo_matrix),
    "CrowdLabels": CrowdLabels.from_matrix(Y),
}
COLUMNS = {
    "list": [0, 1, -1],
    "array": np.array([0, 1, -1]),
    "strings": ["a", "b", "a"],
    "tuple": ("a", "b", "a"),
    "Series": pd.Series(["a", "b", "a"]),
    "polars Series": pl.Series(["a", "b", "a"]),
    "floats": np.array([1.0, 2.0, 1.0]),
    "bools": [True, False, True],
}


@pytest.mark.parametrize("form", CROWDS)
def test_a_table_is_a_crowd_in_every_form(form):
    assert is_crowd(CROWDS[form])
    labels, crowd = check_targets(CROWDS[form])
    assert crowd
    np.testing.assert_array_equal(np.asarray(labels), Y)


@pytest.mark.parametrize("form", COLUMNS)
def test_one_axis_is_one_annotator_all_of_whose_entries_are_labels(form):
    y = COLUMNS[form]
    assert not is_crowd(y)
    labels, crowd = check_targets(y)
    assert not crowd
    assert labels.shape == (3, 1)
    assert labels.n_labels == 3
    np.testing.assert_array_equal(labels.classes[labels.codes], np.asarray(y))


def test_minus_one_is_a_class_of_one_axis_and_missing_in_a_table():
    assert check_targets([-1, 1])[0].classes.tolist() == [-1, 1]
    assert check_targets([[-1, 1], [2, -1]])[0].classes.tolist() == [1, 2]


@pytest.mark.parametrize(
    "y",
    [
        np.array([[0], [1], [-1]]),
        [[0], [1], [-1]],
        pd.DataFrame({"a": [0, 1, -1]}),
    ],
    ids=["array", "list", "DataFrame"],
)
def test_a_plain_table_of_one_column_is_one_axis_with_a_warning(y):
    with pytest.warns(DataConversionWarning, match="column-vector"):
        labels, crowd = check_targets(y)
    assert not crowd
    assert labels == check_targets([0, 1, -1])[0]


@pytest.mark.parametrize("form", [CrowdLabels.from_matrix, sparse.csr_array])
def test_one_column_of_crowd_labels_stays_a_crowd(form):
    labels, crowd = check_targets(form(np.array([[2], [1], [3]])))
    assert crowd
    assert labels.shape == (3, 1)


def test_all_classes_can_be_named_beforehand():
    for y in (Y, [0, 1, 2, 2]):
        assert check_targets(y, classes=range(5))[0].n_classes == 5
        with pytest.raises(ValueError, match="2"):
            check_targets(y, classes=[0, 1])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        ([0.0, np.nan], "1 of 2 are missing.*from_matrix"),
        (np.array([0, 1, np.nan, 1]), "1 of 4 are missing"),
        (pd.Series([0.0, 1, np.nan]), "1 of 3 are missing"),
        ([0.5, 1.7, 2.2], "Unknown label type"),
        (pd.Series([1, None], dtype="Int64"), "1 of 2 are missing"),
        (pd.Series([True, None, False], dtype="boolean"), "1 of 3 are missing"),
        (pd.Series(["a", None, "b"], dtype="string"), "1 of 3 are missing"),
        (pd.Series(["a", None, "b"], dtype="category"), "1 of 3 are missing"),
        (pd.DataFrame({"a": pd.array([1, None, 2])}), "1 of 3 are missing"),
        (pl.Series([1, None, 2]), "1 of 3 are missing"),
        (pl.Series(["a", None, "b"]), "1 of 3 are missing"),
        (pl.Series([1.0, float("nan"), 2.0]), "1 of 3 are missing"),
        (pa.chunked_array([[1, None, 2]]), "1 of 3 are missing"),
        (pa.array([1, None, 2]), "1 of 3 are missing"),
        (pa.array(["a", None, "b"]), "1 of 3 are missing"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.ma.masked_less([0, 1, -1], 0), r"1 of 3 are missing.*from_matrix"),
        (np.array(["a", pd.NA, "b"], dtype=object), r"1 of 3 are missing"),
        (["a", None, "b", None], r"2 of 4 are missing"),
    ],
)
def test_targets_that_are_not_classes_are_an_error(y, message):
    with pytest.raises(ValueError, match=message):
        check_targets(y)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([3, 1, 3], dtype="Int64"),
        pd.Series([3, 1, 3], dtype="category"),
        pl.Series([3, 1, 3]),
        pa.chunked_array([[3, 1], [3]]),
        pa.array([3, 1, 3]),
    ],
    ids=["Int64", "category", "polars", "chunked", "pyarrow"],
)
def test_columns_of_every_library_are_one_axis(y):
    labels, crowd = check_targets(y)
    assert not crowd
    assert labels.classes[labels.codes].tolist() == [3, 1, 3]


def test_truth_is_one_label_an_item():
    np.testing.assert_array_equal(check_truth([2, 1]), [2, 1])
    with pytest.warns(DataConversionWarning):
        np.testing.assert_array_equal(check_truth(np.array([[2], [1]])), [2, 1])
    with pytest.raises(ValueError, match="y should be a 1d array"):
        check_truth(Y)


@pytest.mark.parametrize("form", CROWDS)
def test_labels_of_known_annotators_get_the_classes_of_the_fit(form):
    Y_new = CROWDS[form]
    labels = check_known_crowd(Y_new, np.arange(4), check_targets(Y_new)[0].annotators)
    assert labels.classes.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.asarray(labels), Y)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_frame_are_known_by_name(frame):
    table = frame({"a": [0, 1], "b": [1, 0]})
    known = np.array(["a", "b"])
    assert check_known_crowd(table, np.arange(2), known).n_labels == 4
    with pytest.raises(ValueError, match=r"\['b', 'a'\].*by position, pass an array"):
        check_known_crowd(table[["b", "a"]], np.arange(2), known)
    swapped = check_known_crowd(
        CrowdLabels.from_matrix(table[["b", "a"]]).align(annotators=known),
        np.arange(2),
        known,
    )
    np.testing.assert_array_equal(np.asarray(swapped), [[0, 1], [1, 0]])


def test_columns_without_names_are_taken_by_position():
    known = np.array(["a", "b", "c"])
    for Y_new in (Y, pd.DataFrame(Y), stored(sparse.csr_array)):
        np.testing.assert_array_equal(check_known_crowd(Y_new, np.arange(3), known), Y)


def test_numbers_of_columns_are_names_where_the_fit_saw_them_in_another_order():
    table = pd.DataFrame([[0, 1, 1], [1, 0, 1]])
    with pytest.raises(ValueError, match="in another order"):
        check_known_crowd(table, np.arange(2), np.array([2, 0, 1]))
    by_position = check_known_crowd(table, np.arange(2), np.array(["a", "b", "c"]))
    assert by_position.n_labels == 6


def test_no_labels_at_all_are_known_labels():
    labels = check_known_crowd(np.full((2, 3), -1), np.arange(4), np.arange(3))
    assert labels.shape == (2, 3)
    assert labels.n_labels == 0


def test_a_class_of_the_container_that_no_label_names_is_no_error():
    known = CrowdLabels.from_matrix(Y, classes=range(6))
    labels = check_known_crowd(known, np.arange(3), known.annotators)
    assert labels.classes.tolist() == [0, 1, 2]


def test_dates_of_another_unit_are_the_same_classes():
    days = np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]")
    labels = check_known_crowd(days[[[0, 1]]].astype("M8[ns]"), days, np.arange(2))
    assert labels.codes.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("Y_new", "message"),
    [
        (Y[:, :2], r"Y has 2 columns.*fit saw 3 annotators: give every annotator"),
        (
            CrowdLabels.from_matrix(Y, annotators=["a", "b", "c"]),
            r"\['a', 'b', 'c'\] \(3\) as annotators.*fit saw \[0, 1, 2\] \(3\)"
            r".*align\(annotators=clf\.annotators_\)",
        ),
        (
            CrowdLabels.from_matrix(Y).select_annotators([1, 0]),
            r"align\(annotators=clf\.annotators_\)",
        ),
        (
            np.where(Y == 2, 7, Y),
            r"classes \[7\], which fit did not see \(it saw \[0, 1, 2\] \(3\)\)"
            r".*classes=.*CrowdLabels",
        ),
        (
            [["a", "b", None], ["a", None, None]],
            r"classes \['a', 'b'\], which fit did not see",
        ),
    ],
    ids=["fewer columns", "other names", "other annotators", "class", "type"],
)
def test_labels_unlike_those_of_the_fit_are_an_error(Y_new, message):
    with pytest.raises(ValueError, match=message):
        check_known_crowd(Y_new, np.arange(3), np.arange(3))


def test_long_lists_are_cut_short_in_messages():
    with pytest.raises(ValueError, match=re.escape("[0, 1, 2, 3, 4, 5, ..., 99] (100")):
        check_known_crowd(np.full((2, 2), 500), np.arange(100), np.arange(2))


def test_the_same_task_is_accepted_by_a_warm_start():
    labels = CrowdLabels.from_matrix(Y)
    assert check_same_task(labels, labels.classes, labels.annotators) is None


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (CrowdLabels.from_matrix(Y, classes=range(4)), "classes"),
        (CrowdLabels.from_matrix(Y, annotators=[5, 6, 7]), "annotators"),
        (CrowdLabels.from_matrix(Y[:, :2]), "classes|annotators"),
    ],
    ids=["classes", "annotators", "fewer annotators"],
)
def test_another_task_is_rejected_by_a_warm_start(other, name):
    labels = CrowdLabels.from_matrix(Y)
    with pytest.raises(ValueError, match=f"continues with the ({name}).*warm_start"):
        check_same_task(other, labels.classes, labels.annotators)

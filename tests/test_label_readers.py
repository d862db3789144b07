import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skccem import CrowdClassifier, CrowdLabels, DawidSkene, TwoStageClassifier

NAN = float("nan")


# The reference: three items, three annotators, the classes 0, 1 and 3.
CODED = np.array([[0, -1, 3], [-1, -1, -1], [1, 0, -1]])


MISSING = CODED == -1


REFERENCE = CrowdLabels(
    indptr=np.array([0, 2, 2, 4]),
    indices=np.array([0, 2, 0, 1], dtype=np.int32),
    codes=np.array([0, 2, 1, 0], dtype=np.int8),
    classes=np.array([0, 1, 3]),
    annotators=np.arange(3),
)


def as_objects(blank):
    filled = CODED.astype(object)
    filled[MISSING] = blank
    return filled


def as_csr():
    rows, columns = np.nonzero(~MISSING)
    return sparse.csr_array((CODED[rows, columns], (rows, columns)), shape=(3, 3))


def as_floats():
    return np.where(MISSING, NAN, CODED)


NAMES = ["a", "b", "c"]

MATRICES = {
    "int64": CODED,
    "int8": CODED.astype(np.int8),
    "Fortran order": np.asfortranarray(CODED),
    "strided": np.repeat(CODED, 2, axis=1)[:, ::2],
    "read-only": np.frombuffer(CODED.tobytes(), dtype=CODED.dtype).reshape(3, 3),
    "float64": as_floats(),
    "float32": as_floats().astype(np.float32),
    "object None": as_objects(None),
    "object NaN": as_objects(NAN),
    "object NA": as_objects(pd.NA),
    "object NaT": as_objects(pd.NaT),
    "masked int": np.ma.MaskedArray(np.where(MISSING, 7, CODED), mask=MISSING),
    "masked float": np.ma.MaskedArray(as_floats(), mask=CODED == -1),
    "masked rows": list(np.ma.MaskedArray(CODED, mask=MISSING)),
    "list of lists": CODED.tolist(),
    "tuple of arrays": tuple(CODED),
    "list with None": as_objects(None).tolist(),
    "list with NaN": as_objects(NAN).tolist(),
    "csr array": as_csr(),
    "csr matrix": sparse.csr_matrix(as_csr()),
    "csc": as_csr().tocsc(),
    "coo": as_csr().tocoo(),
    "lil": as_csr().tolil(),
    "dok": as_csr().todok(),
    "bsr": as_csr().tobsr(blocksize=(1, 1)),
    "csr int8": as_csr().astype(np.int8),
    "csr float": as_csr().astype(float),
}


def as_frames():
    columns = {name: as_objects(None)[:, j].tolist() for j, name in enumerate(NAMES)}
    frame = pd.DataFrame(columns)
    return {
        "pandas float": frame.astype(float),
        "pandas Int64": frame.astype("Int64"),
        "pandas object": frame.astype(object),
        "pandas arrow": frame.astype("int64[pyarrow]"),
        "pandas int": pd.DataFrame(CODED, columns=NAMES),
        "pandas mixed": frame.astype({"a": "Int64", "b": object, "c": float}),
        "polars": pl.DataFrame(columns),
        "polars float": pl.DataFrame(as_floats(), schema=NAMES),
        "pyarrow": pa.table(columns),
    }


FRAMES = as_frames()


@pytest.mark.parametrize("form", MATRICES)
def test_every_matrix_form_gives_the_same_labels(form):
    labels = CrowdLabels.from_matrix(MATRICES[form])
    assert labels == REFERENCE
    assert labels.items is None
    assert labels.classes.dtype == (float if "float" in form else np.int64)


# NumPy advises against its matrix class, which old code still passes around.
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_numpy_matrix_is_read_as_an_array():
    assert CrowdLabels.from_matrix(np.asmatrix(CODED)) == REFERENCE


@pytest.mark.parametrize("form", FRAMES)
def test_every_frame_form_gives_the_same_labels_and_names_the_annotators(form):
    labels = CrowdLabels.from_matrix(FRAMES[form])
    assert labels == CrowdLabels.from_matrix(CODED, annotators=NAMES)


def test_integer_column_names_become_the_annotators():
    labels = CrowdLabels.from_matrix(pd.DataFrame(CODED, columns=[30, 10, 20]))
    assert labels.annotators.tolist() == [30, 10, 20]
    assert labels.annotators.dtype == np.int64


def as_string_forms():
    words = np.array(["no", "yes", "", "unsure"])[CODED]
    blank = np.where(MISSING, None, words)
    frame = pd.DataFrame(blank)
    # Before version 3 pandas made the text "None" of what is missing.
    keeps_missing = frame.astype("str").isna().any(axis=None)
    named = pl.DataFrame(blank.tolist(), schema=["0", "1", "2"], orient="row")
    return {
        "object": blank,
        "lists": blank.tolist(),
        "masked": np.ma.MaskedArray(words, mask=MISSING),
        "pandas object": frame.astype(object),
        "pandas string": frame.astype("string"),
        **({"pandas str": frame.astype("str")} if keeps_missing else {}),
        "pandas category": frame.astype("category"),
        "polars": named,
        "polars category": named.cast(pl.Categorical),
        "polars enum": named.cast(pl.Enum(["yes", "unsure", "no"])),
        "pyarrow": named.to_arrow(),
        "pyarrow dictionary": pa.table(
            {name: named[name].to_arrow().dictionary_encode() for name in named.columns}
        ),
    }


STRING_FORMS = as_string_forms()


@pytest.mark.parametrize("form", STRING_FORMS)
def test_every_string_form_gives_the_same_labels(form):
    labels = CrowdLabels.from_matrix(STRING_FORMS[form], annotators=range(3))
    assert labels.classes.tolist() == ["no", "unsure", "yes"]
    assert labels.classes.dtype.kind == "U"
    assert labels.indptr.tolist() == [0, 2, 2, 4]
    assert labels.indices.tolist() == [0, 2, 0, 1]
    assert labels.codes.tolist() == [0, 1, 2, 0]


def test_each_string_of_a_string_array_is_a_label_unless_it_is_said_to_be_missing():
    words = np.array([["-1", "a"], ["", "a"]])
    assert CrowdLabels.from_matrix(words).classes.tolist() == ["", "-1", "a"]
    labels = CrowdLabels.from_matrix(words, missing="")
    assert labels.classes.tolist() == ["-1", "a"]
    assert labels.labels_per_item.tolist() == [2, 1]


def test_booleans_have_no_missing_labels():
    labels = CrowdLabels.from_matrix([[True, False], [False, False]])
    assert labels.classes.dtype == bool
    assert labels.codes.tolist() == [1, 0, 0, 0]
    assert labels == CrowdLabels.from_matrix(np.array([[True, False], [False, False]]))


def test_unsigned_integers_have_no_missing_labels():
    Y = np.array([[255, 0]], dtype=np.uint8)
    assert CrowdLabels.from_matrix(Y).classes.tolist() == [0, 255]


def test_other_negative_integers_are_labels():
    assert CrowdLabels.from_matrix([[-2, -1, 2]]).classes.tolist() == [-2, 2]


@pytest.mark.parametrize(
    "Y",
    [
        np.array([[-1.0, 1.0]]),
        np.array([[-1, 1]], dtype=object),
        np.array([[-1, 1.5]], dtype=object),
        np.ma.MaskedArray([[-1, 1]], mask=[[False, False]]),
        [[-1, None, 1]],
        [[-1, NAN, 1]],
        sparse.csr_array([[-1.0, 1.0]]),
        pd.DataFrame([[-1.0, 1.0]]),
        pd.DataFrame([[-1, 1]], dtype=object),
        pl.DataFrame([[-1.0], [1.0]]),
    ],
)
def test_minus_one_that_may_be_a_class_must_be_declared(Y):
    with pytest.raises(ValueError, match=r"-1 .* pass missing=-1 .* missing=None"):
        CrowdLabels.from_matrix(Y)
    assert CrowdLabels.from_matrix(Y, missing=-1).classes.tolist() in ([1], [1.5])
    for nothing in (None, NAN):
        labels = CrowdLabels.from_matrix(Y, missing=nothing)
        assert labels.classes.tolist() in ([-1, 1], [-1, 1.5])


@pytest.mark.parametrize("convert", [np.array, sparse.csr_array, pd.DataFrame])
def test_minus_one_among_integers_is_missing_until_another_value_is(convert):
    Y = convert([[-1, 1], [9, 2]])
    assert CrowdLabels.from_matrix(Y).classes.tolist() == [1, 2, 9]
    assert CrowdLabels.from_matrix(Y, missing=9).classes.tolist() == [-1, 1, 2]
    assert CrowdLabels.from_matrix(Y, missing=None).classes.tolist() == [-1, 1, 2, 9]


def test_blank_entries_are_missing_whatever_else_is():
    labels = CrowdLabels.from_matrix([[0, None, 9], [1, NAN, 1]], missing=9)
    assert np.asarray(labels).tolist() == [[0, -1, -1], [1, -1, 1]]


def test_a_missing_value_of_another_type_is_an_error():
    with pytest.raises(ValueError, match="missing='-1' can't be among labels of"):
        CrowdLabels.from_matrix(CODED, missing="-1")
    with pytest.raises(ValueError, match="missing=-1 can't be among labels of"):
        CrowdLabels.from_matrix(np.array([["-1", "1"]]), missing=-1)


@pytest.mark.parametrize("form", ["dia", "bsr"])
def test_formats_that_pad_with_zeros_are_read_only_where_zeros_are_no_labels(form):
    Y = sparse.csr_array([[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 1, 0]])
    padded = Y.tobsr(blocksize=(1, 2)) if form == "bsr" else Y.todia()
    with pytest.raises(ValueError, match=rf"{form.upper()} .* pass missing=0 .* CSR"):
        CrowdLabels.from_matrix(padded)
    labels = CrowdLabels.from_matrix(padded, missing=0)
    assert labels == CrowdLabels.from_matrix(Y)


def test_a_diagonal_matrix_without_padding_is_read():
    Y = sparse.dia_array(([[1, 2]], [0]), shape=(2, 2))
    assert np.asarray(CrowdLabels.from_matrix(Y)).tolist() == [[0, -1], [-1, 1]]


def test_stored_nan_is_missing():
    Y = sparse.csr_array(([NAN, 0.0], ([0, 1], [1, 0])), shape=(2, 2))
    assert CrowdLabels.from_matrix(Y).labels_per_item.tolist() == [0, 1]


@pytest.mark.parametrize("convert", [sparse.coo_array, sparse.csr_array])
def test_a_twice_stored_entry_is_an_error(convert):
    if convert is sparse.coo_array:
        Y = convert(([1, 1], ([0, 0], [2, 2])), shape=(2, 3))
    else:
        Y = convert(([1, 1], [2, 2], [0, 2, 2]), shape=(2, 3))
    with pytest.raises(ValueError, match="stores row 0, column 2 more than once"):
        CrowdLabels.from_matrix(Y)


def test_unsorted_csr_is_read_in_column_order():
    Y = sparse.csr_array(([5, 4], [2, 0], [0, 2]), shape=(1, 3))
    labels = CrowdLabels.from_matrix(Y)
    assert labels.indices.tolist() == [0, 2]
    assert labels.classes[labels.codes].tolist() == [4, 5]


def as_tables():
    columns = {
        "task": ["t2", "t1", "t2", "t1"],
        "worker": [11, 10, 10, 12],
        "label": ["no", "yes", "no", "no"],
    }
    frame = pd.DataFrame(columns)
    return {
        "dict of lists": columns,
        "dict of arrays": {name: np.array(column) for name, column in columns.items()},
        "dict of series": {name: pd.Series(values) for name, values in columns.items()},
        "pandas": frame,
        "pandas nullable": frame.convert_dtypes(),
        "pandas object": frame.astype(object),
        "pandas category": frame.astype("category"),
        "pandas index": frame.set_index(np.array([4, 4, 1, 0])),
        "polars": pl.DataFrame(columns),
        "polars category": pl.DataFrame(columns).cast({pl.String: pl.Categorical}),
        "pyarrow": pa.table(columns),
    }


TABLES = as_tables()


@pytest.mark.parametrize("form", TABLES)
def test_every_table_form_gives_the_same_labels(form):
    labels = CrowdLabels.from_long(TABLES[form])
    assert labels.items.tolist() == ["t1", "t2"]
    assert labels.annotators.tolist() == [10, 11, 12]
    assert labels.classes.tolist() == ["no", "yes"]
    assert np.asarray(labels).tolist() == [[1, -1, 0], [0, 0, -1]]


def test_minus_one_in_a_long_table_is_a_label():
    table = {"task": [0, 0], "worker": [0, 1], "label": [-1, 1]}
    assert CrowdLabels.from_long(table).classes.tolist() == [-1, 1]


def test_given_items_fix_the_row_order_and_bring_in_items_without_labels():
    labels = CrowdLabels.from_long(TABLES["pandas"], items=["t2", "t0", "t1"])
    assert labels.items.tolist() == ["t2", "t0", "t1"]
    assert np.asarray(labels).tolist() == [[0, 0, -1], [-1, -1, -1], [1, -1, 0]]


def test_given_annotators_fix_the_column_order_and_may_be_idle():
    labels = CrowdLabels.from_long(TABLES["polars"], annotators=[12, 9, 11, 10])
    assert labels.annotators.tolist() == [12, 9, 11, 10]
    assert np.asarray(labels).tolist() == [[0, -1, -1, 1], [-1, -1, 0, 0]]
    assert labels.indices.tolist() == [0, 3, 2, 3]


def test_duplicates_are_an_error_unless_one_is_chosen_by_table_order():
    table = pd.DataFrame(
        {"i": [1, 0, 1, 1], "a": [5, 5, 5, 5], "y": ["w", "x", "y", "z"]}
    )
    names = {"item": "i", "annotator": "a", "label": "y"}
    with pytest.raises(
        ValueError, match=r"annotator 5 labels the item 1 more than once \(2 rows"
    ):
        CrowdLabels.from_long(table, **names)
    first = CrowdLabels.from_long(table, **names, duplicates="first")
    assert first.classes[first.codes].tolist() == ["x", "w"]
    last = CrowdLabels.from_long(table, **names, duplicates="last")
    assert last.classes[last.codes].tolist() == ["x", "z"]
    with pytest.raises(ValueError, match=r"`duplicates` must be .* got 'mean'"):
        CrowdLabels.from_long(table, **names, duplicates="mean")


@pytest.mark.parametrize("seed", range(10))
def test_first_and_last_keep_what_a_loop_over_the_table_keeps(seed):
    rng = np.random.default_rng(seed)
    table = {
        "task": rng.integers(6, size=60),
        "worker": rng.integers(4, size=60),
        "label": rng.integers(3, size=60),
    }
    first, last = np.full((6, 4), -1), np.full((6, 4), -1)
    for i, m, label in zip(*table.values(), strict=True):
        last[i, m] = label
        if first[i, m] < 0:
            first[i, m] = label
    given = {"items": range(6), "annotators": range(4), "classes": range(3)}
    for duplicates, expected in [("first", first), ("last", last)]:
        labels = CrowdLabels.from_long(table, duplicates=duplicates, **given)
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("column", ["task", "worker", "label"])
@pytest.mark.parametrize("blank", [None, NAN, pd.NA])
def test_an_incomplete_row_of_a_long_table_is_an_error(column, blank):
    table = {name: list(values) for name, values in TABLES["dict of lists"].items()}
    table[column][2] = blank
    message = rf"'{column}' holds no value in 1 of 4 rows.* row 2.* drop these rows"
    for form in (table, pd.DataFrame(table)):
        with pytest.raises(ValueError, match=message):
            CrowdLabels.from_long(form)


def test_nan_in_a_polars_column_is_no_value_either():
    table = pl.DataFrame({"task": [0, 1], "worker": [0, 0], "label": [1.0, NAN]})
    with pytest.raises(ValueError, match="'label' holds no value in 1 of 2 rows"):
        CrowdLabels.from_long(table)


@pytest.mark.parametrize("form", ["pandas", "polars", "pyarrow", "dict of lists"])
def test_an_absent_column_is_an_error_that_lists_the_columns(form):
    with pytest.raises(ValueError, match=r"lacks the column 'rater'.*'task', 'worker'"):
        CrowdLabels.from_long(TABLES[form], annotator="rater")


def test_what_is_no_table_is_an_error_that_says_what_is():
    for table in (CODED, pl.DataFrame({"task": [1]}).lazy()):
        with pytest.raises(TypeError, match="A long table is a DataFrame"):
            CrowdLabels.from_long(table)


def test_columns_of_a_dict_must_be_vectors_of_one_length():
    table = {"task": [1, 2], "worker": [1, 2], "label": [1]}
    with pytest.raises(ValueError, match=r"equal lengths, got .*'label': 1"):
        CrowdLabels.from_long(table)
    with pytest.raises(ValueError, match=r"column 'label' must be 1-D"):
        CrowdLabels.from_long(table | {"label": np.zeros((2, 1))})


def test_nat_is_missing_among_dates():
    Y = np.array([["2020-01-02", "NaT"], ["2019-05-06", "NaT"]], dtype="M8[D]")
    labels = CrowdLabels.from_matrix(Y)
    assert labels.labels_per_annotator.tolist() == [2, 0]
    assert labels.codes.tolist() == [1, 0]
    assert CrowdLabels.from_matrix(pd.DataFrame(Y)) == labels


def test_numpy_strings_of_variable_width_are_read_with_their_missing_value():
    if not hasattr(np, "dtypes") or not hasattr(np.dtypes, "StringDType"):
        pytest.skip("NumPy 2 brought StringDType")
    Y = np.array([["a", None], ["b", "a"]], dtype=np.dtypes.StringDType(na_object=None))
    assert np.asarray(CrowdLabels.from_matrix(Y)).tolist() == [[0, -1], [1, 0]]


@pytest.mark.parametrize(
    "Y",
    [
        [0, 1],
        np.array([0, 1]),
        np.array(0),
        "labels",
        None,
        np.zeros((2, 2, 2)),
        [[[0], [1]]],
        [{"task": 1, "worker": 2, "label": 3}],
        [{3, 1}, {2, 0}],
        [],
        np.empty((3, 0)),
        pd.DataFrame(index=[0, 1]),
        pd.Series([0, 1]),
        sparse.csr_array((2, 0)),
        pl.DataFrame({"a": [1]}).lazy(),
    ],
)
def test_what_is_no_matrix_is_an_error_that_says_the_shape(Y):
    message = r"matrix of shape \(n_samples, n_annotators\).*reshape\(-1, 1\)"
    with pytest.raises(ValueError, match=message):
        CrowdLabels.from_matrix(Y)


def test_the_first_ragged_row_is_named():
    with pytest.raises(ValueError, match="row 0 has 2 entries, row 2 has 1"):
        CrowdLabels.from_matrix([[0, 1], [1, 1], [0], [1, 1, 1]])


def test_repeated_column_names_are_an_error():
    with pytest.raises(ValueError, match="Column names must be distinct"):
        CrowdLabels.from_matrix(pd.DataFrame([[0, 1]], columns=["a", "a"]))


def test_annotators_must_name_each_column():
    with pytest.raises(ValueError, match="each of the 3 columns, got 2 names"):
        CrowdLabels.from_matrix(CODED, annotators=["a", "b"])


def test_a_frame_of_nulls_has_annotators_but_no_labels():
    labels = CrowdLabels.from_matrix(pl.DataFrame({"a": [None], "b": [None]}))
    assert labels.annotators.tolist() == ["a", "b"]
    assert labels.n_labels == labels.n_classes == 0


def test_missing_is_one_value():
    for missing in ([0, 1], (0,), {0}, np.array([0, 1])):
        with pytest.raises(ValueError, match="`missing` must be one value, got"):
            CrowdLabels.from_matrix(CODED, missing=missing)


def test_strings_of_nested_lists_keep_their_last_null_character():
    assert CrowdLabels.from_matrix([["a\0", "a"]]).classes.tolist() == ["a", "a\0"]


def test_booleans_do_not_turn_minus_one_into_a_missing_label():
    with pytest.raises(ValueError, match=r"-1 .* pass missing=-1 .* missing=None"):
        CrowdLabels.from_matrix([[True, -1]])


@pytest.mark.parametrize("column", ["ab", 0, {0, 1}, {"a": 0}, iter([0, 1])])
def test_a_column_of_a_dict_must_be_a_sequence(column):
    with pytest.raises(ValueError, match="column 'worker' must be a 1-D list or array"):
        CrowdLabels.from_long({"task": [0, 1], "worker": column, "label": [0, 1]})


def test_masked_elements_of_a_list_are_no_values():
    masked = list(np.ma.MaskedArray([1, 2], mask=[False, True]))
    with pytest.raises(ValueError, match="'label' holds no value in 1 of 2 rows"):
        CrowdLabels.from_long({"task": [0, 1], "worker": [0, 0], "label": masked})


LONG = {"task": [0, 0, 1], "worker": [0, 1, 1], "label": [1, 0, 1]}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize(
    "columns", [["task", "worker", "label"], ["worker", "label", "task"]]
)
def test_a_long_table_is_no_matrix_unless_its_annotators_are_named(make, columns):
    table = make({name: LONG[name] for name in columns})
    with pytest.raises(ValueError, match=r"from_long\(Y, items=\.\.\.\)"):
        CrowdLabels.from_matrix(table)
    labels = CrowdLabels.from_matrix(table, annotators=columns)
    assert labels.annotators.tolist() == columns
    assert labels.shape == (3, 3)
    assert CrowdLabels.from_long(table).shape == (2, 2)


@pytest.mark.parametrize("other", [{"item": [0, 1, 1]}, {}])
def test_frames_that_have_some_columns_of_a_long_table_are_matrices(other):
    table = pd.DataFrame({"worker": [0, 1, 1], "label": [1, 0, 1]} | other)
    labels = CrowdLabels.from_matrix(table)
    assert labels.annotators.tolist() == list(table.columns)


def test_a_long_table_given_to_fit_is_an_error_that_names_from_long():
    table = pd.DataFrame({name: LONG[name] * 4 for name in LONG})
    X = np.arange(12.0).reshape(12, 1)
    fits = [
        lambda: CrowdClassifier().fit(X, table),
        lambda: TwoStageClassifier().fit(X, table),
        lambda: DawidSkene().fit(table),
    ]
    for fit in fits:
        with pytest.raises(ValueError, match=r"CrowdLabels\.from_long"):
            fit()

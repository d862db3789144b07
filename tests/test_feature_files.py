"""Files of features: one row an item, known by an identifier."""

import numpy as np
import pytest

from skccem._feature_files import Features, FeatureSource, in_order

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

VALUES = np.array([[1.5, -2], [0, 3e5], [4, 5]], dtype=np.float32)
IDS = ["007", "7", "ö"]


def save(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npy"])
def test_every_format_has_the_same_features(tmp_path, suffix):
    path, ids_path = tmp_path / f"f.{suffix}", None
    frame = pandas.DataFrame({"b": VALUES[:, 0], "name": IDS, "a": VALUES[:, 1]})
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "parquet":
        frame.to_parquet(path)
    else:
        np.save(path, VALUES)
        ids_path = save(tmp_path / "ids.txt", "\ufeff" + "\r\n".join(IDS) + "\r\n")
    found = FeatureSource(path, "name", ids_path).read()
    assert found.ids.tolist() == IDS
    assert found.names == (None if suffix == "npy" else ["b", "a"])
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.values.dtype == np.float32


def test_an_array_stays_in_its_file(tmp_path):
    path = tmp_path / "f.npy"
    np.save(path, VALUES)
    ids = save(tmp_path / "ids.txt", "a\nb\nc")
    assert isinstance(FeatureSource(path, ids_path=ids).read().values, np.memmap)


@pytest.mark.parametrize("dtype", [np.int64, bool, np.uint8])
def test_integers_and_booleans_are_numbers(tmp_path, dtype):
    values = np.array([[1, 0], [0, 1]], dtype=dtype)
    np.save(tmp_path / "f.npy", values)
    ids = save(tmp_path / "ids.txt", "a\nb\n")
    array = FeatureSource(tmp_path / "f.npy", ids_path=ids).read().values
    frame = pandas.DataFrame({"task": ["a", "b"], "x": values[:, 0], "y": values[:, 1]})
    frame.to_parquet(tmp_path / "f.parquet")
    table = FeatureSource(tmp_path / "f.parquet").read().values
    np.testing.assert_array_equal(array, values)
    np.testing.assert_array_equal(table, values)


@pytest.mark.parametrize("value", ["", "inf", "nan", "red", "1e300", "1,5"])
def test_what_is_no_finite_number_is_named_by_row_and_column(tmp_path, value):
    path = save(tmp_path / "f.csv", f'task,x,y\na,1,2\nb,3,"{value}"\nc,4,oops\n')
    message = r"finite number in .*f\.csv, row 2, column 'y', got .* 2 of 3 rows"
    with pytest.raises(ValueError, match=message):
        FeatureSource(path).read()


@pytest.mark.parametrize(
    "column",
    [
        np.array(["2024-01-01"], "M8[ns]"),
        [[1.0, 2.0]],
        pandas.array([None], dtype="Int64"),
        pandas.array([None], dtype="Float64"),
        [np.nan],
    ],
)
def test_columns_of_parquet_that_are_no_numbers_are_refused(tmp_path, column):
    path = tmp_path / "f.parquet"
    pandas.DataFrame({"task": ["a"], "x": column}).to_parquet(path)
    with pytest.raises(ValueError, match=r"f\.parquet, row 1, column 'x', got"):
        FeatureSource(path).read()


def test_one_item_in_two_rows_is_an_error_that_names_both(tmp_path):
    path = save(tmp_path / "f.csv", "task,x\na,1\nb,2\na,3\n")
    with pytest.raises(ValueError, match=r"'a' in .* row 1, .* and in .* row 3"):
        FeatureSource(path).read()
    np.save(tmp_path / "f.npy", VALUES)
    ids = save(tmp_path / "ids.txt", "a\nb\nb\n")
    with pytest.raises(ValueError, match=r"'b' in .* line 2 and in .* line 3"):
        FeatureSource(tmp_path / "f.npy", ids_path=ids).read()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (None, "identifiers of the rows .* --ids"),
        ("a\nb\n", "3 identifiers in .* got 2 lines"),
        ("a\nb\nc\n\n", "3 identifiers in .* got 4 lines"),
        ("a\n \nc\n", "identifier in .* line 2, got none"),
    ],
)
def test_the_rows_of_an_array_need_one_identifier_each(tmp_path, ids, message):
    np.save(tmp_path / "f.npy", VALUES)
    path = None if ids is None else save(tmp_path / "ids.txt", ids)
    with pytest.raises(ValueError, match=message):
        FeatureSource(tmp_path / "f.npy", ids_path=path).read()


def test_arrays_of_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "f.npy", np.array([[print]], dtype=object), allow_pickle=True)
    ids = save(tmp_path / "ids.txt", "a\n")
    with pytest.raises(ValueError, match=r"array of numbers in .*f\.npy, got"):
        FeatureSource(tmp_path / "f.npy", ids_path=ids).read()


def test_entries_of_an_array_that_are_not_finite_are_named(tmp_path):
    values = VALUES.copy()
    values[2, 1] = np.inf
    np.save(tmp_path / "f.npy", values)
    ids = save(tmp_path / "ids.txt", "a\nb\nc\n")
    with pytest.raises(ValueError, match="got inf in row 2, column 1"):
        FeatureSource(tmp_path / "f.npy", ids_path=ids).read()


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((3, 0)), np.array([["a"]])])
def test_other_arrays_than_rows_of_numbers_are_refused(tmp_path, values):
    np.save(tmp_path / "f.npy", values)
    ids = save(tmp_path / "ids.txt", "a\nb\nc\n")
    with pytest.raises(ValueError, match=r"shape \(n_items, n_features\)"):
        FeatureSource(tmp_path / "f.npy", ids_path=ids).read()


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 an archive",
        b"\x80\x04N. a pickle",
        b"\x93NUMPY\x01\x00\x08\x00{'descr'",
        b"\x93NUMPY\x01\x00\xff\xff",
        b"",
    ],
)
def test_files_that_are_no_arrays_are_refused(tmp_path, content):
    (tmp_path / "f.npy").write_bytes(content)
    ids = save(tmp_path / "ids.txt", "a\n")
    with pytest.raises(ValueError, match=r"array of numbers in .*f\.npy, got"):
        FeatureSource(tmp_path / "f.npy", ids_path=ids).read()


def test_an_archive_is_refused_as_an_array(tmp_path):
    with open(tmp_path / "f.npy", "wb") as file:
        np.savez(file, VALUES)
    ids = save(tmp_path / "ids.txt", "a\nb\nc\n")
    with pytest.raises(ValueError, match="array of numbers"):
        FeatureSource(tmp_path / "f.npy", ids_path=ids).read()


def test_columns_of_lists_are_refused(tmp_path):
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"task": ["a", "b"], "x": [[1.0], [2.0]]})
    parquet.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(ValueError, match=r"finite number in .*row 1, column 'x'"):
        FeatureSource(tmp_path / "f.parquet").read()


def test_options_and_files_that_do_not_fit_are_refused(tmp_path):
    table = save(tmp_path / "f.csv", "task\na\n")
    with pytest.raises(ValueError, match="columns of numbers beside 'task'"):
        FeatureSource(table).read()
    with pytest.raises(ValueError, match=r"--ids with a \.npy file alone"):
        FeatureSource(table, ids_path=table).read()
    with pytest.raises(ValueError, match="CSV, Parquet or"):
        FeatureSource(save(tmp_path / "f.jsonl", "{}")).read()


def test_columns_come_in_the_order_of_the_model():
    features = Features("f.csv", np.array(["i"]), ["a", "b", "c"], np.eye(3)[:1])
    found, ignored = in_order(features, ["c", "a"])
    assert found.names == ["c", "a"]
    assert found.values.tolist() == [[0, 1]]
    assert ignored == ["b"]
    assert in_order(features, ["a", "b", "c"]) == (features, [])


def test_columns_of_the_model_must_be_there():
    features = Features("f.csv", np.array(["i"]), ["a"], np.eye(1))
    with pytest.raises(ValueError, match=r"column 'b' in f\.csv.* 2 absent"):
        in_order(features, ["b", "a", "c"])
    with pytest.raises(
        ValueError, match=r"columns without names .* columns with names"
    ):
        in_order(features, None)

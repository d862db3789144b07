"""Tables in CSV, Parquet and JSON lines, with text as it is in the file."""

import numpy as np
import pytest

from skccem._table_files import json_records, read_table, table_kind, text_column

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

HUGE = 2**63 + 11


def save(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tasks(path):
    return text_column(read_table(path), "task", "--item").tolist()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_keeps_text_as_it_is(tmp_path, mark, end):
    rows = ["task,label", "007,NA", "1e3,None", f"{HUGE},0", '"a,b",nan', "ö, x"]
    table = read_table(save(tmp_path / "t.csv", mark + end.join(rows) + end))
    assert text_column(table, "task", "--item").tolist() == [
        *("007", "1e3", str(HUGE), "a,b", "ö")
    ]
    assert text_column(table, "label", "--label").tolist() == [
        *("NA", "None", "0", "nan", " x")
    ]


def test_integers_of_every_format_are_the_same_text(tmp_path):
    values = [7, 0, -3]
    csv, parquet, lines = (tmp_path / f"t.{s}" for s in ("csv", "parquet", "jsonl"))
    frame = pandas.DataFrame({"task": values})
    frame.to_csv(csv, index=False)
    frame.to_parquet(parquet)
    frame.to_json(lines, orient="records", lines=True)
    assert tasks(csv) == tasks(parquet) == tasks(lines) == ["7", "0", "-3"]


def test_huge_integers_keep_every_digit(tmp_path):
    parquet, lines = tmp_path / "t.parquet", tmp_path / "t.jsonl"
    pandas.DataFrame({"task": np.array([HUGE], dtype=np.uint64)}).to_parquet(parquet)
    save(lines, f'{{"task": {HUGE}}}\n')
    assert tasks(parquet) == tasks(lines) == [str(HUGE)]


def test_categories_and_booleans_are_text(tmp_path):
    path = tmp_path / "t.parquet"
    names = pandas.Categorical(["007", "b", "007"])
    pandas.DataFrame({"task": names, "yes": [True, False, True]}).to_parquet(path)
    assert tasks(path) == ["007", "b", "007"]
    lines = save(tmp_path / "t.jsonl", '{"yes": true}\n{"yes": false}\n')
    for table in (read_table(path), read_table(lines)):
        assert text_column(table, "yes", "--label").tolist()[:2] == ["true", "false"]


def test_lists_of_objects_and_arrays_are_no_tables(tmp_path):
    objects = save(tmp_path / "truth.json", '[{"task": "7",\n"label": "a"}]')
    array = tmp_path / "truth.npy"
    np.save(array, np.zeros(3))
    for path in (objects, array):
        with pytest.raises(ValueError, match=r"CSV, Parquet or JSON lines, got"):
            read_table(path)


def test_the_index_of_pandas_is_a_column_like_others(tmp_path):
    path = tmp_path / "t.parquet"
    pandas.DataFrame({"task": ["a"], "x": [1.0]}).set_index("task").to_parquet(path)
    assert tasks(path) == ["a"]


@pytest.mark.parametrize("value", ["1.5", "[1]", '{"a": 1}'])
def test_fractions_and_lists_are_no_identifiers(tmp_path, value):
    path = save(tmp_path / "t.jsonl", f'{{"task": 1}}\n\n{{"task": {value}}}\n')
    with pytest.raises(ValueError, match=r"t\.jsonl, line 3, column 'task', got"):
        tasks(path)


@pytest.mark.parametrize("values", [[1.0, 2.0], np.array(["2024-01-01"], "M8[ns]")])
def test_floats_and_dates_of_parquet_are_no_identifiers(tmp_path, values):
    path = tmp_path / "t.parquet"
    pandas.DataFrame({"task": values}).to_parquet(path)
    with pytest.raises(ValueError, match=r"text or integers .* row 1, column 'task'"):
        tasks(path)


def test_missing_values_are_counted_and_the_first_is_named(tmp_path):
    csv = save(tmp_path / "t.csv", "task,label\na,x\n,x\n  ,x\n")
    with pytest.raises(ValueError, match="row 2, column 'task', got none, and in 2"):
        tasks(csv)
    lines = save(tmp_path / "t.jsonl", '{"task": 9}\n{"label": 1}\n{"task": null}\n')
    with pytest.raises(ValueError, match="line 2, column 'task', got none, and in 2"):
        tasks(lines)
    parquet = tmp_path / "t.parquet"
    pandas.DataFrame({"task": pandas.array([1, None], dtype="Int64")}).to_parquet(
        parquet
    )
    with pytest.raises(ValueError, match="row 2, column 'task', got none, and in 1"):
        tasks(parquet)


def test_blank_lines_are_no_rows_but_count(tmp_path):
    table = read_table(save(tmp_path / "t.csv", "task,label\na,x\n\nb,y\n\n\n"))
    assert table.frame["task"].tolist() == ["a", "b"]
    assert table.place(table.frame.index[1]).endswith("row 3")


def test_a_wrong_column_shows_those_that_there_are(tmp_path):
    path = save(tmp_path / "t.csv", "item;who\na;b\n")
    with pytest.raises(ValueError, match=r"'task'.*'item;who'.*--item"):
        tasks(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "header and rows .* empty file"),
        ("\ufeff", "header and rows .* empty file"),
        ("task,label\n", "Expected rows .* none below the header"),
        ("task,label\na,x\nb,y,z\n", "length of the header .* line 3"),
        ("task,label\na,x,1\nb,y,2\n", "length of the header .* line 2"),
        ("task,label\na\n", None),
        ("task,task\na,b\n", "distinct names .* 'task' more than once"),
        (b"task,label\na,x\n\xe9,y\n", "UTF-8 .* 0xe9 in line 3"),
        ("task,label\na,x\n".encode("utf-16"), "UTF-8 .* line 1"),
    ],
)
def test_malformed_csv_says_what_is_wrong(tmp_path, content, message):
    path = save(tmp_path / "t.csv", content)
    with pytest.raises(ValueError, match=message or "column 'label', got none"):
        text_column(read_table(path), "label", "--label")


@pytest.mark.parametrize("line", ["{", "[1]", "7", "task,label"])
def test_lines_that_are_no_objects_are_named(tmp_path, line):
    path = save(tmp_path / "t.jsonl", f'{{"a": 1}}\n\n{line}\n')
    with pytest.raises(ValueError, match=r"JSON object in .*t\.jsonl, line 3"):
        list(json_records(path))


def test_separators_inside_of_json_break_no_lines(tmp_path):
    path = save(tmp_path / "t.jsonl", '{"a": "x\u2028y"}\n{"a": "z"}\n')
    assert [number for number, _ in json_records(path)] == [1, 2]


def test_what_is_no_parquet_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"Parquet file in .*t\.parquet"):
        read_table(save(tmp_path / "t.parquet", "task,label\n"))


def test_parquet_with_text_that_is_not_utf8_says_so(tmp_path):
    import pyarrow
    from pyarrow import parquet

    text = pyarrow.array([b"\xff\xfe", b"a"]).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"task": text}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"Parquet file in .* UTF8"):
        read_table(tmp_path / "t.parquet")


def test_parquet_of_damaged_pages_says_so(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"task": ["a", "b"] * 50}), path)
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Parquet file in .*t\.parquet, got"):
        read_table(path)


@pytest.mark.parametrize("text", ['{"a": ' * 5000, "[" * 5000, "9" * 5000])
def test_json_that_cannot_be_parsed_is_named_by_line(tmp_path, text):
    path = save(tmp_path / "t.jsonl", "{}\n" + text)
    with pytest.raises(ValueError, match=r"JSON object in .*t\.jsonl, line 2"):
        list(json_records(path))


def test_kinds_are_told_by_suffix_then_by_content(tmp_path):
    pandas.DataFrame({"a": [1]}).to_parquet(tmp_path / "one")
    np.save(tmp_path / "two.npy", np.zeros(2))
    (tmp_path / "two.npy").rename(tmp_path / "two")
    kinds = {
        "one": "parquet",
        "two": "npy",
        save(tmp_path / "three", '\ufeff {"a": 1}').name: "jsonl",
        save(tmp_path / "four", "[]").name: "json",
        save(tmp_path / "five", "a,b\n").name: "csv",
        save(tmp_path / "six.NDJSON", "").name: "jsonl",
        save(tmp_path / "seven.tsv", "").name: "tsv",
    }
    assert {name: table_kind(tmp_path / name) for name in kinds} == kinds
    tabs = save(tmp_path / "t.tsv", "task\tlabel\na,b\tx\n")
    assert tasks(tabs) == ["a,b"]

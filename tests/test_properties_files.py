"""Files of any content: what is in them, or an error that says what to do."""

import csv
import io
import json
import struct

import numpy as np
import pytest
from file_readers import (
    label_studio_export,
    prodigy_export,
    readers,
    valid_file,
)
from hypothesis import strategies as st
from strategies import fewer, given, outcome

from skccem._label_table import crowd_labels

READERS = readers()
CLEAR = (ValueError, OSError)

# A name: text with something to see.
NAMES = st.text(max_size=5).filter(str.strip)
ROWS = st.lists(
    st.tuples(NAMES, NAMES, NAMES),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row[:2],
)
FIELDS = st.sampled_from(
    (
        "id annotations result type choices value from_name mood completed_by email "
        "annotation_id annotator was_cancelled task worker label answer accept options "
        "_input_hash _annotator_id _view_id _session_id _task_hash"
    ).split()
)
WORDS = st.sampled_from(
    ["accept", "reject", "ignore", "choice", "choices", "mood", "a"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | WORDS
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5)
    ),
    max_leaves=12,
)


def read(name, content):
    return outcome(READERS[name], content, kinds=CLEAR)


def read_rows(name, content):
    """What a reader of labels reads, as sorted tuples."""
    return sorted(READERS[name](content).frame.itertuples(index=False, name=None))


def csv_of(rows, delimiter):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("task", "worker", "label"), *rows])
    return file.getvalue().encode()


@given(ROWS)
def test_labels_come_back_from_every_format(rows):
    expected = sorted(rows)
    records = [dict(zip(("task", "worker", "label"), row, strict=True)) for row in rows]
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    # Carriage returns end lines of CSV, whoever quotes them; NUL ends its text.
    if not any(set("\r\n\0") & set("".join(row)) for row in rows):
        assert read_rows("labels-csv", csv_of(rows, ",")) == expected
        assert read_rows("labels-tsv", csv_of(rows, "\t")) == expected
    assert read_rows("labels-jsonl", lines.encode()) == expected
    assert read_rows("labels-prodigy", prodigy_export(rows).encode()) == expected
    export = label_studio_export(rows).encode()
    assert read_rows("labels-label-studio", export) == expected
    assert read_rows("labels-parquet", parquet_of(rows)) == expected


def parquet_of(rows):
    import pyarrow
    from pyarrow import parquet

    columns = zip(*rows, strict=True)
    table = dict(zip(("task", "worker", "label"), map(list, columns), strict=True))
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(table), file)
    return file.getvalue()


@given(ROWS)
def test_labels_of_a_file_are_those_of_the_crowd(rows):
    labels = crowd_labels(READERS["labels-parquet"](parquet_of(rows)).frame)
    got = zip(
        labels.items[labels.row_indices()],
        labels.annotators[labels.indices],
        labels.classes[labels.codes],
        strict=True,
    )
    assert sorted(got) == sorted(rows)


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=60))
def test_any_bytes_give_a_result_or_a_clear_error(name, content):
    read(name, content)


@given(
    st.sampled_from(["csv", "tsv", "guessed"]),
    st.text(alphabet='",\t\r\n\0 a1é-', max_size=30),
)
def test_any_text_as_a_table_gives_a_result_or_a_clear_error(format, text):
    read(f"labels-{format}", text.encode())
    read("features-csv", text.encode())
    read(f"labels-{format}", f"task,worker,label\n{text}".encode())
    read("features-csv", f"task,x\n{text}".encode())


@given(st.sampled_from(["jsonl", "prodigy", "label-studio", "label-studio-min"]), JSON)
def test_any_json_gives_a_result_or_a_clear_error(format, value):
    for content in (value, [value], [{"annotations": value}], {"answer": value}):
        read(f"labels-{format}", json.dumps(content).encode())
        read("labels-guessed", json.dumps(content).encode())


@st.composite
def changes(draw):
    """A function that changes bytes in a few places."""
    places = draw(
        st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), max_size=4)
    )
    cut = draw(st.booleans())

    def change(content):
        content = bytearray(content)
        for share, new in places:
            at = int(share * len(content))
            content[at : at + (0 if cut else len(new))] = new
        return bytes(content[: int(0.9 * len(content))] if cut else content)

    return change


@given(st.sampled_from(sorted(READERS)), changes())
def test_a_damaged_file_gives_a_result_or_a_clear_error(name, change):
    read(name, change(valid_file(name)))


@pytest.mark.parametrize("name", sorted(READERS))
def test_the_valid_file_of_each_reader_is_read(name):
    assert READERS[name](valid_file(name)) is not None


def paths_of(value, path=()):
    """The places of all values in JSON."""
    yield path
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from paths_of(part, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 2, 10**6, 2**63, 10**400, 1.5, 1e308, "", "a", "<f8"]),
    st.sampled_from(
        ["|O", "<U500000000", "cuda:9", "float", "tuple", [], {}, [1], [[1]]]
    ),
)


@fewer(2)
@given(st.sampled_from(["DawidSkene", "CrowdClassifier"]), st.data())
def test_a_model_whose_document_was_changed_is_read_or_refused_clearly(name, data):
    content = valid_file(f"model-{name}")
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    document = json.loads(header["__metadata__"]["skccem"])
    path = data.draw(st.sampled_from(sorted(paths_of(document), key=repr)))
    document = replaced(document, path, data.draw(VALUES))
    header["__metadata__"]["skccem"] = json.dumps(document)
    head = json.dumps(header).encode()
    changed = struct.pack("<Q", len(head)) + head + content[8 + size :]
    model = read(f"model-{name}", changed)
    if model is not None:
        assert len(model.confusion_matrices_) == len(model.annotators_) == 3


@given(
    st.sampled_from(["<f4", ">f4", "<f8", "<i8", "<u2", "<f2", "?"]),
    st.lists(
        st.lists(st.integers(0, 1), min_size=2, max_size=2), min_size=2, max_size=2
    ),
)
def test_features_come_back_from_every_type_of_array(dtype, rows):
    file = io.BytesIO()
    np.save(file, np.array(rows).astype(dtype))
    features = READERS["features-npy"](file.getvalue())
    assert np.array_equal(features.values, np.array(rows, dtype=float))
    assert features.ids.tolist() == ["a", "b"]


@given(
    st.lists(
        st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=4
    )
)
def test_features_of_a_table_come_back_unless_they_are_not_finite(rows):
    text = "task,x,y\n" + "".join(f"{i},{x!r},{y!r}\n" for i, (x, y) in enumerate(rows))
    features = read("features-csv", text.encode())
    finite = np.isfinite(rows).all()
    assert (features is not None) == finite
    if finite:
        assert np.array_equal(features.values, np.array(rows, dtype=np.float32))

"""Files of labels: which format they have, and one way to read them all."""

import json

import pytest

from skccem._label_files import LABEL_FORMATS, LabelSource, guess_label_format

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

# One crowd in every format: items, annotators, labels.
ROWS = [("007", "3", "yes"), ("007", "4", "no"), ("12", "3", "yes")]


def in_format(format, folder):
    """The crowd in a file of a format, and what else it takes to read it."""
    frame = pandas.DataFrame(ROWS, columns=["task", "worker", "label"])
    if format in ("csv", "tsv"):
        path = folder / f"labels.{format}"
        frame.to_csv(path, index=False, sep="," if format == "csv" else "\t")
        return path, {}
    if format == "parquet":
        frame.to_parquet(folder / "labels.parquet")
        return folder / "labels.parquet", {}
    if format == "jsonl":
        frame.to_json(folder / "labels.jsonl", orient="records", lines=True)
        return folder / "labels.jsonl", {}
    records, further = EXPORTS[format]
    is_list = format != "prodigy"
    path = folder / ("export.json" if is_list else "export.jsonl")
    text = json.dumps(records) if is_list else "\n".join(map(json.dumps, records))
    path.write_text(text)
    return path, further


def answer(label):
    return [{"from_name": "q", "type": "choices", "value": {"choices": [label]}}]


EXPORTS = {
    "label-studio": (
        [
            {
                "id": item,
                "annotations": [
                    {"id": 1, "completed_by": int(who), "result": answer(label)}
                    for name, who, label in ROWS
                    if name == item
                ],
            }
            for item in ("007", "12")
        ],
        {},
    ),
    "label-studio-min": (
        [
            {"id": item, "annotator": int(who), "annotation_id": 1, "q": label}
            for item, who, label in ROWS
        ],
        {"label": "q"},
    ),
    "prodigy": (
        [
            {
                "_input_hash": item,
                "_annotator_id": who,
                "answer": "accept",
                "accept": [label],
            }
            for item, who, label in ROWS
        ],
        {},
    ),
}


@pytest.mark.parametrize("format", LABEL_FORMATS)
def test_every_format_is_guessed_and_has_the_same_labels(format, tmp_path):
    path, further = in_format(format, tmp_path)
    assert guess_label_format(path) == format
    for told in (None, format):
        table = LabelSource(path, told, **further).read()
        assert [tuple(row) for row in table.frame.to_numpy()] == ROWS


def test_columns_of_other_names_are_named_by_options(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("label,task,worker,x\nitem1,who1,yes,1\n")
    source = LabelSource(path, item="label", annotator="task", label="worker")
    assert source.read().frame.to_numpy().tolist() == [["item1", "who1", "yes"]]


def test_conflicts_are_named_by_their_lines_in_any_format(tmp_path):
    path = tmp_path / "labels.jsonl"
    one = '{"task": 1, "worker": "A", "label": %d}\n'
    path.write_text(one % 0 + "\n" + one % 1)
    with pytest.raises(ValueError, match=r"jsonl, line 1 and '1' in .*jsonl, line 3"):
        LabelSource(path).read()
    assert LabelSource(path, conflicts="last").read().frame["label"].tolist() == ["1"]


@pytest.mark.parametrize("text", ["[]", "[{}]", '{"a": 1}', "[1]", "{", "[1,"])
def test_json_that_is_no_export_is_refused(tmp_path, text):
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"Expected .*labels\.json, got"):
        LabelSource(path).read()

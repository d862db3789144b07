"""Labels from exports of Prodigy."""

import json

import pytest

from skccem._prodigy import read_prodigy

pytest.importorskip("pandas")


@pytest.fixture
def read(tmp_path):
    """Write examples to a file, and read the labels of it."""

    def read(*examples, **fields):
        path = tmp_path / "export.jsonl"
        path.write_text("\n".join(map(json.dumps, examples)))
        return read_prodigy(path, **fields)

    return read


def example(item, who, answer="accept", **more):
    hashes = {"_input_hash": item, "_task_hash": item + 1, "_annotator_id": who}
    return {"text": "Oh", **hashes, "answer": answer, **more}


def choice(item, who, *accepted, answer="accept", **more):
    options = [{"id": "GLAD", "text": "glad"}, {"id": "SAD", "text": "sad"}]
    return example(
        item, who, answer, options=options, accept=list(accepted), _view_id="choice"
    )


def rows(table):
    return [tuple(row) for row in table.frame.to_numpy()]


def test_the_option_that_is_accepted_is_the_label(read):
    found = read(choice(-7, "db-ann", "GLAD"), choice(5, "db-ben", "SAD"))
    assert rows(found) == [("-7", "db-ann", "GLAD"), ("5", "db-ben", "SAD")]
    assert found.place(1).endswith("export.jsonl, line 2")


def test_yes_and_no_are_the_classes_of_a_single_label(read):
    asked = {"label": "GLAD", "_view_id": "classification"}
    found = read(example(1, "ann", **asked), example(1, "ben", "reject", **asked))
    assert rows(found) == [("1", "ann", "GLAD"), ("1", "ben", "not GLAD")]


def test_answers_that_are_no_labels_are_counted(read):
    found = read(
        choice(1, "ann", "GLAD"),
        choice(2, "ann", "GLAD", answer="ignore"),
        choice(3, "ann", answer="reject"),
        choice(4, "ann"),
    )
    assert rows(found) == [("1", "ann", "GLAD")]
    assert found.skipped == {
        "ignored examples": 1,
        "rejected choices": 1,
        "choices left open": 1,
    }


def test_without_annotator_or_input_the_session_and_the_task_stand_for_them(read):
    first = choice(1, None, "GLAD") | {"_session_id": "db-2024"}
    del first["_input_hash"]
    assert rows(read(first)) == [("2", "db-2024", "GLAD")]
    with pytest.raises(ValueError, match=r"'_annotator_id' of .*line 1.*--annotator"):
        read(choice(1, None, "GLAD"))


def test_fields_of_the_example_can_identify_items_and_annotators(read):
    more = choice(1, "ann", "GLAD") | {"meta": {"id": "007", "who": 3}}
    found = read(more, item="meta.id", annotator="meta.who")
    assert rows(found) == [("007", "3", "GLAD")]


def test_of_answers_about_several_labels_one_must_be_named(read):
    glad, tall = example(1, "ann", label="GLAD"), example(1, "ann", label="TALL")
    with pytest.raises(ValueError, match=r"'GLAD' \(1\), 'TALL' \(1\).*--label"):
        read(glad, tall)
    found = read(glad, tall, label="TALL")
    assert rows(found) == [("1", "ann", "TALL")]
    assert found.skipped == {"answers about other labels": 1}
    with pytest.raises(ValueError, match=r"'SAD' .* got some about 'GLAD', 'TALL'"):
        read(glad, tall, label="SAD")
    with pytest.raises(ValueError, match="no --label"):
        read(choice(1, "ann", "GLAD"), label="GLAD")


@pytest.mark.parametrize(
    "wrong",
    [
        choice(1, "ann", "GLAD", "SAD"),
        example(1, "ann", spans=[{"start": 0}], _view_id="ner_manual"),
        example(1, "ann", label="GLAD", _view_id="ner"),
        example(1, "ann", spans=[]),
        example(1, "ann", label="GLAD", _view_id=["choice"]),
        example(1, "ann", accept="GLAD"),
        example(1, "ann", accept=7),
    ],
)
def test_other_kinds_of_answers_are_refused(read, wrong):
    with pytest.raises(ValueError, match=r"line 1.*Supported are"):
        read(wrong)


def test_choices_next_to_yes_or_no_are_refused(read):
    with pytest.raises(ValueError, match="1 choices and 1 yes-or-no"):
        read(choice(1, "ann", "GLAD"), example(1, "ann", label="GLAD"))


def test_examples_without_answers_are_refused(read):
    with pytest.raises(ValueError, match=r"accept, reject or ignore .* got None"):
        read({"text": "Oh", "_input_hash": 1, "label": "GLAD"})
    with pytest.raises(ValueError, match="got 1 ignored examples"):
        read(choice(1, "ann", answer="ignore"))

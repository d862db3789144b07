"""Labels from exports of Label Studio."""

from pathlib import Path

import pytest

from skccem._label_studio import read_label_studio, read_label_studio_min

pytest.importorskip("pandas")
PATH = Path("export.json")


def choice(*chosen, name="mood", type="choices", **value):
    answer = {"choices": list(chosen), **value}
    return {"from_name": name, "to_name": "text", "type": type, "value": answer}


def annotation(number, who, *results, **more):
    return {"id": number, "completed_by": who, "result": list(results), **more}


def task(number, *annotations, **data):
    return {"id": number, "data": data, "annotations": list(annotations)}


def rows(table):
    return [tuple(row) for row in table.frame.to_numpy()]


def test_choices_are_labels_of_who_completed_the_annotation():
    tasks = [
        task(7, annotation(1, 3, choice("Glad")), annotation(2, 4, choice("Sad"))),
        task(8, annotation(3, {"id": 5, "email": "eve@x.org"}, choice("Sad"))),
        task(9, annotation(4, {"id": 6, "email": ""}, choice("Sad"))),
    ]
    found = read_label_studio(PATH, tasks)
    assert rows(found) == [
        *[("7", "3", "Glad"), ("7", "4", "Sad")],
        *[("8", "eve@x.org", "Sad"), ("9", "6", "Sad")],
    ]
    assert found.skipped == {}
    assert found.place(1) == "export.json, task 7, annotation 2"


def test_what_is_cancelled_or_left_open_is_counted():
    tasks = [
        task(
            1,
            annotation(1, 3, choice("Glad")),
            annotation(2, 4, choice("Sad"), was_cancelled=True),
            annotation(3, 5),
            annotation(4, 6, choice("b", name="topic")),
        ),
        task(2),
    ]
    found = read_label_studio(PATH, tasks, label="mood")
    assert rows(found) == [("1", "3", "Glad")]
    assert found.skipped == {
        "cancelled annotations": 1,
        "annotations without a choice": 2,
    }


def test_fields_of_the_data_can_identify_items_and_annotators():
    answer = annotation(1, 3, choice("Glad"), team={"name": "blue"})
    tasks = [task(1, answer, image="a.png")]
    found = read_label_studio(PATH, tasks, item="data.image", annotator="team.name")
    assert rows(found) == [("a.png", "blue", "Glad")]
    with pytest.raises(ValueError, match=r"field 'data\.url' of export\.json, task 1"):
        read_label_studio(PATH, tasks, item="data.url")


def test_of_several_choices_one_must_be_named():
    both = choice("Glad"), choice("sport", name="topic")
    tasks = [task(1, annotation(1, 3, *both))]
    with pytest.raises(ValueError, match=r"'mood' \(1\), 'topic' \(1\).*--label"):
        read_label_studio(PATH, tasks)
    assert rows(read_label_studio(PATH, tasks, label="topic")) == [("1", "3", "sport")]
    with pytest.raises(ValueError, match=r"answers to 'colour' .* none"):
        read_label_studio(PATH, tasks, label="colour")


@pytest.mark.parametrize(
    "results",
    [
        [choice("Glad", "Sad")],
        [choice("Glad"), choice("Sad")],
        [choice("Glad", start=0, end=4)],
        [choice(["Animal", "Cat"])],
        [choice()],
        [choice(" ")],
    ],
)
def test_other_than_one_choice_about_the_whole_task_is_refused(results):
    tasks = [task(1, annotation(1, 3, *results))]
    with pytest.raises(ValueError, match=r"one choice of 'mood' .* Supported are"):
        read_label_studio(PATH, tasks)


def test_exports_of_other_kinds_say_what_they_hold():
    box = choice(type="rectanglelabels", rectanglelabels=["Cat"], x=1)
    with pytest.raises(ValueError, match=r"'rectanglelabels' \(1\)\. Supported are"):
        read_label_studio(PATH, [task(1, annotation(1, 3, box))])
    with pytest.raises(ValueError, match="Export the project as JSON"):
        read_label_studio(PATH, [{"id": 1, "completions": []}])


@pytest.mark.parametrize("given", ["text", [None], [[1]], {"a": 1}, 7])
def test_annotations_and_answers_of_another_shape_are_refused(given):
    for changed in (task(1, annotation(9, 3)), task(1)):
        if changed["annotations"]:
            changed["annotations"][0]["result"] = given
        else:
            changed["annotations"] = given
        for label in (None, "mood"):
            with pytest.raises(ValueError, match=r"Expected a list of a.*task 1"):
                read_label_studio(PATH, [changed], label=label)


def test_names_and_types_of_another_shape_are_refused():
    for unnamed in ([1], {"a": 1}, None):
        wrong = task(1, annotation(9, 3, choice("Glad", name=unnamed)))
        with pytest.raises(ValueError, match=r"field 'from_name' of .*, task 1"):
            read_label_studio(PATH, [wrong])
    wrong = task(1, annotation(9, 3, choice("Glad", type=["choices"])))
    with pytest.raises(ValueError, match=r"got \['choices'\] \(1\)"):
        read_label_studio(PATH, [wrong])


def test_an_annotation_without_annotator_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"'completed_by' of .*task 1, annotation 9"):
        read_label_studio(PATH, [task(1, annotation(9, None, choice("Glad")))])


def minimal(number, who, answer, **more):
    return {"id": number, "annotator": who, "annotation_id": 1, "mood": answer, **more}


def test_json_min_has_the_same_labels():
    records = [minimal(7, 3, "Glad"), minimal(7, "eve@x.org", "Sad", text="Oh")]
    del records[1]["mood"]
    records.append(minimal(8, 3, "Sad"))
    found = read_label_studio_min(PATH, records, label="mood")
    assert rows(found) == [("7", "3", "Glad"), ("8", "3", "Sad")]
    assert found.skipped == {"annotations without a choice": 1}


def test_json_min_needs_the_name_of_the_choices():
    with pytest.raises(ValueError, match=r"any of 'mood', 'text'\..*--label"):
        read_label_studio_min(PATH, [minimal(7, 3, "Glad", text="Oh")])


@pytest.mark.parametrize(
    "answer", [{"choices": ["Glad", "Sad"]}, ["Glad", "Sad"], "", " "]
)
def test_json_min_with_other_than_one_choice_is_refused(answer):
    with pytest.raises(ValueError, match=r"one choice .* Supported are"):
        read_label_studio_min(PATH, [minimal(7, 3, answer)], label="mood")

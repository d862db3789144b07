"""Labels from exports of Label Studio, JSON and JSON-MIN.

The formats are those of https://labelstud.io/guide/task_format.html and
https://labelstud.io/guide/export.html, as of Label Studio 1. Only single choices about
whole tasks are labels of a class.
"""

from collections import Counter

from ._json_fields import field_text, find_field
from ._json_text import named, short
from ._label_table import LabelTable

# What JSON-MIN adds to the data of a task and the answers about it.
_MIN_FIELDS = {
    *("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"),
    "agreement",
}

_SUPPORTED = (
    "Supported are Choices with one choice a task; not several choices, choices "
    "of regions, Taxonomy, Rating, Pairwise, text, boxes or spans."
)


def is_label_studio(records):
    """Whether objects are tasks of the JSON export."""
    return bool(records) and all("annotations" in record for record in records[:10])


def is_label_studio_min(records):
    """Whether objects are annotations of the JSON-MIN export."""
    return bool(records) and "annotation_id" in records[0]


def read_label_studio(path, tasks, *, item=None, annotator=None, label=None):
    """Labels of the JSON export: a list of tasks with annotations.

    Cancelled annotations, and those that leave the choice open, are counted. Drafts and
    predictions of models are not read.

    Parameters
    ----------
    path : pathlib.Path
    tasks : list of dict
    item : str, default=None
        The field of a task that identifies it, such as "data.image". None is "id".
    annotator : str, default=None
        The field of an annotation that says whose it is. None is the e-mail address in
        "completed_by", or its number.
    label : str, default=None
        Name of the Choices. None is the only one that there is.

    Returns
    -------
    LabelTable

    Raises
    ------
    ValueError
        If there are no choices, several with different names, several choices in one
        answer, or a field is missing.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skccem._label_studio import read_label_studio
    >>> glad = {"from_name": "mood", "type": "choices", "value": {"choices": ["Glad"]}}
    >>> annotation = {"id": 1, "completed_by": 3, "result": [glad]}
    >>> tasks = [{"id": 7, "annotations": [annotation]}]
    >>> read_label_studio(Path("export.json"), tasks).frame
      item annotator label
    0    7         3  Glad
    """
    control = _only_control(path, tasks) if label is None else label
    records, skipped = [], Counter()
    for number, task in enumerate(tasks, start=1):
        place = f"task {named(task.get('id', f'number {number}'))}"
        name = field_text(task, item or "id", f"{path}, {place}", "--item")
        for annotation in _annotations(path, task, place):
            here = f"{place}, annotation {named(annotation.get('id'))}"
            if annotation.get("was_cancelled"):
                skipped["cancelled annotations"] += 1
                continue
            choice = _choice(path, annotation, control, here)
            if choice is None:
                skipped["annotations without a choice"] += 1
                continue
            who = _annotator(annotation, annotator, f"{path}, {here}")
            records.append((name, who, choice, here))
    _check_any(path, records, control)
    return LabelTable.from_records(path, records, skipped)


def read_label_studio_min(path, records, *, item=None, annotator=None, label=None):
    """Labels of the JSON-MIN export: a list with one object an annotation.

    Parameters
    ----------
    path : pathlib.Path
    records : list of dict
    item : str, default=None
        The field that identifies the task. None is "id".
    annotator : str, default=None
        None is "annotator".
    label : str
        Name of the Choices, which nothing else tells from the data of the task.

    Returns
    -------
    LabelTable

    Raises
    ------
    ValueError
        If `label` is missing, there are several choices in one answer, or a field is
        missing.
    """
    if label is None:
        fields = {name for record in records for name in record} - _MIN_FIELDS
        raise ValueError(
            f"Expected the name of the Choices in {path}, which is JSON-MIN of Label "
            f"Studio; it may be any of {', '.join(map(repr, sorted(fields)))}. Give it "
            "with --label."
        )
    labels, skipped = [], Counter()
    for number, record in enumerate(records, start=1):
        here = record.get("annotation_id", f"number {number}")
        here = f"annotation {named(here)}"
        answer = find_field(record, label)
        if answer is None:
            skipped["annotations without a choice"] += 1
            continue
        if not isinstance(answer, str) or not answer.strip():
            raise ValueError(
                f"Expected one choice in {path}, {here}, field {label!r}, got "
                f"{short(answer)}. {_SUPPORTED}"
            )
        name = field_text(record, item or "id", f"{path}, {here}", "--item")
        who = _annotator(record, annotator or "annotator", f"{path}, {here}")
        labels.append((name, who, answer, here))
    _check_any(path, labels, label)
    return LabelTable.from_records(path, labels, skipped)


def _annotations(path, task, place):
    annotations = task.get("annotations")
    return _objects(annotations, f"annotations in {path}, {place}")


def _results(path, annotation, place):
    return _objects(annotation.get("result") or [], f"answers in {path}, {place}")


def _objects(value, what):
    """The value, which must be a list of objects."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(
            f"Expected a list of {what}, got {short(value)}. Export the project as "
            "JSON, by Label Studio 1.0 or later."
        )
    return value


def _only_control(path, tasks):
    """The name of the only Choices of an export."""
    kinds, controls = Counter(), Counter()
    for number, task in enumerate(tasks, start=1):
        place = f"task {named(task.get('id', f'number {number}'))}"
        for annotation in _annotations(path, task, place):
            for result in _results(path, annotation, place):
                kinds[short(result.get("type"))] += 1
                if result.get("type") == "choices":
                    name = field_text(
                        result, "from_name", f"{path}, {place}", "--label"
                    )
                    controls[name] += 1
    if len(controls) == 1:
        return next(iter(controls))
    if controls:
        found = ", ".join(f"{name!r} ({count})" for name, count in controls.items())
        raise ValueError(
            f"Expected one kind of Choices in {path}, got {found}. Say which to take "
            "with --label."
        )
    got = ", ".join(f"{kind} ({count})" for kind, count in kinds.items())
    raise ValueError(
        f"Expected answers of the type 'choices' in {path}, got {got or 'no answers'}. "
        f"{_SUPPORTED}"
    )


def _choice(path, annotation, control, here):
    """The one choice of an annotation, or None if it is left open."""
    answers = [
        result
        for result in _results(path, annotation, here)
        if result.get("from_name") == control
    ]
    if not answers:
        return None
    values = [answer.get("value") for answer in answers]
    match values:
        # Further fields say which region, or which part of the task, it is about.
        case [{"choices": [str(chosen)], **further}] if chosen.strip() and not further:
            return chosen
    kinds = ", ".join(sorted({named(answer.get("type")) for answer in answers}))
    raise ValueError(
        f"Expected one choice of {control!r} in {path}, {here}, got {short(values)} of "
        f"the type {kinds}. {_SUPPORTED}"
    )


def _annotator(annotation, name, place):
    if name is None:
        person = annotation.get("completed_by")
        if isinstance(person, dict):
            name = "completed_by.email" if person.get("email") else "completed_by.id"
        else:
            name = "completed_by"
    return field_text(annotation, name, place, "--annotator")


def _check_any(path, records, control):
    if not records:
        raise ValueError(
            f"Expected answers to {control!r} in {path}, got none. Check --label, and "
            "whether the tasks have been annotated."
        )

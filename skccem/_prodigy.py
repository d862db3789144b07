"""Labels from exports of Prodigy (`prodigy db-out`), JSON lines.

The fields are those of https://prodi.gy/docs/api-interfaces. Two kinds of answers are
labels of a class: one choice of several, and yes or no to one label.
"""

from collections import Counter

from ._json_fields import field_text
from ._json_text import short
from ._label_table import LabelTable
from ._table_files import json_records

# Interfaces whose answers may be about the example as a whole; None is before 1.9.
_VIEWS = {None, "choice", "classification", "blocks", "text", "html", "image", "audio"}

_SUPPORTED = (
    "Supported are the interfaces choice (one choice) and classification (yes or no); "
    "not several choices, spans, relations, boxes or text."
)


def is_prodigy(record):
    """Whether an object is an example that Prodigy has shown."""
    return "answer" in record and ("_input_hash" in record or "_task_hash" in record)


def read_prodigy(path, *, item=None, annotator=None, label=None):
    """Labels of annotated examples.

    Where there are several options, the label is the one accepted. Where the question
    is whether the example has one label, X, the classes are "X" and "not X". Answers
    that are ignored, choices rejected and choices left open are counted.

    Parameters
    ----------
    path : pathlib.Path
    item : str, default=None
        The field that identifies an example, such as "meta.id". None is `_input_hash`,
        or `_task_hash` where there is none.
    annotator : str, default=None
        The field that says whose an answer is. None is `_annotator_id`, or
        `_session_id` where there is none.
    label : str, default=None
        Of yes-or-no answers, the label that they are about. None is the only one.

    Returns
    -------
    LabelTable

    Raises
    ------
    ValueError
        If answers are of a kind that is not supported, about several labels, or a field
        is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skccem._prodigy import read_prodigy
    >>> line = (
    ...     '{"text": "Oh!", "_input_hash": -5, "_annotator_id": "db-ann", '
    ...     '"label": "GLAD", "answer": "reject"}'
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "export.jsonl"
    ...     size = path.write_text(line)
    ...     read_prodigy(path).frame
      item annotator     label
    0   -5    db-ann  not GLAD
    """
    examples = list(json_records(path))
    asked = _asked_label(path, examples, label)
    records, skipped = [], Counter()
    for number, example in examples:
        here = f"line {number}"
        answer, reason = _answer(path, example, asked, here)
        if answer is None:
            skipped[reason] += 1
            continue
        place = f"{path}, {here}"
        name = item or _first_of(example, "_input_hash", "_task_hash")
        who = annotator or _first_of(example, "_annotator_id", "_session_id")
        what = field_text(example, name, place, "--item")
        records.append(
            (what, field_text(example, who, place, "--annotator"), answer, here)
        )
    if not records:
        counts = ", ".join(f"{count} {reason}" for reason, count in skipped.items())
        raise ValueError(
            f"Expected answers in {path}, got {counts or 'no examples'}. Check "
            "--label, and whether the examples have been annotated."
        )
    return LabelTable.from_records(path, records, skipped)


def _asked_label(path, examples, label):
    """The label that yes-or-no answers are about; None if there are no such answers."""
    binary = Counter(example["label"] for _, example in examples if _is_binary(example))
    choices = sum(_is_choice(example) for _, example in examples)
    if binary and choices:
        raise ValueError(
            f"Expected one kind of questions in {path}, got {choices} choices and "
            f"{binary.total()} yes-or-no answers. Export them one by one."
        )
    if label is not None and not binary:
        raise ValueError(
            f"Expected no --label with {path}, which has no yes-or-no answers about a "
            f"label, got {label!r}. Leave it out."
        )
    if label is not None and label not in binary:
        raise ValueError(
            f"Expected answers about the label {label!r} in {path}, got some about "
            f"{', '.join(map(repr, binary))}. Choose one of these with --label."
        )
    if label is None and len(binary) > 1:
        named = ", ".join(f"{name!r} ({count})" for name, count in binary.items())
        raise ValueError(
            f"Expected yes-or-no answers about one label in {path}, got {named}. "
            "Choose one of these with --label."
        )
    return label if label is not None else next(iter(binary), None)


def _is_choice(example):
    return "accept" in example or "options" in example


def _is_binary(example):
    return not _is_choice(example) and isinstance(example.get("label"), str)


def _answer(path, example, asked, here):
    """The label of an example, or None and the reason why it has none."""
    answer = example.get("answer")
    if answer not in ("accept", "reject", "ignore"):
        raise ValueError(
            f"Expected the answer accept, reject or ignore in {path}, {here}, got "
            f"{short(answer)}. Export annotated examples, by: prodigy db-out."
        )
    view = example.get("_view_id")
    known = (view is None or isinstance(view, str)) and view in _VIEWS
    if not known or not (_is_choice(example) or _is_binary(example)):
        raise ValueError(
            f"Expected a choice or a yes-or-no answer in {path}, {here}, got the "
            f"interface {short(view)} with the fields "
            f"{', '.join(map(short, example))}. "
            f"{_SUPPORTED}"
        )
    if answer == "ignore":
        return None, "ignored examples"
    if _is_binary(example):
        if example["label"] != asked:
            return None, "answers about other labels"
        return asked if answer == "accept" else f"not {asked}", None
    if answer == "reject":
        return None, "rejected choices"
    chosen = example.get("accept") or []
    if not isinstance(chosen, list) or len(chosen) > 1:
        raise ValueError(
            f"Expected one choice in {path}, {here}, got {short(chosen)}. {_SUPPORTED}"
        )
    if not chosen:
        return None, "choices left open"
    return field_text(
        {"accept": chosen[0]}, "accept", f"{path}, {here}", "--label"
    ), None


def _first_of(example, *names):
    """The first of the fields that has a value; the first of all if none has."""
    return next((name for name in names if example.get(name) is not None), names[0])

"""The page of a report, made of tables."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from ._gold_audit import audit_table
from ._report_rows import (
    annotator_rows,
    annotators_note,
    audit_rows,
    class_rows,
    diagnostics_of,
    item_rows,
    items_note,
    percents_of,
)
from ._report_text import shortened, summary_sentences
from .reports import annotator_table, item_table, label_table

_TEMPLATE = "report.html"

# Items to review that are listed, at most, and what stands above all.
N_ITEMS = 200
TITLE = "Report on a crowd"

_COLUMNS = [
    ("annotator", False, "name; click on it for the confusion matrix"),
    ("verdict", False, "in words"),
    ("labels", True, "how many were given"),
    (
        "accuracy",
        False,
        "estimated, with a 90% interval, all annotators compared on "
        "the same mix of classes",
    ),
    ("bits", True, "information of a label about the class"),
    ("spammer score", True, "0: answers do not depend on the class; 1: they tell it"),
    ("most frequent mistake", False, "true class, answer, and its rate"),
    ("agreement", True, "share of others' labels of the same items that are the same"),
]


class ReportTables(NamedTuple):
    """What a report says, as tables of ``reports``."""

    annotators: object
    items: object
    labels: object
    # None without gold labels.
    audit: object


def make_tables(crowd, *, proba=None, gold=None):
    """The tables of a report.

    Parameters
    ----------
    crowd : FittedCrowd
    proba, gold
        As of `skccem.report.report`.

    Returns
    -------
    ReportTables
    """
    return ReportTables(
        annotator_table(crowd),
        item_table(crowd, proba),
        label_table(crowd, proba),
        None if gold is None else audit_table(crowd, gold),
    )


def render(
    clf, crowd, tables, *, texts=None, diagnostics=None, n_items=N_ITEMS, title=TITLE
):
    """The page as text.

    Parameters
    ----------
    clf, texts, diagnostics, n_items, title
        As of `skccem.report.report`.
    crowd : FittedCrowd
        What was read from `clf`.
    tables : ReportTables

    Returns
    -------
    str
    """
    labels, items = crowd.labels, tables.items
    quality = tables.labels["probability"].to_numpy()
    matrices, place = percents_of(np.exp(crowd.log_confusion), labels)
    content = {
        "title": title,
        "summary": summary_sentences(labels, tables.annotators, items, quality),
        "audit": None if tables.audit is None else audit_rows(tables.audit),
        "columns": [
            {"name": name, "number": number, "meaning": meaning}
            for name, number, meaning in _COLUMNS
        ],
        "annotators": annotator_rows(tables.annotators, place),
        "annotators_note": annotators_note(labels, place),
        "items": item_rows(items.iloc[:n_items], labels, texts),
        "items_note": items_note(len(items), n_items),
        "texts": texts is not None,
        "classes": class_rows(labels, items),
        "classes_note": "Items by the consensus.",
        "diagnostics": diagnostics_of(diagnostics),
        "settings": _settings(clf),
        "versions": _versions(),
        "data": {
            "classes": [str(name) for name in labels.classes],
            "matrices": matrices,
        },
    }
    content["contents"] = _contents(content)
    return import_environment().get_template(_TEMPLATE).render(content)


def import_environment():
    """Jinja2's environment, in which everything is escaped.

    Returns
    -------
    jinja2.Environment

    Raises
    ------
    ImportError
        With what to install, if Jinja2 is not there.
    """
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            "Expected Jinja2 for a report, but it is not installed. Install it with: "
            "pip install skccem[report]"
        ) from error
    return jinja2.Environment(
        loader=jinja2.PackageLoader("skccem"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )


def _settings(clf):
    lines = [f"{type(clf).__module__}.{type(clf).__qualname__}"]
    lines += [
        f"{name} = {shortened(repr(value))}"
        for name, value in sorted(clf.get_params().items())
    ]
    return "\n".join(lines)


def _versions():
    packages = ("skccem", "numpy", "scikit-learn", "torch")
    found = ", ".join(f"{name} {version(name)}" for name in packages)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    return f"Made on {now} UTC with {found}, Python {platform.python_version()}."


def _contents(content):
    sections = [
        ("summary", "Summary", True),
        ("gold", "Gold labels", content["audit"]),
        ("annotators", "Annotators", True),
        ("items", "Items to review", True),
        ("classes", "Classes", True),
        ("diagnostics", "Diagnostics", content["diagnostics"]),
        ("settings", "Settings", True),
    ]
    return [(anchor, name) for anchor, name, there in sections if there]

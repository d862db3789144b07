"""A report on a crowd as one HTML file."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ._atomic import write_files
from ._fitted_crowd import read_crowd
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
from .reports import annotator_report, consensus, gold_audit, label_quality

__all__ = ["report"]

_TEMPLATE = "report.html"

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


def report(
    clf,
    X,
    Y,
    path="report.html",
    *,
    proba=None,
    gold=None,
    texts=None,
    diagnostics=None,
    n_items=200,
    title="Report on a crowd",
):
    """Write what is known of annotators, labels and items to an HTML file.

    The page needs nothing but a browser, and no network: a summary in words, the
    annotators in a table to sort and filter, their confusion matrices on demand, the
    items to review first, the classes, and settings and versions.

    Parameters
    ----------
    clf : estimator
        Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such as
        `DawidSkene`; or a pipeline or search that ends with one.
    X : as in the `predict_proba` of `clf`, or None
        The items. None, and nothing else, for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Their labels by the annotators of the fit, in the same order.
    path : str or Path, default="report.html"
        Where to write. A file that is there is replaced at once, when all is done.
    proba : array-like of shape (n_samples, n_classes), default=None
        Class probabilities of the items given labels and features, as in
        `label_quality`: for the items of the fit of a `CrowdClassifier` its
        `aggregated_proba_`.
    gold : array-like of shape (n_samples,), default=None
        True classes of some items that the fit was not told, as in `gold_audit`.
    texts : sequence of str of length n_samples, default=None
        What to show of the items to review beside their names.
    diagnostics : IdentifiabilityReport, default=None
        What `skccem.diagnostics.identifiability_report` returned.
    n_items : int, default=200
        Items to review that are listed, at most. The page says how many are not.
    title : str, default="Report on a crowd"

    Returns
    -------
    path : pathlib.Path
        Of the file.

    Raises
    ------
    NotFittedError
        If `clf` is not fitted.
    AttributeError
        If it does not know how annotators err.
    ValueError
        If `X` is given to an estimator of labels alone or not given to another, `Y`
        has no labels, or others than the fit can know, or `proba`, `gold` or `texts`
        do not fit.
    ImportError
        If Jinja2 or pandas is not installed: ``pip install skccem[report]``.

    See Also
    --------
    skccem.reports.annotator_report, skccem.reports.consensus : The tables themselves.

    Notes
    -----
    All that comes from the data is escaped, and the page forbids itself to load
    anything. Confusion matrices are rounded to percents; of many annotators or classes
    the page has those of the annotators with most labels, as far as they fit, and says
    so.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.report import report
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> truth = np.random.default_rng(0).integers(3, size=200)
    >>> matrices = make_confusion_matrices(6, 3, random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> model = DawidSkene(random_state=0).fit(Y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = report(model, None, Y, Path(folder) / "report.html").read_text()
    >>> "6 annotators gave 600 labels to 200 items of 3 classes" in page
    True
    """
    environment = _import_environment()
    crowd = read_crowd(clf, X, Y)
    labels = crowd.labels
    if texts is not None and len(texts) != labels.n_samples:
        raise ValueError(
            f"Expected texts of length {labels.n_samples}, one for each row of Y, got "
            f"{len(texts)}."
        )
    items = consensus(clf, X, Y, proba=proba)
    quality = label_quality(clf, X, Y, proba=proba)["probability"].to_numpy()
    audit = None if gold is None else gold_audit(clf, X, Y, gold)
    annotators = annotator_report(clf, X, Y)
    matrices, place = percents_of(np.exp(crowd.log_confusion), labels)
    content = {
        "title": title,
        "summary": summary_sentences(labels, annotators, items, quality),
        "audit": None if audit is None else audit_rows(audit),
        "columns": [
            {"name": name, "number": number, "meaning": meaning}
            for name, number, meaning in _COLUMNS
        ],
        "annotators": annotator_rows(annotators, place),
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
    page = environment.get_template(_TEMPLATE).render(content)
    path = Path(path)
    write_files({path: lambda temporary: temporary.write_text(page, "utf-8")})
    return path


def _import_environment():
    """Jinja2's environment, in which everything is escaped."""
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

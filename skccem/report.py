"""A report on a crowd as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from ._atomic import write_files
from ._fitted_crowd import read_crowd
from ._report_page import N_ITEMS, TITLE, import_environment, make_tables, render
from ._typing import ArrayLike, FilePath, ItemsLike, LabelsLike

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from .diagnostics import IdentifiabilityReport

__all__ = ["report"]


def report(
    clf: BaseEstimator,
    X: ItemsLike | None,
    Y: LabelsLike,
    path: FilePath = "report.html",
    *,
    proba: ArrayLike | None = None,
    gold: LabelsLike | None = None,
    texts: Sequence[str] | None = None,
    diagnostics: IdentifiabilityReport | None = None,
    n_items: int = N_ITEMS,
    title: str = TITLE,
) -> Path:
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
        What to show of the items to review beside their names, in the order of `Y`,
        whatever the index of a Series says.
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
        has no labels, or others than the fit can know, or `proba`, `gold`, `texts` or
        `n_items` do not fit.
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
    # Before any work.
    import_environment()
    if not isinstance(n_items, Integral) or n_items < 0:
        raise ValueError(
            f"Expected n_items as an integer of at least 0, got {n_items!r}. It is the "
            "number of items to list."
        )
    crowd = read_crowd(clf, X, Y)
    n_samples = crowd.labels.n_samples
    # A Series would be indexed by its own labels, not by rows.
    texts = None if texts is None else list(texts)
    if texts is not None and len(texts) != n_samples:
        raise ValueError(
            f"Expected texts of length {n_samples}, one for each row of Y, got "
            f"{len(texts)}."
        )
    page = render(
        clf,
        crowd,
        make_tables(crowd, proba=proba, gold=gold),
        texts=texts,
        diagnostics=diagnostics,
        n_items=n_items,
        title=title,
    )
    path = Path(path)
    write_files({path: lambda temporary: temporary.write_text(page, "utf-8")})
    return path

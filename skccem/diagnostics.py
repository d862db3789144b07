"""Whether labels identify anything: a verdict on a fit, with reasons and remedies."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from numbers import Integral
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from ._fitted_crowd import read_crowd
from ._identifiability import measure, unseen_log_prior
from ._identifiability_checks import all_checks, verdict
from ._pandas import import_pandas
from ._typing import Folds, ItemsLike, LabelsLike

if TYPE_CHECKING:
    import pandas
    from sklearn.base import BaseEstimator

__all__ = ["IdentifiabilityReport", "identifiability_report"]

# Names of items and annotators of a class.
_FEW = 3

_WIDTH = 88


@dataclass(frozen=True, repr=False)
class IdentifiabilityReport:
    """What `identifiability_report` found.

    Parameters
    ----------
    verdict : {"identified", "doubtful", "not identified"}
        "identified" if all deciding checks pass; "doubtful" if one fails, but recovery
        has a probability of 0.1 or more; else "not identified".
    checks : pandas.DataFrame
        Indexed by the name of the check, with `value`, `threshold`, `passed`,
        `decides` (whether the verdict hangs on it), `meaning` and `what_to_do`, which
        is empty where the check is passed.
    classes : pandas.DataFrame of n_classes rows
        Indexed by class: `frequency`, as the fit has it; `items`, up to three of those
        most probably of the class; `probability` of the first; `specialists`, up to
        three annotators whose answer means the class most surely; `purity` of the
        first; `rival`, the class that it may be swapped with; `vote`, how clearly
        annotators decide that.

    See Also
    --------
    identifiability_report : Makes one, and says what the checks are.

    Examples
    --------
    >>> from skccem import DawidSkene
    >>> from skccem.diagnostics import identifiability_report
    >>> Y = [["a", "a", "a"], ["b", "b", "b"], ["a", "a", "b"], ["b", "b", None]] * 20
    >>> report = identifiability_report(DawidSkene().fit(Y), None, Y)
    >>> report.verdict
    'identified'
    >>> report.classes["frequency"].round(1).to_dict()
    {'a': 0.5, 'b': 0.5}
    """

    verdict: str
    checks: pandas.DataFrame = field(compare=False)
    classes: pandas.DataFrame = field(compare=False)

    @property
    def identified(self) -> bool:
        """Whether the verdict is "identified"."""
        return self.verdict == "identified"

    def __str__(self) -> str:
        lines = [f"Verdict: {self.verdict}", ""]
        for check in self.checks.itertuples():
            mark = "passed" if check.passed else "FAILED"
            star = " (decides)" * check.decides
            lines.append(
                f"{mark}  {check.Index}{star}: {check.value:.3g}, expected "
                f"{check.threshold}"
            )
            lines.append(_indented(f"{check.meaning[0].upper()}{check.meaning[1:]}."))
            if not check.passed:
                lines.append(_indented(f"What to do: {check.what_to_do}."))
        table = self.classes.to_string(float_format="{:.3g}".format)
        return "\n".join([*lines, "", "Classes", table])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        tables = [
            table.to_html(float_format="{:.3g}".format, escape=True)
            for table in (self.checks, self.classes)
        ]
        return f"<p><b>Verdict: {escape(self.verdict)}</b></p>{''.join(tables)}"


def identifiability_report(
    clf: BaseEstimator,
    X: ItemsLike | None,
    Y: LabelsLike,
    *,
    cv: Folds | None = 3,
    n_starts: int = 4,
) -> IdentifiabilityReport:
    """Whether labels and features identify the classes and the confusion matrices.

    Parameters
    ----------
    clf : estimator
        Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such as
        `DawidSkene`; or a pipeline or search that ends with one.
    X : as in the `predict_proba` of `clf`, or None
        The items. None, and nothing else, for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Their labels by the annotators of the fit, in the same order.
    cv : int, splitter of items, or None, default=3
        With features: clones of `clf` are fitted so often without a part of the items,
        to say what features alone tell about it. A classifier believes what it has
        learned by heart. None fits none, and believes `clf`; right for items that were
        not in the fit. Without features it is not used.
    n_starts : int, default=4
        Further starts from which the matrices are fitted again.

    Returns
    -------
    IdentifiabilityReport
        With a verdict, tables of checks and classes, and ``identified``, a bool.

    Raises
    ------
    NotFittedError
        If `clf` is not fitted.
    AttributeError
        If it does not know how annotators err.
    ValueError
        If `X` is given to an estimator of labels alone or not given to another, `Y`
        has no labels, or others than the fit can know, or `cv` or `n_starts` is out of
        range.
    ImportError
        If pandas is not installed.

    See Also
    --------
    skccem.reports.annotator_report : The annotators, one by one.

    Notes
    -----
    **What is decided.** A fit has *recovered* the truth if the mean total variation
    distance of its matrices to the true ones is at most 0.15 (rows weighted by class
    frequencies, annotators by labels), the classes that it names for the items are
    right at most 0.1 less often than those by the true matrices, and go at least a
    quarter of the way from the most frequent class to always right. These checks
    decide:

    - *recovery probability*, at least 0.5: the share of draws of matrices and classes
      from their posterior, that of `skccem.reports.annotator_report`, against which
      the fit has recovered;
    - *vote for the names of classes*, at least 1. Labels identify classes up to their
      names; these rest on annotators being right more often than not;
    - *labels on shared items*, at least half, for estimators of labels alone.

    **What else is reported** are conditions of the theory [1]_ and of moments [2]_:
    connection and overlap of items and annotators, labels per parameter, climbs from
    other starts; items near the corners of the simplex and specialists of every class,
    which imply that posteriors and stacked matrices are *sufficiently scattered*
    (whether they are otherwise is hard to compute), and the volumes that F and W
    enlarge. They are sufficient, not necessary, so that none of them decides.

    **What no check can see.** A crowd whose members are mostly wrong in the same way
    gives the labels of a good crowd with other names of the classes; so do items that
    all annotators take for another class, and annotators who copy one source. Only
    gold labels show that; those that `clf` got in `fit` are not known here, neither to
    the vote nor to the clones. In simulated crowds, these troubles among them, the
    verdict agrees with recovery in 95% of fits of `DawidSkene` and 92% of
    `CrowdClassifier` (``benchmarks/identifiability.py``). It errs by saying
    "identified" more often than by denying it.

    **Cost.** Time is in proportion to the number of labels: 9 seconds of one processor
    for 100,000 labels of 1,000 annotators. With features `cv` fits come on top.

    References
    ----------
    .. [1] S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels:
       coupled cross-entropy minimization, identifiability, and regularization", ICLR
       2023.
    .. [2] Y. Zhang, X. Chen, D. Zhou and M. I. Jordan, "Spectral methods meet EM: a
       provably optimal algorithm for crowdsourcing", JMLR 17, 2016.

    Examples
    --------
    Annotators who know something, and annotators who guess:

    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.diagnostics import identifiability_report
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> y = np.random.default_rng(0).integers(3, size=300)
    >>> for kind in ("hammer_spammer", "uniform"):
    ...     matrices = make_confusion_matrices(10, 3, kind=kind, random_state=0)
    ...     Y = make_crowd_labels(y, matrices, labels_per_item=5, random_state=0)
    ...     report = identifiability_report(DawidSkene().fit(Y), None, Y)
    ...     print(kind, report.identified)
    hammer_spammer True
    uniform False
    >>> bool(report.checks.loc["expected gain over guessing", "passed"])
    False
    """
    pandas = import_pandas()
    _check_settings(cv, n_starts)
    crowd = read_crowd(clf, X, Y)
    log_prior = crowd.log_prior
    if X is not None and cv is not None:
        log_prior = unseen_log_prior(clf, X, crowd, cv)
    measured = measure(crowd, log_prior, n_starts=n_starts)
    checks = all_checks(measured, from_labels_alone=X is None)
    table = pandas.DataFrame(
        {
            "value": [check.value for check in checks],
            "threshold": [check.threshold for check in checks],
            "passed": [check.passed for check in checks],
            "decides": [check.decides for check in checks],
            "meaning": [check.meaning for check in checks],
            "what_to_do": ["" if check.passed else check.advice for check in checks],
        },
        index=pandas.Index([check.name for check in checks], name="check"),
    )
    return IdentifiabilityReport(verdict(checks), table, _class_table(measured, pandas))


def _check_settings(cv, n_starts):
    is_number = isinstance(cv, Integral) and not isinstance(cv, bool)
    if not (cv is None or hasattr(cv, "get_n_splits") or (is_number and cv >= 2)):
        raise ValueError(
            f"Expected cv as an integer of at least 2, a splitter of items, or None, "
            f"got {cv!r}. It says which items are predicted without having been seen."
        )
    if not isinstance(n_starts, Integral) or n_starts < 1:
        raise ValueError(
            f"Expected n_starts as an integer of at least 1, got {n_starts!r}. Pass "
            "the number of further starts."
        )


def _class_table(measured, pandas):
    """A row for each class: who and what comes nearest to it."""
    crowd, labels = measured.crowd, measured.crowd.labels
    used = np.flatnonzero(labels.labels_per_item)
    names = used if labels.items is None else labels.items[used]
    proba = crowd.proba[used]
    first_items = np.argsort(-proba, axis=0, kind="stable")[:_FEW]
    purest = np.argsort(-measured.purity, axis=0, kind="stable")[:_FEW]
    specialists = [
        labels.annotators[column[measured.purity[column, k] > 0]].tolist()
        for k, column in enumerate(purest.T)
    ]
    return pandas.DataFrame(
        {
            "frequency": proba.mean(axis=0),
            "items": [names[column].tolist() for column in first_items.T],
            "probability": proba.max(axis=0),
            "specialists": specialists,
            "purity": measured.purity.max(axis=0),
            "rival": labels.classes[measured.rivals],
            "vote": measured.votes,
        },
        index=pandas.Index(labels.classes, name="class"),
    )


def _indented(text):
    space = " " * 8
    return fill(text, _WIDTH, initial_indent=space, subsequent_indent=space)

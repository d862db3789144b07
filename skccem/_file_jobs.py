"""What the commands do, from files to files, without a command line.

Each job checks where it will write before it works, says what it leaves out through
`say`, writes everything or nothing, and returns a summary of plain values.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from ._aggregation import DawidSkene, MajorityVote
from ._atomic import check_writable, write_files
from ._classifier import CrowdClassifier
from ._estimator_settings import make_estimator
from ._fitted_crowd import read_crowd
from ._glad import GLAD
from ._label_table import crowd_labels, match_labels
from ._mace import MACE
from ._model_files import (
    FittedModel,
    Scaling,
    check_model_directory,
    digest_of,
    load_model,
    save_model,
)
from ._one_coin import OneCoinDawidSkene
from ._report_page import import_environment, make_tables, render
from ._result_files import (
    accuracy_by_truth,
    check_result_path,
    class_table,
    read_truth,
    table_writer,
)
from .diagnostics import identifiability_report

METHODS = {
    "DawidSkene": DawidSkene,
    "MajorityVote": MajorityVote,
    "OneCoin": OneCoinDawidSkene,
    "GLAD": GLAD,
    "MACE": MACE,
}

# Items that are classified at a time.
_CHUNK = 8192

# Standard deviation of a column from which on features are said to be large.
_LARGE = 10


def fit(
    labels, features, out, *, settings, standardize=False, gold=None, progress, say
):
    """Learn from labels and features, and save the model.

    Parameters
    ----------
    labels : LabelSource
    features : FeatureSource
    out : path-like
        The directory of the model.
    settings : dict
        Arguments of `CrowdClassifier`.
    standardize : bool, default=False
        Whether columns are brought to mean 0 and standard deviation 1.
    gold : path-like, default=None
        A table of known classes of some items.
    progress : bool
        Whether to show a bar.
    say : callable
        Takes a line of text.

    Returns
    -------
    dict
    """
    check_model_directory(out, features.id)
    clf = make_estimator(CrowdClassifier, settings)
    items, matched, counts = _read_matched(labels, features, say)
    scaling = Scaling.of(items.values) if standardize else None
    if not standardize:
        _say_if_large(items.values, say)
    digest = digest_of(matched.labels)
    model = FittedModel(clf, features.id, items.names, scaling, digest)
    # Features without labels are not learned from, but get their class all the same.
    X = items.values if scaling is None else scaling.apply(items.values)
    known, counted = _read_gold(gold, features.id, items.ids)
    clf.set_params(verbose=int(progress)).fit(X, matched.labels, gold=known)
    clf.set_params(verbose=0)
    options = {
        "labels": str(labels.path),
        "features": str(features.path),
        "standardize": standardize,
        "gold": None if gold is None else str(gold),
        "settings": settings,
    }
    save_model(out, model, items.ids, options)
    return {**counts, **counted, "out": str(out)}


def predict(model, features, out, *, proba=False, truth=None, progress, say):
    """Classify items by their features.

    Parameters
    ----------
    model : path-like
        The directory of the model.
    features : FeatureSource
        Its `id` may be None, that of the fit.
    out : path-like
        The table to write.
    proba : bool, default=False
        Whether to write the probabilities of all classes.
    truth : path-like, default=None
        A table of true classes to compare with.
    progress, say
        As in `fit`.

    Returns
    -------
    dict
    """
    fitted = load_model(model)
    features = _with_id(features, fitted)
    check_result_path(out, features.id)
    items = features.read()
    X, ignored = fitted.rows(items)
    if ignored:
        say(_ignored_columns(items.path, ignored))
    starts = range(0, len(X), _CHUNK)
    with tqdm(starts, desc="predict", unit="chunk", disable=not progress) as chunks:
        found = np.concatenate(
            [fitted.clf.predict_proba(X[start : start + _CHUNK]) for start in chunks]
        )
    classes = fitted.clf.classes_
    named = classes[found.argmax(axis=1)]
    summary = {"items": len(X)}
    if truth is not None:
        summary |= accuracy_by_truth(truth, features.id, items.ids, named)
    table = class_table(
        features.id, items.ids, classes, named, found, all_classes=proba
    )
    write_files({out: table_writer(table)})
    return {**summary, "out": str(out)}


def aggregate(labels, out, *, method, settings, proba=False, truth=None, say):
    """Infer the classes of items from their labels alone.

    Parameters
    ----------
    labels : LabelSource
    out : path-like
        The table to write.
    method : str
        One of `METHODS`.
    settings : dict
        Arguments of its estimator.
    proba, truth, say
        As in `predict`.

    Returns
    -------
    dict
    """
    id = labels.item or "task"
    check_result_path(out, id)
    estimator = make_estimator(METHODS[method], settings)
    Y, counts = _read_alone(labels, say)
    named = estimator.fit_predict(Y)
    found = estimator.predict_proba(Y)
    summary = {**counts, "method": method}
    if truth is not None:
        summary |= accuracy_by_truth(truth, id, Y.items, named)
    table = class_table(id, Y.items, Y.classes, named, found, all_classes=proba)
    write_files({out: table_writer(table)})
    return {**summary, "out": str(out)}


def report_by_model(labels, features, model, out, *, diagnose=False, gold=None, say):
    """Write a report by a model that was fitted with features.

    Parameters
    ----------
    labels : LabelSource
    features : FeatureSource
        Its `id` may be None, that of the fit.
    model, out : path-like
        Directories.
    diagnose : bool, default=False
        Whether to ask if the labels identify anything, which takes three fits.
    gold : path-like, default=None
        A table of known classes of some items, which the fit was not told.
    say
        As in `fit`.

    Returns
    -------
    dict
    """
    _check_report_directory(out)
    fitted = load_model(model)
    clf = fitted.clf
    features = _with_id(features, fitted)
    of_fit = {"classes": clf.classes_, "annotators": clf.annotators_}
    items, matched, counts = _read_matched(labels, features, say, **of_fit)
    X, ignored = fitted.rows(items)
    if ignored:
        say(_ignored_columns(items.path, ignored))
    proba = None
    if digest_of(matched.labels) == fitted.labels_digest:
        # Of the items of the fit, what networks said that did not see their labels.
        proba = clf.aggregated_proba_
    known, counted = _read_gold(gold, features.id, items.ids)
    write_report(
        clf, X, matched.labels, out, proba=proba, gold=known, diagnose=diagnose
    )
    return {**counts, **counted, "out": str(out)}


def report_by_labels(labels, out, *, method, settings, diagnose=False, gold=None, say):
    """Write a report from labels alone.

    Parameters
    ----------
    labels, method, settings, say
        As in `aggregate`.
    out : path-like
        A directory.
    diagnose : bool, default=False
        Whether to ask if the labels identify anything.
    gold : path-like, default=None
        A table of known classes of some items.

    Returns
    -------
    dict
    """
    _check_report_directory(out)
    estimator = make_estimator(METHODS[method], settings)
    Y, counts = _read_alone(labels, say)
    known, counted = _read_gold(gold, labels.item or "task", Y.items)
    write_report(estimator.fit(Y), None, Y, out, gold=known, diagnose=diagnose)
    return {**counts, **counted, "method": method, "out": str(out)}


def write_report(clf, X, Y, out, *, proba=None, gold=None, diagnose=False):
    """Write what is known about annotators, items and labels: tables and a page.

    Parameters
    ----------
    clf : estimator
        Fitted.
    X : ndarray of shape (n_samples, n_features), or None
        None for an estimator of labels alone.
    Y : CrowdLabels of shape (n_samples, n_annotators)
    out : path-like
        The directory of the tables.
    proba : ndarray of shape (n_samples, n_classes), default=None
        As in `label_quality`.
    gold : array-like of shape (n_samples,), default=None
        As in `gold_audit`.
    diagnose : bool, default=False
        Whether the page has what `identifiability_report` finds.
    """
    crowd = read_crowd(clf, X, Y)
    tables = make_tables(crowd, proba=proba, gold=gold)
    diagnostics = identifiability_report(clf, X, Y) if diagnose else None
    page = render(clf, crowd, tables, diagnostics=diagnostics)
    frames = (
        tables.annotators.reset_index(),
        tables.items.reset_index(),
        tables.labels,
    )
    writers = [*map(table_writer, frames), lambda path: path.write_text(page, "utf-8")]
    write_files(dict(zip(_report_paths(out), writers, strict=True)))


def _report_paths(out):
    names = "annotators.csv", "items.csv", "labels.csv", "report.html"
    return [Path(out) / name for name in names]


def _check_report_directory(out):
    import_environment()
    for path in _report_paths(out):
        check_writable(path)


def _with_id(features, fitted):
    return features if features.id is not None else replace(features, id=fitted.id)


def _read_gold(path, id_name, ids):
    """Known classes of items, or None, and how many there are."""
    if path is None:
        return None, {}
    known = read_truth(path, id_name, ids)
    return known, {"items_with_gold": sum(label is not None for label in known)}


def _read_alone(source, say):
    table = source.read()
    Y = crowd_labels(table.frame)
    _say_skipped(table, say)
    return Y, _counts(Y, table)


def _read_matched(source, features, say, **known):
    """Features, the labels of their items, and how many of what there are."""
    table, items = source.read(), features.read()
    matched = match_labels(table, items.ids, items.path, **known)
    _say_skipped(table, say)
    if matched.n_labels_left_out:
        say(
            f"{matched.n_labels_left_out} labels of {matched.n_items_left_out} items "
            f"in {table.path} are left out: {items.path} has no features of these "
            "items."
        )
    if matched.n_unlabelled:
        say(
            f"{matched.n_unlabelled} of {len(items.ids)} items in {items.path} have no "
            f"labels in {table.path}."
        )
    counts = _counts(matched.labels, table) | {
        "labels_without_features": matched.n_labels_left_out,
        "items_without_features": matched.n_items_left_out,
        "items_without_labels": matched.n_unlabelled,
    }
    return items, matched, counts


def _counts(Y, table):
    return {
        "items": Y.n_samples,
        "annotators": Y.n_annotators,
        "classes": Y.n_classes,
        "labels": Y.n_labels,
        "skipped": dict(table.skipped),
    }


def _say_skipped(table, say):
    for reason, count in table.skipped.items():
        say(f"{table.path}: {count} {reason} left out.")


def _say_if_large(values, say):
    largest = values.std(axis=0, dtype=np.float64).max()
    if largest > _LARGE:
        say(
            f"The features have standard deviations of up to {largest:.3g}, where "
            "networks want numbers of about the size of 1. Try --standardize."
        )


def _ignored_columns(path, names):
    shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} columns of {path} are unknown to the model, ignored: {shown}."

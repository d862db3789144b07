"""What ``y`` of an estimator means: a crowd's labels, or one label an item.

A one-dimensional ``y`` is a single annotator all of whose entries are labels (``-1``
too), so that estimators of this package are ordinary classifiers as well.
"""

import narwhals as nw
import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ._annotations import CrowdLabels, check_crowd_labels
from ._identifiers import blank_mask, positions_of


def is_crowd(y):
    """Whether ``y`` is a table of annotators' labels, not one label an item.

    Parameters
    ----------
    y : CrowdLabels, array-like or sparse matrix

    Returns
    -------
    bool
        False for one axis, and for a plain table of one column, which scikit-learn
        treats as a mistaken one-dimensional ``y``.
    """
    if isinstance(y, CrowdLabels) or sparse.issparse(y):
        return True
    shape = getattr(y, "shape", None)
    if shape is None and not isinstance(y, list | tuple):
        shape = np.asarray(y).shape
    if shape is None:
        rows = list(y)
        if not rows or not isinstance(rows[0], list | tuple | np.ndarray):
            return False
        return any(np.size(row) != 1 for row in rows)
    return len(shape) > 2 or (len(shape) == 2 and shape[1] != 1)


def check_targets(y, classes=None):
    """``y`` as ``CrowdLabels``, and whether it is a crowd's.

    Parameters
    ----------
    y : CrowdLabels, array-like of shape (n_samples,) or (n_samples, n_annotators), \
            or sparse matrix
    classes : array-like, optional
        All classes that may occur; by default those that do.

    Returns
    -------
    labels : CrowdLabels
    crowd : bool

    Raises
    ------
    ValueError
        If ``y`` is None, not classes, or holds a class outside ``classes``.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None: give "
            "the annotators' labels, (n_samples, n_annotators), or one label an item."
        )
    if is_crowd(y):
        return check_crowd_labels(y, classes=classes), True
    column = check_truth(y)[:, np.newaxis]
    return CrowdLabels.from_matrix(column, classes=classes, missing=None), False


def check_truth(y):
    """One label an item, validated as scikit-learn does.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or (n_samples, 1) with a warning

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If an entry is missing, or these are not classes.
    """
    hidden = np.ma.getmaskarray(y).ravel() if np.ma.isMaskedArray(y) else None
    _check_none_missing(_nulls(y))
    y = column_or_1d(y, warn=True)
    if y.dtype.kind in "fOMm" or hidden is not None:
        _check_none_missing(blank_mask(y, hidden))
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    return y


def _nulls(y):
    """Which entries are null in a Series or the one column of a DataFrame."""
    native = nw.from_native(y, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(native, nw.DataFrame):
        native = native.get_column(native.columns[0])
    if isinstance(native, nw.Series):
        return native.is_null().to_numpy()
    # An array of pyarrow is no Series.
    count = getattr(y, "null_count", 0)
    return np.arange(len(y)) < count if count else np.zeros(1, dtype=bool)


def _is_frame(y):
    native = nw.from_native(y, eager_only=True, pass_through=True)
    return isinstance(native, nw.DataFrame)


def _check_none_missing(blank):
    if blank.any():
        raise ValueError(
            f"y has one axis, where every entry is a label, but {blank.sum()} of "
            f"{len(blank)} are missing (NaN, None, NA or masked). Leave these items "
            "out, or pass the labels of one annotator as CrowdLabels, by from_matrix "
            "of a table with one column."
        )


def check_known_crowd(Y, classes, annotators):
    """Labels that the annotators of a fit gave, in the classes of the fit.

    Parameters
    ----------
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
    classes : ndarray of shape (n_classes,)
    annotators : ndarray of shape (n_annotators,)

    Returns
    -------
    CrowdLabels of shape (n_samples, n_annotators)

    Raises
    ------
    ValueError
        If there are other annotators, or a label is not among the classes.
    """
    labels = check_crowd_labels(Y)
    # The columns of an array have no names, and those of a DataFrame may have none.
    named = isinstance(Y, CrowdLabels) or not np.array_equal(
        labels.annotators, np.arange(labels.n_annotators)
    )
    if not named and _is_frame(Y):
        # Numbers, too, are names where the fit saw them as names.
        named = set(labels.annotators.tolist()) == set(annotators.tolist())
    if named and not np.array_equal(labels.annotators, annotators):
        raise ValueError(
            f"Y has {_shown(labels.annotators)} as annotators, but fit saw "
            f"{_shown(annotators)}. If these are some of them, or in another order, "
            "pass CrowdLabels, and of those Y.align(annotators=clf.annotators_); if "
            "columns are to be taken by position, pass an array."
        )
    if labels.n_annotators != len(annotators):
        raise ValueError(
            f"Y has {labels.n_annotators} columns, one for each annotator, but fit saw "
            f"{len(annotators)} annotators: give every annotator a column, empty for "
            "those without labels here."
        )
    check_known_classes(labels, classes)
    return labels.align(classes=classes)


def check_known_classes(labels, classes):
    """Raise if there are labels of a class that a fit did not see.

    Parameters
    ----------
    labels : CrowdLabels
    classes : ndarray of shape (n_classes,)
    """
    used = labels.classes[np.unique(labels.codes)]
    unknown = used[positions_of(used, classes) < 0]
    if len(unknown):
        raise ValueError(
            f"Y has labels of the classes {unknown.tolist()}, which fit did not see "
            f"(it saw {_shown(classes)}). Name all classes beforehand, by classes= of "
            "the estimator or by passing CrowdLabels, whose parts keep the classes of "
            "the whole in cross-validation."
        )


def check_same_task(labels, classes, annotators):
    """Raise unless labels have the classes and annotators of the last fit.

    Parameters
    ----------
    labels : CrowdLabels
    classes : ndarray of shape (n_classes,)
    annotators : ndarray of shape (n_annotators,)
    """
    for name, old, new in [
        ("classes", classes, labels.classes),
        ("annotators", annotators, labels.annotators),
    ]:
        if not np.array_equal(old, new):
            raise ValueError(
                f"warm_start continues with the {name} of the last fit, {_shown(old)}, "
                f"but y has {_shown(new)}: pass CrowdLabels, whose parts keep those of "
                "the whole, or set warm_start=False."
            )


def _shown(values, most=8):
    """The values as text, the middle left out where there are many."""
    shown = [repr(value) for value in values.tolist()]
    if len(shown) > most:
        shown = [*shown[: most - 2], "...", shown[-1]]
    return f"[{', '.join(shown)}] ({len(values)})"

"""How far labels agree with each other and with a model, without any truth.

Public as part of `skccem.metrics`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight

from ._annotations import check_crowd_labels
from ._fitted_crowd import crowd_model
from ._probability import marginal_log_likelihood, safe_log
from ._targets import check_known_crowd, check_targets, is_crowd
from ._typing import ArrayLike, ItemsLike, LabelsLike

# How far the sum of probabilities may be from one: above the rounding of half
# precision, below any mistake of an axis.
_SUM_TOLERANCE = 1e-2

_LEVELS = ("nominal", "ordinal", "interval", "ratio")


def krippendorff_alpha(
    labels: LabelsLike,
    *,
    level: Literal["nominal", "ordinal", "interval", "ratio"] = "nominal",
) -> float:
    """Krippendorff's alpha: how far annotators agree beyond chance.

    It is ``1 - D_o / D_e`` [1]_, where ``D_o`` is the mean squared difference of two
    labels of one item, and ``D_e`` that of any two labels. An item with m labels has
    the weight m, each of its pairs ``1 / (m - 1)``. Items with one label have no pair
    and are left out of both.

    Parameters
    ----------
    labels : CrowdLabels or array-like of shape (n_samples, n_annotators)
        The labels.
    level : {"nominal", "ordinal", "interval", "ratio"}, default="nominal"
        What the difference of two classes is:

        - "nominal": one, if they are not the same;
        - "ordinal": that of their mean ranks among the labels that are compared, in
          the order of `CrowdLabels.classes`, which for text is alphabetical;
        - "interval": that of the classes, which are numbers;
        - "ratio": that of the classes over their sum; they are not negative.

    Returns
    -------
    alpha : float
        1 if annotators agree on every item, 0 if they agree as by chance, and below if
        less than that. It is undefined, and an error, if the labels that are compared
        are all of one class: they tell nothing of whether annotators can tell classes
        apart [2]_.

    Raises
    ------
    ValueError
        If no item has two labels, all compared labels are of one class, `level` is
        unknown, or it needs numbers and the classes are none.

    Notes
    -----
    Time and memory grow with the number of labels and ``n_classes ** 2``.

    References
    ----------
    .. [1] K. Krippendorff, "Computing Krippendorff's alpha-reliability", University
       of Pennsylvania, 2011.
    .. [2] K. Krippendorff, "Agreement and information in the reliability of coding",
       Communication Methods and Measures 5 (2), 2011.

    Examples
    --------
    >>> from skccem.metrics import krippendorff_alpha
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> matrices = make_confusion_matrices(4, 3, kind="hammer_spammer", random_state=0)
    >>> labels = make_crowd_labels([0, 1, 2] * 50, matrices, p=0.6, random_state=0)
    >>> 0 < krippendorff_alpha(labels) < 1
    True
    >>> round(krippendorff_alpha([[1, 1], [2, 4], [4, 4]], level="interval"), 3)
    0.706
    """
    if level not in _LEVELS:
        raise ValueError(
            f"Expected level to be one of {', '.join(_LEVELS)}, got {level!r}. Take "
            "nominal if the classes have no order."
        )
    labels = check_crowd_labels(labels)
    compared = labels.labels_per_item > 1
    of_compared = labels.codes[compared[labels.row_indices()]]
    totals = np.bincount(of_compared, minlength=labels.n_classes)
    if not compared.any():
        raise ValueError(
            f"Expected an item with labels of two annotators or more, got {labels!r}. "
            "Agreement needs items that several annotators labelled."
        )
    if np.count_nonzero(totals) == 1:
        raise ValueError(
            f"Expected labels of two classes or more, got {totals.sum()} labels of "
            f"{labels.classes[totals > 0].tolist()[0]!r} on the items with several "
            "labels. Agreement beyond chance is not defined without variation."
        )
    differences = _squared_differences(level, labels.classes, totals)
    n_compared = totals.sum()
    observed = np.vdot(_coincidences(labels), differences) / n_compared
    expected = totals @ differences @ totals / (n_compared * (n_compared - 1.0))
    return float(1 - observed / expected)


def _coincidences(labels):
    """Pairs of classes within items, each item's weighted to its number of labels.

    Off the diagonal it is the coincidence matrix. On it, every label is also paired
    with itself, which makes no difference to disagreement.
    """
    counts = sparse.csr_array(
        (np.ones(labels.n_labels), labels.codes.astype(np.int64), labels.indptr.copy()),
        shape=(labels.n_samples, labels.n_classes),
    )
    # Without this the product would take time in the pairs of labels, not of classes.
    counts.sum_duplicates()
    others = np.maximum(labels.labels_per_item - 1, 1)
    return (counts.T @ (sparse.diags_array(1 / others) @ counts)).toarray()


def _squared_differences(level, classes, totals):
    """Squared difference of every two classes, shape (n_classes, n_classes)."""
    if level == "nominal":
        return 1.0 - np.eye(len(classes))
    if level == "ordinal":
        # The labels from one class to another, less half of those of both, are what
        # lies between the middles of their ranks.
        ranks = np.cumsum(totals) - totals / 2
        return np.subtract.outer(ranks, ranks) ** 2
    if classes.dtype.kind not in "biuf":
        raise ValueError(
            f"Expected numbers as classes for level={level!r}, got "
            f"{classes[:5].tolist()}. Turn the labels into numbers, or take nominal."
        )
    values = classes.astype(np.float64)
    differences = np.subtract.outer(values, values)
    if level == "interval":
        return differences**2
    if values[0] < 0:
        raise ValueError(
            "Expected classes from 0 for level='ratio', got "
            f"{values[0]:g}. Take level='interval' if zero does not mean none."
        )
    sums = np.add.outer(values, values)
    # Zero does not differ from itself.
    return (differences / np.where(sums > 0, sums, 1.0)) ** 2


def annotation_log_likelihood(
    labels: LabelsLike,
    proba: ArrayLike,
    confusion_matrices: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean log-likelihood of annotators' labels, each taken by itself.

    On held-out labels it compares models without any ground truth. It is the objective
    of coupled cross-entropy minimisation [1]_ with the sign changed, and what the
    `score` of this package's classifiers is on a crowd's labels.

    Parameters
    ----------
    labels : CrowdLabels or array-like of shape (n_samples, n_annotators)
        The labels.
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities of the items, predicted without these labels.
    confusion_matrices : array-like of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` = P(annotator m says class l, given the true class is k).
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each item and so of its labels.

    Returns
    -------
    log_likelihood : float
        Mean of ``log sum_k proba[i, k] * confusion_matrices[m, k, y_im]``, in nats per
        label; higher is better. ``-inf`` if a label that counts has probability zero.

    Raises
    ------
    ValueError
        If shapes differ, rows are not probabilities, or no label has positive weight.

    References
    ----------
    .. [1] S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels:
       coupled cross-entropy minimization, identifiability, and regularization", ICLR
       2023.

    Examples
    --------
    >>> from skccem.metrics import annotation_log_likelihood
    >>> matrices = [[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]]]
    >>> proba = [[1, 0], [0, 1]]
    >>> round(annotation_log_likelihood([[0, -1], [1, 1]], proba, matrices), 6)
    -0.34055
    """
    labels = check_crowd_labels(labels)
    proba = np.asarray(proba, dtype=np.float64)
    matrices = np.asarray(confusion_matrices, dtype=np.float64)
    n_classes = labels.n_classes
    shapes = (len(labels), n_classes), (labels.n_annotators, n_classes, n_classes)
    if (proba.shape, matrices.shape) != shapes:
        raise ValueError(
            f"Expected proba of shape {shapes[0]} and confusion_matrices of shape "
            f"{shapes[1]} for {labels!r}, got {proba.shape} and {matrices.shape}. If "
            "not every class occurs, make CrowdLabels with all of them as classes=."
        )
    check_distributions(proba, "proba")
    check_distributions(matrices, "confusion_matrices")
    weight = _check_sample_weight(
        sample_weight, labels, dtype=np.float64, ensure_non_negative=True
    )[labels.row_indices()]
    # Zero times the -inf of an excluded label would be NaN.
    counted = weight > 0
    if not counted.any():
        raise ValueError(
            f"Expected a label of positive weight, got {labels!r}. Score items that "
            "have labels."
        )
    log_likelihood = marginal_log_likelihood(
        labels, safe_log(proba), safe_log(matrices)
    )
    return float(np.average(log_likelihood[counted], weights=weight[counted]))


def annotation_log_likelihood_scorer(
    estimator: BaseEstimator, X: ItemsLike, y: LabelsLike
) -> float:
    """Score a fitted model of a crowd by `annotation_log_likelihood`.

    It is made for ``scoring=`` in scikit-learn's searches and cross-validation.

    Parameters
    ----------
    estimator : estimator
        With `predict_proba`, and with `classes_`, `annotators_` and
        `confusion_matrices_` of its own, of the last step if it is a pipeline, or of
        the `best_estimator_` if it is a search.
    X : as in the estimator's `predict_proba`
        Anything but `y`: a label that is among the features scores itself.
    y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Labels of the annotators of the fit. If that was of one annotator, also of shape
        (n_samples,); of these the estimator's own `score` is the accuracy.

    Returns
    -------
    log_likelihood : float
        In nats per label; higher is better.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    AttributeError
        If it lacks any of these attributes.
    ValueError
        If annotators or classes are others than in fit, or there are no labels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import KFold, cross_val_score
    >>> from skccem import CrowdClassifier
    >>> from skccem.metrics import annotation_log_likelihood_scorer
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> X, truth = load_iris(return_X_y=True)
    >>> matrices = make_confusion_matrices(5, 3, kind="hammer_spammer", random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> clf = CrowdClassifier(max_epochs=5, random_state=0)
    >>> cv = KFold(3, shuffle=True, random_state=0)
    >>> scoring = annotation_log_likelihood_scorer
    >>> cross_val_score(clf, X, Y, scoring=scoring, cv=cv).shape
    (3,)
    """
    model = crowd_model(estimator)
    if len(model.annotators_) == 1 and not is_crowd(y):
        labels, _ = check_targets(y, model.classes_)
    else:
        labels = check_known_crowd(y, model.classes_, model.annotators_)
    proba = estimator.predict_proba(X)
    return annotation_log_likelihood(labels, proba, model.confusion_matrices_)


def check_distributions(values, name):
    """Raise unless the last axis holds probabilities."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"Expected finite {name}, got NaN or infinity. Pass probabilities, not "
            "their logarithms; a row that is not known may be that of a guess."
        )
    sums = values.sum(axis=-1)
    if (values < 0).any() or not np.allclose(sums, 1, rtol=0, atol=_SUM_TOLERANCE):
        raise ValueError(
            f"Expected {name} of 0 or more with rows that sum to one, got entries from "
            f"{values.min():g} and sums from {sums.min():g} to {sums.max():g}. Pass "
            "probabilities, in confusion matrices with one row a true class."
        )

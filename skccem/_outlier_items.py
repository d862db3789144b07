"""Simulated items whose labels depart from the annotators' matrices."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from ._annotations import CrowdLabels
from ._annotator_kinds import check_matrices
from ._answers import draw_answers
from ._typing import ArrayLike, MatricesLike, RandomState

_KINDS = ("other_class", "same_answer", "guesses")


def make_outliers(
    labels: CrowdLabels,
    y: ArrayLike,
    *,
    share: float = 0.1,
    kind: Literal["other_class", "same_answer", "guesses"] = "other_class",
    confusion_matrices: MatricesLike | None = None,
    random_state: RandomState = None,
) -> tuple[CrowdLabels, NDArray[np.bool_]]:
    """Replace the labels of a share of the items by those of outliers.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        Labels that follow the annotators' matrices, as `make_crowd_labels` draws them.
    y : array-like of shape (n_samples,)
        True classes, among those of `labels`.
    share : float in [0, 1], default=0.1
        Probability that an item is an outlier, independently for each.
    kind : {"other_class", "same_answer", "guesses"}, default="other_class"
        What the annotators of an outlier do: "other_class" answer by their matrices, as
        if the item were of another class, the same for all of them; "same_answer" all
        give one wrong answer; "guesses" draw from all classes alike.
    confusion_matrices : array-like of shape (n_annotators, n_classes, n_classes), \
            default=None
        The annotators' matrices, which "other_class" needs.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        Who labels what is as it was, and so are the names of items and annotators.
    is_outlier : bool ndarray of shape (n_samples,)
        Which items are outliers.

    Raises
    ------
    ValueError
        If a value is out of range, a shape does not fit, there is one class only, or
        matrices are missing.

    Notes
    -----
    Items that a few annotators, or all, get wrong in a way that confusion matrices do
    not explain are the outliers of [1]_. Their expected answers are
    ``sum_k f_k(x) B_m[k] + e_m(x)`` with ``e_m(x)`` nonzero for few items.

    References
    ----------
    .. [1] T. Nguyen, S. Ibrahim and X. Fu, "Noisy label learning with
       instance-dependent outliers: identifiability via crowd wisdom", NeurIPS 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem.simulation import (
    ...     make_confusion_matrices, make_crowd_labels, make_outliers
    ... )
    >>> y = np.arange(200) % 4
    >>> matrices = make_confusion_matrices(5, 4, kind="symmetric", random_state=0)
    >>> labels = make_crowd_labels(y, matrices, labels_per_item=3, random_state=0)
    >>> labels, is_outlier = make_outliers(
    ...     labels, y, share=0.2, kind="same_answer", random_state=0
    ... )
    >>> labels.n_labels, is_outlier.shape
    (600, (200,))
    """
    true_codes = _check_outliers(labels, y, share, kind)
    n_classes = labels.n_classes
    rng = check_random_state(random_state)
    is_outlier = rng.uniform(size=labels.n_samples) < share
    other = (true_codes + rng.randint(1, n_classes, len(true_codes))) % n_classes
    items = labels.row_indices()
    changed = np.flatnonzero(is_outlier[items])
    answers = other[items[changed]]
    if kind == "guesses":
        answers = rng.randint(n_classes, size=len(changed))
    elif kind == "other_class":
        matrices = _check_shape(confusion_matrices, labels)
        answers = draw_answers(matrices, labels.indices[changed], answers, rng)
    codes = labels.codes.copy()
    codes[changed] = answers
    return replace(labels, codes=codes), is_outlier


def _check_outliers(labels, y, share, kind):
    """The true classes' numbers, or an error that says what is wrong."""
    if not isinstance(labels, CrowdLabels) or labels.n_classes < 2:
        raise ValueError(
            "Expected labels to be CrowdLabels of at least 2 classes, got "
            f"{labels!r}. Draw them by make_crowd_labels, or convert a matrix by "
            "CrowdLabels.from_matrix."
        )
    if not isinstance(share, Real) or not 0 <= share <= 1:
        raise ValueError(
            f"Expected share from 0 to 1, got {share!r}. It is the probability that an "
            "item is an outlier."
        )
    if kind not in _KINDS:
        raise ValueError(
            f"Expected kind to be one of {', '.join(_KINDS)}, got {kind!r}."
        )
    y = np.asarray(y)
    if y.shape != (labels.n_samples,) or not np.isin(y, labels.classes).all():
        raise ValueError(
            f"Expected y of shape ({labels.n_samples},), the true class of each item "
            f"among {labels.classes.tolist()}, got shape {y.shape} and the classes "
            f"{np.unique(y).tolist()}. Give labels all classes by align(classes=...)."
        )
    return np.searchsorted(labels.classes, y)


def _check_shape(confusion_matrices, labels):
    expected = (labels.n_annotators, labels.n_classes, labels.n_classes)
    if confusion_matrices is None:
        raise ValueError(
            "Expected the confusion_matrices that the labels were drawn from, got "
            "None. With kind='other_class' annotators answer by them; 'same_answer' "
            "and 'guesses' need none."
        )
    matrices = check_matrices(confusion_matrices)
    if matrices.shape != expected:
        raise ValueError(
            f"Expected confusion_matrices of shape {expected}, one for each annotator "
            f"of the labels, got {matrices.shape}."
        )
    return matrices

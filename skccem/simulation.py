"""Simulated annotators and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Literal

import numpy as np
from sklearn.utils import check_random_state

from ._annotations import CrowdLabels
from ._annotator_kinds import check_matrices, make_confusion_matrices
from ._answers import draw_answers
from ._identifiers import smallest_int
from ._machine_annotators import make_machine_annotators
from ._outlier_items import make_outliers
from ._participation import draw_pairs, participation_weights
from ._rows import row_pointers
from ._typing import Array, ArrayLike, MatricesLike, RandomState

__all__ = [
    "make_confusion_matrices",
    "make_crowd_labels",
    "make_machine_annotators",
    "make_outliers",
]


def make_crowd_labels(
    y: ArrayLike,
    confusion_matrices: MatricesLike,
    *,
    labels_per_item: int | None = None,
    labels_per_annotator: int | ArrayLike | None = None,
    p: float | None = None,
    participation: Literal["even", "long_tail"] | Array | Sequence[float] = "even",
    correlated: float = 0.0,
    difficulty: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    random_state: RandomState = None,
) -> CrowdLabels:
    """Draw the labels that annotators give to items of known class.

    Exactly one of `labels_per_item`, `labels_per_annotator` and `p` says how many
    labels there are.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        True classes.
    confusion_matrices : array-like of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` is the probability that annotator ``m`` says class ``l`` when the
        true class is ``k``.
    labels_per_item : int, default=None
        Number of labels of each item, each of another annotator.
    labels_per_annotator : int or array-like of shape (n_annotators,), default=None
        Number of items that each annotator labels; all sets of items are equally
        likely.
    p : float, default=None
        Probability that an annotator labels an item, independently for each pair. With
        uneven `participation` it is the mean over the annotators.
    participation : {"even", "long_tail"} or array-like of shape (n_annotators,), \
            default="even"
        How the labels are shared out among the annotators. "even" treats all alike;
        "long_tail" gives few annotators most of the labels; an array has a positive
        weight for each annotator. See Notes. `labels_per_annotator` leaves nothing to
        share out and takes "even" only.
    correlated : float, default=0.0
        Probability that a label copies the herd's answer to the item; see Notes. At 0
        the annotators answer independently of each other.
    difficulty : array-like of shape (n_samples,), default=None
        Probability, for each item, that an annotator answers without looking, any class
        being equally likely. None is 0 for all.
    classes : array-like of shape (n_classes,), default=None
        The sorted class of each row and column of the matrices. None takes
        ``0, ..., n_classes - 1`` if all of `y` is among them, and the sorted values of
        `y` otherwise.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The labels, in the classes of the matrices. Memory is proportional to the number
        of labels, and no array of shape (n_samples, n_annotators) is made.

    Raises
    ------
    ValueError
        If the matrices are not square with rows that sum to one, the classes do not
        fit them, not exactly one number of labels is given, or a number is out of its
        range.

    Notes
    -----
    **Participation.** Annotator ``m`` has the weight ``w[m]``: equal weights if "even",
    and by Zipf's law 1, 1/2, 1/3, ... in random order if "long_tail", so that of 100
    annotators the busiest 10 have 56% of the weight. With `labels_per_item`, an item's
    annotators are drawn one after the other, each with a probability proportional to
    the weights of those not yet drawn [1]_. With `p`, annotator ``m`` labels each item
    with probability ``min(1, c * w[m])``, where ``c`` makes the mean equal to `p`.

    **Answers.** Write ``B`` for the matrices, ``A`` for their mean over the annotators,
    ``c`` for `correlated` and ``d`` for the difficulty of the item. An annotator who
    looks at an item of class ``k`` draws from ``B[m, k]``. The herd has one answer to
    each item: it looks with probability ``1 - d`` too, draws from ``A[k]``, and is
    copied by each label independently with probability ``c``. So annotator ``m`` says
    ``l`` with the probability ::

        (1 - d) * ((1 - c) * B[m, k, l] + c * A[k, l]) + d / n_classes

    and two labels of an item are both copies, hence equal, with probability ``c**2``.
    If ``c`` is 0, labels are independent given the class and difficulty. If all
    annotators have one matrix, ``c`` changes how often they agree, nothing else.

    References
    ----------
    .. [1] P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a
       reservoir", Information Processing Letters 97, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> matrices = make_confusion_matrices(4, 2, kind="symmetric", accuracy=0.9)
    >>> labels = make_crowd_labels(
    ...     [0, 0, 1, 1, 1], matrices, labels_per_item=2, random_state=0
    ... )
    >>> np.asarray(labels).shape, labels.n_labels
    ((5, 4), 10)
    >>> labels = make_crowd_labels(
    ...     [0, 0, 1, 1, 1], matrices, labels_per_annotator=[5, 3, 0, 1], random_state=0
    ... )
    >>> labels.labels_per_annotator
    array([5, 3, 0, 1])
    """
    matrices = check_matrices(confusion_matrices)
    n_annotators, n_classes, _ = matrices.shape
    true_codes, classes = _encode_truth(y, classes, n_classes)
    n_samples = len(true_codes)
    difficulty = _check_answering(correlated, difficulty, n_samples)
    rng = check_random_state(random_state)
    amounts = {
        "labels_per_item": labels_per_item,
        "labels_per_annotator": labels_per_annotator,
        "p": p,
    }
    weights = participation_weights(participation, n_annotators, rng)
    items, annotators = draw_pairs(amounts, weights, n_samples, n_annotators, rng)
    codes = _draw_labels(
        matrices, items, annotators, true_codes, correlated, difficulty, rng
    )
    return CrowdLabels(
        row_pointers(np.bincount(items, minlength=n_samples)),
        annotators.astype(np.int32),
        codes.astype(smallest_int(n_classes)),
        classes,
        np.arange(n_annotators),
    )


def _encode_truth(y, classes, n_classes):
    """Row of the matrices of each item, and the sorted classes of the matrices."""
    y = np.asarray(y)
    if y.ndim != 1 or len(y) == 0:
        raise ValueError(
            f"Expected y to be the true classes, one for each item, got shape "
            f"{y.shape}. Pass a one-dimensional array."
        )
    found = np.unique(y)
    if classes is None:
        numbers = np.arange(n_classes)
        classes = numbers if np.isin(found, numbers).all() else found
    classes = np.asarray(classes)
    if classes.shape != (n_classes,) or np.any(classes[1:] <= classes[:-1]):
        raise ValueError(
            f"Expected {n_classes} sorted classes, one for each row of the matrices, "
            f"got {classes.tolist()}. Pass classes=, in the order of the rows."
        )
    if not np.isin(found, classes).all():
        raise ValueError(
            f"Expected every value of y among the classes {classes.tolist()}, got "
            f"{np.setdiff1d(found, classes).tolist()}. Correct y or pass classes=."
        )
    return np.searchsorted(classes, y), classes


def _check_answering(correlated, difficulty, n_samples):
    """Raise if `correlated` is no probability; `difficulty` as an array, or None."""
    if not isinstance(correlated, Real) or not 0 <= correlated <= 1:
        raise ValueError(
            f"Expected correlated from 0 to 1, got {correlated!r}. It is the "
            "probability that a label copies the herd's answer."
        )
    if difficulty is None:
        return None
    difficulty = np.asarray(difficulty, dtype=np.float64)
    if difficulty.shape != (n_samples,):
        raise ValueError(
            f"Expected difficulty of shape ({n_samples},), one number for each item, "
            f"got {difficulty.shape}. Pass one for each value of y."
        )
    if not np.all((difficulty >= 0) & (difficulty <= 1)):
        raise ValueError(
            f"Expected difficulty from 0 to 1, got numbers from {difficulty.min()} to "
            f"{difficulty.max()}. Each is the probability of an answer without looking."
        )
    return difficulty


def _draw_labels(matrices, items, annotators, true_codes, correlated, difficulty, rng):
    """Class code of each label, `difficulty` and `correlated` taken into account."""
    n_classes = matrices.shape[2]
    codes = draw_answers(matrices, annotators, true_codes[items], rng)
    if difficulty is not None:
        _guess(codes, difficulty[items], n_classes, rng)
    if correlated > 0:
        pooled = matrices.mean(axis=0, keepdims=True)
        herd = draw_answers(pooled, np.zeros_like(true_codes), true_codes, rng)
        if difficulty is not None:
            _guess(herd, difficulty, n_classes, rng)
        copies = rng.uniform(size=len(codes)) < correlated
        codes[copies] = herd[items[copies]]
    return codes


def _guess(codes, probability, n_classes, rng):
    """Overwrite each code with a uniform one with its probability."""
    guessed = np.flatnonzero(rng.uniform(size=len(codes)) < probability)
    codes[guessed] = rng.randint(n_classes, size=len(guessed))

"""Simulated annotators and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np
from sklearn.utils import check_random_state

from ._annotations import CrowdLabels
from ._annotator_kinds import (
    check_matrices,
    make_confusion_matrices,
    participation_rates,
    participation_weights,
)
from ._answers import draw_answers
from ._identifiers import smallest_int
from ._machine_annotators import make_machine_annotators
from ._outlier_items import make_outliers
from ._rows import row_pointers
from ._typing import Array, ArrayLike, MatricesLike, RandomState

__all__ = [
    "make_confusion_matrices",
    "make_crowd_labels",
    "make_machine_annotators",
    "make_outliers",
]

# Items times annotators handled at once.
_BLOCK_ENTRIES = 2**20

# Items for each label of an annotator, up to which it is quickest to shuffle all items.
_SHUFFLED_ITEMS_PER_LABEL = 16


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
    items, annotators = _draw_pairs(amounts, weights, n_samples, n_annotators, rng)
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


def _draw_pairs(amounts, weights, n_samples, n_annotators, rng):
    """Items and annotators of the labels, ordered by item and annotator."""
    given = [name for name, amount in amounts.items() if amount is not None]
    if len(given) != 1:
        raise ValueError(
            "Expected exactly one of labels_per_item, labels_per_annotator and p, got "
            f"{' and '.join(given) or 'none'}. Give the number of labels of each item "
            "or of each annotator, or the probability of each label."
        )
    (how,), (amount,) = given, [amounts[name] for name in given]
    if how == "labels_per_item":
        if not isinstance(amount, Integral) or not 1 <= amount <= n_annotators:
            raise ValueError(
                "Expected labels_per_item as an integer from 1 to the "
                f"{n_annotators} annotators, got {amount!r}. Pass a whole number, and "
                "simulate as many annotators."
            )
        annotators = _draw_distinct(n_samples, n_annotators, amount, weights, rng)
        items = np.repeat(np.arange(n_samples), amount)
        return items, np.sort(annotators, axis=1).ravel()
    if how == "p":
        if not isinstance(amount, Real) or not 0 < amount <= 1:
            raise ValueError(
                f"Expected p above 0 and at most 1, got {amount!r}. It is the "
                "probability that an annotator labels an item."
            )
        if weights is None:
            cells = _draw_cells(n_samples * n_annotators, amount, rng)
            return np.divmod(cells, n_annotators)
        counts = rng.binomial(n_samples, participation_rates(weights, amount))
    else:
        counts = _check_counts(amount, weights, n_samples, n_annotators)
    return _draw_items(counts, n_samples, rng)


def _check_counts(labels_per_annotator, weights, n_samples, n_annotators):
    if weights is not None:
        raise ValueError(
            "Expected participation='even' with labels_per_annotator, got weights or "
            "'long_tail'. Give each annotator's number in labels_per_annotator itself."
        )
    counts = np.asarray(labels_per_annotator)
    if counts.shape not in ((), (n_annotators,)) or counts.dtype.kind not in "iu":
        raise ValueError(
            "Expected labels_per_annotator to be an integer or one for each of "
            f"{n_annotators} annotators, got shape {counts.shape} and type "
            f"{counts.dtype}. Pass whole numbers of labels."
        )
    if counts.min() < 0 or counts.max() > n_samples:
        raise ValueError(
            f"Expected labels_per_annotator from 0 to the {n_samples} items, got "
            f"{counts.min()} to {counts.max()}. An annotator labels an item once."
        )
    return np.broadcast_to(counts, n_annotators)


def _draw_distinct(n_samples, n_annotators, size, weights, rng):
    """Distinct annotators for each item: (n_samples, size).

    All sets are equally likely if `weights` is None. Otherwise the annotators are drawn
    one after the other, in proportion to the weights of those who are left.
    """
    if size * size > n_annotators:
        return _draw_by_keys(n_samples, n_annotators, size, weights, rng)
    if weights is not None:
        # The least weight that can be left, so the share of draws that count.
        left = np.sort(weights)[: n_annotators - size + 1].sum()
        if size > n_annotators * left:
            return _draw_by_keys(n_samples, n_annotators, size, weights, rng)
        return _draw_in_turn(n_samples, size, weights, rng)
    # More than half of the draws with replacement are distinct here. Drawing the whole
    # item again where one is not keeps all sets equally likely.
    chosen = rng.randint(n_annotators, size=(n_samples, size))
    todo = np.arange(n_samples)
    while len(todo):
        ordered = np.sort(chosen[todo], axis=1)
        todo = todo[(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)]
        chosen[todo] = rng.randint(n_annotators, size=(len(todo), size))
    return chosen


def _draw_by_keys(n_samples, n_annotators, size, weights, rng):
    """`_draw_distinct` in time proportional to n_samples * n_annotators."""
    # The smallest of uniform numbers, or of exponential ones with the weights as rates
    # (Efraimidis and Spirakis, 2006), in blocks that bound the memory.
    chosen = np.empty((n_samples, size), dtype=np.int64)
    step = max(1, _BLOCK_ENTRIES // n_annotators)
    for start in range(0, n_samples, step):
        block = chosen[start : start + step]
        shape = (len(block), n_annotators)
        if weights is None:
            keys = rng.uniform(size=shape)
        else:
            keys = rng.exponential(size=shape) / weights
        # Taking all of them needs no choice, and argpartition has no such pivot.
        pivot = min(size, n_annotators - 1)
        block[:] = np.argpartition(keys, pivot, axis=1)[:, :size]
    return chosen


def _draw_in_turn(n_samples, size, weights, rng):
    """`_draw_distinct` by drawing again whoever an item already has."""
    cumulative = np.cumsum(weights)
    cumulative /= cumulative[-1]
    chosen = np.empty((n_samples, size), dtype=np.int64)
    for turn in range(size):
        todo = np.arange(n_samples)
        while len(todo):
            uniform = rng.uniform(size=len(todo))
            drawn = np.searchsorted(cumulative, uniform, side="right")
            chosen[todo, turn] = drawn
            again = (chosen[todo, :turn] == drawn[:, np.newaxis]).any(axis=1)
            todo = todo[again]
    return chosen


def _draw_items(counts, n_samples, rng):
    """Items and annotators, ordered by both, of ``counts[m]`` labels of annotator m.

    All sets of items are equally likely.
    """
    n_annotators = len(counts)
    many = counts > n_samples // _SHUFFLED_ITEMS_PER_LABEL
    shuffled = [
        rng.permutation(n_samples)[: counts[m]] * n_annotators + m
        for m in np.flatnonzero(many)
    ]
    # The others have so few that an item is seldom drawn twice: those are made up for.
    cells = np.empty(0, dtype=np.int64)
    missing = np.where(many, 0, counts)
    while missing.any():
        owners = np.repeat(np.arange(n_annotators), missing)
        drawn = rng.randint(n_samples, size=len(owners)) * n_annotators + owners
        # Many times faster than np.unique, which hashes.
        cells = np.sort(np.concatenate([cells, drawn]))
        cells = cells[np.diff(cells, prepend=-1) > 0]
        has = np.bincount(cells % n_annotators, minlength=n_annotators)
        missing = np.where(many, 0, counts - has)
    return np.divmod(np.sort(np.concatenate([cells, *shuffled])), n_annotators)


def _draw_cells(n_cells, p, rng):
    """Sorted cell numbers, each of `n_cells` with probability `p`."""
    # The gaps between the successes of independent trials are geometric, that is
    # exponential ones rounded up. They are cut at n_cells: tiny p must not overflow.
    rate = -np.log1p(-p) if p < 1 else np.inf
    cells, last = [], -1
    while last < n_cells:
        expected = (n_cells - last) * p
        draws = rng.exponential(size=int(expected + 5 * np.sqrt(expected)) + 10)
        gaps = 1 + (np.minimum(draws, rate * n_cells) / rate).astype(np.int64)
        cells.append(last + np.cumsum(gaps))
        last = cells[-1][-1]
    cells = np.concatenate(cells)
    return cells[cells < n_cells]


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

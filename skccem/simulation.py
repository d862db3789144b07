"""Simulated annotators and their labels.

A new kind of annotator is a function ``(n_annotators, n_classes, rng, **params)`` that
returns confusion matrices, and an entry in ``_KINDS``.
"""

import inspect

import numpy as np
from sklearn.utils import check_random_state

from ._annotations import CrowdLabels

# Items or labels handled at once where a block needs an array as wide as the number of
# annotators or classes.
_BLOCK_ENTRIES = 2**20


def make_confusion_matrices(
    n_annotators, n_classes, *, kind="mixed", random_state=None, **kind_params
):
    """Draw confusion matrices of annotators of a certain kind.

    Parameters
    ----------
    n_annotators : int
        Number of annotators.
    n_classes : int
        Number of classes, at least two.
    kind : str, default="mixed"
        How the annotators err; see Notes.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.
    **kind_params
        Parameters of the kind; see Notes. An `accuracy`, the probability of the right
        answer, is a number for all annotators, a tuple ``(low, high)`` to draw each
        one's from, or a list or array with one number for each annotator.

    Returns
    -------
    confusion_matrices : ndarray of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` is the probability that annotator ``m`` says class ``l`` when the
        true class is ``k``. Rows sum to one.

    Raises
    ------
    ValueError
        If the kind is unknown or a number is out of its range.
    TypeError
        If the kind does not take a parameter.

    Notes
    -----
    The kinds and their parameters:

    ``"mixed"``
        Very different skill. The annotators take turns in ten roles: expert, average,
        biased, average, spammer, average, expert, biased, average, adversary. Experts
        are right with a probability of 0.9 to 0.98, the average with 0.55 to 0.8; the
        biased give one favourite class 40% of the time without looking; spammers
        choose uniformly; the adversary nearly always gives the same wrong class for
        the same true class.
    ``"hammer_spammer"`` (``hammer_fraction=0.5, accuracy=0.97``)
        Some are nearly always right, the others choose uniformly [1]_. The number of
        hammers is rounded, and at least one unless `hammer_fraction` is 0. `accuracy`
        is that of the hammers, a number or a tuple.
    ``"symmetric"`` (``accuracy=(0.5, 0.9)``)
        All wrong classes are equally probable: the one-coin model [2]_.
    ``"diagonally_dominant"`` (``accuracy=(0.5, 0.9)``)
        Each class of each annotator has its own accuracy, and the errors fall on the
        wrong classes in proportions drawn uniformly. An array has one number for each
        annotator or the shape (n_annotators, n_classes).
    ``"pairwise_flipper"`` (``accuracy=(0.5, 0.9)``)
        Each class is mistaken for one other class only [3]_; each annotator has their
        own cycle through the classes.
    ``"adversarial"`` (``accuracy=(0.0, 0.2)``)
        The same with few right answers.
    ``"random"``
        Each row is drawn uniformly from all probability vectors.
    ``"uniform"``
        All are spammers, who choose uniformly whatever the true class.

    References
    ----------
    .. [1] D. R. Karger, S. Oh and D. Shah, "Iterative learning for reliable
       crowdsourcing systems", NeurIPS 2011.
    .. [2] Y. Zhang, X. Chen, D. Zhou and M. I. Jordan, "Spectral methods meet EM: a
       provably optimal algorithm for crowdsourcing", JMLR 17, 2016.
    .. [3] B. Han et al., "Co-teaching: robust training of deep neural networks with
       extremely noisy labels", NeurIPS 2018.

    Examples
    --------
    >>> from skccem.simulation import make_confusion_matrices
    >>> make_confusion_matrices(2, 3, kind="symmetric", accuracy=[0.8, 0.6])
    array([[[0.8, 0.1, 0.1],
            [0.1, 0.8, 0.1],
            [0.1, 0.1, 0.8]],
    <BLANKLINE>
           [[0.6, 0.2, 0.2],
            [0.2, 0.6, 0.2],
            [0.2, 0.2, 0.6]]])
    """
    if n_annotators < 1 or n_classes < 2:
        raise ValueError(
            "Expected at least 1 annotator and 2 classes, got "
            f"n_annotators={n_annotators} and n_classes={n_classes}. Raise them."
        )
    if kind not in _KINDS:
        raise ValueError(
            f"Expected kind to be one of {sorted(_KINDS)}, got {kind!r}. Choose one "
            "of them."
        )
    make = _KINDS[kind]
    accepted = list(inspect.signature(make).parameters)[3:]
    unknown = sorted(set(kind_params) - set(accepted))
    if unknown:
        raise TypeError(
            f"Expected for kind={kind!r} no parameters but {accepted}, got {unknown}. "
            "Leave these out or choose another kind."
        )
    rng = check_random_state(random_state)
    return make(n_annotators, n_classes, rng, **kind_params)


def make_crowd_labels(
    y,
    confusion_matrices,
    *,
    labels_per_item=None,
    p=None,
    classes=None,
    random_state=None,
):
    """Draw the labels that annotators give to items of known class.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        True classes.
    confusion_matrices : array-like of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` is the probability that annotator ``m`` says class ``l`` when the
        true class is ``k``.
    labels_per_item : int, default=None
        Number of labels of each item, each of another annotator, all of whom are
        equally likely.
    p : float, default=None
        Probability that an annotator labels an item, independently for each pair.
        Exactly one of `labels_per_item` and `p` must be given.
    classes : array-like of shape (n_classes,), default=None
        The sorted class of each row and column of the matrices. None takes
        ``0, ..., n_classes - 1`` if all of `y` is among them, and the sorted values of
        `y` otherwise.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        The labels, in the classes of the matrices. Time and memory are proportional to
        the number of labels, and no array of shape (n_samples, n_annotators) is made.

    Raises
    ------
    ValueError
        If the matrices are not square with rows that sum to one, the classes do not
        fit them, or not exactly one of `labels_per_item` and `p` is given in its range.

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
    """
    matrices = _check_matrices(confusion_matrices)
    n_annotators, n_classes, _ = matrices.shape
    true_codes, classes = _encode_truth(y, classes, n_classes)
    rng = check_random_state(random_state)
    if (labels_per_item is None) == (p is None):
        raise ValueError(
            "Expected exactly one of labels_per_item and p, got "
            f"labels_per_item={labels_per_item} and p={p}. Give the number of labels "
            "of each item or the probability of each label."
        )
    n_samples = len(true_codes)
    if p is None:
        if not 1 <= labels_per_item <= n_annotators:
            raise ValueError(
                f"Expected labels_per_item from 1 to the {n_annotators} annotators, "
                f"got {labels_per_item}. Lower it or simulate more annotators."
            )
        annotators = _draw_distinct(n_samples, n_annotators, labels_per_item, rng)
        items = np.repeat(np.arange(n_samples), labels_per_item)
        annotators = np.sort(annotators, axis=1).ravel()
    else:
        if not 0 < p <= 1:
            raise ValueError(
                f"Expected p above 0 and at most 1, got {p}. It is the probability "
                "that an annotator labels an item."
            )
        cells = _draw_cells(n_samples * n_annotators, p, rng)
        items, annotators = np.divmod(cells, n_annotators)
    codes = _draw_answers(matrices, annotators, true_codes[items], rng)
    indptr = np.zeros(n_samples + 1, dtype=np.int64)
    np.cumsum(np.bincount(items, minlength=n_samples), out=indptr[1:])
    return CrowdLabels(
        indptr,
        annotators.astype(np.int32),
        codes.astype(np.min_scalar_type(-n_classes)),
        classes,
        np.arange(n_annotators),
    )


def _draw_accuracy(accuracy, n_annotators, rng, *, shape=None):
    """Accuracies of shape `shape`, (n_annotators,) by default."""
    shape = (n_annotators,) if shape is None else shape
    values = np.asarray(accuracy, dtype=np.float64)
    if np.any(~(values >= 0) | (values > 1)):
        raise ValueError(
            f"Expected accuracy from 0 to 1, got {accuracy}. It is the probability of "
            "the right answer."
        )
    if isinstance(accuracy, tuple):
        if len(accuracy) != 2 or accuracy[0] > accuracy[1]:
            raise ValueError(
                f"Expected an accuracy tuple (low, high), got {accuracy}. Pass a list "
                "to give each annotator's."
            )
        return rng.uniform(*accuracy, size=shape)
    if values.shape not in ((), (n_annotators,), shape):
        raise ValueError(
            f"Expected accuracy to be a number, a tuple (low, high) or one number for "
            f"each of {n_annotators} annotators, got shape {values.shape}. Change it "
            "or n_annotators."
        )
    if values.shape == (n_annotators,):
        values = values.reshape((n_annotators,) + (1,) * (len(shape) - 1))
    return np.broadcast_to(values, shape)


def _uniform(n_annotators, n_classes, rng):
    return np.full((n_annotators, n_classes, n_classes), 1 / n_classes)


def _random(n_annotators, n_classes, rng):
    return rng.dirichlet(np.ones(n_classes), size=(n_annotators, n_classes))


def _symmetric(n_annotators, n_classes, rng, accuracy=(0.5, 0.9)):
    accuracy = _draw_accuracy(accuracy, n_annotators, rng)[:, np.newaxis, np.newaxis]
    eye = np.eye(n_classes)
    return accuracy * eye + (1 - accuracy) / (n_classes - 1) * (1 - eye)


def _diagonally_dominant(n_annotators, n_classes, rng, accuracy=(0.5, 0.9)):
    shape = (n_annotators, n_classes)
    accuracy = _draw_accuracy(accuracy, n_annotators, rng, shape=shape)
    errors = rng.dirichlet(np.ones(n_classes - 1), size=shape)
    matrices = np.empty((*shape, n_classes))
    diagonal = np.eye(n_classes, dtype=bool)
    matrices[:, diagonal] = accuracy
    off_diagonal = (1 - accuracy)[:, :, np.newaxis] * errors
    matrices[:, ~diagonal] = off_diagonal.reshape(n_annotators, -1)
    return matrices


def _pairwise_flipper(n_annotators, n_classes, rng, accuracy=(0.5, 0.9)):
    accuracy = _draw_accuracy(accuracy, n_annotators, rng)
    matrices = accuracy[:, np.newaxis, np.newaxis] * np.eye(n_classes)
    for m in range(n_annotators):
        cycle = rng.permutation(n_classes)
        matrices[m, cycle, np.roll(cycle, -1)] = 1 - accuracy[m]
    return matrices


def _adversarial(n_annotators, n_classes, rng, accuracy=(0.0, 0.2)):
    return _pairwise_flipper(n_annotators, n_classes, rng, accuracy)


def _biased(n_annotators, n_classes, rng, accuracy=(0.7, 0.9), bias=0.4):
    favourites = np.eye(n_classes)[rng.randint(n_classes, size=n_annotators)]
    looking = _symmetric(n_annotators, n_classes, rng, accuracy)
    return (1 - bias) * looking + bias * favourites[:, np.newaxis, :]


def _hammer_spammer(n_annotators, n_classes, rng, hammer_fraction=0.5, accuracy=0.97):
    if not 0 <= hammer_fraction <= 1:
        raise ValueError(
            f"Expected hammer_fraction from 0 to 1, got {hammer_fraction}. It is the "
            "share of annotators who are nearly always right."
        )
    n_hammers = round(hammer_fraction * n_annotators)
    if hammer_fraction > 0:
        n_hammers = max(n_hammers, 1)
    matrices = _uniform(n_annotators, n_classes, rng)
    hammers = rng.permutation(n_annotators)[:n_hammers]
    matrices[hammers] = _symmetric(n_hammers, n_classes, rng, accuracy)
    return matrices


def _mixed(n_annotators, n_classes, rng):
    expert = (_diagonally_dominant, {"accuracy": (0.9, 0.98)})
    average = (_diagonally_dominant, {"accuracy": (0.55, 0.8)})
    biased, spammer, adversary = (_biased, {}), (_uniform, {}), (_adversarial, {})
    roles = [expert, average, biased, average, spammer]
    roles += [average, expert, biased, average, adversary]
    return np.concatenate(
        [
            make(1, n_classes, rng, **params)
            for make, params in (roles[m % len(roles)] for m in range(n_annotators))
        ]
    )


_KINDS = {
    "adversarial": _adversarial,
    "diagonally_dominant": _diagonally_dominant,
    "hammer_spammer": _hammer_spammer,
    "mixed": _mixed,
    "pairwise_flipper": _pairwise_flipper,
    "random": _random,
    "symmetric": _symmetric,
    "uniform": _uniform,
}


def _check_matrices(confusion_matrices):
    matrices = np.asarray(confusion_matrices, dtype=np.float64)
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2]:
        raise ValueError(
            "Expected confusion_matrices of shape (n_annotators, n_classes, "
            f"n_classes), got {matrices.shape}. Put one square matrix for each "
            "annotator along the first axis."
        )
    sums = matrices.sum(axis=2)
    if not np.all(matrices >= 0) or not np.allclose(sums, 1):
        raise ValueError(
            "Expected confusion_matrices of non-negative rows that sum to one, got "
            f"entries from {matrices.min()} and sums from {sums.min()} to "
            f"{sums.max()}. Row k holds the probabilities of each answer when the true "
            "class is k."
        )
    return matrices


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


def _draw_distinct(n_samples, n_annotators, size, rng):
    """Distinct annotators for each item, all sets equally likely: (n_samples, size)."""
    if size * size > n_annotators:
        # The smallest of uniform numbers, in blocks that bound the memory.
        chosen = np.empty((n_samples, size), dtype=np.int64)
        step = max(1, _BLOCK_ENTRIES // n_annotators)
        for start in range(0, n_samples, step):
            block = chosen[start : start + step]
            keys = rng.uniform(size=(len(block), n_annotators))
            # Taking all of them needs no choice, and argpartition has no such pivot.
            pivot = min(size, n_annotators - 1)
            block[:] = np.argpartition(keys, pivot, axis=1)[:, :size]
        return chosen
    # More than half of the draws with replacement are distinct here. Drawing the whole
    # item again where one is not keeps all sets equally likely.
    chosen = rng.randint(n_annotators, size=(n_samples, size))
    todo = np.arange(n_samples)
    while len(todo):
        ordered = np.sort(chosen[todo], axis=1)
        todo = todo[(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)]
        chosen[todo] = rng.randint(n_annotators, size=(len(todo), size))
    return chosen


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


def _draw_answers(matrices, annotators, true_codes, rng):
    """Class code that each annotator answers about the true class beside it."""
    cumulative = matrices.cumsum(axis=2)
    # Exactly one at the end: no draw can fall behind it, onto an impossible class.
    cumulative /= cumulative[:, :, -1:]
    draws = rng.uniform(size=len(annotators))
    answers = np.empty(len(annotators), dtype=np.int64)
    step = max(1, _BLOCK_ENTRIES // matrices.shape[2])
    for start in range(0, len(answers), step):
        block = slice(start, start + step)
        rows = cumulative[annotators[block], true_codes[block]]
        answers[block] = (rows <= draws[block, np.newaxis]).sum(axis=1)
    return answers

"""Annotators: how they err, as confusion matrices.

A new kind is a function ``(n_annotators, n_classes, rng, **params)`` that returns
confusion matrices, and an entry in `KINDS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ._typing import Floats, RandomState


def make_confusion_matrices(
    n_annotators: int,
    n_classes: int,
    *,
    kind: str = "mixed",
    random_state: RandomState = None,
    **kind_params: Any,
) -> Floats:
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
        wrong classes in proportions drawn uniformly. No accuracy is below 0.5, so that
        no wrong answer is more probable than the right one. An array has one number for
        each annotator or the shape (n_annotators, n_classes).
    ``"pairwise_flipper"`` (``accuracy=(0.5, 0.9)``)
        Each class is mistaken for one other class only [3]_; each annotator has their
        own cycle through the classes.
    ``"adversarial"`` (``accuracy=(0.0, 0.2)``)
        The same with few right answers.
    ``"random"``
        Each row is drawn uniformly from all probability vectors.
    ``"uniform"``
        All are spammers, who choose uniformly whatever the true class.
    ``"classwise_hammer_spammer"`` (``hammer_fraction=0.5, accuracy=0.97``)
        Each annotator is a hammer for some classes and a spammer for the others [4]_.
        Every class of every annotator is independently a hammer's with probability
        `hammer_fraction`, so a class may be left without any. A hammer's row has
        `accuracy` on the right answer and the rest in equal parts on the wrong ones; a
        spammer's row is uniform. An array has one number for each annotator or the
        shape (n_annotators, n_classes).
    ``"separable_uniform"`` (``n_specialists=1, accuracy=0.97``)
        For each class there is one specialist, and all other annotators choose
        uniformly. The classes are dealt out at random to `n_specialists` annotators,
        who get equal numbers of them, give or take one. With the accuracy ``a``, a
        specialist recognises each class of theirs with probability ``a`` and mistakes
        every other class for it with probability ``(1 - a) / (n_classes - 1)``. Where
        the class is not theirs, their other answers share what is left in equal parts.
        So the column of an answer that they are the specialist for sums to one, and
        with ``accuracy=1`` it is a unit vector: that answer is given for that class
        alone, which is separability as in [5]_ and the near-class specialist of [6]_.
        One specialist knows all classes, and makes symmetric errors. `accuracy` is
        that of the specialists, a number, a tuple or a list.
    ``"separable_random"`` (``n_specialists=1, accuracy=0.97``)
        The same, but each row of the other annotators is drawn uniformly from all
        probability vectors.

    The code that the authors of [6]_ published has one specialist in its kinds
    "separable-and-uniform" and "separable-and-uniform-random", whose matrix is the
    identity plus uniform numbers from 0 to 0.01, made to sum to one; it adds 0.0001 to
    the diagonal of the uniform matrices, and draws random rows as normalised uniform
    numbers, which keeps them nearer to the uniform row than the draws here.

    References
    ----------
    .. [1] D. R. Karger, S. Oh and D. Shah, "Iterative learning for reliable
       crowdsourcing systems", NeurIPS 2011.
    .. [2] Y. Zhang, X. Chen, D. Zhou and M. I. Jordan, "Spectral methods meet EM: a
       provably optimal algorithm for crowdsourcing", JMLR 17, 2016.
    .. [3] B. Han et al., "Co-teaching: robust training of deep neural networks with
       extremely noisy labels", NeurIPS 2018.
    .. [4] A. Khetan, Z. C. Lipton and A. Anandkumar, "Learning from noisy
       singly-labeled data", ICLR 2018.
    .. [5] S. Ibrahim, X. Fu, N. Kargas and K. Huang, "Crowdsourcing via pairwise
       co-occurrences: identifiability and algorithms", NeurIPS 2019.
    .. [6] S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels:
       coupled cross-entropy minimization, identifiability, and regularization", ICLR
       2023, code at https://github.com/shahanaibrahimosu/end-to-end-crowdsourcing.

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
    sizes = {"n_annotators": (n_annotators, 1), "n_classes": (n_classes, 2)}
    for name, (size, least) in sizes.items():
        if not isinstance(size, Integral) or size < least:
            raise ValueError(
                f"Expected {name} as an integer of at least {least}, got {size!r}. "
                "Pass a whole number of them."
            )
    if kind not in KINDS:
        raise ValueError(
            f"Expected kind to be one of {sorted(KINDS)}, got {kind!r}. Choose one "
            "of them."
        )
    make = KINDS[kind]
    accepted = list(inspect.signature(make).parameters)[3:]
    unknown = sorted(set(kind_params) - set(accepted))
    if unknown:
        raise TypeError(
            f"Expected for kind={kind!r} no parameters but {accepted}, got {unknown}. "
            "Leave these out or choose another kind."
        )
    rng = check_random_state(random_state)
    return make(n_annotators, n_classes, rng, **kind_params)


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
    drawn = _draw_accuracy(accuracy, n_annotators, rng, shape=shape)
    # Not what was drawn: whether it is an error must not depend on the seed.
    lowest = np.min(accuracy)
    if lowest < 0.5:
        raise ValueError(
            "Expected accuracy of at least 0.5 for kind='diagonally_dominant', got "
            f"{lowest:g}. Raise it, or choose another kind: below, a wrong answer may "
            "be more probable than the right one."
        )
    errors = rng.dirichlet(np.ones(n_classes - 1), size=shape)
    matrices = np.empty((*shape, n_classes))
    diagonal = np.eye(n_classes, dtype=bool)
    matrices[:, diagonal] = drawn
    off_diagonal = (1 - drawn)[:, :, np.newaxis] * errors
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
    _check_hammer_fraction(hammer_fraction)
    n_hammers = round(hammer_fraction * n_annotators)
    if hammer_fraction > 0:
        n_hammers = max(n_hammers, 1)
    matrices = _uniform(n_annotators, n_classes, rng)
    hammers = rng.permutation(n_annotators)[:n_hammers]
    matrices[hammers] = _symmetric(n_hammers, n_classes, rng, accuracy)
    return matrices


def _check_hammer_fraction(hammer_fraction):
    if not isinstance(hammer_fraction, Real) or not 0 <= hammer_fraction <= 1:
        raise ValueError(
            f"Expected hammer_fraction from 0 to 1, got {hammer_fraction!r}. It is the "
            "share of annotators, or of their classes, who are nearly always right."
        )


def _classwise_hammer_spammer(
    n_annotators, n_classes, rng, hammer_fraction=0.5, accuracy=0.97
):
    _check_hammer_fraction(hammer_fraction)
    shape = (n_annotators, n_classes)
    accuracy = _draw_accuracy(accuracy, n_annotators, rng, shape=shape)
    hammers = rng.uniform(size=shape) < hammer_fraction
    right = np.where(hammers, accuracy, 1 / n_classes)[:, :, np.newaxis]
    eye = np.eye(n_classes)
    return right * eye + (1 - right) / (n_classes - 1) * (1 - eye)


def _specialists(n_annotators, n_classes, rng, n_specialists, accuracy):
    """Which annotators are specialists, and their matrices."""
    most = min(n_annotators, n_classes)
    if not isinstance(n_specialists, Integral) or not 1 <= n_specialists <= most:
        raise ValueError(
            f"Expected n_specialists as an integer from 1 to {most}, got "
            f"{n_specialists!r}. Each specialist is one of {n_annotators} annotators "
            f"and has a share of {n_classes} classes."
        )
    accuracy = _draw_accuracy(accuracy, n_specialists, rng)[:, np.newaxis, np.newaxis]
    known = np.zeros((n_specialists, n_classes), dtype=bool)
    for row, share in zip(
        known, np.array_split(rng.permutation(n_classes), n_specialists), strict=True
    ):
        row[share] = True
    n_known = known.sum(axis=1)[:, np.newaxis, np.newaxis]
    error = (1 - accuracy) / (n_classes - 1)
    # It is not used where all answers are known, but must not divide by zero there.
    other = (1 - n_known * error) / np.maximum(n_classes - n_known, 1)
    both_unknown = ~known[:, :, np.newaxis] & ~known[:, np.newaxis, :]
    recognised = known[:, :, np.newaxis] & np.eye(n_classes, dtype=bool)
    matrices = np.where(both_unknown, other, np.where(recognised, accuracy, error))
    return rng.permutation(n_annotators)[:n_specialists], matrices


def _separable_uniform(n_annotators, n_classes, rng, n_specialists=1, accuracy=0.97):
    matrices = _uniform(n_annotators, n_classes, rng)
    who, theirs = _specialists(n_annotators, n_classes, rng, n_specialists, accuracy)
    matrices[who] = theirs
    return matrices


def _separable_random(n_annotators, n_classes, rng, n_specialists=1, accuracy=0.97):
    matrices = _random(n_annotators, n_classes, rng)
    who, theirs = _specialists(n_annotators, n_classes, rng, n_specialists, accuracy)
    matrices[who] = theirs
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


KINDS: dict[str, Callable[..., Any]] = {
    "adversarial": _adversarial,
    "classwise_hammer_spammer": _classwise_hammer_spammer,
    "diagonally_dominant": _diagonally_dominant,
    "hammer_spammer": _hammer_spammer,
    "mixed": _mixed,
    "pairwise_flipper": _pairwise_flipper,
    "random": _random,
    "separable_random": _separable_random,
    "separable_uniform": _separable_uniform,
    "symmetric": _symmetric,
    "uniform": _uniform,
}


def check_matrices(confusion_matrices):
    """`confusion_matrices` as a float array, or an error that says what is wrong."""
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

"""Simulated crowds, good and hopeless, of every kind that the package can draw."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from skccem import CrowdLabels
from skccem.simulation import (
    make_confusion_matrices,
    make_crowd_labels,
    make_machine_annotators,
    make_outliers,
)

# Kinds of ``make_confusion_matrices`` that are good unless most annotators guess.
INFORMED = [
    "classwise_hammer_spammer",
    "diagonally_dominant",
    "hammer_spammer",
    "mixed",
    "pairwise_flipper",
    "symmetric",
]
# Kinds that are hopeless unless others annotate beside them.
UNINFORMED = ["adversarial", "random", "uniform"]
# Kinds in which everything hangs on few.
SEPARABLE = ["separable_random", "separable_uniform"]
# What else can happen to labels, whatever the matrices.
TROUBLES = ["long tail", "correlated", "difficulty", "outliers", "machine"]
KINDS = sorted([*INFORMED, *UNINFORMED, *SEPARABLE]) + TROUBLES

# Kinds that the checks were not developed on.
NEW_KINDS = ["rare class", "two groups", "long tail and difficulty"]

# Kinds whose hopeless crowds may give the labels of a good crowd: with classes renamed,
# or with another class for what all annotators say about an item.
UNSEEN = ["adversarial", "correlated", "outliers"]

_N_FEATURES = 10


@dataclass(frozen=True)
class Crowd:
    """Labels, and the truth that only the judgement sees.

    Attributes
    ----------
    X : ndarray of shape (n_items, 10), float32
    labels : CrowdLabels of shape (n_items, n_annotators)
    truth : ndarray of shape (n_items,)
    matrices : ndarray of shape (n_annotators, n_classes, n_classes)
        How probable each answer is given the class, everything counted that happened
        to the labels.
    log_frequencies : ndarray of shape (n_classes,)
        Of the true classes.
    log_posterior : ndarray of shape (n_items, n_classes)
        Of the class given the features.
    """

    X: np.ndarray
    labels: CrowdLabels
    truth: np.ndarray
    matrices: np.ndarray
    log_frequencies: np.ndarray
    log_posterior: np.ndarray


def draw_crowd(kind, good, seed, sizes):
    """A crowd of random size.

    Parameters
    ----------
    kind : str
        One of `KINDS` or `NEW_KINDS`.
    good : bool
        Whether it is meant to be identified. Whether it is, recovery says.
    seed : int
    sizes : dict of lists
        Numbers of ``classes``, ``annotators``, ``items`` and ``labels_per_item`` to
        choose from.

    Returns
    -------
    Crowd
    """
    rng = np.random.default_rng([seed, [*KINDS, *NEW_KINDS].index(kind), int(good)])
    n_classes, n_annotators, n_items, per_item = (
        int(rng.choice(sizes[name]))
        for name in ("classes", "annotators", "items", "labels_per_item")
    )
    frequencies = rng.dirichlet(np.full(n_classes, 8.0))
    if kind == "rare class":
        frequencies[0] = 0.05
        frequencies /= frequencies.sum()
    truth = rng.choice(n_classes, size=n_items, p=frequencies)
    # No class is without items, which machines could not learn.
    truth[: 2 * n_classes] = np.repeat(np.arange(n_classes), 2)
    X = rng.normal(size=(n_items, _N_FEATURES))
    # Clouds that the best classifier tells apart nine times in ten.
    centres = 2.25 * np.eye(n_classes, _N_FEATURES)
    X += centres[truth]
    log_frequencies = np.log(frequencies)
    scores = X @ centres.T - (centres**2).sum(axis=1) / 2 + log_frequencies
    if kind == "machine":
        labels, matrices = _machines(X, truth, good, n_annotators, per_item, rng)
    else:
        per_item = min(per_item, n_annotators)
        labels, matrices = _people(
            kind, good, truth, n_classes, n_annotators, per_item, rng
        )
    return Crowd(
        X.astype(np.float32),
        labels,
        truth,
        matrices,
        log_frequencies,
        log_softmax(scores, axis=1),
    )


def _people(kind, good, truth, n_classes, n_annotators, per_item, rng):
    seed = int(rng.integers(2**31))
    matrices = _matrices(kind, good, n_annotators, n_classes, rng, seed)
    correlated, difficulty = 0.0, None
    if kind == "correlated":
        correlated = float(rng.uniform(0.1, 0.4) if good else rng.uniform(0.4, 0.9))
    elif "difficulty" in kind:
        difficulty = rng.beta(1, 4, len(truth)) if good else rng.beta(8, 2, len(truth))
    settings = {
        "participation": "long_tail" if "long tail" in kind else "even",
        "correlated": correlated,
        "classes": np.arange(n_classes),
        "random_state": seed,
    }
    if kind == "two groups":
        labels = _two_groups(truth, matrices, per_item, settings)
    else:
        labels = make_crowd_labels(
            truth,
            matrices,
            labels_per_item=per_item,
            difficulty=difficulty,
            **settings,
        )
    matrices = (1 - correlated) * matrices + correlated * matrices.mean(axis=0)
    if difficulty is not None:
        matrices = _with_difficulty(matrices, truth, difficulty)
    if kind == "outliers":
        return _outliers(labels, truth, matrices, good, rng, seed)
    return labels, matrices


def _matrices(kind, good, n_annotators, n_classes, rng, seed):
    """Matrices of a kind, some annotators replaced by experts or by guessers."""
    if kind in [*TROUBLES, *NEW_KINDS]:
        kind = str(rng.choice(["diagonally_dominant", "mixed", "symmetric"]))
        good = good or rng.uniform() < 0.5
    params = {}
    if kind in SEPARABLE:
        most = min(n_annotators, n_classes)
        params["n_specialists"] = int(rng.integers(1, most + 1)) if good else 1
    matrices = make_confusion_matrices(
        n_annotators, n_classes, kind=kind, random_state=seed, **params
    )
    if kind in INFORMED and not good:
        others, low, high = "uniform", 0.8, 1.0
    elif kind not in INFORMED and good:
        others, low, high = "symmetric", 0.5, 0.8
    else:
        return matrices
    size = round(rng.uniform(low, high) * n_annotators)
    if size:
        accuracy = {"accuracy": (0.7, 0.95)} if others == "symmetric" else {}
        matrices[rng.permutation(n_annotators)[:size]] = make_confusion_matrices(
            size, n_classes, kind=others, random_state=seed + 1, **accuracy
        )
    return matrices


def _two_groups(truth, matrices, per_item, settings):
    """Labels of two groups of annotators who have no items in common."""
    dense = np.full((len(truth), len(matrices)), -1)
    groups = zip(
        np.array_split(np.arange(len(truth)), 2),
        np.array_split(np.arange(len(matrices)), 2),
        strict=True,
    )
    for items, group in groups:
        labels = make_crowd_labels(
            truth[items],
            matrices[group],
            labels_per_item=min(per_item, len(group)),
            **settings,
        )
        dense[np.ix_(items, group)] = np.asarray(labels)
    return CrowdLabels.from_matrix(dense, classes=settings["classes"])


def _with_difficulty(matrices, truth, difficulty):
    n_classes = matrices.shape[1]
    totals = np.bincount(truth, minlength=n_classes)
    blind = np.bincount(truth, difficulty, n_classes) / np.maximum(totals, 1)
    blind = blind[:, np.newaxis]
    return (1 - blind) * matrices + blind / n_classes


def _outliers(labels, truth, matrices, good, rng, seed):
    n_classes = labels.n_classes
    share = float(rng.uniform(0.02, 0.15) if good else rng.uniform(0.3, 0.7))
    how = str(rng.choice(["other_class", "same_answer", "guesses"]))
    labels, is_outlier = make_outliers(
        labels,
        truth,
        share=share,
        kind=how,
        confusion_matrices=matrices,
        random_state=seed,
    )
    others = (1 - np.eye(n_classes)) / (n_classes - 1)
    answers = {
        "other_class": others @ matrices,
        "same_answer": others,
        "guesses": np.full((n_classes, n_classes), 1 / n_classes),
    }[how]
    share = is_outlier.mean()
    return labels, (1 - share) * matrices + share * answers


def _machines(X, truth, good, n_annotators, per_item, rng):
    n_classes = truth.max() + 1
    train_size = max(n_classes, int(rng.uniform(0.1, 0.2) * len(truth)))
    crowd = make_machine_annotators(
        X,
        truth,
        n_annotators=n_annotators,
        train_size=train_size if good else n_classes,
        missing_rate=max(0.0, 1 - per_item / n_annotators),
        random_state=int(rng.integers(2**31)),
    )
    matrices = crowd.confusion_matrices
    return crowd.labels, np.where(np.isnan(matrices), 1 / n_classes, matrices)

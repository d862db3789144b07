"""The runs of ``suggestions.py``, in a module that its workers can import."""

import warnings

import numpy as np

from skccem import CrowdClassifier, CrowdLabels, DawidSkene
from skccem.collecting import suggest_labels
from skccem.exceptions import UnusedDataWarning
from skccem.simulation import (
    make_confusion_matrices,
    make_crowd_labels,
    make_outliers,
)

N_CLASSES, N_ANNOTATORS = 3, 20

# Labels an item in a round.
PER_ROUND = 0.5

# Who answers, from who is asked: random collection, a random annotator for the items
# that are least certain (uncertainty sampling), and what is suggested.
RANDOM, UNCERTAIN, SUGGESTED = "random", "least certain items", "suggest_labels"

_MISSING = -1


class World:
    """Items with features, and what each annotator says about each when asked.

    Parameters
    ----------
    kind : str
        Of ``make_confusion_matrices``.
    setting : str
        "plain", or what departs from it: "long tail", annotators are available by
        Zipf's law; "capacity", each for twice an even share of a round; "newcomers",
        five of them gave the first labels; "difficult", items are guessed at with a
        probability of 1/3 on average; "correlated", 30% of answers copy the herd's;
        "outliers", 10% of the items are answered as of another class.
    seed, n_items : int
    """

    def __init__(self, kind, setting, seed, n_items):
        rng = np.random.default_rng(seed)
        self.truth = rng.integers(N_CLASSES, size=n_items)
        # Clouds that a good classifier tells apart in four of five cases.
        clouds = 1.5 * np.eye(N_CLASSES, 10)[self.truth]
        self.X = (rng.normal(size=(n_items, 10)) + clouds).astype(np.float32)
        matrices = make_confusion_matrices(
            N_ANNOTATORS, N_CLASSES, kind=kind, random_state=seed
        )
        answers = make_crowd_labels(
            self.truth,
            matrices,
            labels_per_item=N_ANNOTATORS,
            classes=np.arange(N_CLASSES),
            correlated=0.3 if setting == "correlated" else 0.0,
            difficulty=rng.beta(1, 2, n_items) if setting == "difficult" else None,
            random_state=seed,
        )
        if setting == "outliers":
            answers, _ = make_outliers(
                answers, self.truth, confusion_matrices=matrices, random_state=seed
            )
        self._answers = np.asarray(answers)
        weights = np.ones(N_ANNOTATORS)
        if setting == "long tail":
            weights = 1 / (1 + rng.permutation(N_ANNOTATORS))
        # Of the labels, for each annotator, and of the first ones.
        self.share = weights / weights.sum()
        self.first_share = self.share * (
            (np.arange(N_ANNOTATORS) < 5) | (setting != "newcomers")
        )
        self.limited = setting in ("long tail", "capacity")

    def labels(self, asked):
        """The answers of those who were asked, a bool array of items by annotators."""
        return CrowdLabels.from_matrix(
            np.where(asked, self._answers, _MISSING), classes=np.arange(N_CLASSES)
        )


def measure_collection(
    estimator, kind, setting, strategy, seed, max_epochs, n_items, per_item
):
    """Accuracy of aggregated classes while labels are collected in rounds.

    Parameters
    ----------
    estimator : {"DawidSkene", "CrowdClassifier"}
    kind, setting : str
        Of `World`.
    strategy : {"random", "least certain items", "suggest_labels"}
    seed, max_epochs, n_items : int
    per_item : int
        Labels an item at the end.

    Returns
    -------
    dict
        `labels` and `accuracy`, a number for each round; all strategies start with the
        same random label of each item.
    """
    world = World(kind, setting, seed, n_items)
    asked = np.zeros((n_items, N_ANNOTATORS), dtype=bool)
    rng = np.random.default_rng(seed)
    _ask_evenly(asked, n_items, world.first_share, rng)
    curve = {"labels": [], "accuracy": []}
    while True:
        labels = world.labels(asked)
        clf, X, proba = _fit(estimator, world.X, labels, seed, max_epochs)
        curve["labels"].append(int(asked.sum()))
        curve["accuracy"].append(float(np.mean(proba.argmax(axis=1) == world.truth)))
        n = min(int(PER_ROUND * n_items), per_item * n_items - int(asked.sum()))
        if n == 0:
            return curve
        if strategy == RANDOM:
            _ask_evenly(asked, n, world.share, rng)
        elif strategy == UNCERTAIN:
            for item in np.argsort(proba.max(axis=1), kind="stable")[:n]:
                _ask_someone(asked, item, world.share, rng)
        else:
            most = np.ceil(2 * n * world.share).astype(int).tolist()
            table = suggest_labels(
                clf,
                X,
                labels,
                n,
                max_per_annotator=dict(enumerate(most)) if world.limited else None,
                random_state=seed,
            )
            asked[table["item"], table["annotator"]] = True


def _fit(estimator, X, labels, seed, max_epochs):
    """The estimator, its features, and the class probabilities of the items."""
    if estimator == "DawidSkene":
        clf = DawidSkene(classes=labels.classes, random_state=seed).fit(labels)
        return clf, None, clf.predict_proba(labels)
    clf = CrowdClassifier(n_init=1, max_epochs=max_epochs, random_state=seed)
    with warnings.catch_warnings():
        # Of a long tail, some have not been asked yet.
        warnings.simplefilter("ignore", UnusedDataWarning)
        clf.fit(X, labels)
    return clf, X, clf.aggregate_proba(X, labels)


def _ask_evenly(asked, n, share, rng):
    """Ask about the items with the fewest labels, ties at random."""
    order = rng.permutation(len(asked))
    for item in order[np.argsort(asked[order].sum(axis=1), kind="stable")][:n]:
        _ask_someone(asked, item, share, rng)


def _ask_someone(asked, item, share, rng):
    """Ask an annotator, the busy more often, who was not asked about the item yet."""
    left = share * ~asked[item]
    if left.any():
        asked[item, rng.choice(N_ANNOTATORS, p=left / left.sum())] = True

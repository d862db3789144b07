"""Methods that are compared, each a function of a problem, and their shared network.

A method is called as ``method(problem, seed, **overrides)``, where overrides are
arguments of the network, and returns an estimator, the classes that it infers for the
training items, and confusion matrices; the last two are None where it has none.
"""

import time
import warnings
from functools import partial

import numpy as np
import torch
from common import Fitted
from scipy.stats import mode
from sklearn.model_selection import train_test_split

from skccem import CrowdClassifier, DawidSkene, MajorityVote, TwoStageClassifier
from skccem.exceptions import UnusedDataWarning

# Stated, so that the comparison stays the same when defaults change.
NETWORK = {
    "hidden_layer_sizes": (128,),
    "dropout": 0.5,
    "optimizer": "adam",
    "lr": 1e-3,
    "confusion_lr": 2e-2,
    "batch_size": 100,
    "max_epochs": 100,
    # Likelihood and regulariser from the first epoch on, and one network.
    "burn_in": 0,
    "n_init": 1,
}
# What a better network alone is worth: that of skccem's defaults, and as many of it.
WIDE = {"hidden_layer_sizes": (512,), "dropout": 0.8}
N_NETWORKS = CrowdClassifier().n_init
PAPER = {"likelihood": "marginal", "init": "identity", "reg_strength": 0.01}
# Strengths to choose from.
STRENGTHS = [0.001, 0.01, 0.1]


def overrides_of(max_epochs):
    """Epochs as an argument only where they are others than `NETWORK` has.

    "skccem's defaults" are then trained as long as the defaults say.
    """
    return {} if max_epochs == NETWORK["max_epochs"] else {"max_epochs": max_epochs}


def shared_network(seed, **overrides):
    """The network that all methods share, to learn from one label an item."""
    params = {**NETWORK, **overrides}
    return CrowdClassifier(regularizer=None, **params, random_state=seed)


def _fit_crowd(clf, problem):
    clf.fit(problem.X, problem.labels)
    aggregated = clf.classes_[clf.aggregated_proba_.argmax(axis=1)]
    return clf, aggregated, clf.confusion_matrices_


def crowd(**params):
    """`CrowdClassifier` with the shared network, as a method."""

    def fit(problem, seed, **overrides):
        clf = CrowdClassifier(**{**NETWORK, **params, **overrides}, random_state=seed)
        return _fit_crowd(clf, problem)

    return fit


def _defaults(problem, seed, **overrides):
    return _fit_crowd(CrowdClassifier(**overrides, random_state=seed), problem)


def _two_stage(aggregator):
    def fit(problem, seed, **overrides):
        clf = TwoStageClassifier(
            aggregator(random_state=seed), shared_network(seed, **overrides)
        ).fit(problem.X, problem.labels)
        aggregated = clf.aggregator_.predict(problem.labels)
        return clf, aggregated, clf.confusion_matrices_

    return fit


def _truth(problem, seed, **overrides):
    clf = shared_network(seed, **overrides).fit(problem.X, problem.truth)
    return clf, None, None


class Averaged:
    """Classifiers whose probabilities are averaged."""

    def __init__(self, classifiers):
        self.classifiers = classifiers

    def score(self, X, y):
        """Accuracy."""
        proba = np.mean([clf.predict_proba(X) for clf in self.classifiers], axis=0)
        return np.mean(self.classifiers[0].classes_[proba.argmax(axis=1)] == y)


def averaged(method):
    """A method with as many wide networks as skccem's defaults, averaged.

    Of what is inferred for the training items the most frequent is taken, and of
    matrices the mean.
    """

    def fit(problem, seed, **overrides):
        rng = np.random.default_rng(seed)
        runs = [
            method(problem, number, **WIDE, **overrides)
            for number in rng.integers(2**31, size=N_NETWORKS).tolist()
        ]
        classifiers, aggregated, matrices = zip(*runs, strict=True)
        return (
            Averaged(classifiers),
            None if aggregated[0] is None else mode(aggregated, axis=0).mode,
            None if matrices[0] is None else np.mean(matrices, axis=0),
        )

    return fit


def held_out_scores(problem, params, seed, **overrides):
    """How well a fit to 80% of the labelled items explains the others.

    Parameters
    ----------
    problem : Problem
    params : dict
        Arguments of CrowdClassifier.
    seed : int
    **overrides
        Arguments of the network.

    Returns
    -------
    dict
        ``held_out``, log-likelihood per label, and ``held_out_truth``, accuracy.
    """
    labelled = np.flatnonzero(problem.labels.labels_per_item)
    train, held_out = train_test_split(labelled, test_size=0.2, random_state=seed)
    fitted = fit_method(problem.select(train), crowd(**params), seed, **overrides)
    X = problem.X[held_out]
    return {
        "held_out": fitted.estimator.score(X, problem.labels[held_out]),
        "held_out_truth": fitted.estimator.score(X, problem.truth[held_out]),
    }


def _strength_by_likelihood(**params):
    def fit(problem, seed, **overrides):
        candidates = [{**params, "reg_strength": strength} for strength in STRENGTHS]
        best = max(
            candidates,
            key=lambda c: held_out_scores(problem, c, seed, **overrides)["held_out"],
        )
        return crowd(**best)(problem, seed, **overrides)

    return fit


def _one_learning_rate(regularizer):
    """As in the paper: a start at the identity, matrices trained like the network."""

    def fit(problem, seed, **overrides):
        params = {
            **PAPER,
            "regularizer": regularizer,
            "init": np.eye(problem.labels.n_classes),
            "confusion_lr": NETWORK["lr"],
        }
        return crowd(**params)(problem, seed, **overrides)

    return fit


METHODS = {
    "majority vote, then the network": _two_stage(MajorityVote),
    "Dawid-Skene, then the network": _two_stage(DawidSkene),
    "CCEM": crowd(**PAPER, regularizer=None),
    "CCEM + F (0.01)": crowd(**PAPER, regularizer="F"),
    "CCEM + W (0.01)": crowd(**PAPER, regularizer="W"),
    "skccem's defaults": _defaults,
    "skccem's defaults, n_init=1": partial(_defaults, n_init=1),
    "skccem's defaults, n_init=1, plain network": partial(
        _defaults, n_init=1, **{name: NETWORK[name] for name in WIDE}
    ),
    "the network on true labels": _truth,
}

# What only the comparison on real crowds has.
FURTHER_METHODS = {
    **{
        f"{name}, wide": partial(METHODS[name], **WIDE)
        for name in METHODS
        if "defaults" not in name
    },
    **{
        f"{name}, {N_NETWORKS} wide": averaged(METHODS[name])
        for name in METHODS
        if "defaults" not in name
    },
    f"skccem's defaults, n_init=1, {N_NETWORKS} averaged": averaged(
        METHODS["skccem's defaults, n_init=1"]
    ),
    "CCEM + F, strength by held-out likelihood": _strength_by_likelihood(
        **PAPER, regularizer="F"
    ),
    "CCEM + W, strength by held-out likelihood": _strength_by_likelihood(
        **PAPER, regularizer="W"
    ),
    "CCEM, one learning rate": _one_learning_rate(None),
    "CCEM + F (0.01), one learning rate": _one_learning_rate("F"),
}


def fit_method(problem, method, seed, **overrides):
    """Fit a method on the training items of a problem.

    Parameters
    ----------
    problem : Problem
    method : callable
        A value of METHODS, or what `crowd` returns.
    seed : int
    **overrides
        Arguments of the network, such as max_epochs, other than those of NETWORK.

    Returns
    -------
    Fitted
    """
    torch.set_num_threads(1)
    start = time.perf_counter()
    with warnings.catch_warnings():
        # Simulated and real crowds may hold items without labels, and idle annotators.
        warnings.simplefilter("ignore", UnusedDataWarning)
        clf, aggregated, matrices = method(problem, seed, **overrides)
    return Fitted(clf, aggregated, matrices, time.perf_counter() - start)

"""scikit-activeml's way and ours: the snippets of docs/coming_from/scikit_activeml.rst.

What lies between ``# theirs:`` or ``# ours:`` and ``# end`` is on the page.
``compare`` runs all of it on one crowd, and says how far the two sides are apart.
"""

import warnings

import numpy as np
import torch
from coming_from_crowd import Found, accuracy, untied


def their_labels(table, X):
    # theirs: labels in
    y = np.full((len(X), table["worker"].max() + 1), np.nan)
    y[table["task"], table["worker"]] = table["label"]
    # end
    return y


def our_labels(y):
    # ours: labels in
    from skccem import CrowdLabels

    # y itself is taken as well.
    labels = CrowdLabels.from_matrix(y)
    # end
    return labels


def their_vote(y):
    # theirs: majority vote
    from skactiveml.utils import majority_vote

    classes = majority_vote(y, random_state=0)
    # end
    return classes


def our_vote(labels):
    # ours: majority vote
    from skccem import MajorityVote

    classes = MajorityVote(random_state=0).fit_predict(labels)
    # end
    return classes


def their_linear(y, X):
    # theirs: a linear classifier and confusion matrices
    from skactiveml.classifier.multiannotator import AnnotatorLogisticRegression

    clf = AnnotatorLogisticRegression(classes=[0, 1, 2], random_state=0)
    clf.fit(X, y)
    matrices = clf.Alpha_  # [m, k, l]: annotator m says l of class k
    # end
    return clf, matrices


def our_linear(labels, X):
    # ours: a linear classifier and confusion matrices
    from skccem import CrowdClassifier

    clf = CrowdClassifier(hidden_layer_sizes=(), lr=1e-2, random_state=0)
    clf.fit(X, labels)
    matrices = clf.confusion_matrices_  # [m, k, l], too
    # end
    return clf, matrices


def their_network(y, X):
    # theirs: a network
    from skactiveml.classifier.multiannotator import CrowdLayerClassifier
    from torch import nn

    network = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3))
    settings = {
        "optimizer": torch.optim.Adam,
        "lr": 1e-3,
        "batch_size": 100,
        "max_epochs": 100,
        "iterator_train__shuffle": True,
        "verbose": 0,
    }
    clf = CrowdLayerClassifier(
        network, classes=[0, 1, 2], neural_net_param_dict=settings, random_state=0
    )
    clf.fit(X, y)  # which returns None
    # end
    return clf


def our_network(labels, X):
    # ours: a network
    from torch import nn

    from skccem import CrowdClassifier

    network = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3))
    clf = CrowdClassifier(network, random_state=0).fit(X, labels)
    # end
    return clf


def our_plain_network(labels, X):
    # ours: one network without regulariser
    from torch import nn

    from skccem import CrowdClassifier

    network = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3))
    clf = CrowdClassifier(
        network, likelihood="marginal", regularizer=None, n_init=1, random_state=0
    )
    clf.fit(X, labels)
    # end
    return clf


def their_annotators(clf, X):
    # theirs: annotator quality
    _, per_item = clf.predict_proba(X, extra_outputs="annotator_perf")
    quality = per_item.mean(axis=0)  # of (n_samples, n_annotators)
    # end
    return quality


def our_annotators(clf, X, labels):
    # ours: annotator quality
    from skccem.reports import annotator_report

    report = annotator_report(clf, X, labels)
    quality = report["accuracy"]  # with an interval and a verdict
    # end
    return quality


def our_quality(clf, X, labels):
    # ours: label quality and consensus
    from skccem.reports import consensus, label_quality

    proba = clf.aggregated_proba_
    items = consensus(clf, X, labels, proba=proba)
    quality = label_quality(clf, X, labels, proba=proba)
    # end
    return items, quality


def their_next(y, X, matrices):
    # theirs: what to label next
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import UncertaintySampling
    from skactiveml.pool.multiannotator import SingleAnnotatorWrapper
    from sklearn.linear_model import LogisticRegression

    items = SklearnClassifier(LogisticRegression(), classes=[0, 1, 2])
    strategy = SingleAnnotatorWrapper(UncertaintySampling(random_state=0))
    skills = np.einsum("mkk->m", matrices)
    pairs = strategy.query(X, y, clf=items, A_perf=skills, batch_size=20)
    # end
    return pairs


def our_next(clf, X, labels):
    # ours: what to label next
    from skccem.collecting import suggest_labels

    pairs = suggest_labels(clf, X, labels, n=20)[["item", "annotator"]]
    # end
    return pairs


def our_snippets(crowd):
    """All of ours, which need no other package.

    Parameters
    ----------
    crowd : Crowd

    Returns
    -------
    dict
    """
    labels = our_labels(crowd.matrix)
    linear, matrices = our_linear(labels, crowd.X)
    network = our_network(labels, crowd.X)
    return {
        "labels": labels,
        "vote": our_vote(labels),
        "linear": linear,
        "matrices": matrices,
        "network": network,
        "plain": our_plain_network(labels, crowd.X),
        "annotators": our_annotators(network, crowd.X, labels),
        "quality": our_quality(network, crowd.X, labels),
        "next": our_next(network, crowd.X, labels),
    }


def compare(crowd):
    """Both sides on one crowd.

    Parameters
    ----------
    crowd : Crowd

    Returns
    -------
    list of Found
    """
    ours, X = our_snippets(crowd), crowd.X
    y = their_labels(crowd.table, X)
    np.testing.assert_array_equal(y, crowd.matrix)
    free = untied(ours["labels"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linear, matrices = their_linear(y, X)
        # It does not seed torch by its random_state.
        torch.manual_seed(0)
        network = their_network(y, X)
        their_next(y, X, matrices)
        quality = their_annotators(network, X)
        votes = their_vote(y)
        scores = [accuracy(clf, crowd) for clf in (linear, network)]

    def error(matrices):
        return np.abs(matrices - crowd.matrices).mean()

    return [
        Found(
            "majority vote: items without a tie that get another class",
            np.sum(votes[free] != ours["vote"][free]),
            limit=0,
        ),
        Found(
            "AnnotatorLogisticRegression: mean error of a matrix's entry",
            error(matrices),
        ),
        Found(
            "CrowdClassifier(hidden_layer_sizes=()): the same error",
            error(ours["matrices"]),
        ),
        Found("AnnotatorLogisticRegression: test accuracy", scores[0]),
        Found(
            "CrowdClassifier(hidden_layer_sizes=()): test accuracy",
            accuracy(ours["linear"], crowd),
        ),
        Found("CrowdLayerClassifier: test accuracy", scores[1]),
        Found(
            "CrowdClassifier, the same network alone, no regulariser: test accuracy",
            accuracy(ours["plain"], crowd),
        ),
        Found(
            "CrowdClassifier, four such networks: test accuracy",
            accuracy(ours["network"], crowd),
        ),
        Found(
            "CrowdLayerClassifier: mean error of an annotator's accuracy",
            np.abs(quality - crowd.accuracies).mean(),
        ),
        Found(
            "annotator_report: mean error of an annotator's accuracy",
            np.abs(ours["annotators"] - crowd.accuracies).mean(),
        ),
    ]

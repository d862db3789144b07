"""crowd-kit's way and ours, job by job: the snippets of docs/coming_from/crowd_kit.rst.

What lies between ``# theirs:`` or ``# ours:`` and ``# end`` is on the page.
``compare`` runs all of it on one crowd, and says how far the two sides are apart.
"""

import warnings

import numpy as np
from coming_from_crowd import Found, accuracy, same_classes, untied
from peers import import_peer
from sklearn.exceptions import ConvergenceWarning


def their_labels(table):
    # theirs: labels in
    # A DataFrame, one row a label.
    table = table[["task", "worker", "label"]]
    # end
    return table


def our_labels(table, X):
    # ours: labels in
    from skccem import CrowdLabels

    # The columns have crowd-kit's names by default. Rows of labels follow
    # `items`, which is how they get the order of the features.
    labels = CrowdLabels.from_long(table, items=range(len(X)))
    # end
    return labels


def their_vote(table):
    # theirs: majority vote
    from crowdkit.aggregation import MajorityVote

    classes = MajorityVote().fit_predict(table)  # a Series by task
    # end
    return classes


def our_vote(labels):
    # ours: majority vote
    from skccem import MajorityVote

    # In the items' order.
    classes = MajorityVote(random_state=0).fit_predict(labels)
    # end
    return classes


def their_dawid_skene(table):
    # theirs: Dawid-Skene
    from crowdkit.aggregation import DawidSkene

    model = DawidSkene().fit(table)
    classes, proba = model.labels_, model.probas_
    # end
    return classes, proba


def our_dawid_skene(labels):
    # ours: Dawid-Skene
    from skccem import DawidSkene

    model = DawidSkene(random_state=0).fit(labels)
    classes, proba = model.predict(labels), model.predict_proba(labels)
    # end
    return classes, proba


def their_climb(table):
    # theirs: to the same numbers
    from crowdkit.aggregation import DawidSkene

    model = DawidSkene(n_iter=300, tol=-np.inf).fit(table)
    # end
    return model


def our_climb(labels):
    # ours: to the same numbers
    from skccem import DawidSkene

    model = DawidSkene(smoothing=0, max_iter=300, tol=0, random_state=0).fit(labels)
    # end
    return model


def their_matrix(model, worker):
    # theirs: confusion matrices
    # A row an answer, a column a true class.
    matrix = model.errors_.loc[worker]
    # end
    return matrix


def our_matrix(model, worker):
    # ours: confusion matrices
    m = model.annotators_.tolist().index(worker)
    # A row a true class, a column an answer.
    matrix = model.confusion_matrices_[m]
    # end
    return matrix


def their_glad(table):
    # theirs: GLAD
    from crowdkit.aggregation import GLAD

    model = GLAD().fit(table)
    classes, abilities = model.labels_, model.alphas_
    log_easiness = model.betas_
    # end
    return classes, abilities, log_easiness


def our_glad(labels):
    # ours: GLAD
    from skccem import GLAD

    model = GLAD(random_state=0).fit(labels)
    classes = model.predict(labels)
    abilities, difficulties = model.abilities_, model.difficulties_
    # end
    return classes, abilities, difficulties


def their_mace(table):
    # theirs: MACE
    from crowdkit.aggregation import MACE

    model = MACE().fit(table.sort_values(["worker", "label"]))
    classes, competences = model.labels_, model.spamming_[:, 1]
    # end
    return classes, competences


def our_mace(labels):
    # ours: MACE
    from skccem import MACE

    model = MACE(random_state=0).fit(labels)
    classes, competences = model.predict(labels), model.competences_
    # end
    return classes, competences


def their_quality(table, model):
    # theirs: label quality and consensus
    from crowdkit.metrics.data import uncertainty

    classes, probability = model.labels_, model.probas_.max(axis=1)
    # Entropy of the votes.
    entropy = uncertainty(table, compute_by="task", aggregate=False)
    # end
    return classes, probability, entropy


def our_quality(model, labels):
    # ours: label quality and consensus
    from skccem.reports import consensus, label_quality

    # A row an item, the least certain first.
    items = consensus(model, None, labels)
    quality = label_quality(model, None, labels)  # a row a label
    # end
    return items, quality


def their_annotators(table, model):
    # theirs: annotator quality
    from crowdkit.metrics.workers import accuracy_on_aggregates

    skills = accuracy_on_aggregates(table, aggregates=model.labels_, by="worker")
    # end
    return skills


def our_annotators(model, labels):
    # ours: annotator quality
    from skccem.reports import annotator_report

    report = annotator_report(model, None, labels)
    skills = report[["accuracy", "accuracy_low", "accuracy_high", "verdict"]]
    # end
    return skills


def their_classifier(table, X):
    # theirs: a classifier
    from crowdkit.aggregation import DawidSkene
    from sklearn.linear_model import LogisticRegression

    classes = DawidSkene().fit_predict(table)
    clf = LogisticRegression().fit(X[classes.index], classes)
    # end
    return clf


def our_two_stages(labels, X):
    # ours: two stages
    from sklearn.linear_model import LogisticRegression

    from skccem import DawidSkene, TwoStageClassifier

    clf = TwoStageClassifier(DawidSkene(), LogisticRegression(), random_state=0)
    clf.fit(X, labels)
    # end
    return clf


def our_classifier(labels, X):
    # ours: a classifier
    from skccem import CrowdClassifier

    clf = CrowdClassifier(random_state=0).fit(X, labels)
    # end
    return clf


def our_snippets(crowd):
    """All of ours, which need no other package.

    Parameters
    ----------
    crowd : Crowd

    Returns
    -------
    dict
    """
    labels = our_labels(crowd.table, crowd.X)
    with warnings.catch_warnings():
        # With tol=0 there may be something to gain after any number of iterations.
        warnings.simplefilter("ignore", ConvergenceWarning)
        climb = our_climb(labels)
    return {
        "labels": labels,
        "vote": our_vote(labels),
        "dawid_skene": our_dawid_skene(labels),
        "climb": climb,
        "matrix": our_matrix(climb, crowd.table["worker"][0]),
        "glad": our_glad(labels),
        "mace": our_mace(labels),
        "quality": our_quality(climb, labels),
        "annotators": our_annotators(climb, labels),
        "two_stages": our_two_stages(labels, crowd.X),
        "classifier": our_classifier(labels, crowd.X),
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
    ours, table = our_snippets(crowd), their_labels(crowd.table)
    items, annotators = range(len(crowd.X)), ours["labels"].annotators
    MACE = import_peer("crowd-kit").MACE
    with warnings.catch_warnings():
        # pandas deprecates arguments that crowd-kit uses in every iteration.
        warnings.simplefilter("ignore")
        climb = their_climb(table)
        vote = their_vote(table)[items]
        classes, _ = their_dawid_skene(table)
        glad, abilities, _ = their_glad(table)
        mace, competences = their_mace(table)
        backwards = MACE().fit_predict(table[::-1])
        their_quality(table, climb)
        skills = their_annotators(table, climb)[annotators]
        clf = their_classifier(table, crowd.X)
    worker = table["worker"][0]
    matrix = their_matrix(climb, worker).sort_index().sort_index(axis=1)
    proba = climb.probas_.loc[items, crowd.classes]
    report = ours["annotators"]
    mine = ours["climb"].predict_proba(ours["labels"])
    free = untied(ours["labels"])
    both = {
        "DawidSkene": (classes, ours["dawid_skene"][0]),
        "GLAD": (glad, ours["glad"][0]),
        "MACE": (mace, ours["mace"][0]),
    }
    return [
        Found(
            "MajorityVote: items without a tie that get another class",
            np.sum(vote.to_numpy()[free] != ours["vote"][free]),
            limit=0,
        ),
        Found(
            "DawidSkene to the same numbers: largest difference of a probability",
            np.abs(proba.to_numpy() - mine).max(),
            limit=1e-6,
        ),
        Found(
            "DawidSkene to the same numbers: largest difference in a matrix",
            np.abs(matrix.to_numpy().T - ours["matrix"]).max(),
            limit=1e-6,
        ),
        *(
            Found(f"{name}, each at its defaults: share of items of the same class", s)
            for name, s in (
                (name, same_classes(their[items], mine))
                for name, (their, mine) in both.items()
            )
        ),
        Found(
            "crowd-kit's MACE: share that keeps its class if the table is turned round",
            same_classes(mace[items], backwards[items]),
        ),
        Found(
            "MACE: correlation of the competences",
            np.corrcoef(competences, ours["mace"][1])[0, 1],
        ),
        Found(
            "GLAD: correlation of the abilities",
            np.corrcoef(abilities[annotators], ours["glad"][1])[0, 1],
        ),
        Found(
            "crowd-kit's accuracy on aggregates: mean error of an accuracy",
            np.abs(skills - crowd.accuracies).mean(),
        ),
        Found(
            "annotator_report, DawidSkene: mean error of an accuracy",
            np.abs(report["accuracy"] - crowd.accuracies).mean(),
        ),
        Found(
            "crowd-kit's DawidSkene, then LogisticRegression: test accuracy",
            accuracy(clf, crowd),
        ),
        Found(
            "TwoStageClassifier of the same two: test accuracy",
            accuracy(ours["two_stages"], crowd),
        ),
        Found("CrowdClassifier: test accuracy", accuracy(ours["classifier"], crowd)),
    ]

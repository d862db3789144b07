"""cleanlab's way and ours, job by job: the snippets of docs/coming_from/cleanlab.rst.

What lies between ``# theirs:`` or ``# ours:`` and ``# end`` is on the page.
``compare`` runs all of it on one crowd, and says how far the two sides are apart.
"""

import warnings

import numpy as np
from coming_from_crowd import Found, accuracy, same_classes, untied
from peers import import_peer
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score


def their_labels(table):
    # theirs: labels in
    from cleanlab.multiannotator import convert_long_to_wide_dataset

    table = table.rename(columns={"worker": "annotator"})
    # Integers 0, 1, ..., NaN elsewhere.
    wide = convert_long_to_wide_dataset(table)
    # end
    return wide


def our_labels(wide):
    # ours: labels in, from the wide table
    from skccem import CrowdLabels

    labels = CrowdLabels.from_matrix(wide)  # words are classes too
    # end
    return labels


def our_long_labels(table, X):
    # ours: labels in, from the long table
    from skccem import CrowdLabels

    labels = CrowdLabels.from_long(table, items=range(len(X)))
    # end
    return labels


def their_vote(wide):
    # theirs: majority vote
    from cleanlab.multiannotator import get_majority_vote_label

    votes = get_majority_vote_label(wide)
    # end
    return votes


def our_vote(labels):
    # ours: majority vote
    from skccem import MajorityVote

    votes = MajorityVote(random_state=0).fit_predict(labels)
    # end
    return votes


def their_consensus(wide, votes, X):
    # theirs: label quality and consensus
    from cleanlab.multiannotator import get_label_quality_multiannotator
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    proba = cross_val_predict(
        LogisticRegression(), X, votes, cv=5, method="predict_proba"
    )
    results = get_label_quality_multiannotator(wide, proba)
    items = results["label_quality"]  # a row an item
    quality = results["detailed_label_quality"]  # an item by an annotator
    # end
    return proba, results, items, quality


def our_consensus(labels, X):
    # ours: label quality and consensus
    from skccem import CrowdClassifier
    from skccem.reports import consensus, label_quality

    clf = CrowdClassifier(random_state=0).fit(X, labels)
    proba = clf.aggregated_proba_
    # The least certain first.
    items = consensus(clf, X, labels, proba=proba)
    quality = label_quality(clf, X, labels, proba=proba)  # a row a label
    # end
    return clf, items, quality


def our_probabilities(clf, X, labels, wide):
    # theirs: with our probabilities
    from cleanlab.multiannotator import get_label_quality_multiannotator

    from skccem import cross_val_predict_proba

    proba = cross_val_predict_proba(clf, X, labels, cv=5)
    results = get_label_quality_multiannotator(wide, proba, calibrate_probs=True)
    # end
    return results


def their_annotators(results):
    # theirs: annotator quality
    stats = results["annotator_stats"]
    quality = stats["annotator_quality"]  # the worst first
    # end
    return quality


def our_annotators(clf, X, labels):
    # ours: annotator quality
    from skccem.reports import annotator_report

    report = annotator_report(clf, X, labels)
    # With accuracy_low, accuracy_high and a verdict.
    quality = report["accuracy"]
    # end
    return quality


def our_matrices(clf):
    # ours: confusion matrices
    # [m, k, l]: annotator m says l of class k.
    matrices = clf.confusion_matrices_
    # end
    return matrices


def their_classifier(results, X):
    # theirs: a classifier
    from sklearn.linear_model import LogisticRegression

    clf = LogisticRegression().fit(X, results["label_quality"]["consensus_label"])
    # end
    return clf


def our_classifier(labels, X):
    # ours: a classifier
    from skccem import CrowdClassifier

    # Before any consensus.
    clf = CrowdClassifier(random_state=0).fit(X, labels)
    # end
    return clf


def their_next(wide, proba):
    # theirs: what to label next
    from cleanlab.multiannotator import get_active_learning_scores

    scores, _ = get_active_learning_scores(wide, proba)
    items = np.argsort(scores)[:20]  # the lowest first; by anybody
    # end
    return items


def our_next(clf, X, labels):
    # ours: what to label next
    from skccem.collecting import suggest_labels

    # An item and an annotator a row.
    pairs = suggest_labels(clf, X, labels, n=20)
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
    clf, items, quality = our_consensus(labels, crowd.X)
    return {
        "labels": labels,
        "long": our_long_labels(crowd.table, crowd.X),
        "vote": our_vote(labels),
        "clf": clf,
        "items": items,
        "quality": quality,
        "annotators": our_annotators(clf, crowd.X, labels),
        "matrices": our_matrices(clf),
        "next": our_next(clf, crowd.X, labels),
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
    ours, labels, X = our_snippets(crowd), our_labels(crowd.matrix), crowd.X
    with warnings.catch_warnings():
        # pandas deprecates what cleanlab uses.
        warnings.simplefilter("ignore")
        wide = their_labels(crowd.table)
        votes = their_vote(wide)
        proba, results, items, quality = their_consensus(wide, votes, X)
        multiannotator = import_peer("cleanlab")
        calibrated = multiannotator.get_label_quality_multiannotator(
            wide, proba, calibrate_probs=True
        )
        mixed = our_probabilities(ours["clf"], X, labels, wide)
        their_next(wide, proba)
    others = {
        "calibrate_probs=True": calibrated,
        "calibrate_probs=True, our out-of-fold probabilities": mixed,
    }
    free = untied(labels)
    said = labels.classes[labels.codes]
    wrong = said != crowd.truth[labels.row_indices()]
    cells = labels.row_indices(), labels.indices
    mine = ours["items"].sort_index()["label"]
    annotators = labels.annotators

    def area(quality):
        return roc_auc_score(wrong, -np.asarray(quality))

    def order(quality):
        return spearmanr(quality[annotators], crowd.accuracies).statistic

    return [
        Found(
            "majority vote: items without a tie that get another class",
            np.sum(votes[free] != ours["vote"][free]),
            limit=0,
        ),
        Found(
            "share of items of the same consensus",
            same_classes(items["consensus_label"], mine),
        ),
        Found(
            "cleanlab: share of items whose consensus is right",
            same_classes(items["consensus_label"], crowd.truth),
        ),
        *(
            Found(
                f"cleanlab, {name}: the same share",
                same_classes(found["label_quality"]["consensus_label"], crowd.truth),
            )
            for name, found in others.items()
        ),
        Found("skccem: the same share", same_classes(mine, crowd.truth)),
        Found("majority vote: the same share", same_classes(votes, crowd.truth)),
        Found(
            "cleanlab: area under the ROC curve of wrong labels",
            area(quality.to_numpy()[cells]),
        ),
        *(
            Found(
                f"cleanlab, {name}: the same area",
                area(found["detailed_label_quality"].to_numpy()[cells]),
            )
            for name, found in others.items()
        ),
        Found("skccem: the same area", area(ours["quality"]["probability"])),
        Found(
            "cleanlab: rank correlation of annotators' quality with true accuracies",
            order(their_annotators(results)),
        ),
        Found("skccem: the same correlation", order(ours["annotators"])),
        Found(
            "LogisticRegression on cleanlab's consensus: test accuracy",
            accuracy(their_classifier(results, X), crowd),
        ),
        Found("CrowdClassifier: test accuracy", accuracy(ours["clf"], crowd)),
    ]

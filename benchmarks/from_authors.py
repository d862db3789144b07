"""What the authors' options are here: the snippets of docs/coming_from/authors.rst.

What lies between ``# ours:`` and ``# end`` is on the page. Their code is on no
registry, and nothing of it runs here.
"""

import numpy as np


def our_labels(annotations):
    # ours: labels in
    from skccem import CrowdLabels

    # Integers, -1 where there is none.
    labels = CrowdLabels.from_matrix(annotations)
    # end
    return labels


def our_vote(labels):
    # ours: majority vote and Dawid-Skene
    from skccem import DawidSkene, MajorityVote

    vote = MajorityVote(random_state=1).fit_predict(labels)
    classes = DawidSkene(random_state=1).fit_predict(labels)
    # end
    return vote, classes


def our_ccem(labels, X):
    # ours: NOREGEECS
    from scipy.special import softmax

    from skccem import CrowdClassifier

    theirs = {
        "likelihood": "marginal",
        "burn_in": 0,  # one loss from the first epoch on
        "n_init": 1,  # one network
        "hidden_layer_sizes": (128,),  # theirs for LabelMe
        "dropout": 0.5,
        "lr": 1e-3,
        "confusion_lr": 1e-3,  # one learning rate for everything
        # Of the network; theirs is of the matrices, too.
        "weight_decay": 1e-4,
        # Their "identity".
        "init": softmax(np.eye(labels.n_classes), axis=1),
        "batch_size": 100,
        "max_epochs": 100,
        "random_state": 1,
    }
    clf = CrowdClassifier(regularizer=None, **theirs).fit(X, labels)
    # end
    return theirs, clf


def our_f(labels, X, theirs):
    # ours: VOLMINEECS_LOGDETH
    from skccem import CrowdClassifier

    clf = CrowdClassifier(regularizer="F", reg_strength=0.01, **theirs)
    clf.fit(X, labels)
    # end
    return clf


def our_w(labels, X, theirs):
    # ours: VOLMINEECS_LOGDETW
    from skccem import CrowdClassifier

    clf = CrowdClassifier(regularizer="W", reg_strength=0.01, **theirs)
    clf.fit(X, labels)
    # end
    return clf


def our_matrices(clf):
    # ours: A
    # A[m, l, k]: columns sum to one.
    A = clf.confusion_matrices_.swapaxes(1, 2)
    # end
    return A


def our_choice(labels, X, theirs):
    # ours: lamda_list and learning_rate_list
    from sklearn.model_selection import GridSearchCV, KFold

    from skccem import CrowdClassifier

    search = GridSearchCV(
        CrowdClassifier(regularizer="F", **theirs),
        {"reg_strength": [0.2, 0.1], "lr": [0.01, 0.001]},
        cv=KFold(5, shuffle=True, random_state=1),
    )
    search.fit(X, labels)  # by the likelihood of held-out labels
    # end
    return search


def our_default_choice(labels, X):
    # ours: the strength, as we would choose it
    from skccem import CrowdClassifier, CrowdClassifierCV

    search = CrowdClassifierCV(CrowdClassifier(n_init=1), random_state=1)
    search.fit(X, labels)
    # end
    return search


def our_quality(clf, X, labels):
    # ours: what their code has no counterpart of
    from skccem.reports import annotator_report, consensus, label_quality

    annotators = annotator_report(clf, X, labels)
    items = consensus(clf, X, labels, proba=clf.aggregated_proba_)
    quality = label_quality(clf, X, labels, proba=clf.aggregated_proba_)
    # end
    return annotators, items, quality


def our_annotators(truth):
    # ours: simulated annotators
    from skccem.simulation import make_confusion_matrices, make_crowd_labels

    matrices = make_confusion_matrices(
        5, 3, kind="separable_uniform", accuracy=0.99, random_state=1
    )
    labels = make_crowd_labels(truth, matrices, labels_per_item=1, random_state=1)
    # end
    return labels


def our_snippets(crowd):
    """All of them.

    Parameters
    ----------
    crowd : Crowd

    Returns
    -------
    dict
    """
    annotations, X = np.nan_to_num(crowd.matrix, nan=-1).astype(int), crowd.X
    labels = our_labels(annotations)
    theirs, ccem = our_ccem(labels, X)
    return {
        "labels": labels,
        "vote": our_vote(labels),
        "ccem": ccem,
        "f": our_f(labels, X, theirs),
        "w": our_w(labels, X, theirs),
        "matrices": our_matrices(ccem),
        "choice": our_choice(labels, X, {**theirs, "max_epochs": 5}),
        "default_choice": our_default_choice(labels, X),
        "quality": our_quality(ccem, X, labels),
        "annotators": our_annotators(crowd.truth),
    }

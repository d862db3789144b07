"""peerannot's way and ours, job by job: the snippets of docs/coming_from/peerannot.rst.

What lies between ``# theirs:`` or ``# ours:`` and ``# end`` is on the page, which takes
ours from the files of other pages too where it is the same.
``compare`` runs all of it on one crowd, and says how far the two sides are apart.
"""

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
from coming_from_crowd import Found, same_classes, untied
from from_crowd_kit import our_glad, our_mace, our_quality
from from_scikit_activeml import our_network, our_vote
from sklearn.exceptions import ConvergenceWarning


def their_labels(table):
    # theirs: labels in
    answers = {}  # what answers.json holds: integers, tasks from 0 on
    for task, worker, label in table[["task", "worker", "label"]].to_numpy().tolist():
        answers.setdefault(task, {})[worker] = label
    # end
    return answers


def our_labels(answers):
    # ours: labels in
    from skccem import CrowdLabels

    rows = [(t, w, c) for t, given in answers.items() for w, c in given.items()]
    task, worker, label = zip(*rows, strict=True)
    table = {"task": task, "worker": worker, "label": label}
    labels = CrowdLabels.from_long(table)  # names may be words, too
    # end
    return labels


def their_vote(answers):
    # theirs: majority vote
    from peerannot.models import MajorityVoting

    classes = MajorityVoting(answers, n_classes=3).get_answers()
    # end
    return classes


def their_dawid_skene(answers):
    # theirs: Dawid-Skene and confusion matrices
    from peerannot.models import DawidSkene

    model = DawidSkene(answers, n_workers=10, n_classes=3)
    model.run(epsilon=0, maxiter=300)
    classes, proba = model.get_answers(), model.get_probas()
    matrices = model.pi  # [m, k, l]: worker m says l of class k
    # end
    return classes, proba, matrices


def our_dawid_skene(labels):
    # ours: Dawid-Skene and confusion matrices
    from skccem import DawidSkene

    model = DawidSkene(smoothing=0, tol=0, max_iter=300, random_state=0).fit(labels)
    classes, proba = model.predict(labels), model.predict_proba(labels)
    matrices = model.confusion_matrices_  # [m, k, l], too
    # end
    return model, classes, proba, matrices


def their_glad(answers, folder):
    # theirs: GLAD
    from peerannot.models import GLAD

    model = GLAD(answers, n_classes=3, n_workers=10, dataset=Path(folder))
    model.run()  # writes abilities and difficulties to files in the folder
    classes, abilities = model.get_answers(), model.alpha
    log_easiness = model.beta
    # end
    return classes, abilities, log_easiness


def their_annotators(answers, folder):
    # theirs: annotator quality
    from peerannot.models import Spam_Score

    model = Spam_Score(answers, n_classes=3, n_workers=10, matrix_file=None)
    model.run(folder)
    scores = np.load(Path(folder) / "identification" / "spam_score.npy")
    # end
    return scores


def our_annotators(model, labels):
    # ours: annotator quality
    from skccem.reports import annotator_report

    report = annotator_report(model, None, labels)
    # With accuracies, intervals and a verdict.
    scores = report["spammer_score"]
    # end
    return scores


def their_alpha(answers, folder):
    # theirs: agreement of all
    from peerannot.models import Krippendorff_Alpha

    Krippendorff_Alpha(answers).run(folder)
    alpha = np.load(Path(folder) / "identification" / "krippendorff_alpha.npy")
    # end
    return alpha


def our_alpha(labels):
    # ours: agreement of all
    from skccem.metrics import krippendorff_alpha

    alpha = krippendorff_alpha(labels)
    # end
    return alpha


def our_snippets(crowd):
    """All of ours, which need no other package.

    Parameters
    ----------
    crowd : Crowd

    Returns
    -------
    dict
    """
    labels = our_labels(their_labels(crowd.table))
    with warnings.catch_warnings():
        # With tol=0 there may be something to gain after any number of iterations.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model, classes, proba, matrices = our_dawid_skene(labels)
    return {
        "labels": labels,
        "vote": our_vote(labels),
        "classes": classes,
        "proba": proba,
        "matrices": matrices,
        "glad": our_glad(labels),
        "mace": our_mace(labels),
        "annotators": our_annotators(model, labels),
        "quality": our_quality(model, labels),
        "alpha": our_alpha(labels),
        "clf": our_network(labels, crowd.X),
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
    ours, answers = our_snippets(crowd), their_labels(crowd.table)
    np.random.seed(0)  # noqa: NPY002 - its vote breaks ties by the global state
    # Progress bars and the names of written files go nowhere.
    silence = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(silence),
        contextlib.redirect_stderr(silence),
        tempfile.TemporaryDirectory() as folder,
    ):
        warnings.simplefilter("ignore")
        vote = np.asarray(their_vote(answers))
        classes, proba, matrices = their_dawid_skene(answers)
        glad, abilities, _ = their_glad(answers, folder)
        scores = their_annotators(answers, folder)
        alpha = float(their_alpha(answers, folder))
    free = untied(ours["labels"])
    return [
        Found(
            "majority vote: items without a tie that get another class",
            np.sum(vote[free] != ours["vote"][free]),
            limit=0,
        ),
        Found(
            "Dawid-Skene: largest difference of a probability",
            np.abs(proba - ours["proba"]).max(),
            limit=1e-6,
        ),
        Found(
            "Dawid-Skene: largest difference in a matrix",
            np.abs(matrices - ours["matrices"]).max(),
            limit=1e-6,
        ),
        Found(
            "Dawid-Skene: items that get another class",
            np.sum(classes != ours["classes"]),
            limit=0,
        ),
        Found(
            "Krippendorff's alpha: difference",
            abs(alpha - ours["alpha"]),
            limit=1e-9,
        ),
        Found(
            "GLAD: share of items of the same class",
            same_classes(glad, ours["glad"][0]),
        ),
        Found(
            "GLAD: correlation of the abilities",
            np.corrcoef(abilities, ours["glad"][1])[0, 1],
        ),
        Found(
            "spammer score: mean difference",
            np.abs(scores - ours["annotators"]).mean(),
        ),
    ]

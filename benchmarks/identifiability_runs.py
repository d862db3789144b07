"""The runs of ``identifiability.py``, in a module that its workers can import."""

import numpy as np
from identifiability_cases import draw_crowd

from skccem import CrowdClassifier, DawidSkene
from skccem._fitted_crowd import read_crowd
from skccem._probability import posterior_log_proba, safe_log
from skccem._recovery import Recovery, matrix_distance
from skccem.diagnostics import identifiability_report

# Most were not used to develop the checks. Good crowds have more labels.
SIZES = {"classes": [2, 4, 6], "annotators": [8, 20, 50], "items": [400, 900]}
LABELS_PER_ITEM = {True: [3, 5, 8], False: [1, 2, 4, 8]}


def measure_verdict(estimator, kind, good, seed, max_epochs, most_items):
    """Whether a fit has recovered the truth of a crowd, and what the report says.

    Parameters
    ----------
    estimator : {"DawidSkene", "CrowdClassifier"}
    kind : str
    good : bool
    seed, max_epochs, most_items : int

    Returns
    -------
    dict
    """
    n_items = [min(number, most_items) for number in SIZES["items"]]
    sizes = {**SIZES, "items": n_items, "labels_per_item": LABELS_PER_ITEM[good]}
    crowd = draw_crowd(kind, good, seed, sizes)
    if estimator == "DawidSkene":
        names = np.arange(len(crowd.log_frequencies))
        X, clf = None, DawidSkene(classes=names, random_state=0).fit(crowd.labels)
    else:
        X = crowd.X
        clf = CrowdClassifier(
            n_init=1,
            max_epochs=max_epochs,
            batch_size=64,
            hidden_layer_sizes=(64,),
            random_state=0,
        ).fit(X, crowd.labels)
    found = _recovery(crowd, read_crowd(clf, X, crowd.labels), X is not None)
    report = identifiability_report(clf, X, crowd.labels)
    values = report.checks["value"]
    return {
        "recovered": bool(found.is_recovered),
        "distance": found.distance,
        "gap": found.gap,
        "gain": found.gain,
        "verdict": report.verdict,
        "probability": float(values["recovery probability"]),
        "expected_distance": float(values["expected matrix error"]),
        "vote": float(values["vote for the names of classes"]),
        "other_solutions": float(values["other solutions"]),
        "specialists": float(values["specialists"]),
        "per_parameter": float(values["labels per parameter"]),
    }


def _recovery(crowd, fitted, with_features):
    """How near a fit came to the truth of a crowd."""
    labels, n_classes = crowd.labels, len(crowd.log_frequencies)
    used = labels.labels_per_item > 0
    truth = crowd.truth[used]
    frequencies = np.bincount(truth, minlength=n_classes) / len(truth)
    log_prior = crowd.log_posterior if with_features else crowd.log_frequencies
    oracle = posterior_log_proba(labels, safe_log(crowd.matrices), log_prior)
    return Recovery(
        distance=matrix_distance(
            np.exp(fitted.log_confusion),
            crowd.matrices,
            frequencies,
            labels.labels_per_annotator,
        ),
        accuracy=float(np.mean(fitted.proba[used].argmax(axis=1) == truth)),
        oracle=float(np.mean(oracle[used].argmax(axis=1) == truth)),
        majority=float(frequencies.max()),
    )

"""The runs of ``wrong_labels.py``, in a module that its workers can import."""

import numpy as np
import pandas as pd
from common import load_real
from peers import import_peer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from skccem import CrowdClassifier, DawidSkene, cross_val_predict_proba
from skccem._probability import posterior_log_proba, safe_log
from skccem.reports import label_quality

OURS = "label_quality, CrowdClassifier, aggregated_proba_"
SAME = "label_quality, the same out-of-fold f(x)"
ONE_NETWORK = "label_quality, CrowdClassifier(n_init=1)"
ALONE = "label_quality, DawidSkene"
PEER = "cleanlab, crowdlab"
METHODS = [OURS, SAME, PEER, ONE_NETWORK, ALONE]


def measure_wrong_labels(data, seed, max_epochs, data_home):
    """How well each method ranks the wrong labels of a real crowd.

    Parameters
    ----------
    data : {"labelme", "music"}
    seed, max_epochs : int
    data_home : str

    Returns
    -------
    dict of str to float
        Area under the ROC curve of each of `METHODS`.
    """
    problem = load_real(data, data_home)
    X, labels = problem.X, problem.labels
    rows = labels.row_indices()
    wrong = labels.classes[labels.codes] != problem.truth[rows]

    def judge(quality):
        return float(roc_auc_score(wrong, -np.asarray(quality)))

    one = CrowdClassifier(n_init=1, max_epochs=max_epochs, random_state=seed)
    folds = KFold(5, shuffle=True, random_state=seed)
    out_of_fold = cross_val_predict_proba(one, X, labels, cv=folds)
    one.fit(X, labels)
    whole = CrowdClassifier(max_epochs=max_epochs, random_state=seed).fit(X, labels)
    alone = DawidSkene(random_state=seed).fit(labels)
    same = np.exp(
        posterior_log_proba(
            labels, safe_log(one.confusion_matrices_), safe_log(out_of_fold)
        )
    )
    tables = {
        OURS: label_quality(whole, X, labels, proba=whole.aggregated_proba_),
        SAME: label_quality(one, X, labels, proba=same),
        ONE_NETWORK: label_quality(one, X, labels),
        ALONE: label_quality(alone, None, labels),
    }
    areas = {name: judge(table["probability"]) for name, table in tables.items()}
    peer = cleanlab_quality(labels, out_of_fold)
    return areas | {PEER: judge(peer)}


def cleanlab_quality(labels, proba):
    """cleanlab's quality of each label, in the order of the labels: (n_labels,)."""
    multiannotator = import_peer("cleanlab")
    dense = np.asarray(labels, dtype=float)
    dense[dense < 0] = np.nan
    found = multiannotator.get_label_quality_multiannotator(
        pd.DataFrame(dense), proba, verbose=False
    )
    quality = found["detailed_label_quality"].to_numpy()
    return quality[labels.row_indices(), labels.indices]

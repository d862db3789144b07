"""The runs of ``gold_labels.py``, in a module that its workers can import."""

import numpy as np
from common import load_real

from skccem import CrowdClassifier, CrowdLabels, DawidSkene

MEASURES = {
    "aggregated": "CrowdClassifier, the other items by labels and features",
    "predicted": "CrowdClassifier, items of the test set",
    "alone": "DawidSkene, the other items by labels",
}


def measure_gold(data, seed, n_gold, max_epochs, data_home):
    """What gold labels of a few items do for the others.

    Parameters
    ----------
    data : {"labelme", "music"}
    seed, n_gold, max_epochs : int
    data_home : str

    Returns
    -------
    dict of str to list of two floats
        Accuracy of each of `MEASURES` without the gold labels and with them.
    """
    problem = load_real(data, data_home)
    X, labels, truth = problem.X, problem.labels, problem.truth
    rng = np.random.default_rng(seed)
    items = rng.choice(len(truth), n_gold, replace=False)
    others = np.setdiff1d(np.arange(len(truth)), items)
    gold = CrowdLabels.from_long(
        {"task": items, "worker": np.zeros_like(items), "label": truth[items]},
        items=np.arange(len(truth)),
        classes=labels.classes,
    )
    measured = {name: [] for name in MEASURES}
    for given in (None, gold):
        clf = CrowdClassifier(max_epochs=max_epochs, random_state=seed)
        clf.fit(X, labels, gold=given)
        aggregated = clf.classes_[clf.aggregated_proba_.argmax(axis=1)]
        alone = DawidSkene(random_state=seed).fit(labels, gold=given).predict(labels)
        predicted = clf.predict(problem.X_test)
        measured["aggregated"].append(_share(aggregated[others] == truth[others]))
        measured["predicted"].append(_share(predicted == problem.y_test))
        measured["alone"].append(_share(alone[others] == truth[others]))
    return measured


def _share(right):
    return float(np.mean(right))

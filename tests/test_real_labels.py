"""The real crowds, where SKCCEM_DATA names their directory."""

import sys
from pathlib import Path

import numpy as np
import pytest

from skccem import CrowdClassifier, DawidSkene

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from common import load_real


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_annotators", "n_classes", "accuracy"),
    [("labelme", 59, 8, 0.83), ("music", 44, 10, 0.68)],
)
def test_the_defaults_learn_from_a_real_crowd(
    data_home, name, n_annotators, n_classes, accuracy
):
    problem = load_real(name, data_home)
    clf = CrowdClassifier(random_state=100).fit(problem.X, problem.labels)
    assert clf.confusion_matrices_.shape == (n_annotators, n_classes, n_classes)
    assert clf.score(problem.X_test, problem.y_test) > accuracy
    vote = DawidSkene(random_state=0).fit(problem.labels)
    assert problem.matrix_error(clf.confusion_matrices_) < problem.matrix_error(
        vote.confusion_matrices_
    )
    aggregated = clf.aggregate(problem.X, problem.labels)
    assert np.mean(aggregated == problem.truth) > np.mean(
        vote.predict(problem.labels) == problem.truth
    )

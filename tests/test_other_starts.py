"""Climbs from other starts."""

import numpy as np
import pytest

from skccem import DawidSkene
from skccem._other_starts import climb_from_other_starts
from skccem._probability import safe_log
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def fitted(kind, per_item=5, **params):
    truth = np.random.default_rng(0).integers(3, size=300)
    matrices = make_confusion_matrices(8, 3, kind=kind, random_state=0, **params)
    labels = make_crowd_labels(
        truth, matrices, labels_per_item=per_item, random_state=0
    )
    model = DawidSkene().fit(labels)
    return labels, safe_log(model.class_prior_), model.predict_proba(labels)


def test_a_good_crowd_has_one_solution_from_all_starts():
    found = climb_from_other_starts(*fitted("symmetric"), n_starts=3)
    assert found.distance < 0.01
    assert found.gain == pytest.approx(0, abs=1e-4)


def test_guesses_have_several_solutions():
    found = climb_from_other_starts(*fitted("uniform"), n_starts=3)
    assert found.distance > 0.1 or found.gain > 1e-3


def test_a_fit_with_two_classes_swapped_has_another_solution_as_good():
    labels, log_prior, proba = fitted("symmetric")
    swapped = [1, 0, 2]
    found = climb_from_other_starts(
        labels, log_prior[swapped], proba[:, swapped], n_starts=1
    )
    assert found.distance > 0.3


def test_the_same_labels_have_the_same_climbs_and_items_have_their_own_priors():
    labels, log_prior, proba = fitted("uniform", per_item=2)
    each = np.tile(log_prior, (len(proba), 1))
    one, two = (
        climb_from_other_starts(labels, prior, proba, n_starts=2)
        for prior in (log_prior, each)
    )
    assert vars(one) == pytest.approx(vars(two))

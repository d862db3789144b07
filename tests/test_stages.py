"""What goes into the two stages of ``TwoStageClassifier``."""

import numpy as np
import pytest
from aggregators import AGGREGATORS
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skccem import (
    CrowdLabels,
    MajorityVote,
)
from skccem._stages import (
    check_aggregator,
    default_stages,
    second_stage_data,
    seed,
    take_rows,
    weight_name,
)

LABELS = CrowdLabels.from_matrix([[0, 0], [-1, -1], [0, 1], [1, 1], [1, 1]])
WEIGHT = np.array([1.0, 1.0, 2.0, 0.0, 3.0])


def test_hard_rows_are_the_labelled_items_of_positive_weight_with_their_class():
    aggregator = MajorityVote(random_state=0).fit(LABELS)
    rows, targets, weight = second_stage_data(aggregator, LABELS, WEIGHT, soft=False)
    assert rows.tolist() == [0, 2, 4]
    assert_array_equal(targets, aggregator.predict(LABELS)[rows])
    assert weight.tolist() == [1, 2, 3]
    rows, _, weight = second_stage_data(aggregator, LABELS, None, soft=False)
    assert rows.tolist() == [0, 2, 3, 4]
    assert weight is None


def test_soft_rows_carry_the_posterior_times_the_weight_of_the_item():
    aggregator = MajorityVote().fit(LABELS)
    rows, targets, weight = second_stage_data(aggregator, LABELS, WEIGHT, soft=True)
    mass = np.zeros((5, 2))
    np.add.at(mass, (rows, targets), weight)
    expected = aggregator.predict_proba(LABELS) * WEIGHT[:, np.newaxis]
    expected[1] = 0
    assert_allclose(mass, expected)
    assert (weight > 0).all()


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, sparse.coo_array])
def test_rows_are_taken_of_any_form_of_items(form):
    X = np.arange(10.0).reshape(5, 2)
    given = form(X)
    taken = take_rows(given, np.array([3, 0]))
    taken = taken.toarray() if sparse.issparse(taken) else np.asarray(taken)
    assert_array_equal(taken, X[[3, 0]])
    assert take_rows(given, np.arange(5)) is given


def test_the_name_of_the_weights_leads_through_pipelines():
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    outer = make_pipeline(StandardScaler(), inner)
    assert weight_name(LogisticRegression()) == "sample_weight"
    expected = "pipeline__logisticregression__sample_weight"
    assert weight_name(outer) == expected


def test_seeds_go_to_what_has_none_and_differ():
    pipeline = make_pipeline(LinearSVC(), LinearSVC(random_state=3), LinearSVC())
    seed(pipeline, np.random.RandomState(0))
    seeds = [step.random_state for step in pipeline]
    assert seeds[1] == 3
    assert len(set(seeds)) == 3


def test_every_aggregator_of_the_package_is_one_and_the_defaults_are_new():
    for Aggregator in AGGREGATORS:
        check_aggregator(Aggregator())
    first, second = default_stages(), default_stages()
    assert first[0] is not second[0]
    assert first[1] is not second[1]

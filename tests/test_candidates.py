"""Candidates of a search, and the rules that choose among them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skccem import CrowdClassifier
from skccem._candidates import (
    fit_and_score,
    make_candidates,
    make_results,
    select_candidate,
    shared_epochs,
    standard_errors,
    train_burn_in,
)
from skccem._splitters import make_folds

WEAKEST = "one_standard_error"
TINY = {
    "hidden_layer_sizes": (8,),
    "dropout": 0,
    "max_epochs": 6,
    "lr": 1e-2,
    "n_init": 1,
    "random_state": 0,
}


def test_candidates_are_all_pairs_likelihood_by_likelihood():
    candidates = make_candidates(CrowdClassifier(), ["joint", "marginal"], (0.1, 0))
    pairs = [tuple(params.values()) for params in candidates]
    assert pairs == [("joint", 0.1), ("joint", 0), ("marginal", 0.1), ("marginal", 0)]
    (only,) = make_candidates(CrowdClassifier(likelihood="marginal"), None, [0.02])
    assert only == {"likelihood": "marginal", "reg_strength": 0.02}


@pytest.mark.parametrize("strengths", [[], [-0.1], [np.nan], [np.inf], [[0.1]]])
def test_strengths_are_finite_and_not_negative(strengths):
    with pytest.raises(ValueError, match="one or more finite numbers from 0"):
        make_candidates(CrowdClassifier(), None, strengths)


def test_strengths_are_numbers_and_each_comes_once():
    with pytest.raises(ValueError, match="to be numbers"):
        make_candidates(CrowdClassifier(), None, ["strong"])
    with pytest.raises(ValueError, match="once"):
        make_candidates(CrowdClassifier(), None, [0.1, 0.2, 0.1])


@pytest.mark.parametrize("likelihoods", [[], ["joint", "joint"], ["full"]])
def test_likelihoods_are_known_and_each_comes_once(likelihoods):
    with pytest.raises(ValueError, match=r"marginal, joint, each once"):
        make_candidates(CrowdClassifier(), likelihoods, [0])


def test_strengths_without_a_regulariser_are_an_error():
    plain = CrowdClassifier(regularizer=None)
    assert len(make_candidates(plain, None, [0])) == 1
    with pytest.raises(ValueError, match="have no effect"):
        make_candidates(plain, None, [0, 0.1])


def test_the_best_has_the_highest_mean_then_the_weakest_strength_then_comes_first():
    assert select_candidate([[1, 3, 2]], [0, 1, 2], rule="best") == 1
    assert select_candidate([[3, 3, 2]], [2, 1, 0], rule="best") == 1
    assert select_candidate([[2, 3, 3]], [0, 1, 1], rule="best") == 1


def test_a_weaker_strength_within_one_standard_error_is_taken():
    # Differences to the second of 0.3, -0.1 and 0.1: mean 0.1, error 0.2 / sqrt(3).
    scores = np.array([[-0.3, 0.0], [0.1, 0.0], [-0.1, 0.0]])
    assert_allclose(standard_errors(scores, 1), [0.2 / np.sqrt(3), 0])
    assert select_candidate(scores, [0.0, 0.1], rule="best") == 1
    assert select_candidate(scores, [0.0, 0.1], rule=WEAKEST) == 0
    # A stronger one within the error is not.
    assert select_candidate(scores, [0.2, 0.1], rule=WEAKEST) == 1


def test_a_weaker_strength_beyond_one_standard_error_is_not_taken():
    scores = [[-0.12, 0.0], [-0.10, 0.0], [-0.11, 0.0]]
    assert select_candidate(scores, [0.0, 0.1], rule=WEAKEST) == 1


def test_the_error_is_that_of_paired_differences_not_of_the_scores():
    # Folds differ much, which is the same for both; the difference hardly does.
    folds = np.array([[-1.0], [-2.0], [-3.0]])
    scores = folds + np.array([[-0.101, 0.0], [-0.1, 0.0], [-0.099, 0.0]])
    assert select_candidate(scores, [0.0, 0.1], rule=WEAKEST) == 1


def test_at_the_weakest_strength_the_higher_mean_decides_then_the_order():
    scores = [[-0.2, -0.29, 0.0], [0.1, 0.11, 0.0], [-0.1, 0.01, 0.0]]
    assert select_candidate(scores, [0.0, 0.0, 0.1], rule=WEAKEST) == 1
    assert select_candidate([[1, 1, 1], [1, 1, 1]], [0, 0, 0], rule=WEAKEST) == 0


def test_the_nearest_of_those_within_one_standard_error_is_taken_by_ratio():
    strengths = [0.0, 0.003, 0.01, 0.02, 0.05]
    level, best = np.array([[1.0, 1, 1, 1, 1]] * 3), np.array([0, 0.1, 0, 0, 0])
    assert select_candidate(level, strengths, default=0.02) == 3
    assert select_candidate(level + best, strengths, default=0.02) == 1
    # Three times as weak is nearer than four times as strong, and zero is far.
    assert select_candidate(level[:, :2], [0.0, 0.01], default=1.0) == 1
    assert select_candidate(level[:, :2], [0.01, 0.12], default=0.03) == 0
    # Half and double are equally near: the higher mean decides, then the order.
    assert select_candidate(level[:, :2], [0.1, 0.4], default=0.2) == 0
    noise = np.array([[0.0, 0.1], [0.0, -0.1], [0.0, 0.01]])
    assert select_candidate(noise, [0.1, 0.4], default=0.2) == 1


def test_without_a_default_strength_the_nearest_is_the_weakest():
    scores = np.array([[-0.3, 0.0], [0.1, 0.0], [-0.1, 0.0]])
    for strengths in ([0.0, 0.1], [0.2, 0.1]):
        assert select_candidate(scores, strengths, default=0.0) == select_candidate(
            scores, strengths, rule=WEAKEST
        )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rule", ["nearest", WEAKEST, "best"])
def test_the_choice_does_not_depend_on_the_order_of_candidates(seed, rule):
    rng = np.random.default_rng(seed)
    scores, strengths = rng.normal(size=(4, 6)), rng.permutation(6)
    order = rng.permutation(6)
    chosen = select_candidate(scores, strengths, rule=rule, default=2)
    shuffled = scores[:, order], strengths[order]
    assert order[select_candidate(*shuffled, rule=rule, default=2)] == chosen


def test_candidates_that_exclude_a_label_are_never_taken():
    scores = [[-np.inf, -2.0, -1.0], [-1.0, -1.0, -2.0]]
    assert select_candidate(scores, [0, 1, 2]) == 1
    with pytest.raises(ValueError, match="finite score in each fold"):
        select_candidate([[-np.inf], [0.0]], [0.0])


def test_the_table_has_ranks_means_and_errors():
    candidates = [{"likelihood": "joint", "reg_strength": s} for s in (0.0, 0.1, 0.2)]
    scores = np.array([[-1.0, -0.5, -1.0], [-1.2, -0.9, -1.2]])
    results = make_results(candidates, scores, np.array([[1.0, 2, 3], [3, 2, 1]]))
    assert_array_equal(results["rank_test_score"], [2, 1, 2])
    assert_allclose(results["mean_test_score"], [-1.1, -0.7, -1.1])
    assert_allclose(results["std_test_score"], [0.1, 0.2, 0.1])
    assert_allclose(results["standard_error_of_difference"], [0.1, 0, 0.1])
    assert_array_equal(results["split1_test_score"], scores[1])
    assert_array_equal(results["mean_fit_time"], [2, 2, 2])
    assert_array_equal(results["param_reg_strength"], [0, 0.1, 0.2])
    assert results["params"] == candidates


def test_a_burn_in_is_shared_unless_training_is_followed_from_its_start():
    two = [{"reg_strength": 0.0}, {"reg_strength": 0.1}]
    assert shared_epochs(CrowdClassifier(max_epochs=50, burn_in=0.4), two) == 20
    assert shared_epochs(CrowdClassifier(max_epochs=50, burn_in=7), two) == 7
    # What has no regulariser is CCEM all along, and yet goes on from the same start.
    marginal = CrowdClassifier(likelihood="marginal", max_epochs=50)
    assert shared_epochs(marginal, two) == 20
    assert shared_epochs(CrowdClassifier(burn_in=0), two) == 0
    assert shared_epochs(CrowdClassifier(), two[:1]) == 0
    assert shared_epochs(CrowdClassifier(early_stopping=True), two) == 0
    with pytest.raises(ValueError, match="leave none"):
        shared_epochs(CrowdClassifier(burn_in=50, max_epochs=50), two)


def test_candidates_go_on_from_the_burn_in_and_leave_it_as_it_was(crowd):
    X, labels, _ = crowd
    (fold,) = make_folds([(np.arange(160), np.arange(160, 240))], X, labels)
    clf = CrowdClassifier(**TINY, burn_in=4)
    start, seconds = train_burn_in(clf, 4, X, fold, None)
    assert seconds > 0
    before = start.predict_proba(X)
    params = {"likelihood": "joint", "reg_strength": 0.01}
    score, _ = fit_and_score(clf, start, params, X, fold, None, "marginal")
    assert_array_equal(start.predict_proba(X), before)

    by_hand = CrowdClassifier(
        **{**TINY, "max_epochs": 4}, likelihood="marginal", regularizer=None
    ).fit(X[:160], labels[:160])
    assert_array_equal(by_hand.predict_proba(X), before)
    by_hand.set_params(regularizer="F", warm_start=True, max_epochs=2, **params)
    by_hand.fit(X[:160], labels[:160])
    assert score == by_hand.score(X[160:], labels[160:])


def test_without_a_start_a_candidate_is_a_fit_of_its_own(crowd):
    X, labels, _ = crowd
    (fold,) = make_folds([(np.arange(160), np.arange(160, 240))], X, labels)
    weight = np.linspace(0.5, 2, 240)
    params = {"likelihood": "marginal", "reg_strength": 0.02}
    score, _ = fit_and_score(
        CrowdClassifier(**TINY), None, params, X, fold, weight, "marginal"
    )
    clf = CrowdClassifier(**TINY, **params)
    clf.fit(X[:160], labels[:160], sample_weight=weight[:160])
    assert score == clf.score(X[160:], labels[160:], sample_weight=weight[160:])

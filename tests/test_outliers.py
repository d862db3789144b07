import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold
from sklearn.utils._param_validation import InvalidParameterError

from skccem import CrowdClassifier, CrowdClassifierCV, CrowdLabels, TwoStageClassifier
from skccem import _losses as losses
from skccem._outliers import class_proba, outlier_log_odds
from skccem._probability import posterior_log_proba
from skccem.simulation import (
    make_confusion_matrices,
    make_crowd_labels,
    make_outliers,
)

LOG_WEIGHT = np.log([0.7, 0.2, 0.1])
SMALL = {
    "hidden_layer_sizes": (64,),
    "dropout": 0.5,
    "max_epochs": 60,
    "lr": 5e-3,
    "n_init": 1,
    "random_state": 0,
}


def small(**params):
    return CrowdClassifier(**{**SMALL, **params})


def blobs(seed, kind="other_class", share=0.2):
    """Four classes in six dimensions, three labels an item; and who is an outlier."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, size=400)
    X = rng.normal(size=(400, 6)) + 3.0 * np.eye(6)[truth]
    matrices = make_confusion_matrices(8, 4, kind="hammer_spammer", random_state=seed)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=seed)
    labels, is_outlier = make_outliers(
        labels,
        truth,
        share=share,
        kind=kind,
        confusion_matrices=matrices,
        random_state=seed,
    )
    return X, labels, truth, is_outlier


@pytest.fixture(scope="module")
def known():
    """Labels, some items without, and a classifier and matrices, with a zero."""
    rng = np.random.default_rng(0)
    Y = rng.integers(3, size=(12, 5))
    Y[rng.random(Y.shape) < 0.4] = -1
    Y[3] = -1
    B = rng.dirichlet(np.ones(3), size=(5, 3))
    B[0, 0] = [1, 0, 0]
    f = rng.dirichlet(np.ones(3), size=12)
    with np.errstate(divide="ignore"):
        return CrowdLabels.from_matrix(Y, classes=range(3)), np.log(f), np.log(B)


@pytest.fixture(scope="module")
def fitted():
    X, labels, truth, is_outlier = blobs(0)
    return small(outlier_share="auto").fit(X, labels), X, labels, truth, is_outlier


def test_the_odds_are_bayes_rule_on_the_kinds_of_items(known):
    labels, log_f, log_B = known
    f, B = np.exp(log_f), np.exp(log_B)
    odds = []
    for answers, prior in zip(np.asarray(labels), f, strict=True):
        given = [(m, y) for m, y in enumerate(answers) if y >= 0]
        by_class = np.prod([B[m, :, y] for m, y in given], axis=0) * np.ones(3)
        outlier = 0.2 * by_class.mean() + 0.1 / 3 ** len(given)
        odds.append(outlier / (0.7 * prior @ by_class))
    assert_allclose(np.exp(outlier_log_odds(labels, log_f, log_B, LOG_WEIGHT)), odds)


def test_the_odds_are_those_of_the_loss(known):
    labels, log_f, log_B = known
    odds = outlier_log_odds(labels, log_f, log_B, LOG_WEIGHT)
    arrays = (
        log_f,
        log_B.transpose(0, 2, 1),
        labels.row_indices().astype("i8"),
        labels.indices.astype("i8"),
        labels.codes.astype("i8"),
    )
    tensors = [torch.from_numpy(array) for array in arrays]
    mixture = losses.outlier_log_likelihood(*tensors, torch.from_numpy(LOG_WEIGHT))
    usual = LOG_WEIGHT[0] + losses.joint_log_likelihood(*tensors)
    assert_allclose(np.logaddexp(0, odds), (mixture - usual).numpy(), rtol=1e-9)


def test_an_item_without_labels_has_the_odds_of_any_item(known):
    odds = outlier_log_odds(*known, LOG_WEIGHT)
    assert expit(odds[3]) == pytest.approx(0.3)


def test_an_item_that_the_matrices_exclude_is_an_outlier():
    labels = CrowdLabels.from_matrix([[0, 1], [0, 0]])
    with np.errstate(divide="ignore"):
        log_eye = np.log(np.eye(2))[np.newaxis].repeat(2, axis=0)
    log_f = np.log([[0.5, 0.5], [0.9, 0.1]])
    odds = outlier_log_odds(labels, log_f, log_eye, LOG_WEIGHT)
    assert odds[0] == np.inf
    proba = class_proba(labels, log_f, log_eye, LOG_WEIGHT)
    assert_allclose(proba[0], [0.5, 0.5])


def test_the_classes_of_an_outlier_are_those_of_its_features(known):
    labels, log_f, log_B = known
    posterior = np.exp(posterior_log_proba(labels, log_B, log_f))
    assert_array_equal(class_proba(labels, log_f, log_B), posterior)
    always = np.log([1e-300, 0.5, 0.5])
    assert_allclose(class_proba(labels, log_f, log_B, always), np.exp(log_f))
    mixed = class_proba(labels, log_f, log_B, LOG_WEIGHT)
    r = expit(outlier_log_odds(labels, log_f, log_B, LOG_WEIGHT))[:, np.newaxis]
    assert_allclose(mixed, (1 - r) * posterior + r * np.exp(log_f))
    assert_allclose(mixed.sum(axis=1), 1)


# Bounds: seeds 0 to 3 had AUCs of 0.973, 0.979 and 0.902 or more.
@pytest.mark.parametrize(
    ("kind", "least"), [("other_class", 0.96), ("same_answer", 0.97), ("guesses", 0.87)]
)
def test_outliers_are_found_and_aggregated_by_their_features(kind, least):
    for seed in range(3):
        X, labels, truth, is_outlier = blobs(seed, kind)
        without = small(random_state=seed).fit(X, labels)
        clf = clone(without).set_params(outlier_share="auto").fit(X, labels)
        log_odds = outlier_log_odds(
            labels, without._log_posterior(X), without._log_confusion, LOG_WEIGHT
        )
        auc = roc_auc_score(is_outlier, clf.outlier_proba(X, labels))
        assert auc > least
        assert auc >= roc_auc_score(is_outlier, log_odds)
        right, right_without = (
            np.mean(model.aggregate(X, labels) == truth) for model in (clf, without)
        )
        assert right > max(0.92, right_without)
        assert clf.score(X, truth) >= without.score(X, truth) - 0.01


def test_where_there_are_no_outliers_none_are_learned():
    X, labels, truth, _ = blobs(0, share=0.0)
    without = small().fit(X, labels)
    clf = small(outlier_share="auto").fit(X, labels)
    assert clf.outlier_share_ < 0.03
    assert clf.score(X, truth) >= without.score(X, truth) - 0.01
    assert (clf.aggregate(X, labels) == truth).mean() > 0.95


def test_the_share_is_learned_unless_it_is_given(fitted):
    clf, X, labels, *_ = fitted
    assert clf.outlier_share_ == pytest.approx(0.2, abs=0.06)
    mean = clf.outlier_proba(X, labels).mean()
    assert mean == pytest.approx(clf.outlier_share_, abs=0.02)
    given = small(outlier_share=0.3, max_epochs=5).fit(X, labels)
    assert given.outlier_share_ == pytest.approx(0.3)


def test_methods_follow_from_the_kinds_of_items(fitted):
    clf, X, labels, *_ = fitted
    log_f, log_B = clf.predict_log_proba(X), np.log(clf.confusion_matrices_)
    odds = outlier_log_odds(labels, log_f, log_B, clf._log_weight)
    assert_allclose(clf.outlier_proba(X, labels), expit(odds), rtol=1e-5)
    expected = class_proba(labels, log_f, log_B, clf._log_weight)
    assert_allclose(clf.aggregate_proba(X, labels), expected, rtol=1e-5)
    assert_allclose(clf.class_prior_, expected.mean(axis=0), rtol=1e-5)
    # A matrix and its compressed form are the same labels.
    assert_array_equal(
        clf.outlier_proba(X, np.asarray(labels)), clf.outlier_proba(X, labels)
    )


def test_items_without_labels_have_the_share_of_all(fitted):
    clf, X, labels, *_ = fitted
    empty = np.full((2, labels.n_annotators), -1)
    proba = clf.outlier_proba(X[:2], empty)
    assert_allclose(proba, clf.outlier_share_)
    assert_allclose(clf.aggregate_proba(X[:2], empty), clf.predict_proba(X[:2]))


def test_a_share_of_zero_trains_nothing_more(fitted):
    _, X, labels, *_ = fitted
    without = small(max_epochs=5).fit(X, labels)
    names = [name for name, _ in without.net_.module_.named_parameters()]
    assert "outlier_logits" not in names
    assert without.outlier_share_ == 0
    with pytest.raises(ValueError, match="outlier_share='auto'"):
        without.outlier_proba(X, labels)


def test_the_least_share_is_next_to_none(fitted):
    _, X, labels, *_ = fitted
    X = X.astype("f8")
    without = small(max_epochs=10).fit(X, labels)
    tiny = small(max_epochs=10, outlier_share=1e-12).fit(X, labels)
    assert_allclose(tiny.confusion_matrices_, without.confusion_matrices_, atol=1e-4)


def test_outliers_begin_after_the_burn_in(fitted):
    _, X, labels, *_ = fitted
    settings = {"max_epochs": 6, "burn_in": 5}
    one, two = (
        small(**settings, outlier_share=share).fit(X, labels) for share in (0.0, 0.4)
    )
    losses = [[e["train_loss"] for e in clf.history_] for clf in (one, two)]
    assert losses[0][:5] == losses[1][:5]
    assert losses[0][5] != losses[1][5]


def test_held_out_likelihood_is_that_of_labels_by_themselves(fitted):
    _, X, labels, *_ = fitted
    clf = small(outlier_share="auto", early_stopping=True, max_epochs=8, burn_in=2).fit(
        X, labels
    )
    without = small(early_stopping=True, max_epochs=8, burn_in=2).fit(X, labels)
    for epoch, other in zip(clf.history_[:2], without.history_, strict=False):
        assert epoch["valid_log_likelihood"] == other["valid_log_likelihood"]
    assert np.isfinite(clf.score(X, labels))
    assert 0 < clf.outlier_share_ < 1


def test_a_continued_fit_goes_on_from_the_learned_share(fitted):
    clf, X, labels, *_ = fitted
    again = clone(clf).set_params(warm_start=True, max_epochs=30).fit(X, labels)
    share = again.outlier_share_
    again.set_params(max_epochs=1).fit(X, labels)
    assert again.outlier_share_ == pytest.approx(share, abs=0.03)
    # From a fit without outliers, the share starts anew.
    plain = small(max_epochs=3, warm_start=True).fit(X, labels)
    plain.set_params(outlier_share="auto", max_epochs=1).fit(X, labels)
    assert plain.outlier_share_ == pytest.approx(0.1, abs=0.03)
    plain.set_params(outlier_share=0).fit(X, labels)
    assert plain.outlier_share_ == 0


def test_weights_are_repetitions_with_outliers(fitted):
    _, X, labels, *_ = fitted
    weight = np.repeat([1, 2], 200)
    rows = np.repeat(np.arange(400), weight)
    settings = {
        "outlier_share": "auto",
        "batch_size": None,
        "dropout": 0.0,
        "max_epochs": 8,
        "burn_in": 2,
    }
    weighted = small(**settings).fit(X, labels, sample_weight=weight)
    repeated = small(**settings).fit(X[rows], labels[rows])
    assert weighted.outlier_share_ == pytest.approx(repeated.outlier_share_, abs=1e-5)
    assert_allclose(
        weighted.confusion_matrices_, repeated.confusion_matrices_, atol=1e-3
    )


def test_one_label_an_item_has_no_outliers(fitted):
    _, X, _, truth, _ = fitted
    clf = small(outlier_share="auto", max_epochs=5).fit(X, truth)
    without = small(max_epochs=5).fit(X, truth)
    assert clf.outlier_share_ == 0
    assert_array_equal(clf.predict_proba(X), without.predict_proba(X))


@pytest.mark.parametrize("share", [0.1, "auto"])
def test_the_marginal_likelihood_cannot_tell_outliers(fitted, share):
    _, X, labels, *_ = fitted
    with pytest.raises(ValueError, match="needs likelihood='joint'"):
        small(outlier_share=share, likelihood="marginal").fit(X, labels)
    search = CrowdClassifierCV(
        small(outlier_share=share), likelihoods=["joint", "marginal"]
    )
    with pytest.raises(ValueError, match="needs likelihood='joint'"):
        search.fit(X, labels)
    small(outlier_share=0, likelihood="marginal", max_epochs=1).fit(X, labels)


@pytest.mark.parametrize("share", [-0.1, 1.0, "learn", None])
def test_a_share_is_a_number_below_one_or_auto(fitted, share):
    _, X, labels, *_ = fitted
    with pytest.raises(InvalidParameterError, match="'outlier_share' parameter"):
        small(outlier_share=share).fit(X, labels)


def test_a_search_has_outliers_in_every_candidate_but_not_in_their_burn_in(fitted):
    _, X, labels, *_ = fitted
    search = CrowdClassifierCV(
        small(outlier_share="auto", max_epochs=10),
        reg_strengths=[0, 0.02],
        cv=KFold(2, shuffle=True, random_state=0),
    ).fit(X, labels)
    best = search.best_estimator_
    assert search.outlier_share_ == best.outlier_share_ > 0
    for method in ("outlier_proba", "aggregate_proba"):
        assert_array_equal(
            getattr(search, method)(X, labels), getattr(best, method)(X, labels)
        )
    assert not hasattr(CrowdClassifierCV(refit=False), "outlier_proba")


def test_two_stages_know_no_outliers():
    assert not hasattr(TwoStageClassifier(), "outlier_proba")

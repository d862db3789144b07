import numpy as np
import pytest
from scipy.stats import binom

from skccem import CrowdLabels, DawidSkene, TwoStageClassifier
from skccem._gold_audit import _judge
from skccem.reports import gold_audit
from skccem.simulation import make_confusion_matrices, make_crowd_labels


@pytest.fixture(scope="module")
def crowd():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=600)
    X = rng.normal(size=(600, 4)) + 2 * np.eye(3, 4)[truth]
    matrices = make_confusion_matrices(9, 3, kind="hammer_spammer", random_state=1)
    return (
        X,
        make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0),
        truth,
    )


def test_the_numbers_are_those_counted_by_hand(crowd):
    X, Y, truth = crowd
    gold = np.where(np.arange(600) % 3 == 0, truth, -1)
    clf = TwoStageClassifier(random_state=0).fit(X, Y)
    audit = gold_audit(clf, X, Y, gold)
    assert audit.index.tolist() == ["classifier", "model", "majority vote"]
    known = gold >= 0
    assert audit["items"].tolist() == [200, 200, 200]
    assert audit.loc["classifier", "right"] == np.sum(
        clf.predict(X)[known] == truth[known]
    )
    assert audit.loc["model", "right"] == np.sum(
        clf.aggregate(X, Y)[known] == truth[known]
    )
    proba = clf.aggregate_proba(X, Y)[known, truth[known]]
    assert audit.loc["model", "log_loss"] == pytest.approx(-np.log(proba).mean())
    np.testing.assert_allclose(audit["accuracy"], audit["right"] / 200)
    assert (audit["accuracy_low"] < audit["accuracy"]).all()
    assert (audit["accuracy"] < audit["accuracy_high"]).all()


def test_an_estimator_of_labels_alone_has_no_classifier(crowd):
    _, Y, truth = crowd
    audit = gold_audit(DawidSkene().fit(Y), None, Y, truth)
    assert audit.index.tolist() == ["model", "majority vote"]
    assert audit.loc["model", "accuracy"] > audit.loc["majority vote", "accuracy"]


@pytest.mark.parametrize("n_items", [10, 50, 200])
def test_intervals_cover_nine_of_ten_accuracies(n_items):
    # Exactly, summed over what may be counted, and on average over accuracies.
    covered = []
    for accuracy in np.linspace(0.6, 0.98, 39):
        total = 0.0
        for right in range(n_items + 1):
            truth = np.zeros(n_items, dtype=int)
            proba = np.eye(2)[(np.arange(n_items) >= right).astype(int)]
            row = _judge(proba, truth)
            inside = row["accuracy_low"] <= accuracy <= row["accuracy_high"]
            total += inside * binom.pmf(right, n_items, accuracy)
        covered.append(total)
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_votes_are_judged_on_items_that_have_some(crowd):
    _, Y, truth = crowd
    clf = DawidSkene().fit(Y)
    dense = np.array(Y)
    dense[:50] = -1
    audit = gold_audit(clf, None, dense, np.where(np.arange(600) < 80, truth, -1))
    assert audit["items"].tolist() == [80, 30]
    none = gold_audit(clf, None, dense, np.where(np.arange(600) < 50, truth, -1))
    assert none.loc["majority vote", "items"] == 0
    assert np.isnan(none.loc["majority vote", "accuracy"])


def test_unfit_gold_labels_are_refused(crowd):
    _, Y, truth = crowd
    clf = DawidSkene().fit(Y)
    with pytest.raises(ValueError, match="got None"):
        gold_audit(clf, None, Y, None)
    with pytest.raises(ValueError, match=r"Expected gold of shape \(600,\)"):
        gold_audit(clf, None, Y, truth[:5])
    with pytest.raises(ValueError, match=r"gold has the classes \[8\]"):
        gold_audit(clf, None, CrowdLabels.from_matrix(np.asarray(Y)), np.full(600, 8))

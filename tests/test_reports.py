"""Reports on a crowd."""

import sys

import numpy as np
import pytest

from skccem import CrowdClassifier, CrowdLabels, DawidSkene, TwoStageClassifier
from skccem.reports import annotator_report
from skccem.simulation import make_crowd_labels

pytest.importorskip("pandas")

GOOD, SPAM = [[0.9, 0.1], [0.15, 0.85]], [[0.5, 0.5], [0.5, 0.5]]
SWAP, BIASED = [[0.1, 0.9], [0.9, 0.1]], [[0.95, 0.05], [0.6, 0.4]]
NAMES = ["Ann", "Ben", "Cid", "spam", "swap", "bias", "idle"]


@pytest.fixture(scope="module")
def known():
    """Annotators of known kinds, one of them without labels."""
    truth = np.random.default_rng(0).integers(2, size=500)
    matrices = [GOOD, GOOD, GOOD, SPAM, SWAP, BIASED]
    labels = make_crowd_labels(truth, matrices, labels_per_item=4, random_state=0)
    dense = np.column_stack([np.asarray(labels), np.full(500, -1)])
    classes = np.array(["no", "yes"])
    table = np.where(dense < 0, None, classes[dense])
    Y = CrowdLabels.from_matrix(table, annotators=NAMES)
    X = truth[:, np.newaxis] + np.random.default_rng(1).normal(0, 0.4, (500, 2))
    return X, Y, np.array([*matrices, SPAM])


def test_each_kind_of_annotator_has_its_verdict(known):
    _, Y, _ = known
    report = annotator_report(DawidSkene().fit(Y), None, Y)
    assert report.index.tolist() == NAMES
    assert report.index.name == "annotator"
    assert report["verdict"].tolist() == [
        *["reliable"] * 3,
        "guessing",
        "adversarial",
        "biased towards no",
        "too few labels to tell",
    ]


@pytest.mark.filterwarnings("ignore:.*annotators gave no labels")
@pytest.mark.parametrize(
    "clf",
    [
        CrowdClassifier(n_init=1, max_epochs=20, random_state=0),
        TwoStageClassifier(random_state=0),
    ],
)
def test_classifiers_find_the_same_with_features(known, clf):
    X, Y, matrices = known
    report = annotator_report(clf.fit(X, Y), X, Y)[:6]
    true = np.einsum("mkk->m", matrices)[:6] / 2
    assert np.abs(report["accuracy"] - true).max() < 0.1
    assert report["verdict"][:3].eq("reliable").all()
    assert report["verdict"]["swap"] == "adversarial"


def test_numbers_are_ordered_and_in_their_ranges(known):
    _, Y, _ = known
    report = annotator_report(DawidSkene().fit(Y), None, Y)[:6]
    assert (report["accuracy_low"] < report["accuracy"]).all()
    assert (report["accuracy"] < report["accuracy_high"]).all()
    assert report["information"].between(0, 1).all()
    assert report["spammer_score"].between(0, 1).all()
    assert report["labels"].tolist() == Y.labels_per_annotator[:6].tolist()
    # Who swaps the classes tells as much as who is right, and more than who guesses.
    assert report["information"]["swap"] > 5 * report["information"]["spam"]
    assert report["spammer_score"]["swap"] > 5 * report["spammer_score"]["spam"]


def test_the_most_frequent_mistake_is_named_with_its_rate(known):
    _, Y, _ = known
    row = annotator_report(DawidSkene().fit(Y), None, Y).loc["bias"]
    assert (row["confused_class"], row["confused_answer"]) == ("yes", "no")
    assert row["confusion_low"] < 0.6 < row["confusion_high"]
    assert row["confusion_low"] < row["confusion_rate"] < row["confusion_high"]


def test_rows_of_few_labels_have_a_rate_but_no_interval(known):
    _, Y, _ = known
    report = annotator_report(DawidSkene().fit(Y), None, Y[:50])[:6]
    assert report["confusion_rate"].notna().all()
    assert report[["confusion_low", "confusion_high"]].isna().all(axis=None)
    assert report["accuracy_low"].notna().all()


def test_an_annotator_without_labels_has_no_numbers(known):
    _, Y, _ = known
    row = annotator_report(DawidSkene().fit(Y), None, Y).loc["idle"]
    assert row["labels"] == 0
    assert row.drop(["labels", "verdict"]).isna().all()


def test_more_labels_make_shorter_intervals(known):
    _, Y, _ = known
    model = DawidSkene().fit(Y)
    some, all_ = (annotator_report(model, None, part)[:6] for part in (Y[:100], Y))
    shorter = all_["accuracy_high"] - all_["accuracy_low"]
    assert (shorter < some["accuracy_high"] - some["accuracy_low"]).all()


def test_a_report_is_the_same_each_time_and_draws_no_random_numbers(known):
    _, Y, _ = known
    model = DawidSkene().fit(Y)
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - it must not change
    one, two = (annotator_report(model, None, Y) for _ in range(2))
    assert one.equals(two)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_without_pandas_there_is_an_error(known, monkeypatch):
    _, Y, _ = known
    model = DawidSkene().fit(Y)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        annotator_report(model, None, Y)

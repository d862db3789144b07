"""Reports on a crowd."""

import sys

import numpy as np
import pytest

from skccem import CrowdClassifier, CrowdLabels, DawidSkene, TwoStageClassifier
from skccem.reports import annotator_report, consensus, label_quality
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


def test_the_quality_of_a_label_is_the_posterior_of_its_class(known):
    _, Y, _ = known
    model = DawidSkene().fit(Y)
    quality = label_quality(model, None, Y)
    proba = model.predict_proba(Y)
    rows = Y.row_indices()
    np.testing.assert_array_equal(quality["probability"], proba[rows, Y.codes])
    table = Y.to_long(item="item", annotator="annotator")
    assert quality[["item", "annotator", "label"]].equals(table)


@pytest.mark.filterwarnings("ignore:.*annotators gave no labels")
def test_wrong_labels_are_less_probable_than_right_ones(known):
    X, Y, _ = known
    truth = np.random.default_rng(0).integers(2, size=500)
    quality = label_quality(TwoStageClassifier(random_state=0).fit(X, Y), X, Y)
    right = truth[Y.row_indices()] == Y.codes
    assert quality["probability"][right].mean() > 0.9
    assert quality["probability"][~right].mean() < 0.1


def test_items_keep_their_identifiers():
    table = {"task": ["x", "y", "y"], "worker": ["a", "a", "b"], "label": [1, 0, 1]}
    Y = CrowdLabels.from_long(table, items=["y", "none", "x"])
    model = DawidSkene().fit(Y)
    quality = label_quality(model, None, Y)
    assert quality["item"].tolist() == ["y", "y", "x"]
    assert quality["annotator"].tolist() == ["a", "b", "a"]
    assert set(consensus(model, None, Y).index) == {"y", "none", "x"}


def test_a_consensus_begins_with_what_needs_review(known):
    _, Y, _ = known
    model = DawidSkene().fit(Y)
    items = consensus(model, None, Y)
    assert items["probability"].is_monotonic_increasing
    proba = model.predict_proba(Y)
    np.testing.assert_array_equal(items.sort_index()["probability"], proba.max(axis=1))
    np.testing.assert_array_equal(
        items.sort_index()["label"], model.classes_[proba.argmax(axis=1)]
    )
    assert items["labels"].eq(4).all()


def test_disagreement_is_the_share_of_labels_that_are_others():
    Y = [[0, 0, 0, 1], [0, 0, 0, -1], [1, 1, 1, 1], [-1, -1, -1, -1]]
    proba = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.6, 0.4]]
    items = consensus(DawidSkene().fit(Y), None, Y, proba=proba)
    assert items.index.tolist() == [3, 1, 0, 2]
    np.testing.assert_array_equal(items["disagreement"], [np.nan, 0, 0.25, 0])
    assert items["labels"].tolist() == [0, 3, 4, 4]


@pytest.mark.filterwarnings("ignore:.*have no labels")
def test_an_item_without_labels_has_what_the_classifier_says(crowd):
    X, Y, _ = crowd
    dense = np.asarray(Y).copy()
    dense[7] = -1
    clf = TwoStageClassifier(random_state=0).fit(X, dense)
    row = consensus(clf, X, dense).loc[7]
    assert row["labels"] == 0
    assert row["probability"] == pytest.approx(clf.predict_proba(X[[7]]).max())


def test_probabilities_that_are_known_already_are_used(crowd):
    X, Y, _ = crowd
    clf = CrowdClassifier(n_init=2, max_epochs=3, random_state=0).fit(X, Y)
    proba = clf.aggregated_proba_
    quality = label_quality(clf, X, Y, proba=proba)
    np.testing.assert_array_equal(
        quality["probability"], proba[Y.row_indices(), Y.codes]
    )


@pytest.mark.parametrize("report", [label_quality, consensus])
def test_probabilities_of_other_items_are_an_error(crowd, report):
    _, Y, _ = crowd
    model = DawidSkene().fit(Y)
    with pytest.raises(ValueError, match=r"of shape \(240, 3\)"):
        report(model, None, Y, proba=np.full((239, 3), 1 / 3))
    with pytest.raises(ValueError, match="sum to one"):
        report(model, None, Y, proba=np.ones((240, 3)))

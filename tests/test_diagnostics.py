"""The report on identifiability."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skccem import CrowdClassifier, CrowdLabels, DawidSkene, TwoStageClassifier
from skccem.diagnostics import identifiability_report
from skccem.simulation import make_confusion_matrices, make_crowd_labels

pytest.importorskip("pandas")


def simulated(kind="hammer_spammer", per_item=5, seed=0, **params):
    truth = np.random.default_rng(seed).integers(3, size=300)
    matrices = make_confusion_matrices(10, 3, kind=kind, random_state=seed, **params)
    labels = make_crowd_labels(
        truth, matrices, labels_per_item=per_item, random_state=seed
    )
    return truth, labels


@pytest.fixture(scope="module")
def good():
    _, labels = simulated()
    return identifiability_report(DawidSkene().fit(labels), None, labels)


@pytest.fixture(scope="module")
def bad():
    _, labels = simulated("uniform")
    return identifiability_report(DawidSkene().fit(labels), None, labels)


def test_good_annotators_are_identified_and_guesses_are_not(good, bad):
    assert (good.identified, good.verdict) == (True, "identified")
    assert (bad.identified, bad.verdict) == (False, "not identified")


def test_every_failed_check_says_what_to_do(bad):
    failed = bad.checks[~bad.checks["passed"]]
    assert len(failed) > 0
    assert (failed["what_to_do"] != "").all()
    assert (bad.checks.loc[bad.checks["passed"], "what_to_do"] == "").all()
    text = str(bad)
    assert text.startswith("Verdict: not identified")
    assert text.count("What to do:") == len(failed)
    assert max(map(len, text.split("Classes")[0].splitlines())) <= 100


def test_one_label_an_item_identifies_nothing_without_features():
    _, labels = simulated(per_item=1)
    report = identifiability_report(DawidSkene().fit(labels), None, labels)
    assert not report.checks.loc["labels on shared items", "passed"]
    assert not report.identified


@pytest.mark.parametrize(
    ("kind", "params"), [("hammer_spammer", {"hammer_fraction": 0.8}), ("uniform", {})]
)
def test_features_identify_from_one_label_an_item_unless_all_guess(kind, params):
    truth, labels = simulated(kind, per_item=1, **params)
    X = np.random.default_rng(1).normal(size=(300, 4)) + 4 * np.eye(4)[truth]
    clf = TwoStageClassifier(random_state=0).fit(X, labels)
    assert identifiability_report(clf, X, labels).identified == (kind != "uniform")


def test_a_coupled_classifier_is_reported_with_and_without_folds():
    truth, labels = simulated(per_item=3)
    X = np.random.default_rng(1).normal(size=(300, 4)) + 4 * np.eye(4)[truth]
    X = X.astype("float32")
    clf = CrowdClassifier(
        n_init=1, hidden_layer_sizes=(32,), max_epochs=40, lr=1e-2, random_state=0
    ).fit(X, labels)
    for cv in (2, None):
        assert identifiability_report(clf, X, labels, cv=cv).identified, cv


def test_the_name_of_a_class_is_doubtful_where_half_the_annotators_swap_it():
    right = np.full((2, 2), 0.1) + 0.8 * np.eye(2)
    matrices = [right] * 4 + [right[::-1]] * 4
    truth = np.random.default_rng(0).integers(2, size=400)
    labels = make_crowd_labels(truth, matrices, labels_per_item=5, random_state=0)
    report = identifiability_report(DawidSkene().fit(labels), None, labels)
    assert not report.checks.loc["vote for the names of classes", "passed"]
    assert report.checks.loc["recovery probability", "passed"]
    assert report.verdict == "doubtful"


def test_classes_have_the_items_and_annotators_nearest_to_them():
    truth, labels = simulated()
    codes = np.asarray(labels)
    table = np.where(codes < 0, None, np.array(["x", "y", "z"], object)[codes])
    Y = CrowdLabels.from_matrix(table, annotators=[f"a{m}" for m in range(10)])
    matrices = make_confusion_matrices(10, 3, kind="hammer_spammer", random_state=0)
    hammers = {f"a{m}" for m in np.flatnonzero(matrices[:, 0, 0] > 0.9)}
    report = identifiability_report(DawidSkene().fit(Y), None, Y)
    assert report.classes.index.tolist() == ["x", "y", "z"]
    for code, row in enumerate(report.classes.itertuples()):
        assert len(row.items) == len(row.specialists) == 3
        assert hammers.issuperset(row.specialists)
        assert (truth[row.items] == code).all()
        assert row.probability > 0.9
    assert report.classes["frequency"].sum() == pytest.approx(1)


def test_html_escapes_the_names_of_classes():
    names = np.array(["<b>x</b>", "y"])
    codes = np.random.default_rng(0).integers(2, size=60)
    Y = CrowdLabels.from_matrix(np.column_stack([names[codes]] * 3))
    html = identifiability_report(DawidSkene().fit(Y), None, Y)._repr_html_()
    assert "<b>x</b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "Verdict: identified" in html


def test_a_report_is_the_same_each_time_and_draws_no_random_numbers(good):
    _, labels = simulated()
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - it must not change
    again = identifiability_report(DawidSkene().fit(labels), None, labels)
    assert again.checks.equals(good.checks)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("setting", [{"cv": 1}, {"cv": "all"}, {"n_starts": 0}])
def test_settings_out_of_range_are_errors_before_any_work(setting):
    (name,) = setting
    with pytest.raises(ValueError, match=f"Expected {name} as an integer"):
        identifiability_report(DawidSkene(), None, None, **setting)


def test_an_estimator_that_is_not_fitted_is_an_error():
    _, labels = simulated()
    with pytest.raises(NotFittedError):
        identifiability_report(DawidSkene(), None, labels)


def test_without_pandas_there_is_an_error(monkeypatch):
    _, labels = simulated()
    model = DawidSkene().fit(labels)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        identifiability_report(model, None, labels)

"""Which labels to collect next."""

import sys

import numpy as np
import pytest

from skccem import (
    GLAD,
    CrowdClassifier,
    CrowdLabels,
    DawidSkene,
    OneCoinDawidSkene,
    TwoStageClassifier,
)
from skccem.collecting import suggest_labels
from skccem.simulation import make_confusion_matrices, make_crowd_labels

pytest.importorskip("pandas")

GOOD, FAIR = [[0.95, 0.05], [0.1, 0.9]], [[0.75, 0.25], [0.3, 0.7]]
SPAM = [[0.5, 0.5], [0.5, 0.5]]
NAMES = ["Ann", "Ben", "Cid", "Dan", "spam", "new"]


@pytest.fixture(scope="module")
def known():
    """Annotators of known kinds, the last of whom gave no labels yet."""
    truth = np.random.default_rng(0).integers(2, size=400)
    matrices = [GOOD, GOOD, FAIR, FAIR, SPAM]
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    dense = np.column_stack([np.asarray(labels), np.full(400, -1)])
    Y = CrowdLabels.from_matrix(dense, annotators=NAMES)
    X = truth[:, np.newaxis] + np.random.default_rng(1).normal(0, 0.4, (400, 2))
    return X, Y, truth


@pytest.fixture(scope="module")
def model(known):
    return DawidSkene(random_state=0).fit(known[1])


def pairs(table):
    return list(zip(table["item"], table["annotator"], strict=True))


def test_no_pair_is_suggested_twice_or_has_a_label(known, model):
    Y = known[1]
    table = suggest_labels(model, None, Y, n=500, random_state=0)
    assert len(set(pairs(table))) == len(table) == 500
    columns = [NAMES.index(name) for name in table["annotator"]]
    assert (np.asarray(Y)[table["item"], columns] < 0).all()


def test_good_annotators_are_asked_and_guessers_are_not(known, model):
    table = suggest_labels(model, None, known[1], n=100, random_state=0)
    asked = table["annotator"].value_counts()
    assert asked.get("spam", 0) == 0
    assert asked[["Ann", "Ben"]].sum() > 80


def test_a_newcomer_is_asked_before_who_is_known_to_be_worse(known, model):
    names = ["Cid", "Dan", "spam", "new"]
    table = suggest_labels(
        model, None, known[1], n=100, annotators=names, random_state=0
    )
    asked = table["annotator"].value_counts()
    assert asked["new"] > asked.get("spam", 0)


def test_items_that_are_uncertain_come_first(known, model):
    Y = known[1]
    table = suggest_labels(model, None, Y, n=50, max_per_item=1, random_state=0)
    certainty = model.predict_proba(Y).max(axis=1)
    assert certainty[table["item"]].mean() < np.quantile(certainty, 0.3)


def test_the_best_for_the_cost_is_first_and_gains_are_bits(known, model):
    costs = {name: 1 + number for number, name in enumerate(NAMES)}
    table = suggest_labels(model, None, known[1], n=80, cost=costs, random_state=0)
    assert (table["value"] / table["cost"]).is_monotonic_decreasing
    assert table["gain"].between(0, 1).all()
    assert (table["value"] >= table["gain"]).all()
    assert table["cost"].tolist() == [costs[name] for name in table["annotator"]]


def test_dear_annotators_are_asked_less(known, model):
    def asked(cost):
        table = suggest_labels(model, None, known[1], n=80, cost=cost, random_state=0)
        return (table["annotator"] == "Ann").sum()

    assert asked([3, 1, 1, 1, 1, 1]) < asked(None) / 2


def test_limits_hold(known, model):
    table = suggest_labels(
        model,
        None,
        known[1],
        n=200,
        annotators=["Ann", "Ben", "Cid"],
        max_per_annotator={"Ann": 20, "Dan": 50, "Ben": 0},
        max_per_item=1,
        cost=[1, 1, 0.5, 1, 1, 1],
        budget=60,
        random_state=0,
    )
    asked = table["annotator"].value_counts()
    assert asked["Ann"] == 20
    assert set(asked.index) == {"Ann", "Cid"}
    assert table["item"].is_unique
    assert 59 < table["cost"].sum() <= 60


def test_a_batch_rests_on_several_annotators_and_items(known, model):
    table = suggest_labels(model, None, known[1], n=120, random_state=0)
    assert table["annotator"].value_counts().max() <= 4 * 120 / 6
    assert table["item"].nunique() > 60


def test_pairs_run_out(known, model):
    Y = known[1]
    table = suggest_labels(
        model, None, Y, n=10**5, max_per_annotator=10**5, random_state=0
    )
    assert len(table) == 400 * 6 - Y.n_labels
    full = CrowdLabels.from_matrix(
        np.zeros((3, 6), dtype=int), classes=[0, 1], annotators=NAMES
    )
    assert len(suggest_labels(model, None, full, random_state=0)) == 0
    nobody = {"annotators": ["Ann"], "max_per_annotator": {"Ann": 0}}
    assert len(suggest_labels(model, None, Y, random_state=0, **nobody)) == 0


def test_the_same_seed_gives_the_same_suggestions(known, model):
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - it must not change
    one, two = (suggest_labels(model, None, known[1], random_state=3) for _ in "ab")
    assert one.equals(two)
    suggest_labels(model, None, known[1])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.filterwarnings("ignore:.*annotators gave no labels")
@pytest.mark.parametrize(
    "clf",
    [
        CrowdClassifier(n_init=1, max_epochs=10, random_state=0),
        TwoStageClassifier(random_state=0),
    ],
)
def test_classifiers_suggest_items_by_their_features(known, clf):
    X, Y, _ = known
    table = suggest_labels(clf.fit(X, Y), X, Y, n=60, random_state=0)
    assert set(table["annotator"].value_counts().index[:2]) == {"Ann", "Ben"}
    # Features between the classes leave the class open.
    centre = np.abs(X.mean(axis=1) - 0.5)
    assert centre[table["item"]].mean() < 0.8 * centre.mean()


@pytest.mark.parametrize("estimator", [GLAD, OneCoinDawidSkene])
def test_other_estimators_of_labels_alone_suggest_too(known, estimator):
    Y = known[1][:100]
    clf = estimator(random_state=0).fit(Y)
    table = suggest_labels(clf, None, Y, n=20, random_state=0)
    assert len(table) == 20


def test_identifiers_are_those_of_the_labels_and_items_without_labels_count():
    table = {
        "task": ["x", "x", "y", "y", "z", "z"] * 1,
        "worker": ["a", "b", "a", "b", "a", "b"],
        "label": ["no", "no", "yes", "yes", "no", "no"],
    }
    Y = CrowdLabels.from_long(table, items=["x", "y", "new", "z"])
    found = suggest_labels(DawidSkene().fit(Y), None, Y, n=3, random_state=0)
    assert set(found["item"]) == {"new"}
    assert sorted(found["annotator"]) == ["a", "b"]


def test_an_annotator_is_worth_more_the_more_is_known():
    truth = np.random.default_rng(0).integers(2, size=600)
    # Half guess: who has few labels may be one of those.
    matrices = [GOOD] * 6 + [SPAM] * 6
    labels = make_crowd_labels(truth, matrices, labels_per_item=4, random_state=0)
    dense = np.asarray(labels).copy()
    few = np.flatnonzero(dense[:, 0] >= 0)[3:]
    dense[few, 0] = -1
    model = DawidSkene(random_state=0).fit(dense)
    gains = [
        suggest_labels(model, None, dense, n=1, annotators=[m], random_state=0)["gain"]
        for m in (0, 1, 11)
    ]
    known_well, hardly, guesser = gains[1][0], gains[0][0], gains[2][0]
    assert guesser < hardly < known_well


def test_collecting_in_rounds_needs_fewer_labels_than_collecting_at_random():
    saved = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        truth = rng.integers(3, size=200)
        matrices = make_confusion_matrices(12, 3, random_state=seed)
        answers = np.asarray(
            make_crowd_labels(truth, matrices, labels_per_item=12, random_state=seed)
        )
        order = rng.permuted(np.tile(np.arange(12), (200, 1)), axis=1)
        rows = np.arange(200)[:, np.newaxis]

        def accuracy(asked, answers=answers, truth=truth):
            Y = np.where(asked, answers, -1)
            return (DawidSkene(random_state=0).fit_predict(Y) == truth).mean()

        asked, at_random = np.zeros((2, 200, 12), dtype=bool)
        at_random[rows, order[:, :4]] = True
        asked[rows, order[:, :1]] = True
        for _ in range(4):
            Y = np.where(asked, answers, -1)
            model = DawidSkene(random_state=0).fit(Y)
            table = suggest_labels(model, None, Y, n=100, random_state=seed)
            asked[table["item"], table["annotator"]] = True
        assert asked.sum() == 0.75 * at_random.sum()
        saved.append(accuracy(asked) - accuracy(at_random))
    assert np.mean(saved) > 0.02


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 0}, "n as an integer of at least 1, got 0"),
        ({"n": 2.5}, "n as an integer"),
        ({"max_per_item": 0}, "max_per_item as an integer"),
        ({"max_per_annotator": -1}, "max_per_annotator as an integer"),
        ({"max_per_annotator": {"Ann": 1.5}}, "max_per_annotator of 'Ann'"),
        ({"max_per_annotator": {"Eve": 1}}, r"max_per_annotator to name .*'Eve'"),
        ({"annotators": ["Eve"]}, r"annotators of the fit, got \['Eve'\] \(1 in all"),
        ({"annotators": []}, "who is available, got none"),
        ({"cost": [1.0, 2.0]}, r"cost of shape \(6,\).* got \(2,\)"),
        ({"cost": {"Ann": 1.0}}, "positive finite cost .* got nan of 'Ben'"),
        ({"cost": [1, 1, 0, 1, 1, 1]}, "got 0.0 of 'Cid'"),
        ({"budget": 0}, "budget as a positive number, got 0"),
    ],
)
def test_what_makes_no_sense_is_an_error(known, model, given, message):
    with pytest.raises(ValueError, match=message):
        suggest_labels(model, None, known[1], **given)


def test_without_pandas_there_is_an_error(known, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        suggest_labels(model, None, known[1])

import itertools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skccem import CrowdLabels, DawidSkene, MajorityVote, TwoStageClassifier
from skccem.metrics import (
    annotation_log_likelihood,
    annotation_log_likelihood_scorer,
    krippendorff_alpha,
)

LEVELS = ["nominal", "ordinal", "interval", "ratio"]
ALL_LEVELS = pytest.mark.parametrize("level", LEVELS)
# Small folds leave annotators without labels, and say so.
UNUSED = pytest.mark.filterwarnings("ignore::skccem.exceptions.UnusedDataWarning")

# The data of section C of Krippendorff, "Computing Krippendorff's alpha-reliability",
# 2011: four observers, twelve units; -1 is missing.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, -1, -1, -1],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, -1, 3],
        [-1, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, -1],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, -1],
    ]
).T


def alpha_by_definition(Y, level):
    """Sections C and D of the paper, by loops over exact fractions."""
    values = sorted({int(label) for label in Y[Y >= 0]})
    coincidences = dict.fromkeys(itertools.product(values, values), Fraction(0))
    for row in Y:
        labels = [int(label) for label in row if label >= 0]
        for a, b in itertools.permutations(range(len(labels)), 2):
            coincidences[labels[a], labels[b]] += Fraction(1, len(labels) - 1)
    marginal = {c: sum(coincidences[c, k] for k in values) for c in values}
    n = sum(marginal.values())

    def difference(c, k):
        if c == k:
            return Fraction(0)
        if level == "nominal":
            return Fraction(1)
        if level == "interval":
            return Fraction((c - k) ** 2)
        if level == "ratio":
            return Fraction(c - k, c + k) ** 2
        between = sum(marginal[g] for g in values if min(c, k) <= g <= max(c, k))
        return (between - (marginal[c] + marginal[k]) / 2) ** 2

    pairs = list(itertools.product(values, values))
    observed = sum(coincidences[pair] * difference(*pair) for pair in pairs) / n
    expected = sum(marginal[c] * marginal[k] * difference(c, k) for c, k in pairs)
    return float(1 - observed / (expected / (n * (n - 1))))


def random_labels(seed, n_classes=5):
    rng = np.random.default_rng(seed)
    Y = rng.integers(n_classes, size=(30, 1)) + rng.integers(-1, 2, size=(30, 6))
    Y = np.clip(Y, 0, n_classes - 1)
    Y[rng.random(Y.shape) < 0.6] = -1
    return Y


# Krippendorff's alpha


@pytest.mark.parametrize(
    ("level", "expected"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_alpha_of_the_published_example_is_the_published_one(level, expected):
    assert krippendorff_alpha(PUBLISHED, level=level) == pytest.approx(
        expected, abs=5e-4
    )
    assert alpha_by_definition(PUBLISHED, level) == pytest.approx(expected, abs=5e-4)


@ALL_LEVELS
@pytest.mark.parametrize("seed", range(10))
def test_alpha_equals_its_definition_by_loops(level, seed):
    Y = random_labels(seed)
    alpha = krippendorff_alpha(Y, level=level)
    assert alpha == pytest.approx(alpha_by_definition(Y, level), abs=1e-12)
    assert krippendorff_alpha(CrowdLabels.from_matrix(Y), level=level) == alpha


@ALL_LEVELS
@pytest.mark.parametrize("seed", range(5))
def test_alpha_equals_that_of_the_krippendorff_package(level, seed):
    krippendorff = pytest.importorskip("krippendorff")
    Y = random_labels(seed)
    theirs = krippendorff.alpha(
        reliability_data=np.where(Y < 0, np.nan, Y).T, level_of_measurement=level
    )
    assert krippendorff_alpha(Y, level=level) == pytest.approx(theirs, abs=1e-12)


@ALL_LEVELS
def test_alpha_is_one_for_full_agreement_and_near_zero_for_chance(level):
    agreed = np.repeat(np.arange(4), 3).reshape(4, 3)
    assert krippendorff_alpha(agreed, level=level) == 1
    chance = np.random.default_rng(0).integers(4, size=(5000, 4))
    assert abs(krippendorff_alpha(chance, level=level)) < 0.02
    opposed = np.array([[0, 1], [1, 0], [0, 1]])
    assert krippendorff_alpha(opposed, level=level) < 0


@ALL_LEVELS
def test_items_with_one_label_and_classes_that_none_compared_do_not_count(level):
    Y = random_labels(0)
    alpha = krippendorff_alpha(Y, level=level)
    single = np.full((20, 6), -1)
    single[:, 2] = np.arange(20)
    assert krippendorff_alpha(np.vstack([Y, single]), level=level) == pytest.approx(
        alpha
    )
    with_more_classes = CrowdLabels.from_matrix(Y, classes=range(9))
    assert krippendorff_alpha(with_more_classes, level=level) == pytest.approx(alpha)


@ALL_LEVELS
def test_alpha_is_the_same_in_any_order_of_items_and_annotators(level):
    Y, rng = random_labels(0), np.random.default_rng(1)
    moved = Y[rng.permutation(30)][:, rng.permutation(6)]
    assert krippendorff_alpha(moved, level=level) == pytest.approx(
        krippendorff_alpha(Y, level=level)
    )


def test_classes_that_are_text_are_ordered_by_the_alphabet():
    names = np.array(["a", "b", "c", "d", "e"], dtype=object)
    Y = random_labels(0)
    text = np.where(Y < 0, None, names[Y])
    for level in ("nominal", "ordinal"):
        expected = krippendorff_alpha(Y, level=level)
        assert krippendorff_alpha(text, level=level) == pytest.approx(expected)
    with pytest.raises(ValueError, match="numbers as classes for level='interval'"):
        krippendorff_alpha(text, level="interval")


@pytest.mark.parametrize(
    ("match", "Y", "level"),
    [
        ("one of nominal, ordinal", [[0, 1]], "cardinal"),
        ("labels of two annotators or more", [[0, -1], [-1, 1]], "nominal"),
        ("two classes or more, got 2 labels of 1", [[1, 1], [0, -1]], "nominal"),
        ("classes from 0", [[-2, 1], [1, 1]], "ratio"),
    ],
)
def test_agreement_that_is_not_defined_is_an_error(match, Y, level):
    with pytest.raises(ValueError, match=match):
        krippendorff_alpha(np.array(Y), level=level)


# The likelihood of the labels


@pytest.fixture
def model():
    """Labels, probabilities and matrices of four annotators and three classes."""
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(3), size=40)
    matrices = rng.dirichlet(np.ones(3), size=(4, 3))
    return rng.integers(-1, 3, size=(40, 4)), proba, matrices


@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_equals_its_definition_by_loops(model, weighted):
    Y, proba, matrices = model
    weight = np.linspace(0, 2, 40) if weighted else None
    total, n = 0.0, 0.0
    for i, m in np.argwhere(Y >= 0):
        w = weight[i] if weighted else 1
        answer = sum(proba[i, k] * matrices[m, k, Y[i, m]] for k in range(3))
        total, n = total + w * np.log(answer), n + w
    value = annotation_log_likelihood(Y, proba, matrices, sample_weight=weight)
    assert value == pytest.approx(total / n)


def test_a_label_of_probability_zero_makes_it_minus_infinity_if_it_counts():
    Y, proba, matrices = [[0], [1]], [[1, 0], [1, 0]], [np.eye(2)]
    assert annotation_log_likelihood(Y, proba, matrices) == -np.inf
    assert annotation_log_likelihood(Y, proba, matrices, sample_weight=[1, 0]) == 0


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("Expected proba of shape", {"proba": np.full((39, 3), 1 / 3)}),
        ("confusion_matrices of shape", {"confusion_matrices": [np.eye(3)] * 3}),
        ("finite proba", {"proba": np.full((40, 3), np.nan)}),
        ("rows that sum to one", {"proba": np.full((40, 3), 0.5)}),
        ("rows that sum to one", {"confusion_matrices": np.ones((4, 3, 3))}),
        ("label of positive weight", {"sample_weight": np.arange(40) == 7}),
        ("[Nn]egative", {"sample_weight": -np.ones(40)}),
    ],
)
def test_a_likelihood_that_is_not_defined_is_an_error(model, match, change):
    Y, proba, matrices = model
    Y[7] = -1
    arguments = {"proba": proba, "confusion_matrices": matrices} | change
    with pytest.raises(ValueError, match=match):
        annotation_log_likelihood(Y, **arguments)


# The scorer


@UNUSED
def test_a_search_by_the_scorer_is_a_search_by_the_default_score(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier(MajorityVote(), LogisticRegression(), random_state=0)
    grid = {"classifier__C": [1e-4, 1e-1, 1e2]}
    searches = [
        GridSearchCV(clf, grid, cv=KFold(3), scoring=scoring).fit(X, Y)
        for scoring in (None, annotation_log_likelihood_scorer)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    assert_allclose(scores[1], scores[0])
    assert np.ptp(scores[0]) > 0.01
    assert searches[0].best_params_ == searches[1].best_params_


@UNUSED
def test_the_scorer_looks_into_pipelines_and_searches(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier(DawidSkene(), LogisticRegression(), random_state=0)
    pipeline = make_pipeline(StandardScaler(), clf)
    default = cross_val_score(pipeline, X, Y, cv=3)
    ours = cross_val_score(
        pipeline, X, Y, cv=3, scoring=annotation_log_likelihood_scorer
    )
    assert_allclose(ours, default)
    grid = {"twostageclassifier__classifier__C": [1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, Y)
    assert annotation_log_likelihood_scorer(search, X, Y) == pytest.approx(
        search.score(X, Y)
    )


def test_an_estimator_without_annotators_has_no_score(crowd):
    X, Y, truth = crowd
    clf = LogisticRegression().fit(X, truth)
    with pytest.raises(AttributeError, match="without annotators_, confusion_matrices"):
        annotation_log_likelihood_scorer(clf, X, Y)
    with pytest.raises(NotFittedError):
        annotation_log_likelihood_scorer(TwoStageClassifier(), X, Y)


def test_one_label_an_item_is_scored_as_the_labels_of_the_only_annotator(crowd):
    X, Y, truth = crowd
    names = np.array(["ant", "bee", "cat"])
    clf = TwoStageClassifier().fit(X, names[truth])
    chosen = clf.predict_proba(X)[np.arange(240), truth]
    column = CrowdLabels.from_matrix(names[truth][:, np.newaxis])
    for y in (names[truth], names[truth].tolist(), column):
        score = annotation_log_likelihood_scorer(clf, X, y)
        assert score == pytest.approx(np.log(chosen).mean())
    scores = cross_val_score(
        clf, X, truth, cv=3, scoring=annotation_log_likelihood_scorer
    )
    assert (scores > -np.log(3)).all()
    of_a_crowd = TwoStageClassifier(random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="shape"):
        annotation_log_likelihood_scorer(of_a_crowd, X, truth)


def test_labels_of_other_annotators_have_no_score(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier(random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="2 columns"):
        annotation_log_likelihood_scorer(clf, X, np.asarray(Y)[:, :2])

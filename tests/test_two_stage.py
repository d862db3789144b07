"""``TwoStageClassifier``: its two steps, its methods, and scikit-learn around it."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.helper import SliceDict
from torch import nn

from skccem import (
    CrowdClassifier,
    CrowdLabels,
    DawidSkene,
    MajorityVote,
    TwoStageClassifier,
)
from skccem.exceptions import UnusedDataWarning
from skccem.simulation import make_confusion_matrices, make_crowd_labels

# Small folds leave annotators without labels, and say so.
UNUSED = pytest.mark.filterwarnings("ignore::skccem.exceptions.UnusedDataWarning")

PROBA_METHODS = [
    "predict_proba",
    "predict_log_proba",
    "predict_annotator_proba",
    "aggregate",
    "aggregate_proba",
]


class OneHot(MajorityVote):
    """Votes that are certain: all the posterior on what `predict` returns."""

    def predict_proba(self, Y):
        return np.eye(len(self.classes_))[
            np.searchsorted(self.classes_, self.predict(Y))
        ]

    def predict(self, Y):
        return self.classes_[MajorityVote.predict_proba(self, Y).argmax(axis=1)]


class Certain(ClassifierMixin, BaseEstimator):
    """A classifier without `predict_log_proba`, certain that all is of one class."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.eye(len(self.classes_))[np.zeros(len(X), dtype=int)]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


sklearn_version = tuple(map(int, sklearn.__version__.split(".")[:2]))


def _expected_failures(estimator):
    if estimator.classifier is None:
        return {}
    reason = "the scaler before the classifier is fitted without weights"
    # That scaler takes no sparse rows, which scikit-learn 1.6 does not say of it.
    kinds = ("dense", "sparse") if sklearn_version < (1, 7) else ("dense",)
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in kinds}


@parametrize_with_checks(
    [
        TwoStageClassifier(),
        TwoStageClassifier(soft=True, random_state=0),
        TwoStageClassifier(
            MajorityVote(), make_pipeline(StandardScaler(), LogisticRegression())
        ),
    ],
    expected_failed_checks=_expected_failures,
)
def test_passes_the_common_checks(estimator, check):
    check(estimator)


# The two steps


@pytest.mark.parametrize("aggregator", [MajorityVote, DawidSkene])
@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_two_steps_by_hand(crowd, aggregator, weighted):
    X, Y, _ = crowd
    weight = np.linspace(0.5, 2, 240) if weighted else None
    first = aggregator(random_state=0).fit(Y, sample_weight=weight)
    second = LogisticRegression(C=0.5).fit(X, first.predict(Y), sample_weight=weight)
    clf = TwoStageClassifier(aggregator(random_state=0), LogisticRegression(C=0.5))
    clf.fit(X, Y, sample_weight=weight)
    assert_array_equal(clf.predict_proba(X), second.predict_proba(X))
    assert_array_equal(clf.predict(X), second.predict(X))
    assert_array_equal(clf.confusion_matrices_, first.confusion_matrices_)
    assert_array_equal(clf.class_prior_, first.class_prior_)


@pytest.mark.parametrize("weighted", [False, True])
def test_soft_is_a_weighted_copy_of_each_item_for_each_class(crowd, weighted):
    X, Y, _ = crowd
    weight = np.linspace(0.5, 2, 240) if weighted else None
    first = DawidSkene().fit(Y, sample_weight=weight)
    mass = first.predict_proba(Y) * (1 if weight is None else weight[:, None])
    second = LogisticRegression(tol=1e-10).fit(
        np.concatenate([X] * 3), np.repeat([0, 1, 2], 240), mass.T.ravel()
    )
    clf = TwoStageClassifier(DawidSkene(), LogisticRegression(tol=1e-10), soft=True)
    clf.fit(X, Y, sample_weight=weight)
    assert_allclose(clf.predict_proba(X), second.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("classifier", [LogisticRegression(), GaussianNB()])
def test_soft_with_certain_posteriors_is_hard(crowd, classifier):
    X, Y, _ = crowd
    hard, soft = (
        TwoStageClassifier(OneHot(), classifier, soft=soft).fit(X, Y)
        for soft in (False, True)
    )
    assert_allclose(soft.predict_proba(X), hard.predict_proba(X))


def test_soft_leaves_out_only_posteriors_of_exactly_zero(crowd):
    X, Y, _ = crowd

    class Counting(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            self.seen_ = len(X), sample_weight
            return super().fit(X, y, sample_weight)

    clf = TwoStageClassifier(MajorityVote(), Counting(), soft=True).fit(X, Y)
    n_rows, weight = clf.classifier_.seen_
    assert n_rows == np.count_nonzero(clf.aggregator_.predict_proba(Y))
    assert_allclose(weight.sum(), 240)
    clf = TwoStageClassifier(DawidSkene(), Counting(), soft=True).fit(X, Y)
    assert clf.classifier_.seen_[0] == 720


def test_soft_reaches_the_last_step_of_nested_pipelines(crowd):
    X, Y, _ = crowd
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    flat = TwoStageClassifier(classifier=inner, soft=True).fit(X, Y)
    nested = TwoStageClassifier(
        classifier=make_pipeline(StandardScaler(), inner), soft=True
    ).fit(X, Y)
    hard = TwoStageClassifier(classifier=inner).fit(X, Y)
    assert_allclose(nested.predict_proba(X), flat.predict_proba(X), rtol=1e-6)
    assert np.abs(flat.predict_proba(X) - hard.predict_proba(X)).max() > 0.01


def test_one_dimensional_y_is_the_classifier_itself(crowd):
    X, _, truth = crowd
    for soft in (False, True):
        clf = TwoStageClassifier(soft=soft, classes=[0, 1, 2, 3]).fit(X, truth)
        alone = LogisticRegression(max_iter=1000).fit(X, truth)
        assert_array_equal(clf.predict_proba(X)[:, :3], alone.predict_proba(X))
        assert_array_equal(clf.confusion_matrices_, [np.eye(4)])
        assert_allclose(clf.class_prior_, np.bincount(truth, minlength=4) / 240)
        assert clf.aggregator_ is None
        assert_array_equal(clf.aggregate(X, truth), truth)
        column = CrowdLabels.from_matrix(truth[:, None])
        expected = np.log(alone.predict_proba(X)[np.arange(240), truth]).mean()
        assert_allclose(clf.score(X, column), expected)
    weight = truth + 1.0
    clf.fit(X, truth, sample_weight=weight)
    expected = np.bincount(truth, weight, minlength=4) / weight.sum()
    assert_allclose(clf.class_prior_, expected)


# What the methods mean


@pytest.mark.parametrize("classifier", [None, DecisionTreeClassifier(max_depth=2)])
def test_methods_follow_from_probabilities_and_matrices(crowd, classifier):
    X, Y, truth = crowd
    clf = TwoStageClassifier(classifier=classifier, random_state=0).fit(X, Y)
    proba = clf.predict_proba(X)
    assert_allclose(np.exp(clf.predict_log_proba(X)), proba)
    by_annotator = np.stack([proba @ B for B in clf.confusion_matrices_], axis=1)
    assert_allclose(clf.predict_annotator_proba(X), by_annotator)
    expected = proba.copy()
    for i, row in enumerate(np.asarray(Y)):
        for m in np.flatnonzero(row >= 0):
            expected[i] *= clf.confusion_matrices_[m, :, row[m]]
    expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(clf.aggregate_proba(X, Y), expected)
    assert_array_equal(clf.aggregate(X, Y), expected.argmax(axis=1))
    rows, columns = np.nonzero(np.asarray(Y) >= 0)
    each = np.log(by_annotator[rows, columns, np.asarray(Y)[rows, columns]])
    weight = np.arange(240)
    assert_allclose(clf.score(X, Y), each.mean())
    expected = np.average(each, weights=weight[rows])
    assert_allclose(clf.score(X, Y, sample_weight=weight), expected)
    assert clf.score(X, truth) == np.mean(clf.predict(X) == truth)


def test_a_class_that_the_classifier_never_saw_has_a_column_of_zeros(crowd):
    X, Y, _ = crowd
    names = np.array(["ant", "bee", "cat", "dog"], dtype=object)
    table = np.where(np.asarray(Y) < 0, None, names[np.asarray(Y) + 1])
    table[table == "cat"] = "dog"
    clf = TwoStageClassifier(classes=names, random_state=0).fit(X, table)
    assert_array_equal(clf.classes_, names)
    assert_array_equal(clf.classifier_.classes_, ["bee", "dog"])
    proba = clf.predict_proba(X)
    assert proba.shape == (240, 4)
    assert_array_equal(proba[:, [0, 2]], 0)
    assert_allclose(proba.sum(axis=1), 1)
    assert np.isneginf(clf.predict_log_proba(X)[:, [0, 2]]).all()
    assert_allclose(clf.aggregate_proba(X, table).sum(axis=1), 1)
    assert_array_equal(clf.predict(X), names[proba.argmax(axis=1)])
    assert np.isfinite(clf.score(X, table))


def test_excluded_labels_score_minus_infinity_unless_their_items_weigh_nothing():
    X = np.arange(4.0)[:, None]
    Y = np.array([[0, 0], [0, 0], [1, 1], [1, 1]])
    clf = TwoStageClassifier(MajorityVote(smoothing=0), Certain()).fit(X, Y)
    assert clf.score(X[:2], Y[:2]) == 0
    assert clf.score(X, Y) == -np.inf
    assert clf.score(X, Y, sample_weight=[1, 1, 0, 0]) == 0
    # The labels agree on class 1, so one zero of the classifier is contradicted.
    assert_array_equal(clf.aggregate(X, Y), [0, 0, 1, 1])
    assert np.isneginf(clf.predict_log_proba(X)[:, 1]).all()


def test_log_probabilities_keep_what_probabilities_lose():
    X = np.array([[0.0], [1e-3], [1.0], [1.001]])
    Y = np.array([[0, 0], [0, 0], [1, 1], [1, 1]])
    clf = TwoStageClassifier(MajorityVote(), GaussianNB()).fit(X, Y)
    assert clf.predict_proba([[-1.0]])[0, 1] == 0
    assert np.isfinite(clf.predict_log_proba([[-1.0]])).all()


def test_without_probabilities_classes_and_accuracy_remain(crowd):
    X, Y, truth = crowd
    unfitted = TwoStageClassifier(classifier=LinearSVC(), random_state=0)
    clf = clone(unfitted).fit(X, Y)
    for method in PROBA_METHODS:
        assert not hasattr(unfitted, method)
        assert not hasattr(clf, method)
    assert clf.score(X, truth) > 0.7
    with pytest.raises(AttributeError, match=r"predict_proba, which LinearSVC"):
        clf.score(X, Y)


def test_methods_follow_the_fitted_classifier_not_the_parameter(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier(random_state=0).fit(X, Y)
    clf.set_params(classifier=LinearSVC())
    assert clf.predict_proba(X).shape == (240, 3)


@pytest.mark.parametrize("method", ["predict", *PROBA_METHODS, "score"])
def test_methods_before_fit_say_so(crowd, method):
    X, Y, _ = crowd
    arguments = (X, Y) if method in ("aggregate", "aggregate_proba", "score") else (X,)
    with pytest.raises(NotFittedError):
        getattr(TwoStageClassifier(), method)(*arguments)


# Forms of input


def test_items_as_arrays_frames_lists_and_sparse_rows_give_the_same(crowd):
    X, Y, _ = crowd
    labels = np.asarray(Y).copy()
    labels[::10] = -1
    names = ["a", "b", "c", "d", "e"]
    forms = {
        "array": X,
        "list": X.tolist(),
        "frame": pd.DataFrame(X, columns=names),
        "CSR": sparse.csr_array(X),
        "COO": sparse.coo_matrix(X),
    }
    clf = TwoStageClassifier(random_state=0)
    with pytest.warns(UnusedDataWarning, match=r"24 of 240 items"):
        expected = clf.fit(X, labels).predict_proba(X)
    assert not hasattr(clf, "feature_names_in_")
    for name, form in forms.items():
        with pytest.warns(UnusedDataWarning):
            clf.fit(form, labels)
        assert_allclose(clf.predict_proba(form), expected, rtol=1e-3, err_msg=name)
        assert clf.n_features_in_ == 5
    with pytest.warns(UnusedDataWarning):
        clf.fit(forms["frame"], labels)
    assert_array_equal(clf.feature_names_in_, names)


@UNUSED
def test_texts_go_to_a_pipeline_that_reads_them():
    good, bad = "fine great lovely superb", "awful bad poor terrible"
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=200)
    texts = [" ".join(rng.choice((bad, good)[k].split(), 3)) for k in truth]
    matrices = make_confusion_matrices(5, 2, kind="symmetric", random_state=0)
    Y = np.array(make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0))
    Y[:20] = -1
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    for soft in (False, True):
        clf = TwoStageClassifier(classifier=pipeline, soft=soft, random_state=0)
        assert clf.fit(texts, Y).score(texts, truth) > 0.9
        assert not hasattr(clf, "n_features_in_")


def test_labels_in_several_forms_give_the_same(crowd):
    X, Y, _ = crowd
    table = np.asarray(Y)
    names = np.array(["ant", "bee", "cat"])
    expected = TwoStageClassifier(random_state=0).fit(X, Y)
    forms = [
        table,
        pd.DataFrame(table).astype("Int64").mask(table < 0),
        CrowdLabels.from_matrix(np.where(table < 0, np.nan, table)),
        np.ma.masked_array(table, table < 0),
    ]
    for form in forms:
        clf = TwoStageClassifier(random_state=0).fit(X, form)
        assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    clf.fit(X, np.where(table < 0, None, names[table]))
    assert_array_equal(clf.predict(X), names[expected.predict(X)])
    assert_array_equal(clf.aggregate(X, forms[0] * 0 - 1), clf.predict(X))


# The second stage may be one of ours


@pytest.mark.parametrize("soft", [False, True])
def test_crowd_classifier_is_a_second_stage(crowd, soft):
    X, Y, truth = crowd
    network = CrowdClassifier(hidden_layer_sizes=(), dropout=0, max_epochs=30, lr=1e-2)
    clf = TwoStageClassifier(DawidSkene(), network, soft=soft, random_state=0)
    assert clf.fit(X, Y).score(X, truth) > 0.75
    assert_array_equal(clf.classifier_.annotators_, [0])
    assert_array_equal(clf.annotators_, np.arange(6))
    assert np.isfinite(clf.score(X, Y))


@UNUSED
def test_a_dict_of_arrays_reaches_a_module(crowd):
    X, Y, truth = crowd
    labels = np.asarray(Y).copy()
    labels[::10] = -1
    network = CrowdClassifier(nn.Linear(5, 3), max_epochs=50, lr=1e-2)
    clf = TwoStageClassifier(DawidSkene(), network, random_state=0)
    items = SliceDict(input=np.float32(X))
    assert clf.fit(items, labels).score(items, truth) > 0.7


@pytest.mark.slow
def test_the_baselines_and_crowd_classifier_are_compared_in_one_loop():
    X, truth = load_digits(return_X_y=True)
    X, truth = X[:900] / 16, truth[:900]
    matrices = make_confusion_matrices(
        10, 10, kind="hammer_spammer", hammer_fraction=0.3, random_state=0
    )
    Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    accuracy, likelihood, labelled = [], [], []
    for clf in [
        TwoStageClassifier(MajorityVote(), random_state=0),
        TwoStageClassifier(DawidSkene(max_iter=1000), random_state=0),
        CrowdClassifier(random_state=0),
    ]:
        clf.fit(X[:600], Y[:600])
        accuracy.append(clf.score(X[600:], truth[600:]))
        likelihood.append(clf.score(X[600:], Y[600:]))
        labelled.append(np.mean(clf.aggregate(X[:600], Y[:600]) == truth[:600]))
    assert likelihood[0] < min(likelihood[1:])
    assert max(accuracy[:2]) < accuracy[2] - 0.05
    assert max(labelled[:2]) < labelled[2] - 0.2


# scikit-learn around it


@UNUSED
def test_grid_search_reaches_both_stages(crowd):
    X, Y, truth = crowd
    search = GridSearchCV(
        TwoStageClassifier(None, LogisticRegression(), random_state=0),
        {
            "classifier__C": [1e-6, 1],
            "aggregator": [MajorityVote(), DawidSkene(max_iter=1000)],
            "soft": [False, True],
        },
        cv=5,
        error_score="raise",
    ).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["classifier__C"] == 1
    assert search.score(X, Y) > -np.log(3)
    assert search.best_estimator_.score(X, truth) > 0.75


@UNUSED
def test_grid_search_reaches_stages_that_are_not_named(crowd):
    X, Y, _ = crowd
    grid = {"aggregator__smoothing": [0.01, 1], "classifier__C": [1e-6, 1]}
    searches = [
        GridSearchCV(clf, grid, cv=3, error_score="raise").fit(X, Y)
        for clf in (
            TwoStageClassifier(random_state=0),
            TwoStageClassifier(
                DawidSkene(), LogisticRegression(max_iter=1000), random_state=0
            ),
        )
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    assert_array_equal(scores[0], scores[1])
    assert searches[0].estimator.aggregator is None
    assert searches[0].best_estimator_.classifier.max_iter == 1000


def test_parameters_of_a_stage_make_it_the_default_and_others_leave_it_none():
    clf = TwoStageClassifier().set_params(classifier__C=3, soft=True)
    assert clf.aggregator is None
    assert (clf.classifier.C, clf.classifier.max_iter) == (3, 1000)
    clf.set_params(classifier__C=4)
    assert clf.classifier.C == 4
    vote = MajorityVote()
    clf.set_params(aggregator=vote, aggregator__smoothing=0.5)
    assert clf.aggregator is vote
    assert vote.smoothing == 0.5
    clf.set_params(aggregator__smoothing=0.7, aggregator=None)
    assert isinstance(clf.aggregator, DawidSkene)
    assert clf.aggregator.smoothing == 0.7
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        clf.set_params(aggregator__depth=1)


@UNUSED
def test_works_inside_a_pipeline_and_with_an_integer_cv(crowd):
    X, Y, _ = crowd
    pipeline = make_pipeline(StandardScaler(), TwoStageClassifier(random_state=0))
    assert (cross_val_score(pipeline, X, Y, cv=3) > -np.log(3)).all()


def test_survives_clone_pickle_and_joblib(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier(MajorityVote(), GaussianNB(), soft=True, random_state=0)
    clf.fit(X, Y)
    file = io.BytesIO()
    joblib.dump(clf, file)
    file.seek(0)
    for copy in (
        pickle.loads(pickle.dumps(clf)),
        joblib.load(file),
        clone(clf).fit(X, Y),
    ):
        assert_array_equal(copy.aggregate_proba(X, Y), clf.aggregate_proba(X, Y))


def test_stages_given_as_parameters_are_not_fitted(crowd):
    X, Y, _ = crowd
    first, second = DawidSkene(), LogisticRegression()
    TwoStageClassifier(first, second, random_state=0).fit(X, Y)
    assert not hasattr(first, "classes_")
    assert not hasattr(second, "classes_")
    assert first.random_state is None


def test_random_state_seeds_what_has_no_seed_of_its_own(crowd):
    X, Y, _ = crowd
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(5))
    clf = TwoStageClassifier(MajorityVote(random_state=7), forest, random_state=0)
    first, again = (clone(clf).fit(X, Y).predict_proba(X) for _ in range(2))
    assert_array_equal(first, again)
    other = clone(clf).set_params(random_state=1).fit(X, Y)
    assert (other.predict_proba(X) != first).any()
    assert other.aggregator_.random_state == 7
    forest = clf.set_params(random_state=None).fit(X, Y).classifier_
    assert forest[-1].random_state is None


def test_another_fit_forgets_the_features_of_the_last(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier(random_state=0)
    assert not hasattr(clf, "n_features_in_")
    clf.fit(pd.DataFrame(X, columns=list("abcde")), Y)
    clf.fit(X[:, :2], Y)
    assert clf.n_features_in_ == 2
    assert not hasattr(clf, "feature_names_in_")


# Warnings and errors


def test_what_is_left_out_is_counted_in_one_warning(crowd):
    X, Y, _ = crowd
    labels = np.asarray(Y).copy()
    labels[:5] = -1
    labels[:, 2] = -1
    none = int(np.sum((labels < 0).all(axis=1)))
    clf = TwoStageClassifier(random_state=0)
    with pytest.warns(UnusedDataWarning) as caught:
        clf.fit(X, labels)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert f"{none} of 240 items" in message
    assert "1 of 6 annotators" in message
    assert clf.n_labels_per_annotator_[2] == 0
    kept = (labels >= 0).any(axis=1)
    with pytest.warns(UnusedDataWarning, match=r"^1 of 6 annotators"):
        alone = TwoStageClassifier(random_state=0).fit(X[kept], labels[kept])
    assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))


@pytest.mark.parametrize("soft", [False, True])
def test_items_of_weight_zero_are_left_out(crowd, soft):
    X, Y, _ = crowd
    weight = np.ones(240)
    weight[100:] = 0
    clf = TwoStageClassifier(OneHot(), soft=soft)
    assert_array_equal(
        clone(clf).fit(X, Y, sample_weight=weight).predict_proba(X),
        clone(clf).fit(X[:100], Y[:100], sample_weight=weight[:100]).predict_proba(X),
    )


@pytest.mark.parametrize(
    "params",
    [
        {"aggregator": "dawid_skene"},
        {"aggregator": LinearSVC()},
        {"classifier": "logistic"},
        {"soft": "yes"},
        {"random_state": "zero"},
    ],
)
def test_parameters_of_a_wrong_kind_are_errors(crowd, params):
    X, Y, _ = crowd
    with pytest.raises(InvalidParameterError, match=next(iter(params))):
        TwoStageClassifier(**params).fit(X, Y)


def test_bad_input_is_an_error_that_says_what_to_do(crowd):
    X, Y, truth = crowd
    with pytest.raises(ValueError, match=r"Expected classifier to be .* Ridge"):
        TwoStageClassifier(classifier=Ridge()).fit(X, Y)
    with pytest.raises(TypeError, match=r"instance"):
        TwoStageClassifier(aggregator=DawidSkene).fit(X, Y)
    with pytest.raises(ValueError, match=r"X has 239 items, but y has 240"):
        TwoStageClassifier().fit(X[1:], Y)
    with pytest.raises(ValueError, match=r"no labels at all"):
        TwoStageClassifier().fit(X, np.full((240, 2), -1))
    with pytest.raises(ValueError, match=r"classes"):
        TwoStageClassifier(classes=[0, 1]).fit(X, Y)
    clf = TwoStageClassifier().fit(X, Y)
    unlabelled = np.asarray(Y).copy()
    unlabelled[0] = -1
    with pytest.raises(ValueError, match=r"2 columns"):
        clf.aggregate(X, np.asarray(Y)[:, :2])
    with pytest.raises(ValueError, match=r"X has 239 items"):
        clf.score(X[1:], Y)
    with pytest.raises(ValueError, match=r"no labels among the items"):
        clf.score(X, np.full((240, 6), -1))
    with pytest.raises(ValueError, match=r"none of positive weight"):
        clf.score(X, unlabelled, sample_weight=np.arange(240) == 0)
    with pytest.raises(ValueError, match=r"two classes"):
        TwoStageClassifier().fit(X, truth, sample_weight=truth == 0)


@pytest.mark.parametrize(
    "aggregator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        CrowdClassifier(),
        GaussianMixture(),
    ],
)
def test_an_aggregator_that_needs_features_is_an_error(crowd, aggregator):
    X, Y, truth = crowd
    message = (
        r"(?s)Expected aggregator to be .* got \w+.*TwoStageClassifier\(classifier="
    )
    for y in (Y, truth):
        with pytest.raises(ValueError, match=message):
            TwoStageClassifier(aggregator).fit(X, y)


@pytest.mark.parametrize(
    "classifier",
    [
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        GridSearchCV(LogisticRegression(), {"C": [1]}),
    ],
)
def test_weights_for_a_classifier_that_takes_none_are_an_error(crowd, classifier):
    X, Y, truth = crowd
    soft = TwoStageClassifier(classifier=classifier, soft=True)
    with pytest.raises(ValueError, match=r"argument sample_weight"):
        soft.fit(X, Y)
    hard = TwoStageClassifier(classifier=classifier, random_state=0)
    with pytest.raises(ValueError, match=r"argument sample_weight"):
        hard.fit(X, Y, sample_weight=np.ones(240))
    assert hard.fit(X, Y).score(X, truth) > 0.7


def test_labels_aggregated_to_one_class_are_an_error_that_names_the_aggregator(crowd):
    X = crowd[0][:4]
    Y = [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match=r"aggregated by MajorityVote\(\) to one"):
        TwoStageClassifier(MajorityVote()).fit(X, Y)
    soft = TwoStageClassifier(MajorityVote(), soft=True).fit(X, Y)
    assert_array_equal(soft.classifier_.classes_, [0, 1])


def test_classes_of_the_aggregator_hold_and_must_not_contradict(crowd):
    X, Y, truth = crowd
    aggregator = DawidSkene(classes=[0, 1, 2, 3])
    for y in (Y, truth):
        clf = TwoStageClassifier(aggregator, random_state=0).fit(X, y)
        assert_array_equal(clf.classes_, [0, 1, 2, 3])
        assert clf.predict_proba(X).shape == (240, 4)
    with pytest.raises(ValueError, match=r"name them once"):
        TwoStageClassifier(aggregator, classes=[0, 1, 2]).fit(X, Y)


def test_a_failed_fit_leaves_the_estimator_unfitted(crowd):
    X, Y, _ = crowd
    clf = TwoStageClassifier(classifier=SGDClassifier(), random_state=0)
    with pytest.raises(ValueError, match=r"NaN"):
        clf.fit(np.full_like(X, np.nan), Y)
    with pytest.raises(NotFittedError):
        clf.predict(X)

"""``CrowdClassifierCV``: the search, the choice and what is made of it."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import Callback
from skorch.helper import SliceDataset
from torch import nn
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdClassifierCV, CrowdLabels, LabelKFold
from skccem._calibration import calibrated_log_likelihood
from skccem._candidates import select_candidate
from skccem._splitters import make_folds
from skccem.exceptions import UnusedDataWarning

TINY = {
    "hidden_layer_sizes": (8,),
    "dropout": 0,
    "batch_size": 50,
    "max_epochs": 6,
    "burn_in": 2,
    "lr": 1e-2,
    "n_init": 1,
    "random_state": 0,
}
STRENGTHS = [0.0, 0.01, 0.3]


def search_of(estimator=None, **params):
    estimator = CrowdClassifier(**TINY) if estimator is None else estimator
    defaults = {"reg_strengths": STRENGTHS, "cv": KFold(3), "scoring": "marginal"}
    return CrowdClassifierCV(estimator, **{**defaults, **params})


@pytest.fixture(scope="module")
def fitted(crowd):
    X, labels, _ = crowd
    return search_of(likelihoods=["joint", "marginal"]).fit(X, labels)


@parametrize_with_checks(
    [
        CrowdClassifierCV(
            CrowdClassifier(
                hidden_layer_sizes=(8,),
                dropout=0,
                lr=1e-1,
                max_epochs=12,
                batch_size=None,
            ),
            reg_strengths=[0.0, 0.003],
            cv=2,
        )
    ]
)
def test_passes_the_common_checks(estimator, check):
    check(estimator)


def warm_scores(X, labels, folds, candidates):
    """The search written as a loop."""
    scores = []
    for train, test in folds:
        for params in candidates:
            clf = CrowdClassifier(**TINY).set_params(
                likelihood="marginal", regularizer=None, max_epochs=2, burn_in=0
            )
            clf.fit(X[train], labels[train])
            clf.set_params(regularizer="F", max_epochs=4, warm_start=True, **params)
            clf.fit(X[train], labels[train])
            scores.append(clf.score(X[test], labels[test]))
    return np.reshape(scores, (len(folds), len(candidates)))


def test_the_scores_and_the_choice_are_those_of_a_loop(crowd, fitted):
    X, labels, _ = crowd
    candidates = [
        {"likelihood": likelihood, "reg_strength": strength}
        for likelihood in ("joint", "marginal")
        for strength in STRENGTHS
    ]
    scores = warm_scores(X, labels, list(KFold(3).split(X)), candidates)
    results = fitted.cv_results_
    for number in range(3):
        assert_array_equal(results[f"split{number}_test_score"], scores[number])
    assert results["params"] == candidates
    chosen = select_candidate(scores, STRENGTHS * 2, default=0.02)
    assert fitted.best_index_ == chosen
    assert fitted.best_params_ == candidates[chosen]
    assert fitted.reg_strength_ == candidates[chosen]["reg_strength"]
    assert fitted.likelihood_ == candidates[chosen]["likelihood"]
    assert fitted.n_splits_ == 3
    assert (results["mean_fit_time"] > 0).all()


@pytest.mark.parametrize("cv", [KFold(3), LabelKFold(3, random_state=0)])
def test_by_default_an_items_labels_are_scored_together_and_calibrated(crowd, cv):
    X, labels, _ = crowd
    weight = np.random.default_rng(0).uniform(0.5, 2, size=240)
    estimator = CrowdClassifier(**{**TINY, "burn_in": 0})
    search = CrowdClassifierCV(estimator, reg_strengths=STRENGTHS, cv=cv)
    scores = search.fit(X, labels, sample_weight=weight).cv_results_
    fold = make_folds(cv, X, labels)[0]
    train = slice(None) if fold.train_rows is None else fold.train_rows
    test = slice(None) if fold.test_rows is None else fold.test_rows
    for column, strength in enumerate(STRENGTHS):
        clf = clone(estimator).set_params(reg_strength=strength)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusedDataWarning)
            clf.fit(X[train], fold.train_y, sample_weight=weight[train])
        expected, power = calibrated_log_likelihood(
            fold.test_labels,
            clf.predict_log_proba(X[test]),
            np.log(clf.confusion_matrices_),
            weight[test],
        )
        assert power != 1
        found = scores["split0_test_score"][column]
        assert found == pytest.approx(expected, abs=1e-9)


def test_by_default_one_label_an_item_is_scored_by_its_calibrated_likelihood(crowd):
    X, _, truth = crowd
    search = search_of(cv=2, reg_strengths=[0.0], scoring="calibrated_joint")
    plain = search_of(cv=2, reg_strengths=[0.0])
    name = "mean_test_score"
    found, lower = (one.fit(X, truth).cv_results_[name] for one in (search, plain))
    assert np.isfinite(lower).all()
    assert lower < found < 0


@pytest.mark.parametrize("change", [{"burn_in": 0}, {"early_stopping": True}])
def test_where_no_burn_in_is_shared_it_is_grid_search(crowd, change):
    X, labels, _ = crowd
    estimator = CrowdClassifier(**TINY).set_params(**change)
    search = search_of(estimator, rule="best", refit=False).fit(X, labels)
    grid = GridSearchCV(
        estimator, {"reg_strength": STRENGTHS}, cv=KFold(3), refit=False
    ).fit(X, labels)
    for name in ["mean_test_score", "std_test_score", "rank_test_score"]:
        assert_array_equal(search.cv_results_[name], grid.cv_results_[name])
    assert search.best_index_ == grid.best_index_


def test_the_last_fit_is_that_of_the_classifier_with_the_choice(crowd, fitted):
    X, labels, truth = crowd
    clf = CrowdClassifier(**{**TINY, **fitted.best_params_}).fit(X, labels)
    for name in ["predict", "predict_proba", "predict_log_proba"]:
        assert_array_equal(getattr(fitted, name)(X), getattr(clf, name)(X))
    for name in ["aggregate", "aggregate_proba", "score"]:
        assert_array_equal(
            getattr(fitted, name)(X, labels), getattr(clf, name)(X, labels)
        )
    assert fitted.score(X, truth) == clf.score(X, truth)
    assert_array_equal(
        fitted.predict_annotator_proba(X), clf.predict_annotator_proba(X)
    )
    public = {name for name in vars(clf) if name.endswith("_")}
    assert public == {name for name in public if hasattr(fitted, name)}
    for name in ["confusion_matrices_", "classes_", "annotators_", "class_prior_"]:
        assert_array_equal(getattr(fitted, name), getattr(clf, name))
    assert_array_equal(fitted.aggregated_proba_, clf.aggregated_proba_)
    assert fitted.best_estimator_.get_params() == clf.get_params()


def test_only_the_last_fit_has_several_networks(crowd, fitted):
    X, labels, _ = crowd
    estimator = CrowdClassifier(**{**TINY, "n_init": 3})
    likelihoods = ["joint", "marginal"]
    search = search_of(estimator, likelihoods=likelihoods).fit(X, labels)
    for name, values in fitted.cv_results_.items():
        if "time" not in name:
            assert_array_equal(search.cv_results_[name], values)
    assert len(search.nets_) == 3
    best = {**TINY, "n_init": 3, **search.best_params_}
    clf = CrowdClassifier(**best).fit(X, labels)
    assert_array_equal(search.predict_proba(X), clf.predict_proba(X))


def test_two_processes_give_what_one_gives(crowd, fitted):
    X, labels, _ = crowd
    other = search_of(likelihoods=["joint", "marginal"], n_jobs=2).fit(X, labels)
    for name, values in fitted.cv_results_.items():
        if name != "mean_fit_time":
            assert_array_equal(other.cv_results_[name], values)
    assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_a_pickle_predicts_the_same(crowd, fitted):
    X = crowd[0]
    copied = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))


def test_the_defaults_are_the_classifiers(crowd):
    X, labels, _ = crowd
    search = CrowdClassifierCV(reg_strengths=[0.02], cv=2, random_state=1)
    search.set_params(estimator=CrowdClassifier(max_epochs=2))
    search.set_params(estimator__hidden_layer_sizes=(4,)).fit(X, labels)
    clf = CrowdClassifier(max_epochs=2, hidden_layer_sizes=(4,), random_state=1)
    assert_array_equal(search.predict_proba(X), clf.fit(X, labels).predict_proba(X))
    assert search.estimator.random_state is None
    assert CrowdClassifierCV()._new_estimator().get_params().keys() == (
        clf.get_params().keys()
    )


def test_candidates_share_a_random_state_that_is_drawn(crowd):
    X, labels, _ = crowd
    estimator = CrowdClassifier(**{**TINY, "random_state": None, "burn_in": 0})
    for state in [None, np.random.RandomState(0)]:
        # A strength of no effect, so that only the random state could differ.
        search = search_of(estimator, reg_strengths=[0, 1e-30], random_state=state)
        results = search.fit(X, labels).cv_results_
        assert_allclose(*results["mean_test_score"], rtol=1e-4)
        assert search.best_estimator_.random_state is not None


def test_it_stands_in_a_pipeline_after_a_scaler(crowd):
    X, labels, truth = crowd
    pipeline = make_pipeline(
        StandardScaler(), search_of(CrowdClassifier(**{**TINY, "max_epochs": 30}))
    )
    assert pipeline.fit(X, labels).score(X, truth) > 0.8
    with pytest.raises(ValueError, match="A pipeline holds the CrowdClassifierCV"):
        CrowdClassifierCV(make_pipeline(StandardScaler(), CrowdClassifier())).fit(
            X, labels
        )


def test_folds_of_labels_train_on_the_other_labels_of_an_item(crowd):
    X, labels, _ = crowd
    cv = LabelKFold(3, random_state=0)
    estimator = CrowdClassifier(**{**TINY, "burn_in": 0})
    search = search_of(estimator, cv=cv).fit(X, labels)
    assert search.n_splits_ == 3
    for number, (train, test) in enumerate(cv.split(labels)):
        for column, strength in enumerate(STRENGTHS):
            clf = CrowdClassifier(**{**TINY, "burn_in": 0}, reg_strength=strength)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnusedDataWarning)
                clf.fit(X, train)
            assert search.cv_results_[f"split{number}_test_score"][column] == (
                clf.score(X, test)
            )


def test_one_label_an_item_is_scored_by_its_likelihood_in_stratified_folds(crowd):
    X, _, truth = crowd
    names = np.array(["a", "b", "c"])[truth]
    search = search_of(cv=2, reg_strengths=[0.0]).fit(X, names)
    for number, (train, test) in enumerate(StratifiedKFold(2).split(X, names)):
        clf = CrowdClassifier(**TINY, reg_strength=0.0).fit(X[train], names[train])
        log_proba = clf.predict_log_proba(X[test])
        expected = log_proba[np.arange(len(test)), truth[test]].mean()
        score = search.cv_results_[f"split{number}_test_score"][0]
        assert score == pytest.approx(expected, rel=1e-6)
    assert_array_equal(search.classes_, names[np.argsort(truth)][[0, 100, -1]])
    assert search.score(X, names) == np.mean(search.predict(X) == names)


def test_a_class_that_a_fold_lacks_stays_a_class(crowd):
    X, _, truth = crowd
    order = np.argsort(truth, kind="stable")
    search = search_of(cv=KFold(3)).fit(X[order], truth[order])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert_array_equal(search.classes_, [0, 1, 2])


def test_weights_count_in_training_and_in_the_scores(crowd):
    X, labels, _ = crowd
    weight = np.random.default_rng(0).uniform(0.5, 2, size=240)
    estimator = CrowdClassifier(**{**TINY, "burn_in": 0})
    search = search_of(estimator).fit(X, labels, sample_weight=weight)
    best = clone(estimator).set_params(**search.best_params_)
    best.fit(X, labels, sample_weight=weight)
    assert_array_equal(search.predict_proba(X), best.predict_proba(X))
    train, test = next(KFold(3).split(X))
    clf = CrowdClassifier(**{**TINY, "burn_in": 0}, reg_strength=0.0)
    clf.fit(X[train], labels[train], sample_weight=weight[train])
    assert search.cv_results_["split0_test_score"][0] == clf.score(
        X[test], labels[test], sample_weight=weight[test]
    )


class Items(Dataset):
    def __init__(self, X):
        self.X = np.float32(X)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        return self.X[row]


def test_dicts_and_data_sets_need_no_wrapping(crowd):
    X, labels, _ = crowd
    estimator = CrowdClassifier(nn.Linear(5, 3), **{**TINY, "max_epochs": 3})
    forms = np.float32(X), {"input": X}, Items(X), SliceDataset(Items(X))
    scores = [
        search_of(estimator).fit(form, labels).cv_results_["mean_test_score"]
        for form in forms
    ]
    for other in scores[1:]:
        assert_array_equal(other, scores[0])


def test_what_is_unused_is_told_once_and_of_the_whole(crowd):
    X, labels, _ = crowd
    wider = labels.align(annotators=range(7))
    with pytest.warns(UnusedDataWarning) as told:
        search_of().fit(X, wider)
    assert [str(warning.message) for warning in told] == [
        "1 of 7 annotators gave no labels, or only to items of weight zero, and get "
        "the pooled confusion matrix."
    ]


def test_without_the_last_fit_there_is_a_choice_but_no_prediction(crowd, fitted):
    X, labels, _ = crowd
    search = search_of(likelihoods=["joint", "marginal"]).fit(X, labels)
    search.set_params(refit=False).fit(X, labels)
    assert search.best_params_ == fitted.best_params_
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "predict")
    with pytest.raises(AttributeError, match="predict_proba") as raised:
        search.predict_proba(X)
    assert "set refit=True" in str(raised.value.__cause__)


class Failing(Callback):
    def on_train_end(self, net, **kwargs):
        raise RuntimeError("on purpose")


def test_a_search_that_fails_leaves_the_last_one_as_it_was(crowd, fitted):
    X, labels, _ = crowd
    search = pickle.loads(pickle.dumps(fitted))
    before = vars(search).copy()
    search.set_params(estimator__callbacks=[Failing()])
    with pytest.raises(RuntimeError, match="on purpose"):
        search.fit(X, labels)
    assert vars(search) == before


def test_before_fit_there_are_no_predictions(crowd):
    search = search_of()
    assert not hasattr(search, "classes_")
    with pytest.raises(NotFittedError):
        search.predict(crowd[0])


def test_a_bar_counts_the_fits(crowd, capsys):
    X, labels, _ = crowd
    search_of(verbose=1, refit=False).fit(X, labels)
    shown = capsys.readouterr().err
    assert "CrowdClassifierCV: 100%" in shown
    # Three burn-ins, and three candidates in three folds.
    assert "12/12" in shown


@pytest.mark.parametrize(
    ("match", "params"),
    [
        ("likelihoods to be some of", {"likelihoods": ["conditional"]}),
        ("'likelihoods' parameter", {"likelihoods": "joint"}),
        ("finite numbers from 0", {"reg_strengths": [0, -1]}),
        ("finite numbers from 0", {"reg_strengths": []}),
        ("once", {"reg_strengths": [0, 0]}),
        ("'rule' parameter", {"rule": "median"}),
        ("'scoring' parameter", {"scoring": "accuracy"}),
        ("cv=241 folds", {"cv": 241}),
        ("at least two folds", {"cv": [(range(9), range(9, 20))]}),
        ("Fold 0 of 1 holds out no label", {"cv": [(range(9), [])]}),
        ("have no effect", {"estimator": CrowdClassifier(regularizer=None)}),
        ("leave none of max_epochs=6", {"estimator__burn_in": 6}),
        ("'lr' parameter", {"estimator__lr": 0}),
    ],
)
def test_settings_that_make_no_sense_are_errors_before_any_work(crowd, match, params):
    X, labels, _ = crowd
    search = search_of(CrowdClassifier(**TINY, callbacks=["not reached"]))
    with pytest.raises(ValueError, match=match):
        search.set_params(**params).fit(X, labels)


def test_data_that_do_not_fit_are_errors(crowd):
    X, labels, _ = crowd
    with pytest.raises(ValueError, match="inconsistent"):
        search_of().fit(X[:-1], labels)
    with pytest.raises(ValueError, match="NaN"):
        search_of().fit(np.where(X > 4, np.nan, X), labels)
    with pytest.raises(ValueError, match="no labels at all"):
        search_of().fit(X, np.full((240, 3), -1))
    only = CrowdLabels.from_matrix(np.ones((240, 2), dtype=int), classes=[0, 1])
    with pytest.raises(ValueError, match="one class"):
        search_of().fit(X, only)

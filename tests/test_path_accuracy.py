import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold
from skorch.callbacks import Callback

from skccem import CrowdClassifier, CrowdClassifierCV, LabelKFold, _path_accuracy
from skccem._path_accuracy import held_out_accuracy

FOLDS = KFold(2, shuffle=True, random_state=0)


def make_search(crowd, **settings):
    X, labels, _ = crowd
    clf = CrowdClassifier(
        hidden_layer_sizes=(4,), lr=0.05, max_epochs=5, random_state=0, n_init=1
    )
    settings = {"cv": FOLDS, "refit": False, "scoring": "marginal"} | settings
    return CrowdClassifierCV(clf, **settings).fit(X, labels)


def test_models_are_those_that_the_search_scored(crowd, monkeypatch):
    X, labels, truth = crowd
    search = make_search(
        crowd, reg_strengths=[0, 0.1], likelihoods=["joint", "marginal"]
    )
    scores, accuracies = [], []

    def fit_and_look(template, start, params, X, fold, weight):
        model = fit(template, start, params, X, fold, weight)
        scores.append(model.score(X[fold.test_rows], fold.test_labels))
        accuracies.append(model.score(X[fold.test_rows], truth[fold.test_rows]))
        return model

    fit = _path_accuracy.fit_candidate
    monkeypatch.setattr(_path_accuracy, "fit_candidate", fit_and_look)
    accuracy = held_out_accuracy(search, X, labels, truth)
    results = search.cv_results_
    expected = [*results["split0_test_score"], *results["split1_test_score"]]
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_allclose(accuracy, np.reshape(accuracies, (2, 4)).mean(axis=0))


def test_a_single_candidate_has_the_accuracy_of_fits_to_the_folds(crowd):
    X, labels, truth = crowd
    search = make_search(crowd, reg_strengths=[0.01])
    expected = [
        clone(search.estimator)
        .set_params(reg_strength=0.01)
        .fit(X[train], labels[train])
        .score(X[test], truth[test])
        for train, test in FOLDS.split(X)
    ]
    accuracy = held_out_accuracy(search, X, labels, truth)
    np.testing.assert_allclose(accuracy, [np.mean(expected)])


@pytest.mark.filterwarnings("ignore::skccem.exceptions.UnusedDataWarning")
def test_where_labels_are_held_out_all_items_count(crowd):
    X, labels, truth = crowd
    cv = LabelKFold(2, random_state=0)
    search = make_search(crowd, reg_strengths=[0.01], cv=cv)
    expected = [
        clone(search.estimator).set_params(reg_strength=0.01).fit(X, y).score(X, truth)
        for y, _ in cv.split(labels)
    ]
    accuracy = held_out_accuracy(search, X, labels, truth)
    np.testing.assert_allclose(accuracy, [np.mean(expected)])


def test_ctrl_c_ends_it_also_where_interrupted_fits_are_kept(crowd):
    class Interrupts(Callback):
        def on_batch_end(self, net, **kwargs):
            # What is kept is of one epoch or more.
            if len(net.history) == 3:
                raise KeyboardInterrupt

    X, labels, truth = crowd
    search = make_search(crowd, reg_strengths=[0.01])
    search.estimator.set_params(on_interrupt="keep", callbacks=[Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        held_out_accuracy(search, X, labels, truth)


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("true classes of 240 items, got 239", lambda truth: truth[1:]),
        ("among 0, 1, 2, got 'a', 'b', 'c'", lambda truth: np.array([*"abc"])[truth]),
    ],
)
def test_truth_that_does_not_fit_is_an_error_before_training(
    crowd, match, change, monkeypatch
):
    X, labels, truth = crowd
    search = make_search(crowd, reg_strengths=[0.01])
    monkeypatch.delattr(_path_accuracy, "fit_candidate")
    with pytest.raises(ValueError, match=match):
        held_out_accuracy(search, X, labels, change(truth))
    search.set_params(cv=3)
    with pytest.raises(ValueError, match="Expected the 2 folds of the search, got 3"):
        held_out_accuracy(search, X, labels, truth)

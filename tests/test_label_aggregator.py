"""What holds for every estimator from labels alone."""

import pickle

import numpy as np
import pandas as pd
import pytest
from aggregators import AGGREGATORS, EM_AGGREGATORS
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from skccem import (
    GLAD,
    CrowdLabels,
    MajorityVote,
)
from skccem._label_aggregator import argmax_with_random_ties
from skccem.simulation import make_confusion_matrices, make_crowd_labels

ALL = pytest.mark.parametrize("Estimator", AGGREGATORS)
BY_EM = pytest.mark.parametrize("Estimator", EM_AGGREGATORS)


def simulate(seed, *, n_samples=1000, n_annotators=10, n_classes=4, **params):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    matrices = make_confusion_matrices(n_annotators, n_classes, random_state=seed)
    params = params or {"labels_per_item": 4}
    labels = make_crowd_labels(y, matrices, random_state=seed, **params)
    return y, matrices, labels


@pytest.mark.parametrize(
    "check",
    [
        check_do_not_raise_errors_in_init_or_set_params,
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_mixin_order,
        check_no_attributes_set_in_init,
        check_set_params,
    ],
)
@ALL
def test_passes_the_common_checks_that_need_no_features(Estimator, check):
    check(Estimator.__name__, Estimator())


@ALL
def test_can_be_made_without_arguments(Estimator):
    check_parameters_default_constructible(Estimator.__name__, Estimator())


@ALL
def test_forms_of_the_same_labels_give_the_same_result(Estimator):
    _, _, labels = simulate(0, n_samples=60)
    Y = np.asarray(labels)
    item, annotator = np.nonzero(Y >= 0)
    stored = sparse.coo_array((Y[item, annotator], (item, annotator)), shape=Y.shape)
    expected = Estimator(random_state=0).fit(labels).predict(labels)
    for form in (
        Y,
        Y.tolist(),
        np.ma.masked_less(Y, 0),
        np.where(Y < 0, np.nan, Y),
        pd.DataFrame(Y).astype("Int64").mask(Y < 0),
        stored.tocsr(),
    ):
        fitted = Estimator(random_state=0).fit(form)
        np.testing.assert_array_equal(fitted.predict(form), expected)


@ALL
def test_survives_pickle(Estimator):
    _, _, labels = simulate(0, n_samples=60)
    model = Estimator(random_state=0).fit(labels)
    expected = model.predict_proba(labels)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(labels), expected)


@ALL
def test_matrices_and_priors_are_distributions(Estimator):
    _, _, labels = simulate(1, n_samples=200)
    Y = np.hstack([np.asarray(labels), np.full((200, 1), -1)])
    model = Estimator().fit(Y)
    assert model.confusion_matrices_.shape == (11, 4, 4)
    assert np.all(model.confusion_matrices_ >= 0)
    np.testing.assert_allclose(model.confusion_matrices_.sum(axis=2), 1)
    np.testing.assert_allclose(model.class_prior_.sum(), 1)
    np.testing.assert_allclose(model.predict_proba(Y).sum(axis=1), 1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(3))
@BY_EM
def test_the_objective_never_decreases(Estimator, seed, weighted):
    _, _, labels = simulate(seed, n_samples=200, n_annotators=20, p=0.15)
    weight = np.random.default_rng(seed).exponential(size=200) if weighted else None
    model = Estimator(tol=1e-7, max_iter=2000).fit(labels, sample_weight=weight)
    assert model.converged_
    assert len(model.history_) == model.n_iter_ > 3
    assert np.diff(model.history_).min() > -1e-9 * abs(model.history_[-1])


@BY_EM
def test_too_few_iterations_are_a_warning(Estimator):
    _, _, labels = simulate(0, n_samples=100)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 iterations") as caught:
        model = Estimator(max_iter=2).fit(labels)
    # It points at the line that called fit.
    assert [warning.filename for warning in caught] == [__file__]
    assert not model.converged_
    assert model.n_iter_ == 2


@BY_EM
def test_1200_annotators_on_one_item_do_not_underflow(Estimator):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=20)
    matrices = make_confusion_matrices(1200, 3, kind="symmetric", accuracy=0.4)
    labels = make_crowd_labels(y, matrices, p=1, random_state=0)
    model = Estimator(random_state=0, max_iter=500).fit(labels)
    assert np.isfinite(model.history_).all()
    np.testing.assert_allclose(model.predict_proba(labels).sum(axis=1), 1)
    assert np.mean(model.predict(labels) == y) > 0.9


@BY_EM
def test_beats_the_vote_where_most_annotators_guess(Estimator):
    gains = []
    for seed in range(3):
        y = np.random.default_rng(seed).integers(3, size=600)
        matrices = make_confusion_matrices(
            12, 3, kind="hammer_spammer", hammer_fraction=0.3, random_state=seed
        )
        labels = make_crowd_labels(y, matrices, labels_per_item=5, random_state=seed)
        model, vote = Estimator(random_state=0), MajorityVote(random_state=0)
        gains.append(
            np.mean(model.fit_predict(labels) == y)
            - np.mean(vote.fit_predict(labels) == y)
        )
    assert min(gains) > 0.05


@ALL
def test_permuting_annotators_and_classes_permutes_the_result(Estimator):
    _, _, labels = simulate(2, n_samples=400)
    rng = np.random.default_rng(0)
    annotators, classes = rng.permutation(10), rng.permutation(4)
    Y = np.asarray(labels)
    renamed = np.append(np.argsort(classes), -1)[Y[:, annotators]]
    model, permuted = Estimator().fit(Y), Estimator().fit(renamed)
    np.testing.assert_allclose(
        permuted.confusion_matrices_,
        model.confusion_matrices_[np.ix_(annotators, classes, classes)],
        atol=1e-8,
    )
    np.testing.assert_allclose(
        permuted.class_prior_, model.class_prior_[classes], atol=1e-8
    )
    np.testing.assert_allclose(
        permuted.predict_proba(renamed), model.predict_proba(Y)[:, classes], atol=1e-6
    )


@ALL
def test_integer_weights_equal_repeated_items(Estimator):
    _, _, labels = simulate(3, n_samples=200)
    weight = np.random.default_rng(0).integers(4, size=200)
    weighted = Estimator().fit(labels, sample_weight=weight)
    repeated = Estimator().fit(labels[np.repeat(np.arange(200), weight)])
    np.testing.assert_allclose(
        weighted.confusion_matrices_, repeated.confusion_matrices_, atol=1e-8
    )
    np.testing.assert_allclose(weighted.class_prior_, repeated.class_prior_)


@ALL
def test_items_without_labels_change_nothing_and_get_the_prior(Estimator):
    _, _, labels = simulate(4, n_samples=200)
    Y = np.asarray(labels)
    with_empty = np.vstack([np.full((50, 10), -1), Y])
    model, padded = Estimator().fit(Y), Estimator().fit(with_empty)
    np.testing.assert_allclose(padded.confusion_matrices_, model.confusion_matrices_)
    proba = padded.predict_proba(with_empty)
    np.testing.assert_allclose(proba[:50], [padded.class_prior_] * 50)
    np.testing.assert_allclose(proba[50:], model.predict_proba(Y))


@ALL
def test_names_of_classes_and_annotators_are_kept(Estimator):
    Y = np.array([["cat", "dog", "cat"], ["dog", "dog", "dog"]], dtype=object)
    labels = CrowdLabels.from_matrix(Y, annotators=["Ann", "Ben", "Cy"])
    model = Estimator(classes=["cat", "dog", "eel"], random_state=0).fit(labels)
    assert model.classes_.tolist() == ["cat", "dog", "eel"]
    assert model.annotators_.tolist() == ["Ann", "Ben", "Cy"]
    assert model.n_annotators_ == 3
    assert model.confusion_matrices_.shape == (3, 3, 3)
    assert model.predict(labels).tolist() == ["cat", "dog"]
    assert clone(model).fit_predict(labels).tolist() == ["cat", "dog"]


@ALL
def test_items_without_any_label_get_the_prior(Estimator):
    _, _, labels = simulate(4, n_samples=100)
    model = Estimator().fit(labels)
    proba = model.predict_proba(np.full((2, 10), -1))
    np.testing.assert_allclose(proba, [model.class_prior_] * 2)


@ALL
def test_other_items_of_the_same_annotators_are_predicted_alike(Estimator):
    _, _, labels = simulate(7, n_samples=300)
    model = Estimator(random_state=0).fit(labels[:200])
    whole = model.predict_proba(labels)
    np.testing.assert_allclose(model.predict_proba(labels[200:]), whole[200:])


@ALL
def test_ties_are_broken_evenly_by_the_seed_and_not_by_order(Estimator):
    Y = np.array([[0, 1], [1, 0]] * 500)
    model = Estimator(random_state=0).fit(Y)
    predicted = model.predict(Y)
    assert 0.4 < predicted.mean() < 0.6
    np.testing.assert_array_equal(model.predict(Y), predicted)
    np.testing.assert_array_equal(clone(model).fit_predict(Y), predicted)
    other = Estimator(random_state=1).fit(Y).predict(Y)
    assert 0.3 < np.mean(other == predicted) < 0.7


def test_a_random_state_instance_gives_repeatable_predictions():
    Y = np.array([[0, 1], [1, 0]] * 20)
    model = MajorityVote(random_state=np.random.RandomState(0)).fit(Y)
    np.testing.assert_array_equal(model.predict(Y), model.predict(Y))


def test_only_ties_are_random():
    proba = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0.3, 0.3 + 1e-16, 0.3]])
    draws = np.array([argmax_with_random_ties(proba, seed) for seed in range(100)])
    assert set(draws[:, 0]) == {1}
    assert set(draws[:, 1]) == {0, 2}
    assert set(draws[:, 2]) == {0, 1, 2}


@BY_EM
def test_verbose_prints_the_objective_that_history_records(Estimator, capsys):
    _, _, labels = simulate(0, n_samples=100)
    model = Estimator(verbose=1).fit(labels)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    for line, objective in zip(lines, model.history_, strict=True):
        assert f"objective {objective:.6f}, " in line


@ALL
def test_one_loop_reads_the_likelihood_of_every_estimator(Estimator):
    _, _, labels = simulate(0, n_samples=100)
    labels = CrowdLabels.from_matrix(np.vstack([np.asarray(labels), [[-1] * 10]]))
    weight = np.random.default_rng(0).exponential(size=101)
    weight[:5] = 0
    model = Estimator().fit(labels, sample_weight=weight)
    assert model.converged_ is True
    assert len(model.history_) == model.n_iter_ >= 1
    if Estimator is GLAD:
        return
    # The others are models of the prior and the matrices alone.
    expected = 0
    for i, m in enumerate(np.asarray(labels)):
        answered = np.flatnonzero(m >= 0)
        rows = model.confusion_matrices_[answered, :, m[answered]]
        expected += weight[i] * np.log(model.class_prior_ @ rows.prod(axis=0))
    assert model.log_likelihood_ == pytest.approx(expected)
    if Estimator is MajorityVote:
        assert model.history_ == [model.log_likelihood_]


def test_ties_of_items_predicted_one_at_a_time_fall_on_either_side():
    rng = np.random.default_rng(0)
    Y = np.full((200, 40), -1)
    for row in Y:
        row[rng.choice(40, size=2, replace=False)] = [0, 1]
    model = MajorityVote(random_state=0).fit(Y)
    one_by_one = np.concatenate([model.predict(Y[i : i + 1]) for i in range(200)])
    assert 0.35 < one_by_one.mean() < 0.65
    again = np.concatenate([model.predict(Y[i : i + 1]) for i in range(200)])
    np.testing.assert_array_equal(again, one_by_one)


@ALL
def test_tags_say_which_labels_are_accepted(Estimator):
    tags = get_tags(Estimator())
    assert tags.input_tags.sparse
    assert tags.input_tags.allow_nan
    assert tags.input_tags.string
    assert not tags.target_tags.required


@ALL
def test_what_cannot_be_fitted_is_an_error(Estimator):
    model = Estimator()
    with pytest.raises(ValueError, match="no labels at all"):
        model.fit(np.full((4, 3), -1))
    with pytest.raises(ValueError, match="one class"):
        model.fit(np.zeros((4, 3), dtype=int))
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit([[0, 1], [1, 1]], sample_weight=[1, 2, 3])
    with pytest.raises(ValueError, match="Negative"):
        model.fit([[0, 1], [1, 1]], sample_weight=[1, -2])
    with pytest.raises(ValueError, match="zero for every item that has labels"):
        model.fit([[0, 1], [-1, -1]], sample_weight=[0, 1])
    with pytest.raises(ValueError, match="'random_state' parameter"):
        Estimator(random_state="a").fit([[0, 1], [1, 1]])
    with pytest.raises(NotFittedError):
        Estimator().predict([[0, 1]])


@ALL
def test_other_annotators_than_those_of_fit_are_an_error(Estimator):
    model = Estimator().fit([[0, 1], [1, 1]])
    with pytest.raises(ValueError, match=r"3 columns.*2 annotators"):
        model.predict([[0, 1, 1]])
    other = CrowdLabels.from_matrix([[0, 1]], annotators=["Ann", "Ben"])
    with pytest.raises(ValueError, match="annotators"):
        model.predict_proba(other)

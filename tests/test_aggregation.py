import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skccem import CrowdLabels, DawidSkene, MajorityVote
from skccem._aggregation import argmax_with_random_ties
from skccem._probability import joint_log_likelihood, safe_log
from skccem.metrics import confusion_matrix_error
from skccem.simulation import make_confusion_matrices, make_crowd_labels

BOTH = pytest.mark.parametrize("Estimator", [MajorityVote, DawidSkene])


def simulate(seed, *, n_samples=1000, n_annotators=10, n_classes=4, **params):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    matrices = make_confusion_matrices(n_annotators, n_classes, random_state=seed)
    params = params or {"labels_per_item": 4}
    labels = make_crowd_labels(y, matrices, random_state=seed, **params)
    return y, matrices, labels


def textbook_em(Y, n_classes, n_iter):
    """Dawid and Skene's equations (2.3) to (2.5), by loops over a dense matrix."""
    n_samples, n_annotators = Y.shape
    votes = np.stack([(Y == k).sum(axis=1) for k in range(n_classes)], axis=1)
    posterior = votes / votes.sum(axis=1, keepdims=True)
    for _ in range(n_iter):
        confusion = np.zeros((n_annotators, n_classes, n_classes))
        for i, m in np.argwhere(Y >= 0):
            confusion[m, :, Y[i, m]] += posterior[i]
        confusion /= confusion.sum(axis=2, keepdims=True)
        prior = posterior.mean(axis=0)
        posterior = np.tile(prior, (n_samples, 1))
        for i, m in np.argwhere(Y >= 0):
            posterior[i] *= confusion[m, :, Y[i, m]]
        likelihood = posterior.sum(axis=1)
        posterior /= likelihood[:, np.newaxis]
    return confusion, prior, posterior, np.log(likelihood).sum()


@pytest.mark.parametrize("n_iter", [1, 7])
def test_em_equals_dawid_and_skenes_equations_written_out(n_iter):
    _, _, labels = simulate(0, n_samples=150)
    model = DawidSkene(smoothing=0, max_iter=n_iter, tol=0)
    with pytest.warns(ConvergenceWarning, match=f"max_iter={n_iter}"):
        model.fit(labels)
    confusion, prior, posterior, log_likelihood = textbook_em(
        np.asarray(labels), 4, n_iter
    )
    np.testing.assert_allclose(model.confusion_matrices_, confusion, atol=1e-10)
    np.testing.assert_allclose(model.class_prior_, prior)
    np.testing.assert_allclose(model.predict_proba(labels), posterior, atol=1e-10)
    assert model.log_likelihood_ == pytest.approx(log_likelihood)
    assert model.n_iter_ == n_iter
    assert not model.converged_


@pytest.mark.parametrize("smoothing", [0, 0.1, 5])
@pytest.mark.parametrize("seed", range(5))
def test_the_objective_never_decreases(seed, smoothing):
    _, _, labels = simulate(seed, n_samples=300, n_annotators=30, p=0.1)
    weight = np.random.default_rng(seed).exponential(size=300)
    model = DawidSkene(smoothing=smoothing, tol=1e-8, max_iter=2000)
    model.fit(labels, sample_weight=weight)
    assert model.converged_
    assert len(model.history_) == model.n_iter_ > 3
    steps = np.diff(model.history_)
    assert steps.min() > -1e-9 * abs(model.history_[-1])


def test_the_log_likelihood_is_that_of_the_labels():
    _, _, labels = simulate(1, p=0.2)
    for smoothing in (0, 1):
        model = DawidSkene(smoothing=smoothing, max_iter=1000).fit(labels)
        per_item = joint_log_likelihood(
            labels, safe_log(model.class_prior_), safe_log(model.confusion_matrices_)
        )
        assert model.log_likelihood_ == pytest.approx(per_item.sum())
        if smoothing == 0:
            assert model.history_[-1] == model.log_likelihood_


@pytest.mark.parametrize("seed", range(5))
def test_dawid_skene_recovers_matrices_and_beats_the_vote(seed):
    y, matrices, labels = simulate(seed, n_samples=3000)
    model = DawidSkene(random_state=0).fit(labels)
    vote = MajorityVote(random_state=0).fit(labels)
    accuracy = np.mean(model.predict(labels) == y)
    assert accuracy > np.mean(vote.predict(labels) == y) + 0.02
    error = confusion_matrix_error(model.confusion_matrices_, matrices)
    assert error < 0.025
    assert error < confusion_matrix_error(vote.confusion_matrices_, matrices) / 2
    np.testing.assert_allclose(model.class_prior_, 0.25, atol=0.03)


def test_1200_annotators_on_one_item_do_not_underflow():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=20)
    matrices = make_confusion_matrices(1200, 3, kind="symmetric", accuracy=0.4)
    labels = make_crowd_labels(y, matrices, p=1, random_state=0)
    model = DawidSkene(random_state=0, tol=0, max_iter=20)
    with pytest.warns(ConvergenceWarning):
        model.fit(labels)
    assert np.isfinite(model.history_).all()
    proba = model.predict_proba(labels)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(labels), y)


@BOTH
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


@BOTH
def test_integer_weights_equal_repeated_items(Estimator):
    _, _, labels = simulate(3, n_samples=200)
    weight = np.random.default_rng(0).integers(4, size=200)
    weighted = Estimator().fit(labels, sample_weight=weight)
    repeated = Estimator().fit(labels[np.repeat(np.arange(200), weight)])
    np.testing.assert_allclose(
        weighted.confusion_matrices_, repeated.confusion_matrices_, atol=1e-8
    )
    np.testing.assert_allclose(weighted.class_prior_, repeated.class_prior_)


@BOTH
def test_items_without_labels_change_nothing_and_get_the_prior(Estimator):
    _, _, labels = simulate(4, n_samples=200)
    Y = np.asarray(labels)
    with_empty = np.vstack([np.full((50, 10), -1), Y])
    model, padded = Estimator().fit(Y), Estimator().fit(with_empty)
    np.testing.assert_allclose(padded.confusion_matrices_, model.confusion_matrices_)
    proba = padded.predict_proba(with_empty)
    np.testing.assert_allclose(proba[:50], [padded.class_prior_] * 50)
    np.testing.assert_allclose(proba[50:], model.predict_proba(Y))


@pytest.mark.parametrize("smoothing", [0, 1])
@BOTH
def test_an_annotator_without_labels_keeps_a_matrix_of_all(Estimator, smoothing):
    _, _, labels = simulate(5, n_samples=300)
    Y = np.hstack([np.asarray(labels), np.full((300, 1), -1)])
    model = Estimator(smoothing=smoothing).fit(Y)
    silent, others = model.confusion_matrices_[-1], model.confusion_matrices_[:-1]
    np.testing.assert_allclose(silent.sum(axis=1), 1)
    assert np.all(silent >= others.min(axis=0) - 0.05)
    assert np.all(silent <= others.max(axis=0) + 0.05)
    assert np.all(np.diag(silent) > 0.4)


def test_smoothing_draws_annotators_with_few_labels_towards_the_others():
    _, _, labels = simulate(6, n_samples=300)
    Y = np.asarray(labels).copy()
    Y[10:, 0] = -1
    spread = [
        np.abs(
            DawidSkene(smoothing=s).fit(Y).confusion_matrices_[0]
            - DawidSkene(smoothing=1e9).fit(Y).confusion_matrices_[0]
        ).mean()
        for s in (0, 1, 100)
    ]
    assert spread[0] > spread[1] > spread[2]


@BOTH
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


@BOTH
def test_other_items_of_the_same_annotators_are_predicted_alike(Estimator):
    _, _, labels = simulate(7, n_samples=300)
    model = Estimator(random_state=0).fit(labels[:200])
    whole = model.predict_proba(labels)
    np.testing.assert_allclose(model.predict_proba(labels[200:]), whole[200:])


def test_labels_that_plain_em_excludes_get_finite_probabilities():
    Y = np.array([[0, 0], [1, 1]] * 3)
    model = DawidSkene(smoothing=0).fit(Y)
    np.testing.assert_allclose(model.predict_proba([[0, 1]]), [[0.5, 0.5]])


@BOTH
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


def test_verbose_prints_a_line_for_each_iteration(capsys):
    _, _, labels = simulate(0, n_samples=100)
    model = DawidSkene(verbose=1).fit(labels)
    assert len(capsys.readouterr().out.splitlines()) == model.n_iter_


@BOTH
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
    with pytest.raises(ValueError, match="'smoothing' parameter"):
        Estimator(smoothing=-1).fit([[0, 1], [1, 1]])
    with pytest.raises(NotFittedError):
        Estimator().predict([[0, 1]])


@BOTH
def test_other_annotators_than_those_of_fit_are_an_error(Estimator):
    model = Estimator().fit([[0, 1], [1, 1]])
    with pytest.raises(ValueError, match=r"3 columns.*2 annotators"):
        model.predict([[0, 1, 1]])
    other = CrowdLabels.from_matrix([[0, 1]], annotators=["Ann", "Ben"])
    with pytest.raises(ValueError, match="annotators"):
        model.predict_proba(other)

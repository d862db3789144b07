"""Samples of classes and matrices."""

import numpy as np
import pytest
from scipy.stats import beta

from skccem import CrowdLabels, DawidSkene
from skccem._matrix_posterior import (
    beta_interval,
    matrix_posterior,
    mean_posterior,
)
from skccem._probability import safe_log
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def simulated(seed=0, n_annotators=12, n_classes=3, n_samples=400, per_item=4):
    truth = np.random.default_rng(seed).integers(n_classes, size=n_samples)
    matrices = make_confusion_matrices(n_annotators, n_classes, random_state=seed)
    labels = make_crowd_labels(
        truth, matrices, labels_per_item=per_item, random_state=seed
    )
    return labels, truth, matrices


def of_labels_alone(labels):
    model = DawidSkene().fit(labels)
    return matrix_posterior(
        labels, safe_log(model.class_prior_), safe_log(model.confusion_matrices_)
    )


def test_rows_and_frequencies_sum_to_one_and_labels_are_all_counted():
    labels, _, _ = simulated()
    found = of_labels_alone(labels)
    np.testing.assert_allclose(found.matrix_mean.sum(axis=2), 1)
    assert found.class_prior.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        found.row_labels.sum(axis=1), labels.labels_per_annotator
    )
    assert (found.matrix_variance > 0).all()
    assert (found.accuracy_variance > 0).all()


def test_the_same_labels_have_the_same_posterior():
    labels, _, _ = simulated()
    one, two = of_labels_alone(labels), of_labels_alone(labels)
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(two, name))


def test_known_classes_make_counts_exact_and_means_near_the_shares():
    labels, truth, _ = simulated(n_samples=2000)
    known = safe_log(np.eye(3)[truth])
    found = matrix_posterior(labels, known, np.log(np.full((12, 3, 3), 1 / 3)))
    items = truth[labels.row_indices()]
    counts = np.zeros((12, 3, 3))
    np.add.at(counts, (labels.indices, items, labels.codes), 1)
    np.testing.assert_allclose(found.row_labels, counts.sum(axis=2))
    shares = counts / counts.sum(axis=2, keepdims=True)
    assert np.abs(found.matrix_mean - shares).max() < 0.05
    # Of independent draws with so many labels.
    binomial = shares * (1 - shares) / counts.sum(axis=2, keepdims=True)
    ratio = found.matrix_variance.sum() / binomial.sum()
    assert 0.8 < ratio < 1.2


def test_unknown_classes_make_matrices_less_certain_than_known_ones():
    labels, truth, _ = simulated(per_item=2)
    known = matrix_posterior(
        labels, safe_log(np.eye(3)[truth]), np.log(np.full((12, 3, 3), 1 / 3))
    )
    unknown = of_labels_alone(labels)
    assert unknown.accuracy_variance.mean() > 1.2 * known.accuracy_variance.mean()


def test_true_accuracies_are_in_most_intervals():
    inside = []
    for seed in range(6):
        labels, _, matrices = simulated(seed)
        found = of_labels_alone(labels)
        low, high = beta_interval(found.accuracy_mean, found.accuracy_variance)
        true = np.einsum("mkk->m", matrices) / 3
        inside += list((low <= true) & (true <= high))
    assert 0.8 < np.mean(inside) < 0.99


def test_items_without_labels_and_annotators_without_labels_change_nothing():
    labels, _, _ = simulated()
    model = DawidSkene().fit(labels)
    start = safe_log(model.class_prior_), safe_log(model.confusion_matrices_)
    found = matrix_posterior(labels, *start)
    none = CrowdLabels.from_matrix(np.full((5, 12), -1), classes=labels.classes)
    longer = CrowdLabels.concat([labels, none])
    np.testing.assert_array_equal(
        matrix_posterior(longer, *start).accuracy_mean, found.accuracy_mean
    )


def test_a_certain_classifier_that_contradicts_certain_matrices_has_numbers():
    labels = CrowdLabels.from_matrix([[0, 0], [1, 0], [1, 1]])
    prior = safe_log(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    found = matrix_posterior(labels, prior, safe_log(np.stack([np.eye(2)] * 2)))
    assert all(np.isfinite(value).all() for value in vars(found).values())


def test_an_interval_has_the_probability_that_it_says():
    a, b = np.array([3.0, 20.0, 0.5, 4.0]), np.array([5.0, 2.0, 6.0, 0.8])
    mean, variance = beta.mean(a, b), beta.var(a, b)
    for level in (0.5, 0.9):
        low, high = beta_interval(mean, variance, level)
        np.testing.assert_allclose(beta.cdf(high, a, b) - beta.cdf(low, a, b), level)
    assert low[2] == 0
    assert high[3] == 1


def test_an_interval_of_certainty_is_a_point():
    low, high = beta_interval(np.array([0.3, 0.0, 1.0]), np.zeros(3))
    np.testing.assert_allclose(low, [0.3, 0, 1], atol=1e-6)
    np.testing.assert_allclose(high, [0.3, 0, 1], atol=1e-6)


def test_who_watches_sees_the_draws_whose_means_are_returned():
    labels, truth, _ = simulated()
    model = DawidSkene().fit(labels)
    seen = []
    found = matrix_posterior(
        labels,
        safe_log(model.class_prior_),
        safe_log(model.confusion_matrices_),
        watch=lambda proba, log_confusion: seen.append((proba, log_confusion)),
    )
    proba = np.mean([one for one, _ in seen], axis=0)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert np.mean(proba.argmax(axis=1) == truth) > 0.8
    drawn = np.mean([np.exp(two) for _, two in seen], axis=0)
    np.testing.assert_allclose(drawn, found.matrix_mean, atol=0.06)


def test_means_over_samples_are_those_of_the_posterior():
    labels, _, _ = simulated()
    model = DawidSkene().fit(labels)
    start = safe_log(model.class_prior_), safe_log(model.confusion_matrices_)
    rng = np.random.default_rng(7)
    sweeps = {"warm_up": 50, "kept": 200, "n_draws": 20}
    proba, matrices, draws = mean_posterior(labels, *start, rng, **sweeps)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    # Another chain than that of the posterior, of which means differ by the draws.
    found = matrix_posterior(labels, *start)
    assert np.abs(matrices - found.matrix_mean).max() < 0.06
    np.testing.assert_allclose(proba.mean(axis=0), found.class_prior, atol=0.01)
    assert draws.shape == (20, 12, 3, 3)
    spread = draws.var(axis=0).mean() / found.matrix_variance.mean()
    assert 0.7 < spread < 1.4


def test_means_over_samples_are_less_certain_than_one_set_of_matrices():
    labels, truth, _ = simulated(per_item=2, n_samples=200)
    model = DawidSkene().fit(labels)
    start = safe_log(model.class_prior_), safe_log(model.confusion_matrices_)
    rng = np.random.default_rng(7)
    sweeps = {"warm_up": 50, "kept": 100, "n_draws": 1}
    proba, _, _ = mean_posterior(labels, *start, rng, **sweeps)
    of_one = model.predict_proba(labels)

    def overconfidence(proba):
        right = (proba.argmax(axis=1) == truth).mean()
        return proba.max(axis=1).mean() - right

    assert overconfidence(proba) < overconfidence(of_one) - 0.05


def test_an_item_without_labels_has_what_is_known_before_any_answer():
    labels, truth, _ = simulated()
    dense = np.asarray(labels).copy()
    dense[5] = -1
    labels = CrowdLabels.from_matrix(dense, classes=[0, 1, 2])
    start = np.log(np.full((12, 3, 3), 1 / 3))
    known = np.full((400, 3), 0.1) + 0.7 * np.eye(3)[truth]
    rng, sweeps = np.random.default_rng(7), {"warm_up": 5, "kept": 5, "n_draws": 1}
    of_each, *_ = mean_posterior(labels, np.log(known), start, rng, **sweeps)
    np.testing.assert_allclose(of_each[5], known[5])
    whole = np.log(np.full(3, 1 / 3))
    of_all, *_ = mean_posterior(labels, whole, start, rng, **sweeps)
    assert of_all[5].sum() == pytest.approx(1)

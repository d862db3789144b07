import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skccem import DawidSkene, MajorityVote
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


@pytest.mark.parametrize(
    ("Estimator", "expected"),
    [
        (MajorityVote, {"smoothing": 0.1, "classes": None, "random_state": None}),
        (
            DawidSkene,
            {
                "max_iter": 1000,
                "tol": 1e-6,
                "smoothing": 0.1,
                "smoothing_target": "pooled",
                "n_init": 1,
                "classes": None,
                "random_state": None,
                "verbose": 0,
            },
        ),
    ],
)
def test_the_defaults_are_those_of_the_documentation(Estimator, expected):
    assert Estimator().get_params() == expected


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


def test_the_vote_weighs_items_and_its_likelihood_leaves_out_those_that_count_nothing():
    Y = np.array([[0, 0, 1], [1, 1, -1], [0, 1, -1], [-1, 0, -1], [-1, -1, -1]])
    weight = np.array([0.5, 2, 3, 0, 4])
    shares = np.array([[2 / 3, 1 / 3], [0, 1], [0.5, 0.5]])
    vote = MajorityVote(smoothing=0).fit(Y, sample_weight=weight)
    prior = weight[:3] @ shares / weight[:3].sum()
    np.testing.assert_allclose(vote.class_prior_, prior)
    counts = np.zeros((3, 2, 2))
    for i, m in np.argwhere(Y[:3] >= 0):
        counts[m, :, Y[i, m]] += weight[i] * shares[i]
    expected = counts / counts.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(vote.confusion_matrices_, expected)
    log_likelihood = 0
    for i in range(3):
        answered = np.flatnonzero(Y[i] >= 0)
        rows = expected[answered, :, Y[i, answered]]
        log_likelihood += weight[i] * np.log(prior @ rows.prod(axis=0))
    assert vote.log_likelihood_ == pytest.approx(log_likelihood)
    assert vote.history_ == [vote.log_likelihood_]
    assert vote.n_iter_ == 1
    assert vote.converged_ is True
    proba = vote.predict_proba(Y)
    np.testing.assert_allclose(proba, [*shares, [1, 0], prior])


@BOTH
def test_classes_that_no_label_names_are_kept(Estimator):
    model = Estimator(classes=[0, 1, 2]).fit([[0, 1], [1, 1]])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.confusion_matrices_.shape == (2, 3, 3)


def test_much_smoothing_gives_every_voter_the_pooled_matrix():
    Y = [[0, 0, 1], [1, 1, 0], [0, 0, 0]]
    matrices = MajorityVote(smoothing=1e9).fit(Y).confusion_matrices_
    np.testing.assert_allclose(matrices, np.broadcast_to(matrices[0], (3, 2, 2)))
    apart = MajorityVote(smoothing=0).fit(Y).confusion_matrices_
    assert np.ptp(apart, axis=0).max() > 0.3


@BOTH
def test_ties_are_broken_by_the_seed(Estimator):
    Y = np.array([[0, 1], [1, 0]] * 20)
    predicted = [
        Estimator(random_state=seed).fit(Y).predict(Y).tolist() for seed in (0, 0, 1)
    ]
    assert predicted[0] == predicted[1] != predicted[2]


def test_labels_that_count_nothing_may_be_impossible():
    Y = [[0, 0], [1, 0], [1, 1], [-1, -1]]
    vote = MajorityVote(smoothing=0).fit(Y, sample_weight=[1, 1, 0, 1])
    assert vote.confusion_matrices_[1, :, 1].tolist() == [0, 0]
    expected = MajorityVote(smoothing=0).fit(Y[:2], sample_weight=[1, 1])
    assert vote.log_likelihood_ == pytest.approx(expected.log_likelihood_)


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


def test_labels_that_plain_em_excludes_get_finite_probabilities():
    Y = np.array([[0, 0], [1, 1]] * 3)
    model = DawidSkene(smoothing=0).fit(Y)
    np.testing.assert_allclose(model.predict_proba([[0, 1]]), [[0.5, 0.5]])


def test_more_starts_never_end_lower_and_can_end_higher():
    gains = []
    for seed in range(5):
        _, _, labels = simulate(seed, n_samples=60, n_annotators=5, n_classes=3, p=0.6)
        one, many = (
            DawidSkene(n_init=n, max_iter=1000, random_state=0).fit(labels)
            for n in (1, 10)
        )
        gains.append(many.history_[-1] - one.history_[-1])
        again = DawidSkene(n_init=10, max_iter=1000, random_state=0).fit(labels)
        assert again.history_ == many.history_
    assert min(gains) >= 0
    assert max(gains) > 0


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("diagonal", np.eye(4)),
        (np.full((4, 4), 0.25), np.full((4, 4), 0.25)),
        ([[0.7, 0.1, 0.1, 0.1]] * 4, [[0.7, 0.1, 0.1, 0.1]] * 4),
        (np.eye(4, dtype=int)[::-1], np.eye(4)[::-1]),
    ],
)
def test_much_smoothing_gives_its_target(target, expected):
    _, _, labels = simulate(0, n_samples=100)
    model = DawidSkene(smoothing=1e9, smoothing_target=target).fit(labels)
    for matrix in model.confusion_matrices_:
        np.testing.assert_allclose(matrix, expected, atol=1e-6)


@pytest.mark.parametrize("target", ["diagonal", np.full((4, 4), 0.25)])
def test_the_objective_never_decreases_whatever_smoothing_follows(target):
    _, _, labels = simulate(1, n_samples=200, n_annotators=30, p=0.1)
    model = DawidSkene(smoothing=2, smoothing_target=target, max_iter=1000).fit(labels)
    assert np.diff(model.history_).min() > -1e-9 * abs(model.history_[-1])


def test_smoothing_towards_the_truth_helps_annotators_with_few_labels():
    errors = []
    for seed in range(5):
        y = np.random.default_rng(seed).integers(4, size=400)
        many = make_confusion_matrices(
            200, 4, kind="symmetric", accuracy=0.8, random_state=seed
        )
        labels = make_crowd_labels(y, many, labels_per_item=3, random_state=seed)
        models = [DawidSkene(smoothing=s, max_iter=500).fit(labels) for s in (0.01, 5)]
        errors.append(
            [
                confusion_matrix_error(model.confusion_matrices_, many)
                for model in models
            ]
        )
    plain, smoothed = np.mean(errors, axis=0)
    assert smoothed < plain / 2


NEGATIVE = np.eye(4) + np.array([0.5, -0.5, 0, 0])


@pytest.mark.parametrize(
    "target", [np.eye(3), np.ones((4, 4)), -np.eye(4), NEGATIVE, [[0.5, 0.5]] * 2]
)
def test_a_target_of_smoothing_that_is_no_confusion_matrix_is_an_error(target):
    _, _, labels = simulate(0, n_samples=50)
    with pytest.raises(ValueError, match=r"smoothing_target.*shape \(4, 4\)"):
        DawidSkene(smoothing_target=target).fit(labels)


def test_the_error_of_a_target_says_what_was_got_and_how_rows_are_read():
    message = (
        r"got shape \(1, 2\) and \[\[1\.0, 0\.0\]\]\. Row k says how an annotator "
        "answers when the true class is k.$"
    )
    with pytest.raises(ValueError, match=message):
        DawidSkene(smoothing_target=[[1, 0]]).fit([[0, 1], [1, 1]])

import tracemalloc

import numpy as np
import pytest

from skccem._annotator_kinds import KINDS
from skccem.metrics import empirical_confusion_matrices
from skccem.simulation import make_confusion_matrices, make_crowd_labels

EXACTLY_ONE = "exactly one of labels_per_item, labels_per_annotator and p"


def share_of_busiest(labels, n):
    counts = np.sort(labels.labels_per_annotator)
    return counts[-n:].sum() / counts.sum()


def agreement(labels):
    """Share of the items whose two labels are equal."""
    pairs = labels.codes.reshape(-1, 2)
    return np.mean(pairs[:, 0] == pairs[:, 1])


@pytest.mark.parametrize("n_annotators", [3, 5, 40, 1000])
def test_items_get_the_asked_number_of_labels_from_distinct_annotators(n_annotators):
    matrices = make_confusion_matrices(n_annotators, 3, random_state=0)
    y = np.random.default_rng(0).integers(3, size=500)
    labels = make_crowd_labels(y, matrices, labels_per_item=3, random_state=0)
    np.testing.assert_array_equal(labels.labels_per_item, 3)
    pairs = np.stack([labels.row_indices(), labels.indices], axis=1)
    assert len(np.unique(pairs, axis=0)) == labels.n_labels
    assert np.all(np.diff(labels.row_indices() * n_annotators + labels.indices) > 0)


@pytest.mark.parametrize(("n_annotators", "size"), [(9, 2), (9, 3), (9, 6), (6, 6)])
def test_all_sets_of_annotators_are_equally_likely(n_annotators, size):
    matrices = make_confusion_matrices(n_annotators, 2, random_state=0)
    labels = make_crowd_labels(
        np.zeros(20000, dtype=int), matrices, labels_per_item=size, random_state=0
    )
    sets = labels.indices.reshape(-1, size)
    pairs = np.zeros((n_annotators, n_annotators))
    for a in range(size):
        for b in range(size):
            np.add.at(pairs, (sets[:, a], sets[:, b]), 1 / len(sets))
    np.testing.assert_allclose(np.diag(pairs), size / n_annotators, atol=0.02)
    expected = size * (size - 1) / (n_annotators * (n_annotators - 1))
    np.testing.assert_allclose(
        pairs[~np.eye(n_annotators, dtype=bool)], expected, atol=0.02
    )


def test_blocks_of_items_do_not_repeat_each_other(monkeypatch):
    monkeypatch.setattr("skccem._participation._BLOCK_ENTRIES", 64)
    matrices = make_confusion_matrices(8, 2, random_state=0)
    labels = make_crowd_labels(
        np.arange(500) % 2, matrices, labels_per_item=4, random_state=0
    )
    sets = labels.indices.reshape(500, 4)
    assert len(np.unique(sets, axis=0)) > 60
    assert not np.array_equal(sets[:8], sets[8:16])


@pytest.mark.parametrize("p", [1e-300, 0.001, 0.3, 1.0])
def test_each_pair_is_observed_with_probability_p(p):
    matrices = make_confusion_matrices(20, 3, random_state=0)
    y = np.random.default_rng(0).integers(3, size=5000)
    labels = make_crowd_labels(y, matrices, p=p, random_state=0)
    deviation = np.sqrt(p * (1 - p))
    assert abs(labels.n_labels / 1e5 - p) <= 4 * deviation / np.sqrt(1e5)
    per_annotator = labels.labels_per_annotator / 5000
    assert np.abs(per_annotator - p).max() <= 4 * deviation / np.sqrt(5000)
    # Binomial numbers of labels, not fixed ones.
    expected = 20 * deviation**2
    assert labels.labels_per_item.var() == pytest.approx(expected, rel=0.2, abs=1e-12)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_answers_follow_the_matrices(kind):
    matrices = make_confusion_matrices(4, 3, kind=kind, random_state=0)
    y = np.random.default_rng(0).integers(3, size=20000)
    labels = make_crowd_labels(y, matrices, p=0.8, random_state=0)
    empirical, counts = empirical_confusion_matrices(labels, y)
    assert counts.sum() == labels.n_labels
    np.testing.assert_allclose(empirical, matrices, atol=0.03)
    assert not counts[matrices == 0].any()


@pytest.mark.parametrize("n_samples", [4, 100, 5000])
def test_annotators_give_exactly_the_asked_number_of_labels(n_samples):
    # From none to all, so that both ways to draw the items are taken.
    counts = np.unique(np.geomspace(1, n_samples, 9).astype(int))
    counts = np.concatenate([[0], counts, counts[::-1]])
    matrices = make_confusion_matrices(len(counts), 3, random_state=0)
    y = np.arange(n_samples) % 3
    labels = make_crowd_labels(y, matrices, labels_per_annotator=counts, random_state=0)
    np.testing.assert_array_equal(labels.labels_per_annotator, counts)
    keys = labels.row_indices() * len(counts) + labels.indices
    assert np.all(np.diff(keys) > 0)
    labels = make_crowd_labels(y, matrices, labels_per_annotator=3, random_state=0)
    np.testing.assert_array_equal(labels.labels_per_annotator, 3)


@pytest.mark.parametrize("count", [2, 50])
def test_all_sets_of_items_are_equally_likely_for_an_annotator(count):
    n_samples, n_annotators = 100, 4000
    matrices = np.tile(np.eye(2), (n_annotators, 1, 1))
    labels = make_crowd_labels(
        np.arange(n_samples) % 2,
        matrices,
        labels_per_annotator=count,
        random_state=0,
    )
    dense = np.asarray(labels) >= 0
    share = count / n_samples
    together = dense.astype(float) @ dense.T / n_annotators
    deviation = np.sqrt(share / n_annotators)
    np.testing.assert_allclose(np.diag(together), share, atol=5 * deviation)
    pairs = share * (count - 1) / (n_samples - 1)
    np.testing.assert_allclose(
        together[~np.eye(n_samples, dtype=bool)], pairs, atol=5 * deviation
    )


@pytest.mark.parametrize("size", [1, 3, 12])
def test_annotators_are_drawn_in_turn_by_their_weights(size):
    # 3 of 40 are drawn in turn, 12 of 40 by keys. In both the order of drawing is that
    # of independent exponential times with the weights as rates.
    weights = np.random.default_rng(0).exponential(size=40) + 0.05
    matrices = make_confusion_matrices(40, 2, random_state=0)
    labels = make_crowd_labels(
        np.zeros(40000, dtype=int),
        matrices,
        labels_per_item=size,
        participation=weights,
        random_state=0,
    )
    np.testing.assert_array_equal(labels.labels_per_item, size)
    times = np.random.default_rng(1).exponential(size=(40000, 40)) / weights
    ranks = times.argsort(axis=1).argsort(axis=1)
    np.testing.assert_allclose(
        labels.labels_per_annotator / 40000, np.mean(ranks < size, axis=0), atol=0.013
    )


def test_an_annotator_of_nearly_all_the_weight_labels_every_item():
    weights = np.ones(500)
    weights[7] = 1e9
    matrices = make_confusion_matrices(500, 2, random_state=0)
    y = np.zeros(3000, dtype=int)
    for size in (1, 2):
        labels = make_crowd_labels(
            y, matrices, labels_per_item=size, participation=weights, random_state=0
        )
        np.testing.assert_array_equal(labels.labels_per_item, size)
        assert labels.labels_per_annotator[7] == 3000
        assert np.delete(labels.labels_per_annotator, 7).max() < 30 * size


def test_a_long_tail_gives_few_annotators_most_of_the_labels():
    matrices = make_confusion_matrices(100, 2, random_state=0)
    y = np.zeros(5000, dtype=int)
    for params in ({"labels_per_item": 2}, {"p": 0.02}):
        for seed in range(3):
            even, tailed = (
                make_crowd_labels(
                    y, matrices, participation=how, random_state=seed, **params
                )
                for how in ("even", "long_tail")
            )
            assert even.n_labels == pytest.approx(10000, rel=0.05)
            assert tailed.n_labels == pytest.approx(10000, rel=0.05)
            assert share_of_busiest(even, 10) < 0.13
            assert share_of_busiest(tailed, 10) == pytest.approx(0.54, abs=0.04)


def test_weighted_pairs_are_observed_independently_at_their_rates():
    weights = [8.0, 4.0, 2.0, 1.0, 1.0]
    matrices = make_confusion_matrices(5, 2, random_state=0)
    y = np.zeros(20000, dtype=int)
    for p, rates in [
        (0.16, [0.4, 0.2, 0.1, 0.05, 0.05]),
        (0.6, [1.0, 1.0, 0.5, 0.25, 0.25]),
        (1.0, [1.0] * 5),
    ]:
        labels = make_crowd_labels(
            y, matrices, p=p, participation=weights, random_state=0
        )
        seen = (np.asarray(labels) >= 0).astype(float)
        together = seen.T @ seen / len(y)
        expected = np.outer(rates, rates)
        np.fill_diagonal(expected, rates)
        np.testing.assert_allclose(together, expected, atol=0.015)


@pytest.mark.parametrize("params", [{"labels_per_item": 2}, {"p": 0.3}])
def test_no_correlation_and_no_weights_leave_the_labels_as_they_are(params):
    matrices = make_confusion_matrices(10, 3, random_state=0)
    y = np.arange(200) % 3
    plain = make_crowd_labels(y, matrices, random_state=0, **params)
    same = make_crowd_labels(
        y, matrices, correlated=0, participation="even", random_state=0, **params
    )
    assert plain == same
    # Zero difficulty draws more numbers, after those of the answers.
    easy = make_crowd_labels(
        y, matrices, difficulty=np.zeros(200), random_state=0, **params
    )
    assert plain == easy


def test_labels_of_a_seed_stay_what_they_were():
    # Numbers in the README and the benchmarks depend on them.
    matrices = make_confusion_matrices(9, 3, random_state=0)
    for params, expected in [
        ({"labels_per_item": 2}, ("051837254768", "001201012222")),
        (
            {"labels_per_item": 4},
            ("034605674678235704571238", "001011111222201011222021"),
        ),
        ({"p": 0.3}, ("2603581802714", "0011112111211")),
    ]:
        labels = make_crowd_labels(np.arange(6) % 3, matrices, random_state=0, **params)
        found = "".join(str(m) for m in labels.indices)
        assert (found, "".join(str(code) for code in labels.codes)) == expected


def test_correlation_raises_agreement_and_leaves_equal_marginals_alone():
    matrix = make_confusion_matrices(1, 3, kind="random", random_state=0)
    matrices = np.repeat(matrix, 6, axis=0)
    y = np.random.default_rng(0).integers(3, size=30000)
    by_chance = np.mean((matrix[0] ** 2).sum(axis=1)[y])
    for correlated in (0.0, 0.3, 0.7, 1.0):
        for seed in range(3):
            labels = make_crowd_labels(
                y,
                matrices,
                labels_per_item=2,
                correlated=correlated,
                random_state=seed,
            )
            empirical, _ = empirical_confusion_matrices(labels, y)
            np.testing.assert_allclose(empirical, matrices, atol=0.05)
            expected = by_chance + correlated**2 * (1 - by_chance)
            assert agreement(labels) == pytest.approx(expected, abs=0.015)


def test_correlation_and_difficulty_mix_the_rows_as_stated():
    matrices = make_confusion_matrices(4, 3, kind="random", random_state=1)
    y = np.random.default_rng(0).integers(3, size=60000)
    for correlated, level in [(0.0, 0.6), (0.4, 0.0), (0.4, 0.6), (1.0, 1.0)]:
        labels = make_crowd_labels(
            y,
            matrices,
            p=0.9,
            correlated=correlated,
            difficulty=np.full(len(y), level),
            random_state=0,
        )
        empirical, _ = empirical_confusion_matrices(labels, y)
        looking = (1 - correlated) * matrices + correlated * matrices.mean(axis=0)
        expected = (1 - level) * looking + level / 3
        np.testing.assert_allclose(empirical, expected, atol=0.02)


def test_difficult_items_are_labelled_less_accurately_by_the_formula():
    matrices = make_confusion_matrices(
        5, 4, kind="symmetric", accuracy=0.8, random_state=0
    )
    levels = np.repeat([0.0, 0.25, 0.5, 1.0], 10000)
    y = np.random.default_rng(0).integers(4, size=len(levels))
    for seed in range(3):
        labels = make_crowd_labels(
            y, matrices, labels_per_item=2, difficulty=levels, random_state=seed
        )
        right = (labels.codes == np.repeat(y, 2)).reshape(4, -1).mean(axis=1)
        expected = (1 - levels[::10000]) * 0.8 + levels[::10000] / 4
        np.testing.assert_allclose(right, expected, atol=0.015)


def test_labels_repeat_with_the_seed_only():
    matrices = make_confusion_matrices(10, 3, random_state=0)
    y = np.arange(100) % 3
    for params in (
        {"p": 0.5},
        {"labels_per_item": 2},
        {"labels_per_item": 5},
        {"labels_per_annotator": 3},
        {"labels_per_annotator": 50},
        {"p": 0.5, "participation": "long_tail"},
        {"labels_per_item": 2, "participation": "long_tail"},
        {"labels_per_item": 2, "correlated": 0.5},
        {"labels_per_item": 2, "difficulty": np.full(100, 0.5)},
    ):
        first, same, other = (
            make_crowd_labels(y, matrices, random_state=seed, **params)
            for seed in (0, 0, 1)
        )
        assert first == same
        assert first != other


def test_labels_are_in_the_classes_of_the_matrices():
    matrices = make_confusion_matrices(5, 3, kind="symmetric", accuracy=1.0)
    labels = make_crowd_labels([0, 1, 1], matrices, labels_per_item=5)
    assert labels.classes.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(np.asarray(labels), [[0] * 5, [1] * 5, [1] * 5])
    for y, classes in [
        ([10, 30, 20], None),
        (["b", "c", "a"], None),
        (["b", "b"], ["a", "b", "c"]),
    ]:
        labels = make_crowd_labels(y, matrices, labels_per_item=2, classes=classes)
        assert labels.classes.tolist() == sorted(classes or y)
        given = labels.classes[labels.codes].reshape(-1, 2)
        np.testing.assert_array_equal(given, np.stack([y, y], axis=1))


@pytest.mark.parametrize(
    "params",
    [
        {"labels_per_item": 5},
        {"p": 0.005},
        {"labels_per_annotator": 1000},
        {"labels_per_item": 5, "participation": "long_tail"},
        {"labels_per_item": 5, "participation": np.arange(1, 1001) ** -2.0},
        {"p": 0.005, "participation": "long_tail"},
        {"labels_per_item": 5, "correlated": 0.5, "difficulty": np.full(200_000, 0.5)},
    ],
)
def test_memory_is_proportional_to_the_labels(params):
    matrices = make_confusion_matrices(1000, 10, random_state=0)
    y = np.random.default_rng(0).integers(10, size=200_000)
    tracemalloc.start()
    labels = make_crowd_labels(y, matrices, random_state=0, **params)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert labels.n_labels == pytest.approx(1e6, rel=0.01)
    # A dense matrix of one byte an entry would take 200 MB by itself.
    assert peak < 150e6


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        (EXACTLY_ONE + ", got none", {}),
        (EXACTLY_ONE, {"p": 0.5, "labels_per_item": 2}),
        (EXACTLY_ONE, {"p": 0.5, "labels_per_annotator": 2}),
        ("from 0 to the 3 items, got 4", {"labels_per_annotator": 4}),
        ("from 0 to the 3 items, got -1", {"labels_per_annotator": [-1, 0, 1, 1]}),
        (r"one for each of 4 annotators.*\(3,\)", {"labels_per_annotator": [1, 2, 3]}),
        ("whole numbers", {"labels_per_annotator": 1.5}),
        (
            "participation='even' with labels_per_annotator",
            {"labels_per_annotator": 2, "participation": "long_tail"},
        ),
        ("'even', 'long_tail' or an array", {"p": 0.5, "participation": "zipf"}),
        ("4 positive weights", {"p": 0.5, "participation": [1, 2, 3]}),
        ("4 positive weights", {"p": 0.5, "participation": [0, 1, 2, 3]}),
        ("4 positive weights", {"p": 0.5, "participation": [np.nan, 1, 2, 3]}),
        ("correlated from 0 to 1, got 1.5", {"p": 0.5, "correlated": 1.5}),
        ("correlated from 0 to 1, got nan", {"p": 0.5, "correlated": np.nan}),
        (r"difficulty of shape \(3,\)", {"p": 0.5, "difficulty": 0.5}),
        ("difficulty from 0 to 1", {"p": 0.5, "difficulty": [0, 0.5, 1.1]}),
        ("difficulty from 0 to 1", {"p": 0.5, "difficulty": [0, 0.5, np.nan]}),
        ("from 1 to the 4 annotators, got 5", {"labels_per_item": 5}),
        ("from 1 to the 4 annotators, got 0", {"labels_per_item": 0}),
        ("labels_per_item as an integer .*, got 3.0", {"labels_per_item": 3.0}),
        ("labels_per_item as an integer .*, got '3'", {"labels_per_item": "3"}),
        ("p above 0 and at most 1, got 0", {"p": 0}),
        ("p above 0 and at most 1, got 'half'", {"p": "half"}),
        ("correlated from 0 to 1, got None", {"p": 0.5, "correlated": None}),
        ("p above 0 and at most 1, got nan", {"p": np.nan}),
        ("3 sorted classes", {"p": 0.5, "classes": [2, 1, 0]}),
        ("3 sorted classes", {"p": 0.5, "classes": [0, 1]}),
        (r"got \[0\]", {"p": 0.5, "classes": [1, 2, 3]}),
    ],
)
def test_wrong_arguments_of_make_crowd_labels_are_errors(match, arguments):
    matrices = make_confusion_matrices(4, 3, random_state=0)
    with pytest.raises(ValueError, match=match):
        make_crowd_labels([0, 1, 2], matrices, **arguments)


@pytest.mark.parametrize(
    ("match", "y", "matrices"),
    [
        ("of shape", [0, 1], np.eye(2)),
        ("of shape", [0, 1], np.ones((2, 2, 3)) / 3),
        ("sum to one", [0, 1], np.ones((1, 2, 2))),
        ("sum to one", [0, 1], [[[1.5, -0.5], [0, 1]]]),
        ("sum to one", [0, 1], [[[np.nan, 1], [0, 1]]]),
        ("one for each item", [[0, 1]], [np.eye(2)]),
        ("one for each item", [], [np.eye(2)]),
        ("2 sorted classes", ["a", "b", "c"], [np.eye(2)]),
    ],
)
def test_truth_and_matrices_that_do_not_fit_are_errors(match, y, matrices):
    with pytest.raises(ValueError, match=match):
        make_crowd_labels(y, matrices, p=0.5)

"""What networks say of items whose labels they did not see, and what follows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skccem import CrowdClassifier, CrowdLabels
from skccem._calibration import HeldOutLabels
from skccem._cross_fitting import make_parts, predict_part, update_annotators
from skccem._learned_annotators import Annotators
from skccem._trained_items import LabelledItems
from skccem.simulation import make_confusion_matrices, make_crowd_labels

N_ITEMS = 60
N_CLASSES = 3


@pytest.fixture(scope="module")
def crowd():
    """Items, labels by five annotators and a sixth who is idle, and their matrices."""
    rng = np.random.default_rng(0)
    truth = np.arange(N_ITEMS) % N_CLASSES
    X = rng.normal(size=(N_ITEMS, 4)).astype("f4")
    X[np.arange(N_ITEMS), truth] += 2
    matrices = make_confusion_matrices(
        5, N_CLASSES, kind="hammer_spammer", random_state=1
    )
    Y = np.asarray(
        make_crowd_labels(truth, matrices, labels_per_item=3, random_state=1)
    )
    Y = np.insert(Y, 5, -1, axis=1)
    Y[7] = -1
    labels = CrowdLabels.from_matrix(Y, classes=range(N_CLASSES))
    matrices = np.concatenate([matrices, matrices.mean(axis=0)[np.newaxis]])
    return X, labels, 0.9 * matrices + 0.1 / N_CLASSES


def data_of(X, labels, weight=None):
    used = labels.labels_per_item > 0
    if weight is not None:
        used &= weight > 0
    return LabelledItems(X, labels, weight, np.flatnonzero(used))


# Parts


@pytest.mark.parametrize("n", [2, 3, 5, 6, 23])
def test_parts_are_a_partition_into_five_of_even_size(n):
    items = np.arange(10, 10 + n)
    parts = make_parts(items, np.random.RandomState(0))
    assert len(parts) == min(n, 5)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert_array_equal(np.sort(np.concatenate(parts)), items)
    assert all((np.diff(part) > 0).all() for part in parts)


# Networks that do not see a part


def part_of(crowd, labels, part, weight=None, max_epochs=1, **params):
    X, _, matrices = crowd
    settings = {"hidden_layer_sizes": (8,), "dropout": 0, "batch_size": 20, "lr": 1e-2}
    estimator = CrowdClassifier(**{**settings, **params})
    return predict_part(
        estimator,
        data_of(X, labels, weight),
        Annotators(np.log(matrices), None),
        part,
        max_epochs,
        3,
        "cpu",
    )


def shape_of(log_posterior):
    """What stays of posteriors whatever their power."""
    centred = log_posterior - log_posterior.mean(axis=1, keepdims=True)
    return centred / np.linalg.norm(centred)


@pytest.mark.parametrize(
    "params", [{}, {"regularizer": "W"}, {"likelihood": "marginal"}]
)
def test_labels_of_the_part_only_calibrate(crowd, params):
    _, labels, _ = crowd
    part = np.arange(0, 60, 4)
    table = np.array(np.asarray(labels))
    table[part] = np.where(table[part] >= 0, (table[part] + 1) % 3, -1)
    other = CrowdLabels.from_matrix(table, classes=range(3))
    seen = part_of(crowd, labels, part, **params)
    changed = part_of(crowd, other, part, **params)
    assert_allclose(shape_of(seen), shape_of(changed), atol=1e-5)
    assert not np.allclose(seen, changed, atol=1e-3)
    assert_allclose(np.exp(seen).sum(axis=1), 1)


def test_labels_of_the_others_are_learned_from(crowd):
    _, labels, _ = crowd
    part = np.arange(0, 60, 4)
    table = np.array(np.asarray(labels))
    table[1] = np.where(table[1] >= 0, (table[1] + 1) % 3, -1)
    other = CrowdLabels.from_matrix(table, classes=range(3))
    seen, changed = (part_of(crowd, found, part) for found in (labels, other))
    assert not np.allclose(shape_of(seen), shape_of(changed), atol=1e-6)


def test_training_stops_where_the_part_is_predicted_best(crowd):
    _, labels, matrices = crowd
    part = np.arange(0, 60, 4)
    held_out = HeldOutLabels(labels[part], np.log(matrices))
    scores = [
        held_out.calibrate(part_of(crowd, labels, part, max_epochs=n, lr=0.1))[0]
        for n in (1, 3, 40)
    ]
    # More epochs to choose from are never worse, and power one is the best for it.
    assert scores == sorted(scores)
    found = part_of(crowd, labels, part, max_epochs=40, lr=0.1)
    _, power = held_out.calibrate(found)
    assert power == pytest.approx(1, abs=5e-3)


def test_weights_of_the_part_count_in_its_calibration(crowd):
    _, labels, matrices = crowd
    part = np.arange(0, 60, 4)
    weight = np.ones(N_ITEMS)
    weight[part] = np.linspace(0.1, 3, len(part))
    found = part_of(crowd, labels, part, weight, max_epochs=30)
    _, power = HeldOutLabels(labels[part], np.log(matrices), weight[part]).calibrate(
        found
    )
    assert power == pytest.approx(1, abs=5e-3)


# Matrices


def em_by_hand(labels, posterior, matrices, weight):
    """Twenty steps, label by label."""
    Y = np.asarray(labels)
    B = matrices.copy()
    for _ in range(20):
        counts = np.zeros_like(B)
        for i, f in enumerate(posterior):
            if not (Y[i] >= 0).any():
                continue
            q = f.copy()
            for m in np.flatnonzero(Y[i] >= 0):
                q *= B[m, :, Y[i, m]]
            q *= weight[i] / q.sum()
            for m in np.flatnonzero(Y[i] >= 0):
                counts[m, :, Y[i, m]] += q
        pooled = counts.sum(axis=0) / counts.sum(axis=(0, 2))[:, np.newaxis]
        target = 0.98 * pooled + 0.02 / N_CLASSES
        n_answers = counts.sum(axis=2, keepdims=True)
        B = (counts + 0.5 * target) / (n_answers + 0.5)
    B[5] = (n_answers * B).sum(axis=0) / n_answers.sum(axis=0)
    return B


@pytest.mark.parametrize("weighted", [False, True])
def test_matrices_are_those_of_expectation_maximisation(crowd, weighted):
    X, labels, matrices = crowd
    posterior = np.random.default_rng(2).dirichlet(np.ones(N_CLASSES), size=N_ITEMS)
    weight = np.linspace(0.5, 2, N_ITEMS) if weighted else None
    data = data_of(X, labels, weight)
    found = update_annotators(
        data, np.log(posterior[data.used]), Annotators(np.log(matrices), None)
    )
    relative = np.ones(N_ITEMS) if weight is None else weight / weight[data.used].mean()
    expected = em_by_hand(labels, posterior, matrices, relative)
    assert_allclose(np.exp(found.log_confusion), expected, rtol=1e-8)
    assert found.log_weight is None


def test_outliers_that_hardly_exist_change_matrices_hardly(crowd):
    X, labels, matrices = crowd
    data = data_of(X, labels)
    posterior = np.random.default_rng(2).dirichlet(np.ones(N_CLASSES), size=N_ITEMS)
    without, few, many = (
        update_annotators(
            data,
            np.log(posterior[data.used]),
            Annotators(np.log(matrices), log_weight),
        ).log_confusion
        for log_weight in (
            None,
            np.log([1 - 2e-9, 1e-9, 1e-9]),
            np.log([0.6, 0.2, 0.2]),
        )
    )
    assert_allclose(few, without, atol=1e-5)
    assert not np.allclose(many, without, atol=1e-2)


def test_guesses_about_outliers_are_no_evidence_of_annotators():
    # Three annotators who are right; on a third of the items all of them guess.
    rng = np.random.default_rng(0)
    truth = np.arange(600) % 3
    Y = np.repeat(truth[:, np.newaxis], 3, axis=1)
    guessed = rng.random(600) < 1 / 3
    Y[guessed] = rng.integers(3, size=(guessed.sum(), 3))
    labels = CrowdLabels.from_matrix(Y)
    log_posterior = np.log(0.9 * np.eye(3)[truth] + 0.1 / 3)
    start = np.log(np.repeat(0.7 * np.eye(3)[np.newaxis] + 0.1, 3, axis=0))
    right = {
        name: np.exp(
            update_annotators(
                data_of(np.zeros((600, 1)), labels),
                log_posterior,
                Annotators(start, log_weight),
            ).log_confusion
        )[:, range(3), range(3)].mean()
        for name, log_weight in {
            "without": None,
            "with": np.log([2 / 3, 1e-3, 1 / 3]),
        }.items()
    }
    assert right["without"] < 0.88
    assert right["with"] > 0.97

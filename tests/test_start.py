import numpy as np
import pytest

from skccem import CrowdLabels, _memory
from skccem._start import (
    START_SMOOTHING,
    check_memory,
    start_confusion,
)
from skccem.simulation import make_confusion_matrices, make_crowd_labels

INITS = {
    "identity": "identity",
    "majority_vote": "majority_vote",
    "dawid_skene": "dawid_skene",
    "array for all": np.eye(3)[[1, 0, 2]],
    "array for each": np.tile(np.eye(3), (4, 1, 1)),
    "list": np.full((3, 3), 1 / 3).tolist(),
}


@pytest.fixture
def labels():
    """Few labels: annotator 3 gave one, and nobody says class 2."""
    Y = np.array([[0, 1, -1, -1], [0, 0, 0, -1], [1, -1, 1, 0], [-1, -1, -1, -1]])
    return CrowdLabels.from_matrix(Y, classes=[0, 1, 2])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", INITS)
def test_every_start_is_strictly_positive_and_its_rows_sum_to_one(
    labels, init, weighted
):
    weight = np.array([1.0, 0.0, 2.0, 1.0]) if weighted else None
    start = start_confusion(labels, INITS[init], weight)
    assert start.shape == (4, 3, 3)
    assert start.min() >= START_SMOOTHING / 3 - 1e-12
    np.testing.assert_allclose(start.sum(axis=2), 1)


@pytest.mark.parametrize("form", ["array for all", "array for each"])
def test_an_array_starts_there_up_to_a_share_of_the_uniform(labels, form):
    start = start_confusion(labels, INITS[form])
    expected = (1 - START_SMOOTHING) * INITS[form] + START_SMOOTHING / 3
    np.testing.assert_allclose(start, np.broadcast_to(expected, (4, 3, 3)))


def test_identity_trusts_everybody_alike(labels):
    start = start_confusion(labels, "identity")
    assert (start == start[0]).all()
    np.testing.assert_array_equal(start[0].argmax(axis=1), [0, 1, 2])


@pytest.mark.parametrize(
    ("init", "error"), [("majority_vote", 0.1), ("dawid_skene", 0.05)]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_start_from_many_labels_is_near_the_truth(init, error, seed):
    rng = np.random.default_rng(seed)
    B = make_confusion_matrices(7, 3, kind="diagonally_dominant", random_state=seed)
    y = rng.integers(3, size=2000)
    many = make_crowd_labels(y, B, labels_per_item=7, random_state=seed)
    assert np.abs(start_confusion(many, init) - B).mean() < error


@pytest.mark.parametrize("init", ["majority_vote", "dawid_skene"])
def test_weights_equal_repeated_items_in_the_start(labels, init):
    times = np.array([2, 1, 3, 1])
    weighted = start_confusion(labels, init, times.astype(float))
    repeated = start_confusion(labels[np.repeat(np.arange(4), times)], init)
    np.testing.assert_allclose(weighted, repeated, atol=1e-5)


@pytest.mark.parametrize("init", ["identity", "majority_vote", "dawid_skene"])
def test_permuting_annotators_permutes_the_start(labels, init):
    order = [2, 0, 3, 1]
    permuted = labels.select_annotators(labels.annotators[order])
    np.testing.assert_allclose(
        start_confusion(permuted, init),
        start_confusion(labels, init)[order],
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (np.eye(2), r"\(4, 3, 3\), or \(3, 3\).*but has shape \(2, 2\)"),
        (np.tile(np.eye(3), (5, 1, 1)), r"but has shape \(5, 3, 3\)"),
        (np.eye(3) * 2, "probabilities that sum to one"),
        (np.eye(3) * 2 - 1 / 3, "probabilities that sum to one"),
        (np.full((3, 3), np.nan), "probabilities that sum to one"),
        (np.eye(3)[[0, 0, 1]].T, "probabilities that sum to one"),
    ],
    ids=["classes", "annotators", "sums", "negative", "nan", "transposed"],
)
def test_arrays_that_are_not_confusion_matrices_are_an_error(labels, init, message):
    with pytest.raises(ValueError, match=message):
        start_confusion(labels, init)


def test_an_unknown_start_is_an_error_that_names_it(labels):
    with pytest.raises(ValueError, match="spectral"):
        start_confusion(labels, "spectral")


def test_matrices_that_cannot_fit_are_an_error_before_allocating():
    with pytest.raises(
        MemoryError, match=r"100,000 annotators and 100,000 classes.*this machine has"
    ):
        check_memory(100_000, 100_000)


def test_memory_is_enough_up_to_what_the_machine_has(monkeypatch):
    # Six copies in training, in its precision, and the result in float64.
    for itemsize, per_entry in [(4, 32), (8, 56)]:
        needed = 10 * 4**2 * per_entry
        monkeypatch.setattr(_memory, "physical_memory", lambda needed=needed: needed)
        assert check_memory(10, 4, itemsize) is None
        with pytest.raises(MemoryError):
            check_memory(11, 4, itemsize)

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._rearrange import take_labels

# The reference: three items, three annotators, the classes 0, 1 and 3.
CODED = np.array([[0, -1, 3], [-1, -1, -1], [1, 0, -1]])


REFERENCE = CrowdLabels(
    indptr=np.array([0, 2, 2, 4]),
    indices=np.array([0, 2, 0, 1], dtype=np.int32),
    codes=np.array([0, 2, 1, 0], dtype=np.int8),
    classes=np.array([0, 1, 3]),
    annotators=np.arange(3),
)


def random_matrix(seed, n_classes=5):
    """A random matrix of codes with -1 for missing, of random size and density."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 30), rng.integers(1, 9)
    codes = rng.integers(n_classes, size=shape)
    return np.where(rng.random(shape) < rng.random(), codes, -1)


@pytest.mark.parametrize("seed", range(10))
def test_a_mask_keeps_labels_and_all_rows_and_columns(seed):
    Y = random_matrix(seed)
    labels = CrowdLabels.from_matrix(Y, classes=range(5))
    kept = np.random.default_rng(seed).random(labels.n_labels) < 0.5
    Y[labels.row_indices()[~kept], labels.indices[~kept]] = -1
    assert take_labels(labels, kept) == CrowdLabels.from_matrix(Y, classes=range(5))


def test_rows_and_columns_that_are_all_there_take_no_memory():
    for taken in (
        REFERENCE[np.arange(3)],
        REFERENCE[np.ones(3, dtype=bool)],
        REFERENCE.select_annotators(np.arange(3)),
    ):
        assert taken == REFERENCE
        assert np.shares_memory(taken.indices, REFERENCE.indices)


@pytest.mark.parametrize("seed", range(10))
def test_concat_undoes_a_split(seed):
    labels = CrowdLabels.from_matrix(random_matrix(seed), classes=range(5))
    cut = np.random.default_rng(seed).integers(0, len(labels) + 1)
    assert CrowdLabels.concat([labels[:cut], labels[cut:]]) == labels


def test_concat_unites_classes_and_items():
    table = {"task": ["i", "j"], "worker": [0, 1], "label": ["b", "a"]}
    other = {"task": ["k", "l"], "worker": [1, 0], "label": ["c", "a"]}
    both = CrowdLabels.concat(map(CrowdLabels.from_long, (table, other)))
    assert both.classes.tolist() == ["a", "b", "c"]
    assert both.items.tolist() == ["i", "j", "k", "l"]
    assert np.asarray(both).tolist() == [[1, -1], [-1, 0], [-1, 2], [0, -1]]


def test_concat_needs_the_same_annotators_and_items_in_all_parts_or_none():
    named = CrowdLabels.from_long(
        {"task": [0], "worker": [0], "label": [0]}, annotators=range(3)
    )
    with pytest.raises(ValueError, match=r"part 1 are unlike .* align"):
        CrowdLabels.concat([REFERENCE, REFERENCE.select_annotators([1, 0, 2])])
    with pytest.raises(ValueError, match=r"`items` in all .* 1 of 2"):
        CrowdLabels.concat([REFERENCE, named])
    for parts in ([], [CODED]):
        with pytest.raises(TypeError, match="at least one CrowdLabels"):
            CrowdLabels.concat(parts)


@pytest.mark.parametrize("seed", range(10))
def test_selected_annotators_are_columns_in_the_order_asked_for(seed):
    Y = random_matrix(seed)
    labels = CrowdLabels.from_matrix(Y, classes=range(5))
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(Y.shape[1])[: rng.integers(1, Y.shape[1] + 1)]
    part = labels.select_annotators(chosen)
    np.testing.assert_array_equal(part, Y[:, chosen])
    np.testing.assert_array_equal(part.annotators, chosen)
    np.testing.assert_array_equal(part.classes, labels.classes)
    assert part == CrowdLabels.from_matrix(
        Y[:, chosen], classes=range(5), annotators=chosen
    )


def test_an_unknown_annotator_is_named():
    with pytest.raises(ValueError, match="no annotator 7, 8"):
        REFERENCE.select_annotators([0, 8, 7])
    with pytest.raises(ValueError, match="distinct, got more than once: 0"):
        REFERENCE.select_annotators([0, 0])


def test_aligned_labels_say_the_same_in_other_classes_and_columns():
    aligned = REFERENCE.align(classes=[3, 2, 1, 0], annotators=[5, 2, 1, 0])
    assert aligned.classes.tolist() == [0, 1, 2, 3]
    assert np.asarray(aligned).tolist() == [
        [-1, 3, -1, 0],
        [-1, -1, -1, -1],
        [-1, -1, 0, 1],
    ]
    assert aligned.align(classes=[0, 1, 3], annotators=[0, 1, 2]) == REFERENCE
    assert REFERENCE.align() is REFERENCE
    assert REFERENCE.align(classes=[3, 1, 0], annotators=range(3)) is REFERENCE


def test_aligning_drops_no_label():
    with pytest.raises(ValueError, match="outside `classes`: 3"):
        REFERENCE.align(classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"not in `annotators`: 0, 2.*select_annotators"
    ):
        REFERENCE.align(annotators=[1])
    without = REFERENCE[[1]]
    assert without.align(classes=["a"], annotators=["b"]).shape == (1, 1)

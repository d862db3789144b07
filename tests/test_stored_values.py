"""Values that become JSON and tensors, and values again."""

import datetime
import json

import numpy as np
import pytest
import torch
from scipy import sparse
from skorch.helper import SliceDict

from skccem import CrowdLabels
from skccem._stored_values import NotStorable, Reader, Writer

RNG = np.random.default_rng(0)

LABELS = CrowdLabels.from_long(
    {"task": ["b", "a", "b"], "worker": [7, 7, 8], "label": ["x", "y", "x"]}
)


def there_and_back(value):
    writer = Writer()
    text = json.dumps(writer.encode(value, "value"), allow_nan=False)
    reader = Reader({name: part.clone() for name, part in writer.tensors.items()})
    again = reader.decode(json.loads(text))
    assert reader.unused == []
    return again


def used_random_state():
    rng = np.random.RandomState(3)
    rng.normal(size=5)
    return rng


VALUES = {
    "none": None,
    "bool": True,
    "large int": 2**200,
    "text": 'a "quoted" \ud800 \x00 ü',
    "negative zero": -0.0,
    "subnormal": 5e-324,
    "third": 1 / 3,
    "infinite": [np.inf, -np.inf],
    "not a number": float("nan"),
    "nested": {"a": (1, [2.5, {"b": ()}]), 3: None, "type": "tuple"},
    "NumPy scalars": [np.float64(0.1), np.float32(0.1), np.int8(-3), np.bool_(True)],
    "NumPy text": np.str_("a"),
    "date": np.datetime64("2020-02-29T12", "ns"),
    "float64": RNG.normal(size=(3, 4)),
    "float32": RNG.normal(size=5).astype(np.float32),
    "transposed": RNG.normal(size=(2, 3, 4)).transpose(0, 2, 1),
    "Fortran": np.asfortranarray(RNG.normal(size=(3, 4))),
    "empty": np.zeros((0, 3, 3)),
    "no axes": np.array(2.5),
    "bools": np.array([True, False]),
    "uint8": np.arange(4, dtype=np.uint8),
    "uint64": np.array([2**64 - 1], dtype=np.uint64),
    "complex table of text": np.array([["a", "bcd"], ["", "ü"]]),
    "bytes": np.array([b"a", b"\xff"]),
    "dates": np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
    "objects": np.array(["a", 1, 2.5, None, 2**70], dtype=object),
    "read-only": LABELS.indices,
    "bfloat16": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "transposed tensor": torch.arange(6.0).reshape(2, 3).T,
    "CSR array": sparse.csr_array(np.eye(4, 5) * 0.3),
    "CSR matrix": sparse.csr_matrix(np.eye(3)),
    "labels": LABELS,
    "labels without names": CrowdLabels.from_matrix([[0, 1], [-1, 1]]),
    "slices": SliceDict(a=np.arange(3), b=np.ones((3, 2))),
    "device": torch.device("cuda", 1),
    "RandomState": used_random_state(),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_comes_back_in_every_bit(value, assert_same):
    assert_same(there_and_back(value), value)


@pytest.mark.parametrize("seed", range(20))
def test_values_of_values_come_back(seed, assert_same):
    rng = np.random.default_rng(seed)
    parts = list(VALUES.values())

    def draw(depth):
        kind = rng.integers(4) if depth else 0
        if kind == 0:
            return parts[rng.integers(len(parts))]
        inner = [draw(depth - 1) for _ in range(rng.integers(4))]
        if kind == 1:
            return inner
        return tuple(inner) if kind == 2 else {f"k.{i}": x for i, x in enumerate(inner)}

    value = draw(4)
    assert_same(there_and_back(value), value)


def test_sums_round_as_before_since_axes_keep_their_order_in_memory():
    array = RNG.normal(size=(5, 7, 6)).transpose(2, 0, 1)[:, ::2]
    again = there_and_back(array)
    assert np.argsort(again.strides).tolist() == np.argsort(array.strides).tolist()


def test_names_of_tensors_that_clash_are_told_apart(assert_same):
    value = {"a": {"b": np.ones(2)}, "a.b": np.zeros(3)}
    assert_same(there_and_back(value), value)


def test_what_comes_back_can_be_written_to():
    assert there_and_back(np.broadcast_to(1.0, (2, 2))).flags.writeable


class Text(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        len,
        torch.nn.Linear,
        torch.nn.Linear(1, 1),
        {1, 2},
        Text("a"),
        datetime.date(2020, 1, 1),
        np.ma.masked_array([1, 2], [True, False]),
        np.array([1j]),
        np.zeros(2, dtype=[("a", int)]),
        torch.eye(2).to_sparse(),
        torch.zeros(2, dtype=torch.complex64),
        np.random.RandomState(np.random.PCG64(0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_data_is_refused_and_leaves_no_tensor(value):
    writer = Writer()
    writer.encode([np.ones(2)], "kept")
    with pytest.raises(NotStorable):
        writer.encode({"a": np.ones(3), "b": [value]}, "params")
    assert list(writer.tensors) == ["kept.0"]


def damaged(value, changes):
    writer = Writer()
    return Reader(writer.tensors), writer.encode(value, "value") | changes


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (np.ones(3), {"shape": [4]}),
        (np.ones(3), {"dtype": "float32"}),
        (np.ones(3), {"name": "other"}),
        (np.ones(3), {"type": "pickle"}),
        (np.ones(3), {"type": ["array"]}),
        (np.array(["a"]), {"dtype": "O"}),
        (np.array(["a"]), {"dtype": "f4,f4"}),
        (np.array(["a"]), {"values": ["a", "b"]}),
        (np.array(["a"]), {"values": 3}),
        (sparse.csr_array(np.eye(2)), {"shape": [2, 1]}),
        (sparse.csr_array(np.eye(2)), {"indptr": [0, 5, 1]}),
        (LABELS, {"indptr": {"type": "tuple", "items": [0, 2, 1]}}),
        (LABELS, {"classes": ["x"]}),
        (torch.device("cpu"), {"value": "nowhere"}),
        (used_random_state(), {"position": 10**6}),
        (used_random_state(), {"key": [1, 2]}),
    ],
)
def test_what_nobody_wrote_is_a_value_error(value, changes):
    reader, stored = damaged(value, changes)
    with pytest.raises(ValueError, match=r".+"):
        reader.decode(stored)


def array_of(values, dtype):
    return {
        "type": "values",
        "dtype": np.dtype(dtype).str,
        "shape": [len(values)],
        "values": values,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"indices": array_of([0, 1, 9], "int32")},
        {"indices": array_of([0, -1, 1], "int32")},
        {"codes": array_of([0, 1, 2], "int8")},
        {"codes": array_of([0, 1], "int8")},
        {"indptr": array_of([0, 3, 2, 3], "int64")},
        {"items": array_of([1], "int64")},
        {"classes": array_of(["x"], "<U1")},
    ],
)
def test_labels_that_point_outside_are_refused(changes):
    reader, stored = damaged(LABELS, changes)
    with pytest.raises(ValueError, match="labels"):
        reader.decode(stored)


def test_sparse_rows_that_point_outside_are_refused():
    reader, stored = damaged(
        sparse.csr_array(np.eye(2)), {"indices": array_of([0, 2**30], "int32")}
    )
    with pytest.raises(ValueError, match=r"indices|index values"):
        reader.decode(stored)


def test_lists_without_end_are_a_value_error():
    stored = []
    for _ in range(100_000):
        stored = [stored]
    with pytest.raises(ValueError, match="recursion"):
        Reader({}).decode(stored)


def test_text_that_claims_more_room_than_it_has_is_refused():
    stored = {"type": "values", "dtype": "<U500000000", "values": ["a"], "shape": [1]}
    with pytest.raises(ValueError, match="short text has the type"):
        Reader({}).decode(stored)


def test_pointers_to_rows_that_are_no_integers_are_refused():
    writer = Writer()
    stored = writer.encode(LABELS, "labels")
    stored["indptr"] = writer.encode(LABELS.indptr.astype(float), "indptr")
    with pytest.raises(ValueError, match="no pointers to rows"):
        Reader(writer.tensors).decode(stored)

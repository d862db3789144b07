"""Values as JSON and tensors, and back, without running anything that a file names.

A scalar of JSON stands for itself and a list for a list; everything else is an object
whose "type" says how to read it. Large arrays are tensors, which their object names.
"""

import math
from dataclasses import fields
from pathlib import Path, PurePath

import numpy as np
import torch
from scipy import sparse
from skorch.helper import SliceDict

from ._annotations import CrowdLabels

# Types of arrays and tensors that every version of safetensors stores.
_NUMBERS = ("bool", "uint8", "int8", "int16", "int32", "int64")
_NUMBERS += ("float16", "float32", "float64")
_TENSORS = (*_NUMBERS, "bfloat16")

# Kinds of arrays whose values are written one by one.
_KINDS = "iufbUSMm"

# Bytes of a text up to which an array may be wider than its longest text needs.
_WIDE_TEXT = 2**16

_STATE_SIZE = 624


class NotStorable(TypeError):
    """A value that is neither data nor made of data."""


class Writer:
    """Turns values into JSON, and collects the tensors that it names.

    Attributes
    ----------
    tensors : dict of str to Tensor
        Contiguous, on the CPU.
    """

    def __init__(self):
        self.tensors = {}

    def encode(self, value, name):
        """What stands for a value in the JSON.

        Parameters
        ----------
        value : object
            A scalar of Python or NumPy; an array, tensor, CSR matrix, `CrowdLabels`,
            path, torch device or RandomState; or a list, tuple, dict or SliceDict of
            these.
        name : str
            Of its tensors.

        Returns
        -------
        object
            That `json.dumps` takes.

        Raises
        ------
        NotStorable
            If it is something else, or has a part that is. No tensor is kept then.
        """
        before = self.tensors.copy()
        try:
            return self._encode(value, name)
        except NotStorable:
            self.tensors = before
            raise

    def _encode(self, value, name):
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            if math.isfinite(value):
                return value
            return {"type": "float", "value": repr(value)}
        if kind is list:
            return self._encode_all(value, name)
        if kind is tuple:
            return {"type": "tuple", "items": self._encode_all(value, name)}
        if kind in (dict, SliceDict):
            return self._encode_dict(value, name)
        if isinstance(value, np.generic):
            return {"type": "scalar", "array": self._encode_values(np.array(value))}
        if isinstance(value, np.ndarray):
            return self._encode_array(value, name)
        if isinstance(value, torch.Tensor):
            return self._encode_tensor(value, name)
        if isinstance(value, sparse.csr_matrix | sparse.csr_array):
            return self._encode_csr(value, name)
        if kind is CrowdLabels:
            return {"type": "labels"} | {
                field.name: self._encode(
                    getattr(value, field.name), f"{name}.{field.name}"
                )
                for field in fields(value)
            }
        if isinstance(value, PurePath):
            return {"type": "path", "value": str(value)}
        if kind is torch.device:
            return {"type": "device", "value": str(value)}
        if kind is np.random.RandomState:
            return _encode_random_state(value)
        raise NotStorable(
            f"{name} is of the type {kind.__module__}.{kind.__qualname__}"
        )

    def _encode_all(self, values, name):
        return [self._encode(part, f"{name}.{i}") for i, part in enumerate(values)]

    def _encode_dict(self, value, name):
        kind = "slices" if type(value) is SliceDict else "dict"
        items = [
            [self._encode(key, name), self._encode(part, f"{name}.{key}")]
            for key, part in value.items()
        ]
        return {"type": kind, "items": items}

    def _encode_array(self, value, name):
        if isinstance(value, np.ma.MaskedArray):
            raise NotStorable(f"{name} is a masked array")
        if value.dtype.kind == "O":
            values = self._encode_all(value.ravel().tolist(), name)
            return {"type": "objects", "shape": list(value.shape), "values": values}
        if value.dtype.name not in _NUMBERS:
            return self._encode_values(value)
        # Sums round by the order of the axes in memory.
        axes = np.argsort([-abs(step) for step in value.strides], kind="stable")
        packed = np.array(value.transpose(axes), dtype=value.dtype.name, order="C")
        stored = self._add(torch.from_numpy(packed), name)
        return stored | {"type": "array", "axes": axes.tolist()}

    def _encode_values(self, array):
        dtype = array.dtype
        if dtype.kind not in _KINDS or (dtype.itemsize > 8 and dtype.kind == "f"):
            raise NotStorable(f"an array has the type {dtype}")
        if dtype.kind in "Mm":
            array = array.view(np.int64)
        values = array.ravel().tolist()
        if dtype.kind == "S":
            values = [value.decode("latin-1") for value in values]
        return {
            "type": "values",
            "dtype": dtype.newbyteorder("=").str,
            "shape": list(array.shape),
            "values": [self._encode(value, "") for value in values],
        }

    def _encode_tensor(self, tensor, name):
        if tensor.layout != torch.strided or _dtype_name(tensor) not in _TENSORS:
            raise NotStorable(f"{name} is a tensor of {tensor.dtype}, {tensor.layout}")
        # A copy, since safetensors refuses tensors that share memory.
        packed = tensor.detach().to("cpu", copy=True).contiguous()
        return self._add(packed, name)

    def _add(self, tensor, name):
        unique, count = name, 1
        while unique in self.tensors:
            count += 1
            unique = f"{name}~{count}"
        self.tensors[unique] = tensor
        return {
            "type": "tensor",
            "name": unique,
            "dtype": _dtype_name(tensor),
            "shape": list(tensor.shape),
        }

    def _encode_csr(self, value, name):
        parts = {
            part: self._encode(getattr(value, part), f"{name}.{part}")
            for part in ("data", "indices", "indptr")
        }
        is_array = isinstance(value, sparse.csr_array)
        shape = [int(length) for length in value.shape]
        return {"type": "csr", "is_array": is_array, "shape": shape, **parts}


class Reader:
    """Turns JSON and tensors into the values that they stand for.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Owned: arrays share their memory.
    """

    def __init__(self, tensors):
        self._tensors = tensors
        self._used = set()

    @property
    def unused(self):
        """Names of the tensors that nothing referred to so far, sorted."""
        return sorted(self._tensors.keys() - self._used)

    def decode(self, stored):
        """The value.

        Parameters
        ----------
        stored : object
            What `Writer.encode` returned, as `json.loads` gives it.

        Returns
        -------
        object

        Raises
        ------
        ValueError
            If it is nothing that a `Writer` writes, or does not fit the tensors.
        """
        try:
            return self._decode(stored)
        except (
            LookupError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
            MemoryError,
        ) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def _decode(self, stored):
        if isinstance(stored, list):
            return [self._decode(part) for part in stored]
        if not isinstance(stored, dict):
            return stored
        read = _READERS.get(stored["type"])
        if read is None:
            raise ValueError(f"a value has the type {stored['type']!r}")
        return read(self, stored)

    def _tuple(self, stored):
        return tuple(self._decode(stored["items"]))

    def _dict(self, stored):
        return {self._decode(key): self._decode(part) for key, part in stored["items"]}

    def _slices(self, stored):
        return SliceDict(**self._dict(stored))

    def _float(self, stored):
        return float(stored["value"])

    def _scalar(self, stored):
        return self._values(stored["array"])[()]

    def _objects(self, stored):
        values = [self._decode(value) for value in stored["values"]]
        array = np.fromiter(values, dtype=object, count=len(values))
        return array.reshape(stored["shape"])

    def _values(self, stored):
        dtype = np.dtype(stored["dtype"])
        if dtype.kind not in _KINDS or dtype.fields is not None:
            raise ValueError(f"an array has the type {dtype}")
        values = [self._decode(value) for value in stored["values"]]
        longest = max((len(v) for v in values if isinstance(v, str)), default=1)
        # Memory for text that is not there could be any amount.
        if dtype.kind in "SU" and dtype.itemsize > max(_WIDE_TEXT, 4 * longest):
            raise ValueError(f"an array of short text has the type {dtype}")
        if dtype.kind == "S":
            values = [value.encode("latin-1") for value in values]
        plain = np.int64 if dtype.kind in "Mm" else dtype
        return np.array(values, dtype=plain).view(dtype).reshape(stored["shape"])

    def _tensor(self, stored):
        name = stored["name"]
        if name not in self._tensors:
            raise ValueError(f"the tensor {name} is missing")
        tensor = self._tensors[name]
        expected = stored["dtype"], list(stored["shape"])
        got = _dtype_name(tensor), list(tensor.shape)
        if expected != got:
            raise ValueError(
                f"the tensor {name} should be {expected[0]} of the shape {expected[1]}"
                f", but it is {got[0]} of the shape {got[1]}"
            )
        self._used.add(name)
        return tensor

    def _array(self, stored):
        return self._tensor(stored).numpy().transpose(np.argsort(stored["axes"]))

    def _csr(self, stored):
        data, indices, indptr = (
            self._decode(stored[part]) for part in ("data", "indices", "indptr")
        )
        make = sparse.csr_array if stored["is_array"] else sparse.csr_matrix
        matrix = make((data, indices, indptr), shape=tuple(stored["shape"]))
        # SciPy's compiled code trusts them.
        matrix.check_format(full_check=True)
        return matrix

    def _labels(self, stored):
        parts = {
            field.name: self._decode(stored[field.name])
            for field in fields(CrowdLabels)
        }
        _check_labels(**parts)
        return CrowdLabels(**parts)

    def _device(self, stored):
        try:
            return torch.device(stored["value"])
        except RuntimeError as error:
            raise ValueError(str(error)) from error

    def _path(self, stored):
        return Path(stored["value"])

    def _random_state(self, stored):
        key = np.array(stored["key"], dtype=np.uint32)
        position = stored["position"]
        # NumPy trusts it to lie inside.
        if key.shape != (_STATE_SIZE,) or not 0 <= position <= _STATE_SIZE:
            raise ValueError("a RandomState has no state of MT19937")
        rng = np.random.RandomState()
        gauss = stored["has_gauss"], stored["gauss"]
        rng.set_state(("MT19937", key, position, *gauss))
        return rng


_READERS = {
    "array": Reader._array,
    "csr": Reader._csr,
    "device": Reader._device,
    "dict": Reader._dict,
    "float": Reader._float,
    "labels": Reader._labels,
    "objects": Reader._objects,
    "path": Reader._path,
    "random_state": Reader._random_state,
    "scalar": Reader._scalar,
    "slices": Reader._slices,
    "tensor": Reader._tensor,
    "tuple": Reader._tuple,
    "values": Reader._values,
}


def _dtype_name(tensor):
    return str(tensor.dtype).removeprefix("torch.")


def _encode_random_state(rng):
    state = rng.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise NotStorable(f"a RandomState draws from {state['bit_generator']}")
    return {
        "type": "random_state",
        "key": state["state"]["key"].tolist(),
        "position": state["state"]["pos"],
        "has_gauss": state["has_gauss"],
        "gauss": state["gauss"],
    }


def _check_labels(indptr, indices, codes, classes, annotators, items):
    """Raise unless these are rows that `CrowdLabels` may trust."""
    for part, limit in ((indices, len(annotators)), (codes, len(classes))):
        if part.dtype.kind != "i" or part.shape != (indptr[-1],):
            raise ValueError("labels have parts of unlike lengths")
        if len(part) and not 0 <= part.min() <= part.max() < limit:
            raise ValueError("labels are outside their annotators or classes")
    if indptr.ndim != 1 or indptr.dtype.kind != "i":
        raise ValueError("labels have no pointers to rows")
    if indptr[0] != 0 or (np.diff(indptr) < 0).any():
        raise ValueError("labels have rows that do not follow each other")
    if items is not None and len(items) != len(indptr) - 1:
        raise ValueError("labels have other items than rows")

"""Types in the signatures of the public API.

They say what a type checker can know: shapes, and which value of a string goes with
which other, are in the docstrings. Modules that import them leave annotations
unevaluated (``from __future__ import annotations``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from ._annotations import CrowdLabels

__all__ = [
    "Array",
    "ArrayLike",
    "DataFrame",
    "FilePath",
    "Floats",
    "Integers",
    "ItemsLike",
    "LabelsLike",
    "RandomState",
    "SparseMatrix",
]

# Of classes, names, and whatever else the data have.
Array: TypeAlias = NDArray[Any]
# Of either precision.
Floats: TypeAlias = NDArray[np.floating]
Integers: TypeAlias = NDArray[np.integer]

FilePath: TypeAlias = str | os.PathLike[str]
RandomState: TypeAlias = int | np.integer | np.random.RandomState | None


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy, which has no types of its own."""

    @property
    def nnz(self) -> int: ...

    def tocsr(self) -> Any: ...


class DataFrame(Protocol):
    """A table of pandas, polars or pyarrow."""

    @property
    def columns(self) -> Any: ...

    def __getitem__(self, key: Any, /) -> Any: ...


# `X` of `CrowdClassifier`.
ItemsLike: TypeAlias = (
    "ArrayLike | SparseMatrix | DataFrame | Mapping[str, Any] | Dataset[Any]"
)
# `Y`: NumPy's ArrayLike knows no None among the labels.
LabelsLike: TypeAlias = (
    "CrowdLabels | ArrayLike | Sequence[object] | SparseMatrix | DataFrame"
)

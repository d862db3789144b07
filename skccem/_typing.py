"""Types in the signatures of the public API, and decorators of methods that keep them.

They say what a type checker can know: shapes, and which value of a string goes with
which other, are in the docstrings. Modules that import them leave annotations
unevaluated (``from __future__ import annotations``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from ._annotations import CrowdLabels
else:
    from sklearn.base import _fit_context as fit_context
    from sklearn.utils.metaestimators import available_if

__all__ = [
    "Array",
    "ArrayLike",
    "DataFrame",
    "FilePath",
    "Floats",
    "Folds",
    "Integers",
    "ItemsLike",
    "LabelsLike",
    "MatricesLike",
    "MatrixLike",
    "Method",
    "RandomState",
    "SparseMatrix",
    "Splitter",
    "available_if",
    "fit_context",
]

# Of classes, names, and whatever else the data have.
Array: TypeAlias = NDArray[Any]
# Of either precision.
Floats: TypeAlias = NDArray[np.floating]
Integers: TypeAlias = NDArray[np.integer]

# Unlike ArrayLike, no string.
MatrixLike: TypeAlias = Array | Sequence[Sequence[float]]
# One or several.
MatricesLike: TypeAlias = MatrixLike | Sequence[Sequence[Sequence[float]]]

# Of a decorator that keeps its signature.
Method = TypeVar("Method", bound=Callable[..., Any])

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


class Splitter(Protocol):
    """``KFold``, `LabelKFold`, and what else has a method `split`."""

    def split(self, X: Any, y: Any = None, groups: Any = None, /) -> Any: ...


# `cv`: a number, or pairs of training and held-out rows.
Folds: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]]

# `X` of `CrowdClassifier`.
ItemsLike: TypeAlias = (
    "ArrayLike | SparseMatrix | DataFrame | Mapping[str, Any] | Dataset[Any]"
)
# `Y`: NumPy's ArrayLike knows no None among the labels.
LabelsLike: TypeAlias = (
    "CrowdLabels | ArrayLike | Sequence[object] | SparseMatrix | DataFrame"
)

if TYPE_CHECKING:
    # scikit-learn's own have no types, and would hide those of a method.
    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]: ...

    def fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[Method], Method]: ...

"""The container of crowdsourced labels, in compressed rows.

How its forms of input say that a label is missing is known to `_label_readers` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from ._identifiers import encode, smallest_int
from ._label_readers import MINUS_ONE, read_long, read_matrix
from ._rearrange import (
    join_rows,
    take_annotators,
    take_rows,
    with_annotators,
    with_classes,
)
from ._typing import Array, ArrayLike, DataFrame, Integers, LabelsLike

__all__ = ["MAX_DENSE_BYTES", "CrowdLabels", "check_crowd_labels"]

# The largest dense matrix that `np.asarray(labels)` makes, in bytes.
MAX_DENSE_BYTES = 2**30


def check_crowd_labels(Y, *, classes=None):
    """`Y` as `CrowdLabels`.

    Parameters
    ----------
    Y : CrowdLabels or matrix of shape (n_samples, n_annotators)
        Anything that `CrowdLabels.from_matrix` takes.
    classes : array-like of shape (n_classes,), optional
        The classes to express the labels in; a label outside is a ValueError.

    Returns
    -------
    labels : CrowdLabels
        `Y` itself if it has these classes.

    Examples
    --------
    >>> from skccem._annotations import check_crowd_labels
    >>> check_crowd_labels([[0, 1], [-1, 1]])
    CrowdLabels(2 items, 2 annotators, 2 classes, 3 labels)
    """
    if isinstance(Y, CrowdLabels):
        return Y.align(classes=classes)
    return CrowdLabels.from_matrix(Y, classes=classes)


@dataclass(frozen=True, eq=False, repr=False)
class CrowdLabels:
    """Labels that annotators gave to items, in compressed rows.

    Make one with `from_matrix` or `from_long`; the constructor takes the compressed
    rows themselves and trusts them. It works wherever scikit-learn takes a target:
    `train_test_split`, `KFold`, `GridSearchCV`, also with worker processes.

    A label takes 4 bytes for the annotator and 1 or more for the class, a row takes 8.
    No attribute and none of the arrays can be written to.

    Parameters
    ----------
    indptr : ndarray of shape (n_samples + 1,), int64
        The labels of item i are those from ``indptr[i]`` to ``indptr[i + 1]``.
    indices : ndarray of shape (n_labels,), int32
        The annotator of each label, increasing within an item.
    codes : ndarray of shape (n_labels,)
        The class of each label as a position in `classes`, in the smallest signed
        integer type that holds them all.
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    annotators : ndarray of shape (n_annotators,)
        Column names, values of the annotator column, or 0 to n_annotators - 1.
    items : ndarray of shape (n_samples,), optional
        Identifiers of the items; None if an item is known by its position.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import CrowdLabels
    >>> labels = CrowdLabels.from_matrix([["cat", None, "dog"], [None, "dog", None]])
    >>> labels
    CrowdLabels(2 items, 3 annotators, 2 classes, 3 labels)
    >>> labels.labels_per_annotator
    array([1, 1, 1])
    >>> np.asarray(labels)
    array([[ 0, -1,  1],
           [-1,  1, -1]], dtype=int8)
    >>> np.asarray(labels[[1]])
    array([[-1,  1, -1]], dtype=int8)
    """

    indptr: Integers
    indices: Integers
    codes: Integers
    classes: Array
    annotators: Array
    items: Array | None = None

    def __post_init__(self):
        for name, array in list(vars(self).items()):
            if array is not None:
                # A view, so that an array of the caller's keeps its flag.
                array = array.view()
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    @classmethod
    def from_matrix(
        cls,
        Y: LabelsLike,
        *,
        classes: ArrayLike | None = None,
        annotators: ArrayLike | None = None,
        missing: object = MINUS_ONE,
    ) -> CrowdLabels:
        """Labels of a matrix with one row an item and one column an annotator.

        NaN, NaT, None, `pd.NA`, masked and unstored entries are always missing. For
        -1 it depends on the type:

        - integers (arrays, columns, lists of integers alone, stored entries of a
          sparse matrix): -1 is missing;
        - floats, objects that are all numbers, and what a masked array of integers
          leaves unmasked: -1 is ambiguous and an error that asks for `missing`;
        - anything else: every entry is a label, also the string "-1".

        With `missing` given, that value is missing in place of -1.

        Parameters
        ----------
        Y : matrix of shape (n_samples, n_annotators)
            An integer, boolean, float, string or object array, a masked array, nested
            lists, a DataFrame of pandas, polars or pyarrow (its column names become
            the annotators), or any SciPy sparse matrix, whose stored entries are the
            labels, also stored zeros.
        classes : array-like of shape (n_classes,), optional
            All classes. By default those that occur, sorted.
        annotators : array-like of shape (n_annotators,), optional
            Names of the columns, in their order.
        missing : scalar, optional
            The value that stands for a missing label; None if there is none, so that
            -1 is a class.

        Returns
        -------
        labels : CrowdLabels

        Raises
        ------
        ValueError
            If `Y` is not a matrix or, by its columns, a table for `from_long`, its
            rows have unequal lengths, -1 is ambiguous, a label is infinite, lies
            outside `classes` or can't be sorted with the others, a sparse matrix stores
            an entry twice, or zeros that a sparse format pads with can't be told from
            the class 0.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> CrowdLabels.from_matrix([[3, -1], [4, 3]]).classes
        array([3, 4])
        >>> CrowdLabels.from_matrix([[3, -1], [4, 3]], missing=None).classes
        array([-1,  3,  4])
        """
        if isinstance(Y, CrowdLabels):
            raise TypeError(
                "from_matrix takes a matrix of labels, got CrowdLabels; use them as "
                "they are, or with other classes or annotators by align()."
            )
        indptr, indices, values, annotators = read_matrix(Y, missing, annotators)
        classes, codes = encode(values, classes)
        return cls(indptr, indices, codes, classes, annotators)

    @classmethod
    def from_long(
        cls,
        table: DataFrame | Mapping[str, Any],
        *,
        item: str = "task",
        annotator: str = "worker",
        label: str = "label",
        items: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        annotators: ArrayLike | None = None,
        duplicates: Literal["error", "first", "last"] = "error",
    ) -> CrowdLabels:
        """Labels of a table with one row a label.

        Every row is a label, -1 as well as any other; a row without an item, an
        annotator or a label is an error.

        Parameters
        ----------
        table : DataFrame (pandas, polars, pyarrow) or dict of 1-D array-likes
        item, annotator, label : str, default "task", "worker", "label"
            The columns to use; the defaults are those of crowd-kit.
        items : array-like of shape (n_samples,), optional
            The items in the order of the rows, which is how labels get the order of
            the features; items that the table lacks have no labels. By default the
            items of the table, sorted (by first appearance if they can't be sorted).
        classes : array-like of shape (n_classes,), optional
            All classes. By default those that occur, sorted.
        annotators : array-like of shape (n_annotators,), optional
            The annotators in the order of the columns, also those without labels. By
            default those of the table, sorted as the items.
        duplicates : {"error", "first", "last"}, default="error"
            What to do if an annotator labels an item more than once: raise, or keep
            the label that comes first or last in the table.

        Returns
        -------
        labels : CrowdLabels

        Raises
        ------
        ValueError
            If a column is absent or incomplete, the table has an item, annotator or
            class that `items`, `annotators` or `classes` lacks, or an annotator labels
            an item twice.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> table = {"task": [7, 7, 9], "worker": ["a", "b", "b"], "label": [1, 0, 1]}
        >>> labels = CrowdLabels.from_long(table, items=[9, 8, 7])
        >>> labels
        CrowdLabels(3 items, 2 annotators, 2 classes, 3 labels, 1 item without labels)
        >>> labels.labels_per_item
        array([1, 0, 2])
        """
        indptr, indices, values, items, annotators = read_long(
            table, [item, annotator, label], items, annotators, duplicates
        )
        classes, codes = encode(values, classes)
        return cls(indptr, indices, codes, classes, annotators, items)

    @classmethod
    def concat(cls, parts: Iterable[CrowdLabels]) -> CrowdLabels:
        """The rows of several `CrowdLabels`, one after the other.

        Parameters
        ----------
        parts : sequence of CrowdLabels
            With the same annotators in the same order (`align` brings others to that);
            either all or none have `items`.

        Returns
        -------
        labels : CrowdLabels
            Its classes are the union of theirs.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> labels = CrowdLabels.from_matrix([[0, 1], [-1, 0], [1, -1]])
        >>> CrowdLabels.concat([labels[:1], labels[1:]]) == labels
        True
        """
        parts = list(parts)
        if not parts or not all(isinstance(part, cls) for part in parts):
            raise TypeError("concat takes a sequence of at least one CrowdLabels.")
        return join_rows(parts)

    @property
    def n_samples(self) -> int:
        """Number of items."""
        return len(self.indptr) - 1

    @property
    def n_annotators(self) -> int:
        """Number of annotators, with those who gave no label."""
        return len(self.annotators)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return len(self.codes)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of items, number of annotators."""
        return self.n_samples, self.n_annotators

    @property
    def ndim(self) -> int:
        """2, as of a matrix."""
        return 2

    @property
    def labels_per_item(self) -> Integers:
        """Number of labels of each item, shape (n_samples,)."""
        return np.diff(self.indptr)

    @property
    def labels_per_annotator(self) -> Integers:
        """Number of labels of each annotator, shape (n_annotators,)."""
        return np.bincount(self.indices, minlength=self.n_annotators)

    def row_indices(self) -> Integers:
        """The item of each label as a row number.

        Returns
        -------
        rows : int ndarray of shape (n_labels,)
            Ascending, and aligned with `indices` and `codes`.
        """
        return np.repeat(np.arange(self.n_samples), self.labels_per_item)

    def __len__(self) -> int:
        return self.n_samples

    def __getitem__(self, key: slice | ArrayLike) -> CrowdLabels:
        return take_rows(self, key)

    def select_annotators(self, annotators: ArrayLike) -> CrowdLabels:
        """The labels of some annotators; all items and classes stay.

        Parameters
        ----------
        annotators : array-like of identifiers
            Distinct members of `annotators`; their order is that of the columns.

        Returns
        -------
        labels : CrowdLabels
            With these annotators, in the order in which they are given.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> labels = CrowdLabels.from_matrix([[0, 1, -1]], annotators=["a", "b", "c"])
        >>> labels.select_annotators(["c", "a"])
        CrowdLabels(1 item, 2 annotators, 2 classes, 1 label)
        """
        return take_annotators(self, annotators)

    def align(
        self, *, classes: ArrayLike | None = None, annotators: ArrayLike | None = None
    ) -> CrowdLabels:
        """The same labels, expressed in other classes or other columns.

        Parameters
        ----------
        classes : array-like of shape (n_classes,), optional
            The new classes; kept sorted.
        annotators : array-like of shape (n_annotators,), optional
            The annotators of the new columns, in this order; who is not among the
            present ones has no labels.

        Returns
        -------
        labels : CrowdLabels
            `self` if nothing changes.

        Raises
        ------
        ValueError
            If a class or an annotator that has labels is not among the new ones.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> labels = CrowdLabels.from_matrix([["no", "yes"]])
        >>> labels.align(classes=["maybe", "no", "yes"]).codes
        array([1, 2], dtype=int8)
        """
        labels = self if classes is None else with_classes(self, classes)
        return labels if annotators is None else with_annotators(labels, annotators)

    def to_long(
        self,
        *,
        item: str = "task",
        annotator: str = "worker",
        label: str = "label",
        backend: Literal["pandas", "polars", "pyarrow"] = "pandas",
    ) -> Any:
        """The labels as a table with one row a label, ordered by item.

        `from_long` reads it back; give it `items`, `classes` and `annotators` to keep
        those without labels.

        Parameters
        ----------
        item, annotator, label : str, default "task", "worker", "label"
            Names of the columns. An item without identifier is its row number.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The kind of DataFrame.

        Returns
        -------
        table : DataFrame
            With one row a label, item by item.

        Raises
        ------
        ValueError
            If two columns have one name.
        TypeError
            If the kind of DataFrame cannot hold the values, such as mixed types.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> CrowdLabels.from_matrix([["yes", None], ["no", "yes"]]).to_long()
           task  worker label
        0     0       0   yes
        1     1       0    no
        2     1       1   yes
        """
        if len({item, annotator, label}) < 3:
            raise ValueError(
                "item, annotator and label must be three names of columns, got "
                f"{item!r}, {annotator!r} and {label!r}."
            )
        rows = self.row_indices()
        columns = {
            item: rows if self.items is None else self.items[rows],
            annotator: self.annotators[self.indices],
            label: self.classes[self.codes],
        }
        try:
            return nw.from_dict(columns, backend=backend).to_native()
        except ImportError as error:
            raise ImportError(
                f"to_long(backend={backend!r}) needs {backend}: pip install {backend}."
            ) from error
        except Exception as error:
            # Each library has errors of its own for values that it cannot hold.
            mixed = [name for name, column in columns.items() if column.dtype == object]
            if not mixed:
                raise
            raise TypeError(
                f"{backend} cannot hold the values of the columns {mixed} ({error}): "
                'rename them to str, or take backend="pandas", which holds any.'
            ) from error

    def to_sparse(self) -> sparse.csr_array:
        """The class codes as a sparse matrix.

        Returns
        -------
        codes : scipy.sparse.csr_array of shape (n_samples, n_annotators)
            Its stored entries are the labels, also stored zeros.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> CrowdLabels.from_matrix([["yes", None], ["no", "yes"]]).to_sparse().nnz
        3
        """
        arrays = (self.codes, self.indices, self.indptr)
        return sparse.csr_array(arrays, shape=self.shape, copy=True)

    def label_indicator(self) -> sparse.csr_array:
        """The labels as ones, with one column for each annotator and class.

        Its transpose times the class probabilities of the items sums these over the
        labels, which estimates confusion matrices.

        Returns
        -------
        indicator : scipy.sparse.csr_array
            Of shape (n_samples, n_annotators * n_classes), float64; the column of a
            label is ``annotator * n_classes + code``. It takes 12 bytes a label, or 16
            where 4 cannot hold the numbers of the columns.

        Examples
        --------
        >>> from skccem import CrowdLabels
        >>> CrowdLabels.from_matrix([[0, 1], [1, -1]]).label_indicator().toarray()
        array([[1., 0., 0., 1.],
               [0., 1., 0., 0.]])
        """
        shape = (self.n_samples, self.n_annotators * self.n_classes)
        fits = max(*shape, self.n_labels) <= np.iinfo(np.int32).max
        index: type[np.integer] = np.int32 if fits else np.int64
        columns = self.indices.astype(index)
        columns *= self.n_classes
        columns += self.codes
        ones = np.ones(self.n_labels)
        return sparse.csr_array((ones, columns, self.indptr.astype(index)), shape=shape)

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> Array:
        if copy is False:
            raise ValueError("CrowdLabels are compressed: a dense array is a copy.")
        smallest = smallest_int(self.n_classes)
        dtype = smallest if dtype is None else np.dtype(dtype)
        if not np.can_cast(smallest, dtype):
            raise ValueError(
                f"{dtype} can't hold the codes and -1 for missing; use {smallest}."
            )
        itemsize = max(smallest.itemsize, dtype.itemsize)
        n_bytes = self.n_samples * self.n_annotators * itemsize
        if n_bytes > MAX_DENSE_BYTES:
            raise MemoryError(
                f"A dense matrix of {self!r} takes {n_bytes / 2**30:.1f} GiB, more than"
                f" the {MAX_DENSE_BYTES / 2**30:.1f} GiB allowed. scikit-learn makes "
                "one if cv is None or a number: pass a splitter, cv=KFold(5), which "
                "needs none."
            )
        dense = np.full(self.shape, -1, dtype=smallest)
        dense[self.row_indices(), self.indices] = self.codes
        return dense.astype(dtype, copy=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CrowdLabels):
            return NotImplemented
        return all(
            np.array_equal(array, getattr(other, name))
            for name, array in vars(self).items()
        )

    def __sizeof__(self):
        # Dask plans by sizes, and joblib on Dask sends what is large only once.
        arrays = [array for array in vars(self).values() if array is not None]
        return super().__sizeof__() + sum(array.nbytes for array in arrays)

    def __reduce__(self):
        return CrowdLabels, tuple(vars(self).values())

    def __repr__(self) -> str:
        n_unlabelled = np.count_nonzero(self.labels_per_item == 0)
        sizes = [
            _counted(self.n_samples, "item"),
            _counted(self.n_annotators, "annotator"),
            _counted(self.n_classes, "class", "classes"),
            _counted(self.n_labels, "label"),
        ]
        if n_unlabelled:
            sizes.append(f"{_counted(n_unlabelled, 'item')} without labels")
        return f"CrowdLabels({', '.join(sizes)})"


def _counted(number, one, many=None):
    return f"{number} {one if number == 1 else many or one + 's'}"

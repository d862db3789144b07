"""The forms that the features ``X`` may have, behind a few functions.

Items are counted and made into batches here alone. What keeps copies of some, or has
them on a device, knows the forms too: ``_replay``, ``_devices``.
"""

import textwrap
from collections.abc import Mapping

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _num_samples, validate_data
from skorch.helper import SliceDataset, SliceDict
from torch.utils.data import DataLoader, Dataset, Subset, default_collate

_SLICE_ADVICE = (
    "In cross-validation and searches, wrap a dict as skorch.helper.SliceDict(**X) and "
    "a torch Dataset as skorch.helper.SliceDataset(X); both are cut into folds whole."
)


def check_features(estimator, X, *, any_shape, dtype, reset):
    """Validate ``X`` and bring it into one of the forms that batches are taken from.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and ``feature_names_in_`` where ``X`` has two axes.
    X : array-like, sparse matrix, torch.Tensor, dict of arrays, or torch Dataset
    any_shape : bool
        Whether arrays may have any number of axes, the first one being items, or two.
    dtype : dtype or list of dtypes
        Of arrays and sparse matrices; they are converted unless they have one of these.
    reset : bool
        True in ``fit``; elsewhere ``X`` is compared with what ``fit`` saw.

    Returns
    -------
    ndarray or CSR, dict of arrays, or torch Dataset

    Raises
    ------
    ValueError
        If numbers are not finite or shapes do not fit.
    TypeError
        If it is a list of tensors, dicts or tuples, as a search makes of a Dataset, a
        DataLoader, or a dict or Dataset where only rows of features will do.
    """
    if isinstance(X, DataLoader):
        raise TypeError(
            "X is a DataLoader, but the estimator makes batches itself: give the "
            "Dataset, X.dataset, and batch_size= to the estimator."
        )
    # SciPy's DOK format is a dict as well.
    keyed = isinstance(X, Mapping) and not sparse.issparse(X)
    if keyed or isinstance(X, Dataset | SliceDataset):
        if not any_shape:
            raise TypeError(
                f"X is a {type(X).__name__}, which the default perceptron cannot read: "
                "pass a network as module=, or give X as rows of features."
            )
        if reset:
            _forget_columns(estimator)
        return _check_not_empty(_check_dict(X) if keyed else _check_dataset(X))
    if isinstance(X, torch.Tensor):
        X = _to_numpy(X)
    if isinstance(X, list) and X and isinstance(X[0], torch.Tensor | Mapping | tuple):
        kind = type(X[0]).__name__
        if not isinstance(X[0], tuple) or any(
            isinstance(part, torch.Tensor | np.ndarray | Mapping) for part in X[0]
        ):
            raise TypeError(
                "X must be an array, a dict of arrays or a torch Dataset, but it is a "
                f"list of {kind}: stack it into one array. {_SLICE_ADVICE}"
            )
    # A number too large for float32 becomes infinite, which it reports.
    with np.errstate(over="ignore", invalid="ignore"):
        X = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=dtype,
            allow_nd=any_shape,
            ensure_2d=not (any_shape and np.ndim(X) == 1),
        )
    if reset and X.ndim != 2:
        # Channels of images, for instance, are not features.
        _forget_columns(estimator)
    return X


def n_items(X):
    """Number of items in what ``check_features`` returned.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset

    Returns
    -------
    int
    """
    if isinstance(X, Mapping):
        return _num_samples(next(iter(X.values())))
    return len(X) if isinstance(X, Dataset) else X.shape[0]


def item_shape(X):
    """The shape of one item.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset

    Returns
    -------
    tuple of int, dict of these, or None for a Dataset
    """
    if isinstance(X, Mapping):
        return {name: part.shape[1:] for name, part in X.items()}
    return None if isinstance(X, Dataset) else X.shape[1:]


def number_type(X):
    """The type of the numbers that ``X`` gives; float32 where items are made of parts.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset

    Returns
    -------
    dtype
    """
    # A Dataset may have a dtype of its own, which says something else.
    table = isinstance(X, np.ndarray) or sparse.issparse(X)
    return X.dtype if table else np.dtype(np.float32)


def check_lengths(X, labels):
    """Raise unless there is one row of labels for every item.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
    labels : CrowdLabels
    """
    if n_items(X) != labels.n_samples:
        raise ValueError(
            f"X has {n_items(X)} items, but y has {labels.n_samples}: inconsistent "
            "numbers of samples. Give one row of y for every item of X."
        )


def take_batch(X, rows):
    """The given items as a batch of dense tensors.

    Parameters
    ----------
    X : ndarray, CSR, Tensor, dict of these, or torch Dataset
    rows : int ndarray of shape (n_rows,)

    Returns
    -------
    Tensor of shape (n_rows, ...), or dict of Tensors

    Raises
    ------
    TypeError
        If the items of a Dataset are tuples, or not of numbers.
    ValueError
        If they hold NaN or infinity.
    """
    if isinstance(X, Mapping):
        return {name: take_batch(part, rows) for name, part in X.items()}
    if isinstance(X, Dataset):
        return _take_from_dataset(X, rows)
    if isinstance(X, torch.Tensor):
        return X.index_select(0, torch.from_numpy(rows).to(X.device))
    if sparse.issparse(X):
        return torch.from_numpy(X[rows].toarray())
    return torch.from_numpy(X[rows])


def _forget_columns(estimator):
    """Remove what an earlier fit on rows of features said about their columns."""
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            delattr(estimator, name)


def _check_not_empty(X):
    if n_items(X) == 0:
        raise ValueError(f"X is a {type(X).__name__} of no items: give at least one.")
    return X


def _check_dict(X):
    """The dict with checked arrays; floats become float32, integers (ids) stay."""
    if not X:
        raise ValueError("X is an empty dict; it needs at least one array of items.")
    checked = {}
    for name, part in X.items():
        if not isinstance(name, str):
            raise TypeError(
                "The keys of a dict X are passed to the module as argument names and "
                f"must be str, but got {name!r}."
            )
        checked[name] = _check_part(part, f"X[{name!r}]")
    lengths = {name: part.shape[0] for name, part in checked.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"The arrays of a dict X must have one length, but got {lengths}."
        )
    return SliceDict(**checked)


def _check_part(part, name):
    """One array of a dict, in a type that torch knows."""
    if isinstance(part, torch.Tensor):
        part = _to_numpy(part)
    part = sparse.csr_array(part) if sparse.issparse(part) else np.asarray(part)
    if part.ndim == 0 or part.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} must be an array of numbers whose first axis is items, but it has "
            f"shape {part.shape} and dtype {part.dtype}."
        )
    if part.dtype.kind == "f":
        # A number too large for float32 becomes infinite, which the check reports.
        with np.errstate(over="ignore", invalid="ignore"):
            part = part.astype(np.float32, copy=False)
            assert_all_finite(part, input_name=name)
        return part
    if part.dtype.kind == "u" and part.dtype.itemsize > 1:
        # torch computes with unsigned integers of 8 bits only.
        if part.dtype.itemsize == 8 and part.max(initial=0) > np.iinfo(np.int64).max:
            raise ValueError(
                f"{name} holds {part.max()}, which does not fit into int64, the widest "
                "integer type of torch: number these values anew from 0."
            )
        return part.astype(np.int64)
    return part.astype(part.dtype.newbyteorder("="), copy=False)


def _to_numpy(tensor):
    """The tensor as an array; half precision that NumPy lacks is widened."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _check_dataset(X):
    if isinstance(X, SliceDataset):
        return _DatasetSlice(X)
    if not hasattr(X, "__len__"):
        raise TypeError(
            f"X is a {type(X).__name__}, a torch Dataset without a length: give one "
            "whose items can be counted and taken by number, so not an IterableDataset."
        )
    return X


def _take_from_dataset(X, rows):
    items = _read_items(X, rows.tolist())
    if not isinstance(items, torch.Tensor | np.ndarray | Mapping):
        items = _collate(items, rows)
    return _to_float32(items, rows)


def _read_items(X, rows):
    """What the Dataset returns; its errors tell which items it was asked for."""
    asked = rows
    try:
        if hasattr(X, "__getitems__"):
            return X.__getitems__(rows)
        items = []
        for row in rows:
            asked = row
            items.append(X[row])
        return items
    except Exception as error:
        shown = textwrap.shorten(str(asked), 100)
        error.add_note(f"This came from X[{shown}], of the {type(X).__name__} X.")
        raise


def _collate(items, rows):
    """The items as one batch."""
    if not isinstance(items, list) or len(items) != len(rows):
        size = f" of length {len(items)}" if hasattr(items, "__len__") else ""
        raise TypeError(
            f"X.__getitems__ of the torch Dataset X returned a {type(items).__name__}"
            f"{size} for {len(rows)} items. It must return a list of as many x, or the "
            "batch as one tensor, array or dict. If this is (x, targets): give the "
            "labels as y, and drop the targets, for example with "
            "skorch.helper.SliceDataset(X, idx=0)."
        )
    first = items[0]
    if isinstance(first, list) and not any(
        isinstance(part, torch.Tensor | np.ndarray | Mapping) for part in first
    ):
        raise TypeError(
            "The items of a torch Dataset X must be tensors, arrays, numbers or dicts "
            f"of these, but X[{rows[0]}] is a list of length {len(first)}: return "
            "torch.tensor(item)."
        )
    if isinstance(first, tuple | list):
        raise TypeError(
            "The items of a torch Dataset X must be x alone, a tensor, array or dict, "
            f"but X[{rows[0]}] is a {type(first).__name__} of length {len(first)}: "
            "give the labels as y, and drop the targets, for example with "
            "skorch.helper.SliceDataset(X, idx=0)."
        )
    try:
        return default_collate(items)
    except (KeyError, RuntimeError, TypeError) as error:
        raise TypeError(
            "The items of a torch Dataset X must be tensors, arrays, numbers or dicts "
            "of these, all of one shape, but they do not make a batch "
            f"({textwrap.shorten(str(error), 200)}): pad or encode them in the Dataset."
        ) from error


def _to_float32(batch, rows, name=""):
    """A batch of a Dataset, checked, in the precision that modules are trained in."""
    if isinstance(batch, Mapping):
        return {
            key: _to_float32(part, rows, f"{name}[{key!r}]")
            for key, part in batch.items()
        }
    if isinstance(batch, np.ndarray) and batch.dtype.kind in "fiub":
        batch = torch.from_numpy(batch)
    if not isinstance(batch, torch.Tensor):
        raise TypeError(
            "The items of a torch Dataset X must be tensors, arrays, numbers or dicts "
            f"of these, but a batch of them holds a {type(batch).__name__}: encode "
            "them, such as text by a tokenizer, in the Dataset."
        )
    if batch.shape[:1] != (len(rows),):
        raise ValueError(
            f"A batch of {len(rows)} items of the torch Dataset X has the shape "
            f"{tuple(batch.shape)}: its first axis must be the items."
        )
    if not batch.is_floating_point():
        return batch
    batch = batch.float() if batch.dtype == torch.float64 else batch
    finite = torch.isfinite(batch)
    if not finite.all():
        bad = rows[int((~finite).nonzero()[0, 0])]
        raise ValueError(
            f"X[{bad}]{name} of the torch Dataset X contains NaN, or a number that is "
            "infinite in float32: fill in or leave out what is missing."
        )
    return batch


class _DatasetSlice(Dataset):
    """The items of a ``SliceDataset``, also when the wrapped items are x alone.

    ``SliceDataset`` itself would index into such an item and return its first row.
    """

    def __init__(self, wrapped):
        self._wrapped = wrapped
        self._items = Subset(wrapped.dataset, np.asarray(wrapped.indices_).tolist())

    def __len__(self):
        return len(self._items)

    def __getitem__(self, row):
        return self._unwrap(self._items[row])

    def __getitems__(self, rows):
        items = self._items.__getitems__(rows)
        if isinstance(items, list) and len(items) == len(rows):
            return [self._unwrap(item) for item in items]
        if type(self._wrapped).transform is SliceDataset.transform:
            # A pair of batches is what a whole batch of pairs may look like.
            return items[self._wrapped.idx] if isinstance(items, tuple) else items
        # A transformation of the user's is one of single items.
        return [self[row] for row in rows]

    def _unwrap(self, item):
        if isinstance(item, tuple | list):
            item = item[self._wrapped.idx]
        return self._wrapped.transform(item)

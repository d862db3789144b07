"""The forms that the features ``X`` may have, behind three functions.

Everything else in the package counts, selects and batches items only through these.
"""

from collections.abc import Mapping

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _num_samples, validate_data
from skorch.helper import SliceDataset, SliceDict
from torch.utils.data import Dataset, Subset, default_collate

_SLICE_ADVICE = (
    "In cross-validation and searches, wrap a dict as skorch.helper.SliceDict(**X) and "
    "a torch Dataset as skorch.helper.SliceDataset(X); both are cut into folds whole."
)


def check_features(estimator, X, *, any_shape, dtype, reset):
    """Validate ``X`` and bring it into one of the forms that batches are taken from.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and ``feature_names_in_`` where items are array rows.
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
        If it is a list of tensors, dicts or tuples, as a search makes of a Dataset.
    """
    if not any_shape and isinstance(X, Dataset | SliceDataset | dict):
        if not sparse.issparse(X):
            raise TypeError(
                f"X is a {type(X).__name__}, which the default perceptron cannot read: "
                "pass a network as module=, or give X as rows of features."
            )
    if isinstance(X, SliceDataset):
        return _DatasetSlice(X)
    if isinstance(X, Dataset):
        return X
    # SciPy's DOK format is a dict as well.
    if isinstance(X, Mapping) and not sparse.issparse(X):
        return _check_dict(X)
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().numpy()
    if isinstance(X, list) and X and isinstance(X[0], torch.Tensor | Mapping | tuple):
        kind = type(X[0]).__name__
        if not isinstance(X[0], tuple) or any(
            isinstance(part, torch.Tensor | np.ndarray | Mapping) for part in X[0]
        ):
            raise TypeError(
                "X must be an array, a dict of arrays or a torch Dataset, but it is a "
                f"list of {kind}: stack it into one array. {_SLICE_ADVICE}"
            )
    return validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr",
        dtype=dtype,
        allow_nd=any_shape,
        ensure_2d=not (any_shape and np.ndim(X) == 1),
    )


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


def take_batch(X, rows):
    """The given items as a batch of dense tensors.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
    rows : int ndarray of shape (n_rows,)

    Returns
    -------
    Tensor of shape (n_rows, ...), or dict of Tensors

    Raises
    ------
    TypeError
        If the items of a Dataset are tuples.
    """
    if isinstance(X, Mapping):
        return {name: take_batch(part, rows) for name, part in X.items()}
    if isinstance(X, Dataset):
        return _take_from_dataset(X, rows)
    if sparse.issparse(X):
        return torch.from_numpy(X[rows].toarray())
    return torch.from_numpy(X[rows])


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
        if isinstance(part, torch.Tensor):
            part = part.detach().cpu().numpy()
        part = sparse.csr_array(part) if sparse.issparse(part) else np.asarray(part)
        if part.ndim == 0 or part.dtype.kind not in "fiub":
            raise ValueError(
                f"X[{name!r}] must be an array of numbers whose first axis is items, "
                f"but it has shape {part.shape} and dtype {part.dtype}."
            )
        if part.dtype.kind == "f":
            assert_all_finite(part, input_name=f"X[{name!r}]")
            part = part.astype(np.float32, copy=False)
        checked[name] = part
    lengths = {name: part.shape[0] for name, part in checked.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"The arrays of a dict X must have one length, but got {lengths}."
        )
    return SliceDict(**checked)


def _take_from_dataset(X, rows):
    if hasattr(X, "__getitems__"):
        items = X.__getitems__(rows.tolist())
    else:
        items = [X[row] for row in rows.tolist()]
    if isinstance(items, torch.Tensor):
        return items
    if len(items) and isinstance(items[0], tuple | list):
        raise TypeError(
            "The items of a torch Dataset X must be x alone, a tensor, array or dict, "
            f"but X[{rows[0]}] is a {type(items[0]).__name__} of length "
            f"{len(items[0])}: give the labels as y, and drop the targets, for example "
            "with skorch.helper.SliceDataset(X, idx=0)."
        )
    return _to_float32(default_collate(items))


def _to_float32(batch):
    if isinstance(batch, Mapping):
        return {name: _to_float32(part) for name, part in batch.items()}
    return batch.float() if batch.dtype == torch.float64 else batch


class _DatasetSlice(Dataset):
    """The items of a ``SliceDataset``, also when the wrapped items are x alone.

    ``SliceDataset`` itself would index into such an item and return its first row.
    """

    def __init__(self, wrapped):
        rows = np.asarray(wrapped.indices_)
        self._items = Subset(wrapped.dataset, rows.tolist())
        self._part = wrapped.idx
        self._transform = wrapped.transform

    def __len__(self):
        return len(self._items)

    def __getitem__(self, row):
        item = self._items[row]
        if isinstance(item, tuple | list):
            item = item[self._part]
        return self._transform(item)

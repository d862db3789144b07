"""Folds for cross-validation: of items, as scikit-learn's, or of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from sys import getsizeof
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable
from skorch.helper import SliceDict
from torch.utils.data import Dataset, Subset

from ._annotations import CrowdLabels, check_crowd_labels
from ._random_state import random_generator
from ._rearrange import take_labels
from ._typing import LabelsLike, RandomState


class LabelKFold:
    """Folds of labels: an item stays, and some of what was said about it is held out.

    Splitters of items hold out all labels of an item. Here a label is held out by
    itself, so that features of every item, and other labels of most, are trained on.
    Each label is held out once, but for those of annotators who gave only one, which
    always are in the training part: every annotator keeps at least one label in it.
    The numbers of labels that are held out differ by at most one from fold to fold,
    for each annotator and in total.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=True
        Whether it is random which labels of an annotator go to the same fold. Otherwise
        they go to the folds in turn, in the order of the items.
    random_state : int, RandomState or None, default=None
        Of the shuffling. An int gives the same folds in each call.

    See Also
    --------
    CrowdClassifierCV : Takes it as `cv`.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import LabelKFold
    >>> Y = np.array([[0, 1], [1, 1], [0, -1]])
    >>> for train, test in LabelKFold(2, shuffle=False).split(Y):
    ...     print(np.asarray(test).tolist())
    [[0, -1], [-1, 1], [0, -1]]
    [[-1, 1], [1, -1], [-1, -1]]
    >>> train
    CrowdLabels(3 items, 2 annotators, 2 classes, 3 labels)
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = True,
        random_state: RandomState = None,
    ) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def split(
        self, Y: LabelsLike, y: None = None, groups: None = None
    ) -> Iterator[tuple[CrowdLabels, CrowdLabels]]:
        """The training and the held-out labels of each fold.

        Parameters
        ----------
        Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Who said what.
        y, groups : None
            What scikit-learn passes to a splitter of items, which this one is not.

        Yields
        ------
        train, test : CrowdLabels of shape (n_samples, n_annotators)
            With the items, annotators and classes of `Y`; each label of `Y` is in one
            of the two.

        Raises
        ------
        TypeError
            If it is called as a splitter of items.
        ValueError
            If `n_splits` is not at least 2, or more than the labels to hold out.
        """
        if y is not None or groups is not None:
            raise TypeError(
                "LabelKFold splits the labels of a crowd, split(Y), and not items, as "
                "GridSearchCV and cross_val_score need it. Use "
                "CrowdClassifierCV(cv=LabelKFold()), or KFold for items."
            )
        if not isinstance(self.n_splits, Integral) or self.n_splits < 2:
            raise ValueError(
                "Expected n_splits of LabelKFold to be an integer of at least 2, got "
                f"{self.n_splits!r}."
            )
        labels = check_crowd_labels(Y)
        rng = random_generator(self.random_state) if self.shuffle else None
        folds = assign_folds(labels, self.n_splits, rng)
        if folds.max(initial=-1) + 1 < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} folds need as many labels of annotators who "
                f"gave two or more, but there are {np.count_nonzero(folds >= 0)} of "
                f"these in {labels!r}: lower n_splits."
            )
        for fold in range(self.n_splits):
            held_out = folds == fold
            yield take_labels(labels, ~held_out), take_labels(labels, held_out)

    def get_n_splits(
        self, Y: LabelsLike | None = None, y: None = None, groups: None = None
    ) -> int:
        """Number of folds.

        Parameters
        ----------
        Y, y, groups : object
            Ignored.

        Returns
        -------
        int
            That of the folds.
        """
        return self.n_splits

    def __repr__(self) -> str:
        return (
            f"LabelKFold(n_splits={self.n_splits}, shuffle={self.shuffle}, "
            f"random_state={self.random_state})"
        )


def assign_folds(labels, n_splits, rng=None):
    """The fold that holds out each label.

    Parameters
    ----------
    labels : CrowdLabels
    n_splits : int
    rng : RandomState, optional
        Shuffles.

    Returns
    -------
    int ndarray of shape (n_labels,)
        -1 for the label of an annotator who has no other.
    """
    shuffled = np.arange if rng is None else rng.permutation
    rank = shuffled(labels.n_annotators)[labels.indices]
    order = np.lexsort((shuffled(labels.n_labels), rank))
    order = order[labels.labels_per_annotator[labels.indices[order]] > 1]
    folds = np.full(labels.n_labels, -1)
    # In turn along one sequence of annotators: even for each of them and in total.
    folds[order] = np.arange(len(order)) % n_splits
    return folds


@dataclass(frozen=True, eq=False)
class Fold:
    """What is trained on and what is held out; rows that are None are all items."""

    train_rows: np.ndarray | None
    train_y: Any
    test_rows: np.ndarray | None
    test_labels: CrowdLabels

    def __sizeof__(self):
        # By its size joblib on Dask sees that a fold of many tasks is to be sent once.
        parts = [part for part in vars(self).values() if part is not None]
        return super().__sizeof__() + sum(map(getsizeof, parts))


def make_folds(cv, X, labels, y=None):
    """The folds of a splitter of items or of labels.

    Parameters
    ----------
    cv : int, splitter, iterable, or None
        An integer holds out items without stratification (``KFold``) for a crowd, as
        scikit-learn does for classifiers (``StratifiedKFold``) for one label an item.
    X : array-like
        Passed to the splitter.
    labels : CrowdLabels of shape (n_samples, n_annotators)
    y : ndarray of shape (n_samples,), optional
        One label an item, instead of a crowd's; `labels` then has one column.

    Returns
    -------
    list of Fold

    Raises
    ------
    ValueError
        If there are more folds than items, or none.
    """
    if isinstance(cv, LabelKFold):
        if y is not None:
            raise ValueError(
                "LabelKFold holds out some labels of a crowd, but y has one label an "
                "item: give an integer or a splitter of items as cv."
            )
        return [Fold(None, train, None, test) for train, test in cv.split(labels)]
    return [
        Fold(train, labels[train] if y is None else y[train], test, labels[test])
        for train, test in item_folds(cv, X, labels, y)
    ]


def item_folds(cv, X, labels, y=None):
    """Row numbers of the training and the held-out items of each fold.

    Parameters
    ----------
    cv, X, labels, y
        As for ``make_folds``; a splitter of items.

    Returns
    -------
    list of (int ndarray, int ndarray)

    Raises
    ------
    ValueError
        If there are more folds than items, or none.
    """
    n_samples = labels.n_samples
    if isinstance(cv, Integral) and cv > n_samples:
        raise ValueError(
            f"cv={cv} folds need as many items, but n_samples={n_samples}: lower cv."
        )
    splitter = check_cv(cv, y, classifier=y is not None)
    rows = np.arange(n_samples)
    target = labels if y is None else y
    folds = [(rows[train], rows[test]) for train, test in splitter.split(X, target)]
    if not folds:
        raise ValueError(
            "cv has no folds: give an integer, a splitter, or a list of (train, test) "
            "rows. An iterator can be used once only."
        )
    return folds


def check_folds(folds, sample_weight=None):
    """Raise unless each fold has labels to train on and labels to score.

    Parameters
    ----------
    folds : list of Fold
    sample_weight : ndarray of shape (n_samples,), optional
        Of the labels that are held out, those of items of weight zero do not count.

    Raises
    ------
    ValueError
        If a fold holds out no label, or trains on labels of one class.
    """
    for number, fold in enumerate(folds):
        held_out = fold.test_labels.labels_per_item > 0
        if sample_weight is not None:
            rows = slice(None) if fold.test_rows is None else fold.test_rows
            held_out &= sample_weight[rows] > 0
        train = fold.train_y
        seen = np.unique(train.codes if isinstance(train, CrowdLabels) else train)
        if not held_out.any() or len(seen) < 2:
            problem = (
                "trains on labels of fewer than two classes"
                if len(seen) < 2
                else "holds out no label that counts"
            )
            raise ValueError(
                f"Fold {number} of {len(folds)} {problem}: lower cv, or give a "
                "splitter that shuffles, such as KFold(5, shuffle=True)."
            )


def sliceable(X):
    """`X` in a form that ``take_items`` takes.

    Parameters
    ----------
    X : array-like, sparse matrix, dict of arrays, or torch Dataset

    Returns
    -------
    object with a length of n_samples
    """
    # SciPy's DOK format is a dict as well.
    if isinstance(X, Mapping) and not sparse.issparse(X):
        return SliceDict(**X)
    return X if isinstance(X, Dataset) else indexable(X)[0]


def take_items(X, rows):
    """Some items.

    Parameters
    ----------
    X : what ``sliceable`` returned
    rows : int ndarray, or None for all

    Returns
    -------
    object of the kind of X; of a Dataset a Subset
    """
    if rows is None:
        return X
    if isinstance(X, Dataset):
        return Subset(X, rows.tolist())
    return _safe_indexing(X, rows)

"""Dawid-Skene on Dask, for more labels than one machine holds.

Needs ``pip install skccem[distributed]``. Searches of other estimators run on Dask by
joblib, ``joblib.parallel_config(backend="dask")``, and need nothing from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._aggregation import DawidSkene
from ._annotations import CrowdLabels
from ._dask_items import (
    DaskItems,
    add_numbers,
    align_part,
    as_labels,
    call,
    find_crowd,
    first,
    import_dask,
    place,
    reduce_tree,
    second,
    send,
)
from ._dawid_skene_model import ConfusionModel
from ._evidence import check_answers
from ._identifiers import check_classes
from ._random_state import random_generator
from ._typing import fit_context

if TYPE_CHECKING:
    import dask.array
    import dask.dataframe
    from dask.delayed import Delayed

    _Parts: TypeAlias = Sequence[Any] | dask.array.Array | dask.dataframe.DataFrame

__all__ = ["DaskDawidSkene", "parts_from_long"]


def parts_from_long(
    frame: dask.dataframe.DataFrame,
    *,
    item: str = "task",
    annotator: str = "worker",
    label: str = "label",
    shuffle: bool = True,
) -> list[Delayed]:
    """Parts for `DaskDawidSkene` from a Dask DataFrame with one row a label.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
    item, annotator, label : str, default "task", "worker", "label"
        The columns to use, as in `CrowdLabels.from_long`.
    shuffle : bool, default=True
        Bring the labels of an item into one partition. False saves that where they are
        so already; an item in two partitions would count as two.

    Returns
    -------
    parts : list of dask.delayed.Delayed
        `CrowdLabels` of each partition, whose ``items`` name the rows. Each use reads
        the frame again; ``dask.persist(*parts)`` keeps them.

    Raises
    ------
    ImportError
        If Dask is not installed.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from skccem.distributed import parts_from_long
    >>> table = pd.DataFrame(
    ...     {"task": [7, 9, 7], "worker": ["a", "b", "b"], "label": [1, 1, 0]}
    ... )
    >>> (part,) = parts_from_long(dd.from_pandas(table, npartitions=1), shuffle=False)
    >>> part.compute()
    CrowdLabels(2 items, 2 annotators, 2 classes, 3 labels)
    >>> part.items.compute()
    array([7, 9])
    """
    import_dask()
    frame = frame[[item, annotator, label]]
    if shuffle:
        frame = frame.shuffle(item)
    return [
        call(_read_long, partition, item, annotator, label)
        for partition in frame.to_delayed()
    ]


def _read_long(table, item, annotator, label):
    return CrowdLabels.from_long(table, item=item, annotator=annotator, label=label)


class DaskDawidSkene(DawidSkene):
    """`DawidSkene` of labels that lie in parts on the workers of Dask.

    An iteration maps the E-step over the parts and adds up their expected counts, in
    which alone it differs from `DawidSkene`: parameters, attributes and results are the
    same. The parts are read once and stay on the workers. What travels in an iteration
    is the matrices, once to each worker, and counts of their size,
    ``8 * n_annotators * n_classes ** 2`` bytes. On its worker a part takes some 17
    bytes a label and ``8 * n_classes + 12`` bytes an item.

    It uses the default client of ``dask.distributed`` if there is one, else Dask's
    threads on this machine.

    Parameters
    ----------
    max_iter, tol, smoothing, smoothing_target, n_init : as of `DawidSkene`
        The random starts of ``n_init > 1`` depend on the parts.
    classes, random_state, verbose : as of `DawidSkene`

    Attributes
    ----------
    classes_, annotators_, n_annotators_, confusion_matrices_, class_prior_
        As of `DawidSkene`. Where parts name different annotators, these are sorted.
    log_likelihood_, history_, n_iter_, converged_
        As of `DawidSkene`.

    See Also
    --------
    parts_from_long : Parts from a Dask DataFrame with one row a label.
    DawidSkene : The same on one machine.

    Examples
    --------
    Chunks of rows of a Dask array, of integers in which -1 is missing:

    >>> import dask.array as da
    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.distributed import DaskDawidSkene
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> y = np.random.default_rng(0).integers(3, size=300)
    >>> matrices = make_confusion_matrices(6, 3, random_state=0)
    >>> labels = make_crowd_labels(y, matrices, labels_per_item=3, random_state=0)
    >>> Y = da.from_array(np.asarray(labels), chunks=(100, 6))
    >>> model = DaskDawidSkene(random_state=0).fit(Y)
    >>> local = DawidSkene(random_state=0).fit(labels)
    >>> bool(np.allclose(model.confusion_matrices_, local.confusion_matrices_))
    True
    >>> model.predict_proba(Y)[:2].compute().shape
    (2, 3)
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(  # type: ignore[override]
        self,
        parts: _Parts,
        y: None = None,
        sample_weight: Sequence[Any] | dask.array.Array | None = None,
    ) -> Self:
        """Estimate the annotators and the class prior.

        Parameters
        ----------
        parts : sequence, dask.array.Array or dask.dataframe.DataFrame
            All labels of some items each: a sequence of `CrowdLabels`, or of
            ``Delayed`` objects or futures of them, which need not all name all
            annotators and classes; chunks of rows of an array of shape
            (n_samples, n_annotators), as
            `CrowdLabels.from_matrix` takes them; or a frame for `parts_from_long`.
        y : None
            Ignored.
        sample_weight : sequence of array-likes of shape (n_samples_of_part,), \
                default=None
            Weights of the items of each part; they may be ``Delayed`` or futures, too.

        Returns
        -------
        self : DaskDawidSkene
            Fitted estimator.

        Raises
        ------
        ImportError
            If Dask is not installed.
        ValueError
            If there are no labels, only one class, or weights that do not fit.

        Warns
        -----
        ConvergenceWarning
            If `tol` was not reached within `max_iter`.
        """
        dask = import_dask()
        parts, _ = _as_parts(parts)
        weights = _as_weights(sample_weight, len(parts))
        labels = dask.persist(*(call(as_labels, part) for part in parts))
        classes, annotators = find_crowd(list(labels))
        if self.classes is not None:
            classes = check_classes(self.classes)
        sent = send(classes), send(annotators)
        aligned = dask.persist(
            *(
                call(align_part, part, weight, *sent)
                for part, weight in zip(labels, weights, strict=True)
            )
        )
        numbers = reduce_tree(add_numbers, [call(second, part) for part in aligned])
        numbers = numbers.compute()
        shape = numbers["n_samples"], len(annotators)
        check_answers(numbers["answers"], classes, shape)
        if numbers["n_labels"] == 0:
            raise ValueError(
                "sample_weight is zero for every item that has labels: give a positive "
                "weight to the items to learn from."
            )
        rng = random_generator(self.random_state)
        self._store_crowd(classes, annotators, rng)
        items = DaskItems(list(dask.persist(*(call(first, part) for part in aligned))))
        # What the items were made of need not stay in memory beside them.
        del labels, aligned
        model = ConfusionModel(items, self.smoothing, self._checked_target())
        return self._climb(model, numbers["n_labels"], rng)

    def predict(self, parts: _Parts) -> dask.array.Array:
        """Most probable class of items with labels of the same annotators.

        Parameters
        ----------
        parts : sequence, dask.array.Array or dask.dataframe.DataFrame
            As of `fit`.

        Returns
        -------
        labels : dask.array.Array of shape (n_samples,)
            Classes from `classes_`, one chunk a part, not computed yet. Ties are broken
            at random, each time in the same way for the same part.
        """
        check_is_fitted(self)
        return self._map("predict", parts, (), self.classes_.dtype)

    def predict_proba(self, parts: _Parts) -> dask.array.Array:
        """Probability of each class of items with labels of the same annotators.

        Parameters
        ----------
        parts : sequence, dask.array.Array or dask.dataframe.DataFrame
            As of `fit`.

        Returns
        -------
        proba : dask.array.Array of shape (n_samples, n_classes)
            One chunk a part, not computed yet. An item without labels gets
            `class_prior_`.
        """
        check_is_fitted(self)
        return self._map("predict_proba", parts, (len(self.classes_),), np.float64)

    def _map(self, method, parts, shape, dtype):
        """What the local estimator makes of each part, as a Dask array."""
        array = import_dask().array
        parts, sizes = _as_parts(parts)
        model = send(self._local())
        chunks = [
            array.from_delayed(
                call(_predict, model, method, part), (size, *shape), dtype
            )
            for part, size in zip(parts, sizes, strict=True)
        ]
        return array.concatenate(chunks, allow_unknown_chunksizes=True)

    def _local(self):
        """The `DawidSkene` that this is, with everything that was fitted."""
        model = DawidSkene(**self.get_params())
        vars(model).update(vars(self))
        return model


def _predict(model, method, part):
    if isinstance(part, CrowdLabels):
        part = part.align(annotators=model.annotators_)
    return getattr(model, method)(part)


def _as_parts(parts):
    """Parts as arguments of delayed functions, and their numbers of items, or NaN."""
    array = import_dask().array
    if hasattr(parts, "to_delayed") and hasattr(parts, "columns"):
        parts = parts_from_long(parts)
    if isinstance(parts, array.Array):
        if parts.ndim != 2:
            raise ValueError(
                "Expected an array of shape (n_samples, n_annotators), got the shape "
                f"{parts.shape}."
            )
        parts = parts.rechunk({1: -1})
        return list(parts.to_delayed().ravel()), list(parts.chunks[0])
    if not isinstance(parts, (list, tuple)):
        raise TypeError(
            "Expected parts of the items: a list of CrowdLabels, or of Delayed objects "
            "or futures of them, a Dask array, or a Dask DataFrame with one row a "
            f"label, got {type(parts).__name__}. For labels on one machine use "
            "DawidSkene."
        )
    if not parts:
        raise ValueError("Expected at least one part, got an empty sequence.")
    sizes = [len(p) if isinstance(p, CrowdLabels) else np.nan for p in parts]
    return [place(part) for part in parts], sizes


def _as_weights(sample_weight, n_parts):
    """Weights of each part as an argument of delayed functions."""
    if sample_weight is None:
        return [None] * n_parts
    if hasattr(sample_weight, "to_delayed"):
        sample_weight = list(sample_weight.to_delayed().ravel())
    if len(sample_weight) != n_parts:
        raise ValueError(
            "sample_weight must have one array for each part, or as a Dask array one "
            f"chunk, got {len(sample_weight)} for {n_parts} parts."
        )
    return [place(weight) for weight in sample_weight]

"""Items that lie in parts on Dask's workers; sums over them, and what is known of them.

Dask is imported where it is used. Everything here works with the default client of
``distributed``, and without one by Dask's schedulers of a single machine.
"""

import uuid

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from ._annotations import check_crowd_labels
from ._dawid_skene_model import LocalItems, add_item_sums
from ._em import used_labels
from ._identifiers import concatenate, sorted_unique, unique_identifiers

# Results that are added up at a time: adds little waiting, and bounds the memory of one
# worker.
_FAN_IN = 4


def import_dask():
    """The package ``dask``, or an error that names the extra to install."""
    try:
        import dask
        import dask.array
    except ImportError as error:
        raise ImportError(
            "skccem.distributed needs Dask: pip install skccem[distributed]."
        ) from error
    return dask


def send(value):
    """A value that many tasks need, sent to each worker once.

    Parameters
    ----------
    value : object

    Returns
    -------
    Future or Delayed
        An argument of delayed functions.
    """
    if (client := _client()) is not None:
        # In a list, as otherwise a tuple would be taken apart. A hash would only cost
        # time.
        return client.scatter([value], broadcast=True, hash=False)[0]
    # The name keeps Dask from reading all of the value to make one.
    return import_dask().delayed(value, name=f"skccem-{uuid.uuid4()}", traverse=False)


def place(value):
    """A value of this process that one task needs, on one of the workers.

    Parameters
    ----------
    value : object
        What is with Dask already is returned as it is.

    Returns
    -------
    Future or Delayed
    """
    dask = import_dask()
    if dask.is_dask_collection(value) or type(value).__name__ == "Future":
        return value
    if (client := _client()) is not None:
        return client.scatter([value], hash=False)[0]
    return dask.delayed(value, name=f"skccem-{uuid.uuid4()}", traverse=False)


def _client():
    """The client that Dask would compute with, or None."""
    from dask.base import get_scheduler

    client = getattr(get_scheduler(), "__self__", None)
    return client if hasattr(client, "scatter") else None


def call(function, *arguments):
    """A delayed call; each is one of its own, also with equal arguments."""
    return import_dask().delayed(function, pure=False, traverse=False)(*arguments)


def reduce_tree(function, parts):
    """Reduce parts on the workers, a few at a time.

    Parameters
    ----------
    function : callable
        From a list of parts to one of the same kind, whatever their order.
    parts : list of Delayed

    Returns
    -------
    Delayed
    """
    while len(parts) > 1:
        parts = [
            call(function, parts[start : start + _FAN_IN])
            for start in range(0, len(parts), _FAN_IN)
        ]
    return parts[0]


def find_crowd(labels):
    """Classes and annotators of all the parts.

    Parameters
    ----------
    labels : list of Delayed
        `CrowdLabels`, not all of which need know all annotators and classes.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    annotators : ndarray of shape (n_annotators,)
        Those of the parts if these agree, else sorted.
    """
    found = [call(_crowd_of, part) for part in labels]
    return reduce_tree(_join_crowds, found).compute()


def _crowd_of(labels):
    return labels.classes, labels.annotators


def _join_crowds(crowds):
    classes, annotators = zip(*crowds, strict=True)
    return (
        _join(classes, sorted_unique, "classes"),
        _join(annotators, unique_identifiers, "annotators"),
    )


def _join(parts, unique, what):
    first, *others = parts
    if all(np.array_equal(first, other) for other in others):
        return first
    return unique(concatenate(parts), what)


def align_part(labels, weight, classes, annotators):
    """A part as the model sees it, and numbers that are checked when all are known.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators_of_part)
    weight : array-like of shape (n_samples,) or None
    classes, annotators : ndarrays
        Those of all parts.

    Returns
    -------
    items : LocalItems
    numbers : dict
        Sums over the part: ``answers`` of each class, ``n_samples``, and ``n_labels``,
        the weight of its labels.
    """
    labels = labels.align(classes=classes, annotators=annotators)
    if weight is not None:
        weight = _check_weight(weight, labels)
    data = used_labels(labels, weight)
    numbers = {
        "answers": np.bincount(labels.codes, minlength=len(classes)),
        "n_samples": labels.n_samples,
        "n_labels": data.n_labels,
    }
    return LocalItems(data), numbers


def _check_weight(weight, labels):
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape == (len(labels),) and not weight.any():
        # Of one part among several, which scikit-learn does not know.
        return weight
    return _check_sample_weight(
        weight, labels, dtype=np.float64, ensure_non_negative=True
    )


def add_numbers(parts):
    """Sums of the numbers of several parts."""
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def as_labels(part):
    """A part of any form as `CrowdLabels`."""
    return check_crowd_labels(part)


def first(pair):
    """The items of an aligned part."""
    return pair[0]


def second(pair):
    """The numbers of an aligned part."""
    return pair[1]


class DaskItems:
    """Items in parts on Dask's workers, for `ConfusionModel`.

    Only the parameters, sent to each worker once, and the sums of the parts travel.

    Parameters
    ----------
    parts : list of Delayed
        `LocalItems`, computed already.
    """

    def __init__(self, parts):
        self.parts = parts

    def start(self, rng=None):
        """Sums by the votes of each item, as of `LocalItems`."""
        seeds = [None] * len(self.parts)
        if rng is not None:
            seeds = [int(seed) for seed in rng.randint(2**31 - 1, size=len(seeds))]
        return self._sum(
            call(_start, part, seed)
            for part, seed in zip(self.parts, seeds, strict=True)
        )

    def expect(self, parameters):
        """Sums by the posteriors of the items, as of `LocalItems`."""
        sent = send(parameters)
        return self._sum(call(_expect, part, sent) for part in self.parts)

    def _sum(self, tasks):
        return reduce_tree(add_item_sums, list(tasks)).compute()


def _start(items, seed):
    return items.start(None if seed is None else np.random.RandomState(seed))


def _expect(items, parameters):
    return items.expect(parameters)

"""``save`` and ``load`` of ``CrowdClassifier``: its nets and its stream as well."""

import numpy as np

from ._annotations import CrowdLabels
from ._features import n_items
from ._model_file import damaged
from ._net_settings import check_settings, choose_device
from ._persistence import FileMethods
from ._replay import Replay
from ._stored_nets import (
    StoredNet,
    check_perceptron,
    check_stored_net,
    net_from_data,
    net_to_data,
)
from ._streaming import Stream

# More are damage, and would be memory.
_MOST_FEATURES = 2**31


class NetFileMethods(FileMethods):
    """Mixin of ``CrowdClassifier``: `save` and `load`."""

    _needed = (
        *FileMethods._needed,
        "_item_shape",
        "_log_confusion",
        "_log_weight",
        "_stream",
        "aggregated_proba_",
        "history_",
        "n_iter_",
        "n_labels_per_annotator_",
        "nets_",
        "outlier_share_",
    )

    def _to_data(self):
        check_perceptron(self)
        data = super()._to_data()
        # The first of `nets_`.
        del data["net_"]
        data["nets_"] = [net_to_data(net) for net in self.nets_]
        data["_stream"] = stream_to_data(self._stream)
        return data

    def _from_data(self, fitted, path):
        self._validate_params()
        check_settings(self)
        stored = fitted.pop("nets_")
        vars(self).update(fitted)
        try:
            self._stream = stream_from_data(self._stream)
            _check_numbers(self)
            nets = [StoredNet(**data) for data in stored]
            _check_nets(self, nets)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise damaged(path, error) from error
        device = choose_device(self.device)
        try:
            self.nets_ = [
                net_from_data(self, net, device, path, coupled=net is nets[0])
                for net in nets
            ]
        except (LookupError, TypeError, AttributeError, RuntimeError) as error:
            # Where the user gave a module, it may well be its own.
            if self.module is not None:
                raise
            raise damaged(path, error) from error
        self.net_ = self.nets_[0]


def stream_to_data(stream):
    """What `partial_fit` goes on from, for a ``Writer``.

    Parameters
    ----------
    stream : Stream

    Returns
    -------
    dict
    """
    replay = stream.replay
    return stream._asdict() | {"replay": None if replay is None else replay._asdict()}


def stream_from_data(data):
    """What `stream_to_data` was given.

    Parameters
    ----------
    data : dict

    Returns
    -------
    Stream

    Raises
    ------
    ValueError
        If it contradicts itself.
    """
    replay = None if data["replay"] is None else Replay(**data["replay"])
    stream = Stream(**(data | {"replay": replay}))
    counts = stream.seed, stream.n_epochs, stream.n_calls
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"the stream has the counts {counts}")
    if replay is None:
        return stream
    if not isinstance(replay.labels, CrowdLabels):
        raise ValueError("the sample of earlier items has no labels")
    lengths = {n_items(replay.X), len(replay.labels)}
    if replay.weight is not None:
        lengths.add(len(replay.weight))
    if len(lengths) > 1:
        raise ValueError(f"the sample of earlier items has parts of lengths {lengths}")
    return stream


def _check_numbers(estimator):
    """Raise a ValueError unless attributes that are no large arrays are of use."""
    in_network = estimator._stream.in_network
    if in_network.dtype != bool or in_network.shape != (estimator.n_annotators_,):
        raise ValueError("the stream is of other annotators")
    replay = estimator._stream.replay
    if replay is not None and not np.array_equal(
        replay.labels.classes, estimator.classes_
    ):
        raise ValueError("the sample of earlier items has other classes")
    log_weight = estimator._log_weight
    if log_weight is not None and np.shape(log_weight) != (3,):
        raise ValueError(f"_log_weight has the shape {np.shape(log_weight)}")
    n_features = getattr(estimator, "n_features_in_", None)
    if estimator.module is None and not (
        type(n_features) is int and 0 < n_features <= _MOST_FEATURES
    ):
        raise ValueError(f"n_features_in_ is {n_features!r}")


def _check_nets(estimator, nets):
    """Raise a ValueError unless there are nets, and the first has the matrices."""
    if not nets:
        raise ValueError("there are no networks")
    n_classes = len(estimator.classes_)
    n_matrices = int(estimator._stream.in_network.sum())
    for net in nets:
        check_stored_net(net, (n_matrices, n_classes, n_classes))
        # The others are of no annotators.
        n_matrices = 0

"""Checkpoints of a fit: a folder with a file for each net that it trains."""

import os
import shutil
from pathlib import Path
from time import perf_counter

from ._fingerprint import fingerprint
from ._model_file import read_model, write_model
from ._net_state import net_state, set_net_state
from ._stored_values import NotStorable, Reader, Writer

# Writing takes at most one part in this many of the time of training.
_SHARE = 20


class FitCheckpoints:
    """The checkpoints of one fit.

    Parameters
    ----------
    folder : path-like or None
        Of this fit alone; None for no checkpoints.
    """

    def __init__(self, folder):
        self._folder = None if folder is None else Path(folder)

    def of(self, name):
        """The checkpoint of one net, or None if there are to be none.

        Parameters
        ----------
        name : str

        Returns
        -------
        NetCheckpoint or None
        """
        if self._folder is None:
            return None
        return NetCheckpoint(self._folder / f"{name}.safetensors")

    def remove(self):
        """Remove them all: the fit needs them no more."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def fit_checkpoints(estimator, device, X, *others):
    """The checkpoints of a fit, which know the fit by its settings and its data.

    Parameters
    ----------
    estimator : CrowdClassifier
    device : str
    X : ndarray, CSR, dict of arrays, or torch Dataset
    *others : object
        The labels and what else the fit is given, as data.

    Returns
    -------
    FitCheckpoints

    Raises
    ------
    ValueError
        If the fit could not be repeated, or several processes share it.
    OSError
        If the directory can't be written to.
    """
    directory = estimator.checkpoint_dir
    if directory is None:
        return FitCheckpoints(None)
    if estimator.random_state is None:
        raise ValueError(
            f"checkpoint_dir={os.fspath(directory)!r} needs a fit that can be repeated,"
            " but random_state is None: set it to an integer."
        )
    if estimator.accelerator is not None:
        raise ValueError(
            "checkpoint_dir is of a fit in one process, but there is an accelerator: "
            "set one of them to None."
        )
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK):
        raise PermissionError(
            f"Expected a directory to write checkpoints to, but {directory} is not to "
            "be written to. Name another checkpoint_dir."
        )
    return FitCheckpoints(directory / fingerprint(estimator, device, X, *others))


class NetCheckpoint:
    """Where the training of one net is, in a file.

    Parameters
    ----------
    path : Path
        In a directory that is made when it is needed.
    """

    def __init__(self, path):
        self._path = path
        self._start = None
        # When to write next, by the clock of this process.
        self._next = 0.0

    def resume(self, net):
        """Go on from the file, if there is one of this very training.

        Parameters
        ----------
        net : CrowdNet
            Whose training has begun, with no epoch yet.

        Returns
        -------
        bool
            Whether the training was at its end.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        self._start = _start_of(net)
        if not self._path.exists():
            return False
        try:
            document, tensors = read_model(self._path)
            stored = Reader(tensors).decode(document["checkpoint"])
            if stored["start"] != self._start:
                # Of another network, though it is called the same.
                return False
            set_net_state(net, stored["state"])
        except (
            LookupError,
            TypeError,
            AttributeError,
            RuntimeError,
            ValueError,
        ) as error:
            raise ValueError(
                f"Expected a checkpoint that this fit wrote, but {self._path} is of no "
                f"use: {error}. Remove it to begin anew."
            ) from error
        return stored["ended"]

    def epoch_ended(self, net):
        """Write the file, unless that was done a moment ago.

        Parameters
        ----------
        net : CrowdNet
        """
        if perf_counter() >= self._next:
            self._write(net, ended=False)

    def training_ended(self, net):
        """Write the file for the last time.

        Parameters
        ----------
        net : CrowdNet
        """
        self._write(net, ended=True)

    def _write(self, net, ended):
        begin = perf_counter()
        writer = Writer()
        checkpoint = {"start": self._start, "ended": ended, "state": net_state(net)}
        try:
            encoded = writer.encode(checkpoint, "net")
        except NotStorable as error:
            raise TypeError(
                "Expected a training that is described by data, for the checkpoints "
                f"of checkpoint_dir, but {error}. Leave checkpoint_dir out."
            ) from error
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_model(self._path, {"checkpoint": encoded}, writer.tensors)
        end = perf_counter()
        self._next = end + _SHARE * (end - begin)


def _start_of(net):
    """What tells a net, at its start, from others of the same fit."""
    return fingerprint(net.module_, net.criterion_, net.max_epochs)

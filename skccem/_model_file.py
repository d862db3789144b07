"""Files of JSON and tensors: whole or not there, and never executed."""

import json
import os
import re

import safetensors
import safetensors.torch

from ._atomic import write_files

# What this version writes, and the newest that it reads.
FORMAT_VERSION = 1

_FORMAT = "skccem estimator"

# The entry of the metadata of safetensors that holds the JSON.
_KEY = "skccem"

# The longest header that safetensors reads.
_MOST_BYTES = 100_000_000


def write_model(path, document, tensors):
    """Write a file, or leave what was there.

    Parameters
    ----------
    path : str or path-like
        An existing file is replaced in one step, when the new one is on the disk.
    document : dict
        That `json.dumps` takes.
    tensors : dict of str to Tensor
        Contiguous, on the CPU, of memory of their own.

    Raises
    ------
    OSError
        If it can't be written.
    ValueError
        If the document is larger than safetensors allows.
    """
    from . import __version__

    # Where a link leads, so that the link stays.
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"Expected an existing directory for {name}, got {folder}. Create it, or "
            "save elsewhere."
        )
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"Expected the path of a file, got the directory {path}. Add a file name."
        )
    head = {
        "format": _FORMAT,
        "format_version": FORMAT_VERSION,
        "skccem_version": __version__,
    }
    text = json.dumps(head | document, allow_nan=False)
    # Quoted once more, and next to the places of the tensors.
    size = len(json.dumps(text)) + 200 * len(tensors) + sum(map(len, tensors))
    if size > _MOST_BYTES:
        raise ValueError(
            f"Expected less than {_MOST_BYTES:,} bytes of names, settings and history, "
            f"got about {size:,}. Give annotators integers as names, or use "
            "joblib.dump."
        )
    metadata = {_KEY: text}
    write_files({path: lambda file: _save_tensors(tensors, file, metadata)})


def _save_tensors(tensors, path, metadata):
    try:
        safetensors.torch.save_file(tensors, path, metadata)
    except safetensors.SafetensorError as error:
        # What the system said is in the text alone.
        code = re.search(r"(?:os error|code:) (\d+)", str(error))
        if code is None:
            raise
        number = int(code[1])
        raise OSError(number, os.strerror(number), str(path)) from error


def read_model(path):
    """What `write_model` wrote.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    document : dict
    tensors : dict of str to Tensor
        In memory of their own.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, not of this package, or of a newer version of it.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"Expected a file that `save` wrote, but there is none at {path}."
        )
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            document = _read_document(path, file.metadata() or {})
            # Else they were views of the file, which may change.
            names = file.keys()
            tensors = {name: file.get_tensor(name).clone() for name in names}
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"Expected a whole file that `save` wrote, but {path} is damaged, or is no "
            f"safetensors file ({error}). Copy or save it again."
        ) from error
    return document, tensors


def _read_document(path, metadata):
    foreign = (
        f"Expected a file that `save` wrote, but {path} is a safetensors file of "
        "something else. Give the path of a saved estimator."
    )
    if _KEY not in metadata:
        raise ValueError(foreign)
    try:
        document = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(foreign)
    version = document.get("format_version")
    if type(version) is not int or version < 1:
        raise damaged(path, f"the format version is {version!r}")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"Expected a file of format version {FORMAT_VERSION} or older, but {path} "
            f"has version {version}, written by skccem "
            f"{document.get('skccem_version')}. Upgrade skccem to read it."
        )
    return document


def damaged(path, why):
    """The error for a file that contradicts itself.

    Parameters
    ----------
    path : str or path-like
    why : object

    Returns
    -------
    ValueError
    """
    return ValueError(
        f"Expected a file as `save` wrote it, but {os.fspath(path)} was changed or is "
        f"damaged: {why}. Copy or save it again."
    )

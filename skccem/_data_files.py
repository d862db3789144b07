"""Reading the files of data sets.

Nothing read here can run code: pickles are refused, or limited to arrays of integers.
"""

import csv
import io
import pickle
import zipfile
from contextlib import contextmanager

import numpy as np
import torch

# The first release whose safe loading takes a function under another name.
_OLDEST_TORCH = (2, 6)

# NumPy 2 moved the function that rebuilds arrays; files name either place.
_REBUILD = [f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")]


@contextmanager
def reading(source, form):
    """Turn whatever a broken file makes a reader raise into a ValueError.

    Parameters
    ----------
    source : str or path-like
        What the file is called.
    form : str
        What it should be or have, with that verb.

    Examples
    --------
    >>> from skccem._data_files import reading
    >>> with reading("ages.txt", "have integers"):
    ...     int("ten")
    Traceback (most recent call last):
        ...
    ValueError: Expected ages.txt to have integers, got: invalid literal for int() \
with base 10: 'ten'. Delete the file and fetch again.
    """
    try:
        yield
    # Parsers of broken bytes raise nearly anything: struct.error, zlib.error, ...
    except Exception as error:
        raise ValueError(
            f"Expected {source} to {form}, got: {str(error).rstrip('.')}. Delete the "
            "file and fetch again."
        ) from error


def read_npz(path, keys):
    """Arrays of an archive of `numpy.savez`, the others left unread.

    Parameters
    ----------
    path : pathlib.Path
    keys : sequence of str

    Returns
    -------
    arrays : dict of str to ndarray

    Raises
    ------
    ValueError
        If the file is no such archive or a broken one, lacks a key, or has pickled
        objects there.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"Expected {path} to be an archive of numpy.savez, got something else. "
            "Replace the file, or delete it to read the original source."
        )
    with (
        reading(path, "be an archive of numpy.savez"),
        np.load(path, allow_pickle=False) as archive,
    ):
        missing = sorted(set(keys) - set(archive.files))
        arrays = {key: archive[key] for key in keys if key not in missing}
    if missing:
        raise ValueError(
            f"Expected the keys {', '.join(keys)} in {path}, got no "
            f"{', '.join(missing)}. Replace the file, or delete it to read the "
            "original source."
        )
    return arrays


def read_npy(content, source):
    """The array in the bytes of an .npy file, which must not be pickled."""
    with reading(source, "be a file of numpy.save"):
        # Not by np.load, which takes archives as well.
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def whole_numbers(array, dtype):
    """An array as integers; ValueError if a number would be another one."""
    with np.errstate(invalid="ignore"):
        whole = np.asarray(array).astype(dtype)
    if not np.array_equal(whole, array):
        raise ValueError("numbers that are not whole, or too large")
    return whole


def read_columns(content, columns, source):
    """Columns of a published table, as text.

    Parameters
    ----------
    content : bytes
        Comma-separated values in UTF-8 with a header.
    columns : sequence of str
    source : str
        What the table is called in an error.

    Returns
    -------
    values : list of list of str
        The values of each of `columns`.

    Raises
    ------
    ValueError
        If a column is absent or the rows have unequal lengths.
    """
    header, rows = _table(content, columns, source)
    positions = [header.index(column) for column in columns]
    return [[row[position] for row in rows] for position in positions]


def read_integer_arrays(path, keys, n_values):
    """Arrays of a dict that `torch.save` wrote, with nothing else let in.

    Parameters
    ----------
    path : pathlib.Path
    keys : sequence of str
    n_values : int
        The integers are from 0 to ``n_values - 1``.

    Returns
    -------
    arrays : list of ndarray of shape (n,), int64
        In the order of `keys`.

    Raises
    ------
    ImportError
        If torch is too old to let in nothing but arrays of integers.
    ValueError
        If the file holds anything but arrays of integers and tensors, or lacks a key,
        lengths differ, or an integer is out of its range.
    """
    if tuple(map(int, torch.__version__.split(".")[:2])) < _OLDEST_TORCH:
        raise ImportError(
            f"Expected torch {'.'.join(map(str, _OLDEST_TORCH))} or later to read "
            f"{path} safely, got {torch.__version__}. Upgrade torch."
        )
    rebuild = np.empty(0).__reduce__()[0]
    allowed = [
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in np.typecodes["AllInteger"]},
        *((rebuild, name) for name in _REBUILD),
    ]
    with reading(path, f"be a dict of integer arrays, {', '.join(keys)}"):
        try:
            with torch.serialization.safe_globals(allowed):
                content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            # What torch says here is how to load the file unsafely.
            raise ValueError("a broken file or one with other objects") from None
        arrays = [
            whole_numbers(np.asarray(content[key]).reshape(-1), np.int64)
            for key in keys
        ]
    lengths = [len(array) for array in arrays]
    values = np.unique(np.concatenate(arrays))
    if len(set(lengths)) > 1 or np.any((values < 0) | (values >= n_values)):
        raise ValueError(
            f"Expected {path} to have arrays of one length of integers from 0 to "
            f"{n_values - 1}, got the lengths {lengths} and {values[:1].tolist()} to "
            f"{values[-1:].tolist()}. Delete the file and fetch again."
        )
    return arrays


def read_cifar_images(contents):
    """Images and classes of files of the binary version of CIFAR-10.

    Parameters
    ----------
    contents : sequence of bytes
        A record is a byte of class and 3072 bytes of red, green and blue, each row by
        row (https://www.cs.toronto.edu/~kriz/cifar.html).

    Returns
    -------
    images : ndarray of shape (n, 32, 32, 3), uint8
    classes : ndarray of shape (n,), int64

    Raises
    ------
    ValueError
        If a file does not consist of whole records.
    """
    record = 1 + 3 * 32 * 32
    if any(len(content) % record for content in contents):
        raise ValueError(
            f"Expected files of CIFAR-10 of a multiple of {record} bytes, got "
            f"{', '.join(str(len(content)) for content in contents)} bytes. Replace "
            "them by those of the binary version."
        )
    records = np.frombuffer(b"".join(contents), dtype=np.uint8).reshape(-1, record)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].astype(np.int64)


def read_workers(content, n_images):
    """The workers who labelled the images of CIFAR-10N.

    Parameters
    ----------
    content : bytes
        The published table. Its rows are batches of images, such as ``0--9`` for the
        first ten; the images are numbered as in CIFAR-10.
    n_images : int

    Returns
    -------
    workers : ndarray of shape (n_images, 3), int64
        The number of the worker who gave each of the labels 1, 2 and 3.

    Raises
    ------
    ValueError
        If an image is in no batch, or a batch goes beyond the images.
    """
    columns = ["Image-batch", "Worker1-id", "Worker2-id", "Worker3-id"]
    source = "side_info_cifar10N.csv"
    batches, *numbers = read_columns(content, columns, source)
    with reading(source, "have batches such as 0--9 and numbers of workers"):
        ends = np.array([batch.split("--") for batch in batches], dtype=np.int64)
        images = np.concatenate([np.arange(first, last + 1) for first, last in ends])
        numbers = np.array(numbers, dtype=np.int64).T
    if not np.array_equal(np.sort(images), np.arange(n_images)):
        raise ValueError(
            f"Expected each of {n_images} images in one batch of {source}, got "
            f"{len(images)} images in {len(batches)} batches. Replace the file by the "
            "published one."
        )
    workers = np.empty((n_images, 3), dtype=np.int64)
    workers[images] = np.repeat(numbers, np.diff(ends)[:, 0] + 1, axis=0)
    return workers


def read_features(content, class_names, source):
    """Identifiers, features and true classes of items in a published table.

    Parameters
    ----------
    content : bytes
        Comma-separated values: ``id``, the features, ``class``.
    class_names : list of str
    source : str
        What the table is called in an error.

    Returns
    -------
    items : list of str
    features : ndarray of shape (n_samples, n_features), float32
    classes : ndarray of shape (n_samples,), int64
        Positions in `class_names`.

    Raises
    ------
    ValueError
        If the columns are others, or a class is unknown.
    """
    header, rows = _table(content, ["id", "class"], source)
    if (header[0], header[-1]) != ("id", "class"):
        raise ValueError(
            f"Expected id as the first column of {source} and class as the last, got "
            f"{header[0]} and {header[-1]}. Replace the file by the published one."
        )
    with reading(source, "have numbers between id and class"):
        # Row by row, since text takes some twenty times the room of its numbers.
        features = [np.array(row[1:-1], dtype=np.float64) for row in rows]
    classes = class_positions([row[-1] for row in rows], class_names, source)
    return [row[0] for row in rows], np.array(features, dtype=np.float32), classes


def class_positions(names, class_names, source):
    """The position in `class_names` of each of `names`; ValueError if it has none."""
    unknown = sorted(set(names) - set(class_names))
    if unknown:
        raise ValueError(
            f"Expected the classes {', '.join(class_names)} in {source}, got also "
            f"{', '.join(unknown)}. Replace the file by the published one."
        )
    positions = {name: position for position, name in enumerate(class_names)}
    return np.array([positions[name] for name in names], dtype=np.int64)


def _table(content, columns, source):
    with reading(source, "be comma-separated values in UTF-8"):
        # Some writers begin UTF-8 with a byte order mark.
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        header, *rows = [row for row in csv.reader(text) if row] or [[]]
    missing = [column for column in columns if column not in header]
    if missing:
        raise ValueError(
            f"Expected the columns {', '.join(columns)} in {source}, got no "
            f"{', '.join(missing)}. Replace the file by the published one."
        )
    if any(len(row) != len(header) for row in rows):
        raise ValueError(
            f"Expected {len(header)} values in each row of {source}, got rows of other "
            "lengths. Replace the file by the published one."
        )
    return header, rows

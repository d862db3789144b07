"""Real items that a crowd labelled, with the truth for evaluation.

The files are read from a directory, and downloaded to it if they are not there; see
`get_data_home`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ._annotations import check_crowd_labels
from ._data_files import read_npz, reading
from ._fetching import get_data_home
from ._published import (
    CIFAR10_NAMES,
    LABELME_NAMES,
    MUSIC_NAMES,
    SENTIMENT_NAMES,
    npz_keys,
    published_cifar10n,
    published_labelme,
    published_music,
    published_sentiment,
)
from ._typing import FilePath

__all__ = [
    "fetch_cifar10n",
    "fetch_labelme",
    "fetch_music",
    "fetch_sentiment",
    "get_data_home",
]

_LABELME_DESCR = """\
LabelMe: kinds of scenery in photographs, labelled on Amazon Mechanical Turk.

Features: the output of the convolutional part of VGG-16, averaged over the positions of
the image (512 numbers).
Source: https://fprodrigues.com/deep_LabelMe.tar.gz. No verified checksum is known.
Licence: none is known to be published with the data.
Citation: F. Rodrigues and F. Pereira, "Deep Learning from Crowds", AAAI 2018.
"""
_MUSIC_DESCR = """\
Music genres of excerpts of 30 seconds, labelled on Amazon Mechanical Turk.

Features: 124 of the program Marsyas, on very different scales; standardise them.
Source: https://fprodrigues.com/mturk-datasets.tar.gz. No verified checksum is known.
Licence: none is known to be published with the data.
Citation: F. Rodrigues, F. Pereira and B. Ribeiro, "Learning from multiple annotators:
distinguishing good from random labelers", Pattern Recognition Letters 34(12), 2013.
"""
_SENTIMENT_DESCR = """\
Polarity of sentences from film reviews, labelled on Amazon Mechanical Turk.

Features: topics of latent semantic analysis.
Source: https://fprodrigues.com/mturk-datasets.tar.gz. No verified checksum is known.
Licence: none is known to be published with the data.
Citation: F. Rodrigues, F. Pereira and B. Ribeiro, "Learning from multiple annotators:
distinguishing good from random labelers", Pattern Recognition Letters 34(12), 2013.
The sentences are from B. Pang and L. Lee, "Seeing stars", ACL 2005.
"""
_CIFAR10N_DESCR = """\
CIFAR-10N: the training images of CIFAR-10, each labelled by three workers of Amazon
Mechanical Turk.

Features: the images, 32 x 32 pixels of red, green and blue.
Source: https://github.com/UCSC-REAL/cifar-10-100n (labels and workers, no verified
checksum is known), https://www.cs.toronto.edu/~kriz/cifar.html (images).
Licence: that of the labels is in their repository; none is known to be published with
the images.
Citation: J. Wei, Z. Zhu, H. Cheng, T. Liu, G. Niu and Y. Liu, "Learning with Noisy
Labels Revisited: A Study Using Real-World Human Annotations", ICLR 2022; A. Krizhevsky,
"Learning Multiple Layers of Features from Tiny Images", 2009.
"""


def fetch_labelme(
    *,
    data_home: FilePath | None = None,
    download_if_missing: bool = True,
    return_X_Y: bool = False,
) -> Any:
    """Photographs of eight kinds of scenery, labelled by 59 annotators.

    It has 1000 training, 500 validation and 1188 test items, 512 features and 2547
    labels, of which 74% are right.

    These are the sizes of ``labelme.npz``, which is read if it is in the directory.
    Otherwise the published features are read, and averaged over the 4 x 4 positions of
    the image. Their training items are reported to be 10,000, augmented copies of the
    1000 photographs: in a cross-validation, copies of one may be on both sides, so
    choose settings on the validation items.

    Parameters
    ----------
    data_home : str or path-like, optional
        The directory with ``labelme.npz``, with ``deep_LabelMe.tar.gz``, or with the
        folder ``LabelMe`` that this unpacks to; see `get_data_home`.
    download_if_missing : bool, default=True
        If False, raise an error if the files are not there.
    return_X_Y : bool, default=False
        Whether to return only the features and the labels.

    Returns
    -------
    dataset : sklearn.utils.Bunch
        With the attributes

        - data : ndarray of shape (n_samples, 512), float32
        - labels : CrowdLabels of shape (n_samples, 59)
        - target : ndarray of shape (n_samples,), the truth as 0 to 7; for evaluation
          only
        - data_valid, target_valid, data_test, target_test : further items with truth
        - target_names : list of str
        - DESCR : str

    (data, labels) : tuple, if `return_X_Y`
        Features and labels alone.

    Raises
    ------
    OSError
        If the files are absent and are not to be, or can't be, downloaded.
    ValueError
        If a file is not of the published form.
    ImportError
        If pooch is needed to download and not installed.

    References
    ----------
    .. [1] Rodrigues, F. and Pereira, F. (2018). Deep learning from crowds. AAAI.

    Examples
    --------
    >>> from skccem.datasets import fetch_labelme
    >>> fetch_labelme().labels  # doctest: +SKIP
    CrowdLabels(1000 items, 59 annotators, 8 classes, 2547 labels)
    """
    home = get_data_home(data_home)
    source = home / "labelme.npz"
    if source.is_file():
        arrays = read_npz(source, npz_keys("train", "valid", "test"))
    else:
        arrays = published_labelme(home, download_if_missing)
        source = f"the published files of LabelMe in {home}"
    return _from_arrays(arrays, LABELME_NAMES, _LABELME_DESCR, return_X_Y, source)


def fetch_music(
    *,
    data_home: FilePath | None = None,
    download_if_missing: bool = True,
    return_X_Y: bool = False,
) -> Any:
    """Pieces of music of ten genres, labelled by 44 annotators.

    It has 700 training and 300 test items, 124 features and 2945 labels, of which 56%
    are right. If a worker labelled a piece more than once, the last label counts.

    Parameters
    ----------
    data_home : str or path-like, optional
        The directory with ``music.npz``, with ``mturk-datasets.tar.gz``, or with the
        folder ``music_genre_classification`` that this unpacks to; see `get_data_home`.
    download_if_missing : bool, default=True
        If False, raise an error if the files are not there.
    return_X_Y : bool, default=False
        Whether to return only the features and the labels.

    Returns
    -------
    dataset : sklearn.utils.Bunch
        With the attributes

        - data : ndarray of shape (700, 124), float32, to be standardised
        - labels : CrowdLabels of shape (700, 44)
        - target : ndarray of shape (700,), the truth as 0 to 9; for evaluation only
        - data_test, target_test : further items with truth
        - target_names : list of str
        - DESCR : str

    (data, labels) : tuple, if `return_X_Y`
        Features and labels alone.

    Raises
    ------
    OSError
        If the files are absent and are not to be, or can't be, downloaded.
    ValueError
        If a file is not of the published form.
    ImportError
        If pooch is needed to download and not installed.

    References
    ----------
    .. [1] Rodrigues, F., Pereira, F. and Ribeiro, B. (2013). Learning from multiple
       annotators: distinguishing good from random labelers. Pattern Recognition
       Letters, 34(12), 1428-1436.

    Examples
    --------
    >>> from skccem.datasets import fetch_music
    >>> fetch_music().labels  # doctest: +SKIP
    CrowdLabels(700 items, 44 annotators, 10 classes, 2945 labels)
    """
    home = get_data_home(data_home)
    source = home / "music.npz"
    if source.is_file():
        arrays = read_npz(source, npz_keys("train", "test"))
    else:
        arrays = published_music(home, download_if_missing)
        source = f"the published files of music genres in {home}"
    return _from_arrays(arrays, MUSIC_NAMES, _MUSIC_DESCR, return_X_Y, source)


def fetch_sentiment(
    *,
    data_home: FilePath | None = None,
    download_if_missing: bool = True,
    return_X_Y: bool = False,
) -> Any:
    """Sentences from film reviews, labelled positive or negative.

    Readers of the data report 4999 items, 203 annotators and 27,746 labels. If a worker
    labelled a sentence more than once, the last label counts.

    Parameters
    ----------
    data_home : str or path-like, optional
        The directory with ``mturk-datasets.tar.gz``, or with the folder
        ``sentiment_polarity`` that this unpacks to; see `get_data_home`.
    download_if_missing : bool, default=True
        If False, raise an error if the files are not there.
    return_X_Y : bool, default=False
        Whether to return only the features and the labels.

    Returns
    -------
    dataset : sklearn.utils.Bunch
        With the attributes

        - data : ndarray of shape (n_samples, n_features), float32
        - sentences : list of str, what the workers read
        - labels : CrowdLabels of shape (n_samples, n_annotators)
        - target : ndarray of shape (n_samples,), the truth, 0 for negative and 1 for
          positive; for evaluation only
        - target_names : list of str
        - DESCR : str

    (data, labels) : tuple, if `return_X_Y`
        Features and labels alone.

    Raises
    ------
    OSError
        If the files are absent and are not to be, or can't be, downloaded.
    ValueError
        If a file is not of the published form.
    ImportError
        If pooch is needed to download and not installed.

    References
    ----------
    .. [1] Rodrigues, F., Pereira, F. and Ribeiro, B. (2013). Learning from multiple
       annotators: distinguishing good from random labelers. Pattern Recognition
       Letters, 34(12), 1428-1436.

    Examples
    --------
    >>> from skccem.datasets import fetch_sentiment
    >>> sentiment = fetch_sentiment()  # doctest: +SKIP
    >>> sentiment.labels.n_annotators  # doctest: +SKIP
    203
    """
    home = get_data_home(data_home)
    arrays = published_sentiment(home, download_if_missing)
    source = f"the published files of sentiment polarity in {home}"
    return _from_arrays(arrays, SENTIMENT_NAMES, _SENTIMENT_DESCR, return_X_Y, source)


def fetch_cifar10n(
    *,
    data_home: FilePath | None = None,
    download_if_missing: bool = True,
    return_X_Y: bool = False,
) -> Any:
    """The images of CIFAR-10, each labelled by three workers.

    It has 50,000 training and 10,000 test items and 150,000 labels. The workers are
    published for batches of ten images; if one is named twice for a batch, the first
    label of each image counts. That images and labels are in one order is verified: the
    true classes, which are in the files of both, must agree.

    Parameters
    ----------
    data_home : str or path-like, optional
        The directory with ``CIFAR-10_human.pt``, ``side_info_cifar10N.csv``, and
        ``cifar-10-binary.tar.gz`` or the folder ``cifar-10-batches-bin`` that this
        unpacks to; see `get_data_home`.
    download_if_missing : bool, default=True
        If False, raise an error if the files are not there.
    return_X_Y : bool, default=False
        Whether to return only the images and the labels.

    Returns
    -------
    dataset : sklearn.utils.Bunch
        With the attributes

        - data : ndarray of shape (50000, 32, 32, 3), uint8; a convolutional network of
          torch wants ``data.transpose(0, 3, 1, 2).astype("float32") / 255``
        - labels : CrowdLabels of shape (50000, n_annotators); its annotators are the
          published numbers of the workers
        - target : ndarray of shape (50000,), the truth as 0 to 9; for evaluation only
        - data_test, target_test : further images with truth
        - target_names : list of str
        - DESCR : str

    (data, labels) : tuple, if `return_X_Y`
        Features and labels alone.

    Raises
    ------
    OSError
        If the files are absent and are not to be, or can't be, downloaded.
    ValueError
        If a file is not of the published form, or images and labels don't agree.
    ImportError
        If pooch is needed to download and not installed, or torch is older than 2.6.

    References
    ----------
    .. [1] Wei, J., Zhu, Z., Cheng, H., Liu, T., Niu, G. and Liu, Y. (2022). Learning
       with noisy labels revisited: a study using real-world human annotations. ICLR.

    Examples
    --------
    >>> from skccem.datasets import fetch_cifar10n
    >>> fetch_cifar10n().data.shape  # doctest: +SKIP
    (50000, 32, 32, 3)
    """
    home = get_data_home(data_home)
    arrays = published_cifar10n(home, download_if_missing)
    source = f"the published files of CIFAR-10N in {home}"
    return _from_arrays(arrays, CIFAR10_NAMES, _CIFAR10N_DESCR, return_X_Y, source)


def _from_arrays(arrays, class_names, description, return_X_Y, source):
    """The data set of arrays that have the names of those in the .npz files.

    `source` is what an error calls the file or files that they are from.
    """
    with reading(source, "have labels as annotations"):
        labels = check_crowd_labels(arrays["annotations"])
    _check_arrays(arrays, labels, len(class_names), source)
    labels = check_crowd_labels(labels, classes=range(len(class_names)))
    if return_X_Y:
        return arrays["X_train"], labels
    bunch = Bunch(data=arrays["X_train"], labels=labels, target=arrays["y_train"])
    for part in ("valid", "test"):
        if f"X_{part}" in arrays:
            bunch[f"data_{part}"] = arrays[f"X_{part}"]
            bunch[f"target_{part}"] = arrays[f"y_{part}"]
    if "sentences" in arrays:
        bunch.sentences = arrays["sentences"]
    bunch.target_names = list(class_names)
    bunch.DESCR = f"{description}Sizes: {labels!r}, data of shape {bunch.data.shape}.\n"
    return bunch


def _check_arrays(arrays, labels, n_classes, source):
    """Raise unless there is a row of each array for an item, and classes are codes."""
    lengths = {"train": [labels.n_samples]}
    classes = {"annotations": labels.classes}
    for key, values in arrays.items():
        kind, _, part = key.partition("_")
        if kind in "Xy":
            lengths.setdefault(part, []).append(len(values))
        if kind == "y":
            classes[key] = np.unique(values)
    for part, counts in lengths.items():
        if len(set(counts)) > 1:
            raise ValueError(
                f"Expected {source} to have as many rows in all arrays of the part "
                f"{part}, got {' and '.join(map(str, counts))}. Delete the file and "
                "fetch again."
            )
    for key, values in classes.items():
        unknown = [value for value in values.tolist() if value not in range(n_classes)]
        if unknown:
            raise ValueError(
                f"Expected {source} to have classes from 0 to {n_classes - 1} in "
                f"{key}, got also {unknown[:5]}. Delete the file and fetch again."
            )

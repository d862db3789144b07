"""Data sets as their authors publish them, as arrays.

Each is a dict with ``annotations``, ``X_train``, ``y_train`` and what else there is
under the names that the .npz files of `datasets` have too.
"""

import numpy as np

from ._annotations import CrowdLabels
from ._data_files import (
    class_positions,
    read_cifar_images,
    read_columns,
    read_features,
    read_integer_arrays,
    read_npy,
    read_workers,
    reading,
    whole_numbers,
)
from ._fetching import Remote, find_or_download, read_members

_LABELME = Remote("https://fprodrigues.com/deep_LabelMe.tar.gz", "deep_LabelMe.tar.gz")
_MTURK = Remote(
    "https://fprodrigues.com/mturk-datasets.tar.gz", "mturk-datasets.tar.gz"
)
# The checksum is not measured here; it is that of TensorFlow Datasets and others.
_CIFAR10 = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
_CIFAR10N = "https://github.com/UCSC-REAL/cifar-10-100n/raw/"
_CIFAR10N_LABELS = Remote(
    _CIFAR10N + "main/data/CIFAR-10_human.pt", "CIFAR-10_human.pt"
)
_CIFAR10N_WORKERS = Remote(
    _CIFAR10N + "59b5f4ed8d21aad7d09c3bc99b11eb41748250c3/side_info_cifar10N.csv",
    "side_info_cifar10N.csv",
)

LABELME_NAMES = (
    "highway insidecity tallbuilding street forest coast mountain opencountry".split()
)
MUSIC_NAMES = "blues classical country disco hiphop jazz metal pop reggae rock".split()
SENTIMENT_NAMES = ["neg", "pos"]
CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def npz_keys(*parts):
    """Names of the arrays of a data set that consists of `parts`."""
    return ["annotations", *(f"{kind}_{part}" for part in parts for kind in "Xy")]


def published_labelme(home, download_if_missing):
    """What ``labelme.npz`` holds, from the author's archive."""
    parts = ["train", "valid", "test"]
    names = ["answers"]
    for part in parts:
        names += [f"data_{part}_vgg16", f"labels_{part}"]
    paths = [f"LabelMe/prepared/{name}.npy" for name in names]
    contents = read_members(_LABELME, paths, home, download_if_missing)
    sources = [f"{path} in {home} or its {_LABELME.filename}" for path in paths]
    arrays = dict(zip(npz_keys(*parts), map(read_npy, contents, sources), strict=True))
    for part in parts:
        features = arrays[f"X_{part}"]
        if features.ndim != 4:
            raise ValueError(
                f"Expected features of LabelMe of shape (n, 4, 4, 512) in data_{part}"
                f"_vgg16.npy, got {features.shape}. Replace the file by that of "
                f"{_LABELME.url}."
            )
        arrays[f"X_{part}"] = features.mean(axis=(1, 2), dtype=np.float32)
    whole = {"annotations": np.int16} | {f"y_{part}": np.int64 for part in parts}
    for (key, dtype), source in zip(whole.items(), sources[::2], strict=True):
        # As floats, -1 would be ambiguous to `CrowdLabels`.
        with reading(source, "have whole numbers"):
            arrays[key] = whole_numbers(arrays[key], dtype)
    return arrays


def published_music(home, download_if_missing):
    """What ``music.npz`` holds, from the author's archive."""
    names = ["music_genre_gold", "music_genre_test", "music_genre_mturk"]
    gold, test, answers = read_members(
        _MTURK,
        [f"music_genre_classification/{name}.csv" for name in names],
        home,
        download_if_missing,
    )
    items, X_train, y_train = read_features(gold, MUSIC_NAMES, "music_genre_gold.csv")
    _, X_test, y_test = read_features(test, MUSIC_NAMES, "music_genre_test.csv")
    columns = ["id", "annotator", "class"]
    task, worker, label = read_columns(answers, columns, "music_genre_mturk.csv")
    labels = _labels_of(
        task, worker, label, items, MUSIC_NAMES, "music_genre_mturk.csv"
    )
    values = [labels, X_train, y_train, X_test, y_test]
    return dict(zip(npz_keys("train", "test"), values, strict=True))


def published_sentiment(home, download_if_missing):
    """The sentences of the author's archive, with the ``sentences`` themselves."""
    names = ["mturk_answers", "polarity_gold_lsa_topics"]
    answers, gold = read_members(
        _MTURK,
        [f"sentiment_polarity/{name}.csv" for name in names],
        home,
        download_if_missing,
    )
    items, X_train, y_train = read_features(gold, SENTIMENT_NAMES, f"{names[1]}.csv")
    columns = ["Input.id", "WorkerId", "Answer.sent", "Input.original_sentence"]
    task, worker, label, sentence = read_columns(answers, columns, f"{names[0]}.csv")
    text = dict(zip(task, sentence, strict=True))
    return {
        "annotations": _labels_of(
            task, worker, label, items, SENTIMENT_NAMES, f"{names[0]}.csv"
        ),
        "X_train": X_train,
        "y_train": y_train,
        "sentences": [text.get(item, "") for item in items],
    }


def published_cifar10n(home, download_if_missing):
    """The images of CIFAR-10 with the labels of CIFAR-10N."""
    path = find_or_download(_CIFAR10N_LABELS, home, download_if_missing)
    keys = ["clean_label", "random_label1", "random_label2", "random_label3"]
    y_train, *answers = read_integer_arrays(path, keys, len(CIFAR10_NAMES))
    path = find_or_download(_CIFAR10N_WORKERS, home, download_if_missing)
    items = np.arange(len(y_train))
    workers = read_workers(path.read_bytes(), len(items))
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    paths = [f"cifar-10-batches-bin/{name}" for name in names]
    *train, test = read_members(_CIFAR10, paths, home, download_if_missing)
    X_train, classes = read_cifar_images(train)
    # Labels of other images would look like very bad labels, and fail nowhere else.
    if not np.array_equal(classes, y_train):
        raise ValueError(
            "Expected the images of CIFAR-10 in the order of their labels, got images "
            "of other classes. Replace the images by those of the binary version of "
            f"CIFAR-10, {_CIFAR10.url}."
        )
    labels = CrowdLabels.from_long(
        {
            "task": np.repeat(items, 3),
            "worker": workers.ravel(),
            "label": np.stack(answers, axis=1).ravel(),
        },
        items=items,
        classes=range(len(CIFAR10_NAMES)),
        duplicates="first",
    )
    values = [labels, X_train, y_train, *read_cifar_images([test])]
    return dict(zip(npz_keys("train", "test"), values, strict=True))


def _labels_of(task, worker, label, items, class_names, source):
    codes = class_positions(label, class_names, source)
    with reading(source, "have labels of the items that have features"):
        return CrowdLabels.from_long(
            {"task": task, "worker": worker, "label": codes},
            items=items,
            classes=range(len(class_names)),
            duplicates="last",
        )

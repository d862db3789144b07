"""Whatever the package reads from disk, a pickle in it is refused and never run."""

import ast
import io
import os
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from aggregators import AGGREGATORS

import skccem
from skccem import (
    CrowdClassifier,
    CrowdClassifierCV,
    TwoStageClassifier,
    datasets,
)
from skccem._feature_files import FeatureSource
from skccem._label_files import LABEL_FORMATS, LabelSource
from skccem._model_files import load_model

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")


class Bomb:
    """A pickle of it makes a directory when it is read."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def dumped(dump, bomb):
    file = io.BytesIO()
    dump(bomb, file)
    return file.getvalue()


def as_array(bomb):
    return np.array([[bomb]], dtype=object)


CONTENTS = {
    "pickle 0": lambda bomb: pickle.dumps(bomb, protocol=0),
    "pickle 2": lambda bomb: pickle.dumps(bomb, protocol=2),
    "pickle": pickle.dumps,
    "joblib": lambda bomb: dumped(joblib.dump, bomb),
    "torch": lambda bomb: dumped(torch.save, bomb),
    "npy": lambda bomb: dumped(lambda b, f: np.save(f, as_array(b)), bomb),
    "npz": lambda bomb: dumped(lambda b, f: np.savez(f, annotations=as_array(b)), bomb),
}


@pytest.fixture
def trace(tmp_path):
    return tmp_path / "executed"


@pytest.fixture(params=CONTENTS)
def content(request, trace):
    return CONTENTS[request.param](Bomb(trace))


def check_refused(read, trace):
    """Assert that a reader says what it expected, and that nothing was executed."""
    with pytest.raises(ValueError, match="Expected"):
        read()
    assert not trace.exists()


def test_a_bomb_goes_off_where_pickles_are_read(trace):
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists()


@pytest.mark.parametrize(
    "Estimator",
    [
        CrowdClassifier,
        CrowdClassifierCV,
        TwoStageClassifier,
        *AGGREGATORS,
    ],
)
def test_load_refuses_pickles(Estimator, content, tmp_path, trace):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    check_refused(lambda: Estimator.load(path), trace)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "npy", "txt"])
def test_files_of_features_that_hold_pickles_are_refused(
    suffix, content, tmp_path, trace
):
    path = tmp_path / f"features.{suffix}"
    path.write_bytes(content)
    ids = tmp_path / "ids"
    ids.write_text("a\n")
    for ids_path in (None, ids):
        check_refused(FeatureSource(path, ids_path=ids_path).read, trace)


@pytest.mark.parametrize("format", [None, *LABEL_FORMATS])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "json", "jsonl"])
def test_files_of_labels_that_hold_pickles_are_refused(
    format, suffix, content, tmp_path, trace
):
    path = tmp_path / f"labels.{suffix}"
    path.write_bytes(content)
    check_refused(LabelSource(path, format=format).read, trace)


def test_a_directory_of_a_model_that_holds_pickles_is_refused(content, tmp_path, trace):
    (tmp_path / "skccem.json").write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes(content)
    check_refused(lambda: load_model(tmp_path), trace)


@pytest.mark.parametrize("fetch", [datasets.fetch_labelme, datasets.fetch_music])
def test_archives_of_data_that_hold_pickles_are_refused(
    fetch, content, tmp_path, trace
):
    name = fetch.__name__.removeprefix("fetch_")
    (tmp_path / f"{name}.npz").write_bytes(content)
    check_refused(lambda: fetch(data_home=tmp_path), trace)


@pytest.mark.parametrize(
    ("fetch", "names"),
    [
        (
            datasets.fetch_labelme,
            [
                f"LabelMe/prepared/{name}.npy"
                for name in ["answers"]
                + [f"data_{part}_vgg16" for part in ("train", "valid", "test")]
                + [f"labels_{part}" for part in ("train", "valid", "test")]
            ],
        ),
        (
            datasets.fetch_music,
            [
                f"music_genre_classification/music_genre_{name}.csv"
                for name in ("gold", "test", "mturk")
            ],
        ),
        (
            datasets.fetch_sentiment,
            [
                "sentiment_polarity/mturk_answers.csv",
                "sentiment_polarity/polarity_gold_lsa_topics.csv",
            ],
        ),
        (
            datasets.fetch_cifar10n,
            [
                "CIFAR-10_human.pt",
                "side_info_cifar10N.csv",
                "cifar-10-batches-bin/test_batch.bin",
                *(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
            ],
        ),
    ],
)
def test_published_files_that_hold_pickles_are_refused(
    fetch, names, content, tmp_path, trace
):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    check_refused(lambda: fetch(data_home=tmp_path, download_if_missing=False), trace)


# How each function that can read a pickle must be told not to; None if never called.
SAFE = {
    "np.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
    "torch.jit.load": None,
    "joblib.load": None,
    "pickle.load": None,
    "pickle.loads": None,
    "pickle.Unpickler": None,
    "pandas.read_pickle": None,
    "marshal.loads": None,
    "shelve.open": None,
}


def test_no_line_of_the_package_reads_pickles():
    found = set()
    for path in Path(skccem.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            assert name not in ("eval", "exec"), path
            if name not in SAFE:
                continue
            assert SAFE[name] is not None, f"{path}: {name}"
            told = {word.arg: word.value for word in node.keywords}
            argument, value = SAFE[name]
            assert ast.literal_eval(told[argument]) is value, f"{path}: {name}"
            found.add(name)
    assert found == {"np.load", "np.lib.format.read_array", "torch.load"}

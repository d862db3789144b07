"""Files that earlier versions saved are read, and say what they said then."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import skccem
from skccem._model_file import FORMAT_VERSION

DATA = Path(__file__).parent / "data"
FILES = sorted(DATA.glob("format_*/*.safetensors"))

# Machines round sums otherwise.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def expected_of(file):
    """The items and labels that were asked about, and the answers."""
    content = json.loads((file.parent / "expected.json").read_text(encoding="utf-8"))
    X = np.array(content["X"], dtype=np.float32)
    return X, np.array(content["Y"], dtype=object), content[file.stem]


def loaded(file):
    return getattr(skccem, expected_of(file)[2]["estimator"]).load(file)


def named(file):
    return f"{file.parent.name}/{file.stem}"


def test_there_are_files_of_every_version_of_the_format():
    versions = {int(path.name.split("_")[1]) for path in DATA.glob("format_*")}
    assert versions == set(range(1, FORMAT_VERSION + 1))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_file_says_what_it_said_when_it_was_saved(file):
    model, (X, Y, expected) = loaded(file), expected_of(file)
    assert model.classes_.tolist() == ["cat", "dog", "owl"]
    assert_allclose(model.confusion_matrices_, expected["confusion_matrices_"], **CLOSE)
    if hasattr(model, "aggregate_proba"):
        assert_allclose(model.predict_proba(X), expected["predict_proba"], **CLOSE)
        aggregated = model.aggregate_proba(X, Y)
        assert_allclose(aggregated, expected["aggregate_proba"], **CLOSE)
    else:
        assert_allclose(model.predict_proba(Y), expected["predict_proba"], **CLOSE)


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_file_can_be_saved_again(file, tmp_path, assert_same):
    model, (X, Y, _) = loaded(file), expected_of(file)
    model.save(tmp_path / file.name)
    again = type(model).load(tmp_path / file.name)
    assert_same(again.confusion_matrices_, model.confusion_matrices_)
    items = X if hasattr(model, "aggregate_proba") else Y
    assert_same(again.predict_proba(items), model.predict_proba(items))


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.stem == "stream"], ids=named
)
def test_a_stream_goes_on_from_a_file(file):
    model, (X, Y, _) = loaded(file), expected_of(file)
    calls = model._stream.n_calls
    model.partial_fit(X, Y)
    assert model._stream.n_calls == calls + 1
    assert model._stream.replay is not None
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("folder", sorted(DATA.glob("format_*")), ids=lambda p: p.name)
def test_the_files_stay_small(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) < 60_000

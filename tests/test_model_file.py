"""Files that are whole or not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from skccem import __version__, _model_file
from skccem._model_file import FORMAT_VERSION, read_model, write_model

DOCUMENT = {"a": [1, {"b": None}], "c": "ü\ud800"}
TENSORS = {"x": torch.arange(6.0).reshape(2, 3), "y": torch.zeros(0, 3)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.safetensors"
    write_model(path, DOCUMENT, TENSORS)
    return path


def test_what_is_written_is_read(file, assert_same):
    document, tensors = read_model(file)
    assert {key: document[key] for key in DOCUMENT} == DOCUMENT
    assert document["format_version"] == FORMAT_VERSION
    assert document["skccem_version"] == __version__
    assert_same(dict(sorted(tensors.items())), TENSORS)


def test_any_safetensors_reader_can_read_it(file, assert_same):
    tensors = safetensors.torch.load_file(file)
    assert_same(dict(sorted(tensors.items())), TENSORS)


def test_the_file_has_the_mode_of_any_other_or_of_the_one_it_replaces(file):
    other = file.with_name("other")
    other.touch()
    assert file.stat().st_mode == other.stat().st_mode
    file.chmod(0o640)
    write_model(file, DOCUMENT, TENSORS)
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(file):
    link = file.with_name("link")
    link.symlink_to(file)
    write_model(link, {"new": 1}, TENSORS)
    assert link.is_symlink()
    assert read_model(file)[0]["new"] == 1


def test_a_file_is_cut_off_at_no_length_unnoticed(file):
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged"):
            read_model(file)
    file.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="damaged"):
        read_model(file)


def test_tensors_do_not_depend_on_what_becomes_of_the_file(file):
    _, tensors = read_model(file)
    size = file.stat().st_size
    with open(file, "r+b") as opened:
        opened.write(b"\xff" * size)
    assert torch.equal(tensors["x"], TENSORS["x"])


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"\x80\x04K\x01."])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no safetensors file"):
        read_model(path)


@pytest.mark.parametrize(
    "metadata",
    [None, {"format": "pt"}, {"skccem": "[]"}, {"skccem": '{"format": "other"}'}],
)
def test_a_safetensors_file_of_something_else_is_refused(tmp_path, metadata):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(TENSORS, path, metadata=metadata)
    with pytest.raises(ValueError, match="of something else"):
        read_model(path)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"format": 1'])
def test_metadata_that_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(TENSORS, path, metadata={"skccem": text})
    with pytest.raises(ValueError, match="damaged"):
        read_model(path)


def change(path, **changes):
    with safetensors.safe_open(path, framework="pt") as opened:
        document = json.loads(opened.metadata()["skccem"]) | changes
    safetensors.torch.save_file(
        TENSORS, path, metadata={"skccem": json.dumps(document)}
    )


def test_a_newer_version_says_what_to_upgrade_to(file):
    change(file, format_version=FORMAT_VERSION + 1, skccem_version="9.1")
    with pytest.raises(ValueError, match=r"version 2.*skccem 9\.1\. Upgrade"):
        read_model(file)


@pytest.mark.parametrize("version", [None, 0, "1", 1.0, True])
def test_a_version_that_is_no_number_is_refused(file, version):
    change(file, format_version=version)
    with pytest.raises(ValueError, match="format version"):
        read_model(file)


def test_a_path_that_is_none_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is none"):
        read_model(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="there is none"):
        read_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="Create it"):
        write_model(tmp_path / "absent" / "file", DOCUMENT, TENSORS)
    with pytest.raises(IsADirectoryError, match="Add a file name"):
        write_model(tmp_path, DOCUMENT, TENSORS)


@pytest.mark.parametrize("stage", ["chmod", "fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(file, monkeypatch, stage):
    def fail(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, stage, fail)
    before = file.read_bytes()
    with pytest.raises(OSError, match="the disk is full"):
        write_model(file, {"new": 1}, {})
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def test_more_text_than_the_format_has_room_for_is_refused(file, monkeypatch):
    monkeypatch.setattr(_model_file, "_MOST_BYTES", 1000)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="less than 1,000 bytes"):
        write_model(file, {"names": ["annotator"] * 200}, {})
    assert file.read_bytes() == before


def test_the_room_for_text_is_what_safetensors_has():
    messages = r"(?i)invalid ?header ?length", r"(?i)header ?too ?large"
    for more, message in enumerate(messages):
        size = _model_file._MOST_BYTES + more
        with pytest.raises(safetensors.SafetensorError, match=message):
            safetensors.deserialize(size.to_bytes(8, "little"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks of a process")
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_file(tmp_path):
    program = Path(__file__).parent / "programs" / "killed_while_saving.py"
    command = [sys.executable, "-W", "error", program, tmp_path, "20"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""Files that are written whole or not at all."""

import os
from pathlib import Path

import pytest

from skccem._atomic import check_writable, write_files


def test_all_files_are_written_and_nothing_else_stays(tmp_path):
    paths = [tmp_path / "a.txt", tmp_path / "deep" / "er" / "b.txt"]
    write_files({path: lambda place: place.write_text("new") for path in paths})
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert os.listdir(tmp_path / "deep" / "er") == ["b.txt"]
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "deep"]


def test_an_error_in_the_last_file_leaves_the_first_as_it_was(tmp_path):
    first, last = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("old")

    def fail(place):
        place.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_files({first: lambda place: place.write_text("new"), last: fail})
    assert first.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_writers_see_the_suffix_of_the_file(tmp_path):
    seen = []

    def write(place):
        seen.append(place.suffix)
        place.touch()

    write_files({tmp_path / "table.parquet": write})
    assert seen == [".parquet"]


def test_a_link_goes_on_naming_its_file(tmp_path):
    target, link = tmp_path / "real.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    write_files({link: lambda place: place.write_text("new")})
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_directories_and_files_in_the_way_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="is a directory"):
        check_writable(tmp_path)
    with pytest.raises(OSError, match="no directory that can be written"):
        check_writable(tmp_path / "file" / "table.csv")
    with pytest.raises(OSError, match="device or pipe"):
        check_writable("/dev/null")


def test_a_drive_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(OSError, match="no directory that can be written"):
        check_writable(tmp_path / "none" / "table.csv")


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_permissions_stay_and_new_files_have_the_usual_ones(tmp_path):
    def write(path):
        path.unlink()
        path.touch(mode=0o600)

    usual, old, new = (tmp_path / name for name in ("usual", "old", "new"))
    usual.touch()
    old.touch()
    old.chmod(0o640)
    write_files({old: write, new: write})
    assert old.stat().st_mode & 0o777 == 0o640
    assert new.stat().st_mode == usual.stat().st_mode


def test_an_error_takes_directories_that_were_made_away_again(tmp_path):
    def fail(path):
        raise RuntimeError("no")

    (tmp_path / "there").mkdir()
    with pytest.raises(RuntimeError):
        write_files({tmp_path / "there" / "a" / "b" / "file.txt": fail})
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]
    assert not any((tmp_path / "there").iterdir())

"""The wheel of a release works where nothing else of the project is."""

import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

import skccem

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "tests" / "programs" / "smoke.py"

pytestmark = pytest.mark.slow


def run(*command, **options):
    """What a command that succeeds writes to its output."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source archive, and the wheel that is built from it.

    They are built from a copy, since a build writes beside what it reads, and test
    processes run side by side. Nothing is downloaded.
    """
    pytest.importorskip("build")
    source, folder = (tmp_path_factory.mktemp(name) for name in ("source", "dist"))
    made = shutil.ignore_patterns("_build", "auto_examples", "generated", "*.jsonl")
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, source)
        elif path.name in ("benchmarks", "docs", "skccem", "tests"):
            shutil.copytree(path, source / path.name, ignore=made)
    options = ["--no-isolation", "--outdir", folder]
    run(sys.executable, "-m", "build", *options, source)
    (archive,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return archive, wheel


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """An environment with the wheel, which sees the packages that the tests run with.

    A .pth file names their directory. The .pth files in there are not read, other than
    by ``venv --system-site-packages``, and so the editable installation of this folder
    is not found. An installation by ``pip install --target`` would have no script.
    """
    home = tmp_path_factory.mktemp("installed") / "env"
    venv.create(home, with_pip=False, symlinks=True)
    paths = sysconfig.get_paths(
        "venv", vars={name: str(home) for name in ("base", "platbase")}
    )
    python = Path(paths["scripts"]) / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install"]
    # A checkout on PYTHONPATH would count as installed.
    run(*pip, "--ignore-installed", "--no-deps", "--no-index", built[1])
    names = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (Path(paths["purelib"]) / "dependencies.pth").write_text("\n".join(names) + "\n")
    return Path(paths["purelib"]), python


def test_the_wheel_works_in_an_environment_of_its_own(installed, tmp_path):
    site_packages, python = installed
    found = json.loads(run(python, "-I", SMOKE, tmp_path, cwd=tmp_path))
    assert found == {
        "folder": str(site_packages / "skccem"),
        "versions": [skccem.__version__] * 2,
        "same_after_loading": True,
        "report": True,
    }


def test_the_script_of_the_wheel_runs(installed, tmp_path):
    _, python = installed
    isolated = [python, "-I", python.with_name("skccem")]
    assert run(*isolated, "--version", cwd=tmp_path).split()[-1] == skccem.__version__
    run(*isolated, "simulate", "--out", tmp_path / "crowd", "--items", 50)
    assert (tmp_path / "crowd" / "labels.csv").exists()


def test_the_wheel_has_the_package_and_its_licence_only(built):
    names = ZipFile(built[1]).namelist()
    information = f"skccem-{skccem.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"skccem", information}
    assert {name for name in names if not name.endswith(".py")} == {
        "skccem/py.typed",
        "skccem/templates/report.html",
        f"{information}/METADATA",
        f"{information}/RECORD",
        f"{information}/WHEEL",
        f"{information}/entry_points.txt",
        f"{information}/licenses/LICENSE",
        f"{information}/top_level.txt",
    }


def test_the_archive_has_what_it_takes_to_test_it(built):
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "CITATION.cff",
        "Makefile",
        "conftest.py",
        "requirements-dev.txt",
        "benchmarks/results/real_labels.md",
        "docs/conf.py",
        "tests/data/format_1/expected.json",
        "tests/programs/smoke.py",
        "tests/test_distribution.py",
    ):
        assert name in names
    assert not any("__pycache__" in name for name in names)

"""What files outside the package say about it is true."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

import skccem

ROOT = Path(__file__).parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_examples_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(r"```python\n(.*?)```", read("README.md"), re.DOTALL)
    names = {}
    exec(first, names)
    clf, X, Y = names["clf"], names["X"], names["Y"]
    assert clf.score(X, names["truth"]) > 0.9
    assert clf.score(X, Y) < 0
    assert clf.confusion_matrices_.shape == (5, 3, 3)
    exec(second, names)
    assert (tmp_path / "report.html").exists()


def test_version_and_date_agree_with_the_changes_and_the_citation():
    heading = re.search(r"^([\d.]+) \(([\d-]+)\)$", read("CHANGES.rst"), re.MULTILINE)
    lines = dict(re.findall(r"^(\S+): (.+)$", read("CITATION.cff"), re.MULTILINE))
    cited = lines["version"], lines["date-released"].strip('"')
    assert heading.groups() == cited
    assert cited[0] == skccem.__version__


def test_the_commit_hook_has_the_version_of_ruff_in_the_lock():
    (hook,) = re.findall(r"rev: v([\d.]+)", read(".pre-commit-config.yaml"))
    assert f"\nruff=={hook}\n" in read("requirements-dev.txt")


def test_the_lock_pins_every_package_that_is_used():
    lock = read("requirements-dev.txt").lower().replace("_", "-")
    config = ConfigParser()
    config.read_string(read("setup.cfg"))
    extras = config["options.extras_require"]
    # The peers weigh hundreds of megabytes, and no test needs them.
    lists = [config["options"]["install_requires"]]
    lists += [extras[name] for name in extras if name not in ("bench", "docs")]
    names = {re.match(r"[\w-]+", line)[0] for line in "\n".join(lists).split()}
    assert {"numpy", "torch", "pytest"} < names
    for name in names:
        assert re.search(rf"^{name}==[\d.]+$", lock, re.MULTILINE), name
    assert not re.search(r"^[^#\n]*[^=]=[^=]|[<>~]", lock)


def test_the_oldest_versions_are_those_that_are_declared():
    config = ConfigParser()
    config.read_string(read("setup.cfg"))
    extras = config["options.extras_require"]
    lists = [config["options"]["install_requires"], *extras.values()]
    minimum = {
        name: version.removesuffix(".0")
        for name, version in re.findall(
            r"^([\w-]+)(?:\[.*\])?>=([\d.]+)", "\n".join(lists), re.MULTILINE
        )
    }
    lock = dict(re.findall(r"^([\w-]+)==(.+)$", read("requirements-oldest.txt"), re.M))
    # What draws the pages and the peers is not tested with old versions.
    elsewhere = set()
    for line in (extras["docs"] + extras["bench"]).split():
        elsewhere.add(re.match(r"[\w-]+", line)[0])
    # Of torch one version is tested, as the guide says.
    del minimum["torch"]
    assert {"numpy", "scikit-learn", "skorch", "onnx", "hypothesis"} < set(minimum)
    for name, version in minimum.items():
        if name in lock or name not in elsewhere:
            assert re.fullmatch(rf"{re.escape(version)}(\.0)*", lock[name]), name


def test_numbers_of_real_crowds_in_the_readme_are_those_of_the_results():
    def cells_of(text):
        lines = (line[1:-1] for line in text.splitlines() if line[:1] == "|")
        return [
            [cell.strip() for cell in line.split("|")] for line in lines if "±" in line
        ]

    found = {"labelme": {}, "music": {}}
    for name in ("real_labels.md", "real_labels_peers_averaged.md"):
        crowd = None
        for part in read(f"benchmarks/results/{name}").split("\n\n"):
            if "mean ± standard deviation" in part:
                crowd = part.split(",")[0] if "no truth used" in part else None
            elif crowd:
                for method, accuracy, _, error, _ in cells_of(part):
                    found[crowd][method] = accuracy, error.partition(" ")[0]

    def result(method, crowd):
        same_network = (f"{method}, 4 wide", f"{method}, shared settings, 4 wide")
        for name in (*same_network, method):
            if name in found[crowd]:
                return found[crowd][name]
        raise AssertionError(f"{method} is in no table")

    rows = cells_of(read("README.md").split("## On real crowds")[1])
    assert len(rows) == 14
    for method, *cells in rows:
        labelme, music = result(method, "labelme"), result(method, "music")
        assert cells in ([*labelme, *music], [labelme[0], music[0]]), method


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_pictures_and_files_that_are_named_exist(name):
    for target in re.findall(r"\]\(([^)#]+)\)", read(name)):
        assert "://" in target or (ROOT / target).exists(), target

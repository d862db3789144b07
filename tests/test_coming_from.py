"""The pages for those who come from other packages show code that runs."""

import ast
import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import skccem

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import coming_from
from coming_from_crowd import Found, simulate_crowd

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
PAGES = sorted((ROOT / "docs" / "coming_from").glob("*.rst"))
# Each file of snippets, by the name of its page.
FILES = {path.stem.removeprefix("from_"): path for path in BENCHMARKS.glob("from_*.py")}


def regions(path):
    """The snippets of a file, by the words after "# theirs:" or "# ours:"."""
    found = re.findall(
        r"^ *# ((?:theirs|ours): [^\n]+)\n(.*?)^ *# end$",
        path.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert len(dict(found)) == len(found)
    return {name: textwrap.dedent(code) for name, code in found}


def included(page):
    """The file, the first marker and the last of each snippet on a page."""
    return re.findall(
        r"^\.\. literalinclude:: (\S+)\n(?:   :caption: [^\n]+\n)?"
        r"   :start-after: # ([^\n]+)\n   :end-before: # ([^\n]+)\n   :dedent:\n",
        page.read_text(encoding="utf-8"),
        re.MULTILINE,
    )


def imports(tree):
    """The name, the module and whether it is ours, of each import of a snippet."""
    for node in ast.walk(tree):
        # What is ours comes by "from skccem import", so that its names are seen here.
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("skccem") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = node.module.split(".")[0]
            for alias in node.names:
                assert alias.asname is None
                yield alias.name, node.module, package


@pytest.mark.parametrize("name", FILES)
def test_every_snippet_is_code_whose_names_of_ours_exist(name):
    snippets = regions(FILES[name])
    assert any(title.startswith("ours") for title in snippets)
    for title, code in snippets.items():
        tree, ours = ast.parse(code), {}
        for imported, module, package in imports(tree):
            if package == "skccem":
                found = importlib.import_module(module)
                assert imported in getattr(found, "__all__", dir(found)), title
                ours[imported] = getattr(found, imported)
            elif title.startswith("ours"):
                assert package in ("scipy", "sklearn", "torch"), title
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in ours:
                    assert hasattr(ours[node.value.id], node.attr), title
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ours:
                    known = inspect.signature(ours[node.func.id]).parameters
                    given = {word.arg for word in node.keywords} - {None}
                    takes_more = any(p.kind is p.VAR_KEYWORD for p in known.values())
                    assert takes_more or given <= set(known), title


@pytest.mark.parametrize("name", FILES)
def test_every_snippet_is_on_its_page(name):
    page = ROOT / "docs" / "coming_from" / f"{name}.rst"
    shown = included(page)
    assert page.read_text(encoding="utf-8").count("literalinclude::") == len(shown)
    assert {end for _, _, end in shown} == {"end"}
    own = [start for file, start, _ in shown if Path(file).name == FILES[name].name]
    assert sorted(own) == sorted(regions(FILES[name]))
    for file, start, _ in shown:
        # What is the same on several pages is in the file of one.
        path = (page.parent / file).resolve()
        assert path in FILES.values()
        assert path == FILES[name] or start.startswith("ours: ")
        # Sphinx takes the first line that has the words.
        lines = path.read_text(encoding="utf-8").splitlines()
        assert sum(f"# {start}" in line for line in lines) == 1, start


def test_no_snippet_is_written_twice():
    snippets = [code for path in FILES.values() for code in regions(path).values()]
    assert len(set(snippets)) == len(snippets)


def test_every_file_of_snippets_has_a_page_in_the_index():
    text = (ROOT / "docs" / "coming_from" / "index.rst").read_text(encoding="utf-8")
    for name in FILES:
        assert re.search(rf"^   {name}$", text, re.MULTILINE), name
    assert {page.stem for page in PAGES} == {"index", *FILES}


@pytest.mark.parametrize("name", FILES)
def test_our_snippets_run_without_the_other_package(name):
    ours = importlib.import_module(f"from_{name}").our_snippets(simulate_crowd(60, 0))
    assert isinstance(ours["labels"], skccem.CrowdLabels)
    assert ours["labels"].shape == (60, 10)


def test_the_forms_of_the_simulated_crowd_are_one_crowd():
    crowd = simulate_crowd(40, 1)
    of_table = skccem.CrowdLabels.from_long(crowd.table, items=range(40))
    of_matrix = skccem.CrowdLabels.from_matrix(crowd.matrix)
    np.testing.assert_array_equal(of_table, of_matrix)
    np.testing.assert_array_equal(of_table.labels_per_item, 6)
    again = simulate_crowd(40, 1)
    np.testing.assert_array_equal(crowd.X, again.X)


def test_a_number_above_its_limit_is_told():
    runs = [
        [Found("a", 0.0, limit=0), Found("b", 0.25), Found("c", value, limit=1e-6)]
        for value in (1e-9, 1e-3)
    ]
    text, broken = coming_from.summary(runs)
    assert "| a | 0 | 0 |" in text
    assert "| b | 0.250 |  |" in text
    assert "| c | 0.001 | 1e-06 |" in text
    assert broken == ["c: 0.001, more than 1e-06."]
    assert coming_from.summary([[Found("a", np.nan, limit=0)]])[1]


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("crowd_kit", "crowdkit"),
        ("cleanlab", "cleanlab"),
        ("scikit_activeml", "skactiveml"),
        ("peerannot", "peerannot"),
    ],
)
@pytest.mark.slow
def test_both_sides_agree_where_they_should(package, module):
    pytest.importorskip(
        module, reason=f"{package} is not installed: see docs/coming_from/{package}.rst"
    )
    found = importlib.import_module(f"from_{package}").compare(simulate_crowd(60, 0))
    assert any(number.limit is not None for number in found)
    _, broken = coming_from.summary([found])
    assert broken == []

"""The page of benchmarks has what is committed."""

import re
import sys
from pathlib import Path

import pytest

nodes = pytest.importorskip("docutils.nodes")
pytest.importorskip("sphinx")

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    import tables

    yield tables
    sys.modules.pop("tables")


def words(text):
    return re.findall(r"\w+", text)


def test_every_committed_table_is_on_the_page():
    page = (ROOT / "docs" / "benchmarks.rst").read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. results-table:: (\S+)$", page, re.MULTILINE)
    committed = {
        path.name for path in RESULTS.iterdir() if path.suffix in (".md", ".txt")
    }
    assert sorted(shown) == sorted(name for name in committed if "_quick" not in name)


def test_the_target_of_a_table_is_the_name_of_its_file():
    page = (ROOT / "docs" / "benchmarks.rst").read_text(encoding="utf-8")
    targets = re.findall(r"^\.\. _table-(\w+):$", page, re.MULTILINE)
    shown = re.findall(r"^\.\. results-table:: (\w+)\.\w+$", page, re.MULTILINE)
    assert targets == shown


@pytest.mark.parametrize(
    "path", sorted(RESULTS.glob("*.md")), ids=lambda path: path.stem
)
def test_a_file_is_shown_with_its_command_and_every_cell(tables, path):
    text = path.read_text(encoding="utf-8")
    made = tables.markdown_nodes(text)
    assert made[0].astext().startswith(("python benchmarks/", "make "))
    # The title is the page's, and links are shown by their text.
    body = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text.split("\n", 1)[1])
    assert words(" ".join(node.astext() for node in made)) == words(body)


def test_a_table_has_a_head_rows_and_code(tables):
    (table,) = tables.markdown_nodes("| a | `b` |\n| --- | --- |\n| 1 |  |\n| 2 | 3 |")
    rows = [[cell.astext() for cell in row] for row in table.findall(nodes.row)]
    assert rows == [["a", "b"], ["1", ""], ["2", "3"]]
    assert [node.astext() for node in table.findall(nodes.literal)] == ["b"]
    assert len(list(table.findall(nodes.thead))) == 1


def test_a_table_without_names_of_columns_has_no_head(tables):
    (table,) = tables.markdown_nodes("|  |  |\n| --- | --- |\n| seconds | 28 |")
    assert not list(table.findall(nodes.thead))

"""Imports point upward in the table of CONTRIBUTING.md."""

import graphlib
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "docs" / "_extensions"))

from layout import PACKAGE, ROOT, WHOLE, read_imports, read_layers

# Imports, within functions, from what is made of all the others.
EXCEPTIONS = {
    # __version__ is beside the public names, where everybody looks for it.
    ("_fingerprint", WHOLE),
    ("_model_file", WHOLE),
    ("_onnx", WHOLE),
    ("_pickling", WHOLE),
    # Finds the public class that a file names, and no other.
    ("_stored_estimators", WHOLE),
}


def wrong_imports(layers, imports, exceptions=frozenset()):
    """A line for each import from a later row."""
    rows = [(layer.name, row) for layer in layers for row in layer.rows]
    place = {
        module: (number, layer)
        for number, (layer, row) in enumerate(rows)
        for module in row
    }
    # The package itself is made of all.
    place[WHOLE] = len(rows), "the package itself"
    return [
        f"{name}.py ({place[name][1]}) imports from {other}.py ({place[other][1]}), "
        "which is later in the layout of CONTRIBUTING.md"
        for name, imported in imports.items()
        for other in sorted(imported)
        if place[name][0] < place[other][0] and (name, other) not in exceptions
    ]


def cycle(imports, exceptions=frozenset()):
    """Modules that import from each other, in a circle, or None."""
    graph = {
        name: {other for other in imported if (name, other) not in exceptions}
        for name, imported in imports.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def test_the_table_names_every_file_once_and_no_other():
    named = [name for layer in read_layers() for row in layer.rows for name in row]
    files = {path.stem for path in PACKAGE.glob("*.py")} - {WHOLE}
    assert sorted(named) == sorted(files)


def test_no_file_imports_from_a_later_row():
    wrong = wrong_imports(read_layers(), read_imports(), EXCEPTIONS)
    assert not wrong, "\n".join(wrong)


def test_files_import_in_no_circle():
    assert cycle(read_imports(), EXCEPTIONS) is None


def test_every_exception_is_needed():
    imports = read_imports()
    assert {(name, WHOLE) for name in imports if WHOLE in imports[name]} == EXCEPTIONS


LAYERS = read_layers("""
| file | job |
|---|---|
| **low** | first |
| `a.py`, `b.py` | of both |
| **high** | second |
| `c.py` | the rest, of `a.py` |
""")


@pytest.fixture
def package(tmp_path):
    """A function that writes modules and returns what they import."""

    def write(**modules):
        folder = tmp_path / "pack"
        folder.mkdir()
        for name in ("__init__", "a", "b", "c"):
            (folder / f"{name}.py").write_text(modules.get(name, ""), encoding="utf-8")
        return read_imports(folder)

    return write


def test_layers_have_the_names_in_bold_and_the_files_of_the_first_column():
    assert [tuple(layer) for layer in LAYERS] == [
        ("low", "first", [["a", "b"]]),
        ("high", "second", [["c"]]),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from .c import name",
        "from . import c",
        "import pack.c",
        "from pack.c import name",
        "from pack import c as d",
        "def f():\n    from .c import name",
        "try:\n    from .c import name\nexcept ImportError:\n    pass",
        "if TYPE_CHECKING:\n    pass\nelse:\n    from .c import name",
    ],
)
def test_an_import_from_a_later_row_is_named_however_it_is_written(package, code):
    (line,) = wrong_imports(LAYERS, package(a=code))
    assert line == (
        "a.py (low) imports from c.py (high), which is later in the layout of "
        "CONTRIBUTING.md"
    )


def test_imports_for_type_checkers_and_from_elsewhere_do_not_count(package):
    code = "if TYPE_CHECKING:\n    from .c import name\nimport os, c\nfrom c import d"
    assert package(a=code)["a"] == set()


def test_a_row_and_the_package_itself_are_imported_from_as_the_table_says(package):
    imports = package(a="from .b import x", b="from . import name", c="import pack.a")
    assert imports["c"] == {"a"}
    (line,) = wrong_imports(LAYERS, imports)
    assert line.startswith("b.py (low) imports from __init__.py (the package itself)")


def test_a_circle_in_a_row_is_found(package):
    imports = package(a="from .b import x", b="def f():\n    from .a import x")
    assert not wrong_imports(LAYERS, imports)
    assert set(cycle(imports)) == {"a", "b"}


def test_the_arrows_of_the_picture_point_upward_and_imply_every_import(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "figures"))
    from layers import needed_arrows

    layers, imports = read_layers(), read_imports()
    place = {
        module: position
        for position, layer in enumerate(layers)
        for row in layer.rows
        for module in row
    }
    arrows = needed_arrows(layers, imports)
    assert all(imported < importer for importer, imported in arrows)
    reached = {position: {position} for position in range(len(layers))}
    for importer, imported in arrows:
        reached[importer] |= reached[imported]
    for module, imported in imports.items():
        for other in imported & set(place):
            assert module == WHOLE or place[other] in reached[place[module]]

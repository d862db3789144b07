"""The layers of the package, from the table in CONTRIBUTING.md, and its imports.

``tests/test_layout.py`` compares the two, and ``docs/figures/layers.py`` draws them.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "skccem"

# What a module of the package imports with ``import skccem`` or ``from . import name``.
WHOLE = "__init__"


class Layer(NamedTuple):
    """Rows of the table under a name in bold."""

    name: str
    job: str
    # The modules of each row, without the ending of their files.
    rows: list


def read_layers(text=None):
    """The layers, the one that all others may import from first.

    Parameters
    ----------
    text : str, optional
        Markdown with the table; that of CONTRIBUTING.md by default.

    Returns
    -------
    list of Layer
    """
    if text is None:
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    layers = []
    for cells in re.findall(r"^\| (.*?) \| (.*) \|$", text, re.MULTILINE):
        name = re.fullmatch(r"\*\*(.+)\*\*", cells[0])
        modules = re.findall(r"`(\w+)\.py`", cells[0])
        if name:
            layers.append(Layer(name[1], cells[1], []))
        elif modules:
            layers[-1].rows.append(modules)
    return layers


def read_imports(package=PACKAGE):
    """What each module imports from the package, also within functions.

    Imports for type checkers alone, under ``if TYPE_CHECKING:``, do not count.

    Parameters
    ----------
    package : pathlib.Path
        A directory of modules, whose name is that of the package.

    Returns
    -------
    dict of str to set of str
        Names of modules, `WHOLE` for the package itself.
    """
    modules = {path.stem for path in package.glob("*.py")}
    return {
        name: _imported(package / f"{name}.py", package.name, modules)
        for name in sorted(modules)
    }


def _imported(path, package, modules):
    found = set()
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = [package] if node.level else []
            origin = ".".join([*parents, *filter(None, [node.module])])
            # What is imported may be a module or something in one.
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, second, *_ = [*name.split("."), ""]
            if first == package:
                found.add(second if second in modules else WHOLE)
    return found


def _nodes(tree):
    """All nodes but those under ``if TYPE_CHECKING:``."""
    yield tree
    if isinstance(tree, ast.If) and ast.unparse(tree.test).endswith("TYPE_CHECKING"):
        children = tree.orelse
    else:
        children = ast.iter_child_nodes(tree)
    for child in children:
        yield from _nodes(child)

"""Public docstrings have the form of numpydoc, and parameters that exist."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import skccem

validate = pytest.importorskip(
    "numpydoc.validate", reason="numpydoc, which the site needs, is not installed"
).validate

# All checks of numpydoc but these:
# GL01 wants the summary on the line after the quotes, and SS05 takes plural nouns for
#   verbs in the third person: matters of style, of which the package has its own.
# ES01 and SA01 want an extended summary and See Also everywhere.
# EX01 wants examples of methods and warnings too; functions and classes have them.
# PR07 wants words beside "X : as in `fit`", which says all.
# RT02 wants types alone where one value is returned: here it may have a name.
LEFT_OUT = {"ES01", "EX01", "GL01", "PR07", "RT02", "SA01", "SS05"}


def public_modules():
    names = [module.name for module in pkgutil.iter_modules(skccem.__path__)]
    return ["skccem", *(f"skccem.{name}" for name in names if not name.startswith("_"))]


def public_objects():
    """Names of what public modules export, and of public methods and properties."""
    for module_name in public_modules():
        # Docstrings of commands are what they print for --help.
        if module_name == "skccem.cli":
            continue
        module = importlib.import_module(module_name)
        for name in module.__all__:
            yield f"{module_name}.{name}"
            kind = getattr(module, name)
            if inspect.isclass(kind):
                for member in own_members(kind):
                    yield f"{module_name}.{name}.{member}"


def own_members(kind):
    """Public methods and properties of a class that are written in the package.

    Those of fits, with an underscore at the end, are described by the class.
    """
    for owner in kind.__mro__:
        if owner.__module__.startswith("skccem"):
            for name, value in vars(owner).items():
                is_code = inspect.isroutine(value) or isinstance(value, property)
                if is_code and not name.startswith("_") and not name.endswith("_"):
                    yield name


NAMES = sorted(set(public_objects()))
REFERENCE = Path(__file__).parents[1] / "docs" / "api.rst"


def test_every_public_module_says_what_it_exports():
    for name in public_modules():
        assert importlib.import_module(name).__all__, name


def test_the_public_objects_are_found():
    assert {
        "skccem.CrowdClassifier",
        "skccem.CrowdClassifierCV.fit",
        "skccem.CrowdLabels.n_labels",
        "skccem.MACE.save",
        "skccem.reports.annotator_report",
    } <= set(NAMES)


def test_the_reference_lists_every_public_object():
    page = REFERENCE.read_text(encoding="utf-8")
    listed = re.findall(r"^   ([\w.]+)$", page, re.MULTILINE)
    public = [name for name in NAMES if name.rpartition(".")[0] in public_modules()]
    assert sorted(f"skccem.{name}" for name in listed) == public


def test_summaries_cite_nothing():
    # They are in tables too, where a reference leads nowhere.
    summaries = {name: validate(name)["docstring"].split("\n")[0] for name in NAMES}
    assert summaries["skccem.MACE"] == "Multi-annotator competence estimation."
    assert not [name for name, summary in summaries.items() if "]_" in summary]


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_has_the_form_of_numpydoc(name):
    module = name.rpartition(".")[0]
    needs_example = module in public_modules() and module != "skccem.exceptions"
    left_out = LEFT_OUT - {"EX01"} if needs_example else LEFT_OUT
    errors = [
        f"{code}: {message}"
        for code, message in validate(name)["errors"]
        if code not in left_out
    ]
    assert not errors, "\n".join(errors)

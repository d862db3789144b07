"""The public API has types, and a user's program that has them runs.

What the types are, mypy checks in ``make lint``, by ``typing/typical_use.py``.
"""

import importlib
import inspect
import pkgutil
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import skccem
from skccem import CrowdClassifier
from skccem._crowd_loss import LIKELIHOODS, REGULARIZERS
from skccem.plotting import TrainingCurvesDisplay

PROGRAM = Path(__file__).parent / "typing" / "typical_use.py"
# The command line is no API.
MODULES = ["skccem"] + [
    f"skccem.{module.name}"
    for module in pkgutil.iter_modules(skccem.__path__)
    if not module.name.startswith("_") and module.name != "cli"
]


def functions(thing):
    """Of a public function or class, the functions that a user calls, by name.

    Those of other packages are left out, and decorators seen through.
    """
    if inspect.isfunction(thing):
        yield thing.__name__, thing
        return
    for name in dir(thing):
        if name.startswith("_") and name not in ("__init__", "__getitem__", "__len__"):
            continue
        value = inspect.getattr_static(thing, name)
        value = value.fget if isinstance(value, property) else value
        value = getattr(value, "__func__", value)
        value = inspect.unwrap(getattr(value, "fn", value))
        if getattr(value, "__module__", "").startswith("skccem"):
            yield f"{thing.__name__}.{name}", value


def untyped(function):
    """The parameters of a function that have no type, and "return" if it has none."""
    names = [*inspect.signature(function).parameters, "return"]
    typed = {"self", "cls", *function.__annotations__}
    return [name for name in names if name not in typed]


@pytest.mark.parametrize("module", MODULES)
def test_every_public_signature_has_types(module):
    module = importlib.import_module(module)
    for public in module.__all__:
        for name, function in functions(getattr(module, public)):
            assert untyped(function) == [], name


@pytest.mark.parametrize(
    ("kind", "parameter", "known"),
    [
        (CrowdClassifier, "likelihood", LIKELIHOODS),
        (CrowdClassifier, "regularizer", REGULARIZERS),
        (TrainingCurvesDisplay, "likelihood", LIKELIHOODS),
    ],
)
def test_types_name_every_likelihood_and_regulariser(kind, parameter, known):
    annotation = inspect.signature(kind).parameters[parameter].annotation
    for name in known:
        assert repr(name).replace("'", '"') in str(annotation).replace("'", '"')


@pytest.mark.slow
def test_what_mypy_checks_runs(tmp_path, pyplot):
    for package in ("dask.dataframe", "onnxscript"):
        pytest.importorskip(package)
    spec = spec_from_file_location("typical_use", PROGRAM)
    program = module_from_spec(spec)
    spec.loader.exec_module(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program.main(tmp_path)

"""An estimator, and those inside it, as a document, and back.

A document is what JSON holds: the name of the class, parameters, and what the fit set.
Estimators that are parameters, or that a fit set, are documents inside it.
"""

import os
from typing import NamedTuple

import numpy as np
from sklearn.utils._metadata_requests import SIMPLE_METHODS

from ._model_file import damaged
from ._stored_values import NotStorable

# What a fit sets beside public attributes, whose names end with an underscore.
_PRIVATE = {"_item_shape", "_log_confusion", "_log_weight", "_stream", "_tie_seed"}

# What scikit-learn's `set_fit_request` and its like set.
_ROUTING = "_metadata_request"

# Kinds of dtype and axes of what a fit sets: annotators, classes, and any number "n".
_SHAPES = {
    "classes_": ("biufUSMmO", "K"),
    "annotators_": ("biufUSMmO", "M"),
    "class_prior_": ("f", "K"),
    "confusion_matrices_": ("f", "MKK"),
    "_log_confusion": ("f", "MKK"),
    "n_labels_per_annotator_": ("i", "M"),
    "aggregated_proba_": ("f", "nK"),
    "abilities_": ("f", "M"),
    "accuracies_": ("f", "M"),
    "competences_": ("f", "M"),
    "difficulties_": ("f", "n"),
    "strategies_": ("f", "MK"),
}


class _Document(NamedTuple):
    """The parts of a document."""

    # Name of the class.
    estimator: str
    # By name, those that a file can hold; and of the others what is known of them.
    params: dict
    params_to_give: dict
    # Documents by name of the parameter.
    estimators: dict
    # What metadata each method asks for.
    routing: object
    # By attribute; None if it is not fitted.
    fitted: dict | None
    # Documents by attribute.
    fitted_estimators: dict


def to_document(estimator, writer, place="", *, fitted=True):
    """An estimator as a document.

    Parameters
    ----------
    estimator : estimator with ``FileMethods``
    writer : Writer
    place : str, default=""
        In front of the names of its tensors.
    fitted : bool, default=True
        Whether to keep what its fit set.

    Returns
    -------
    dict

    Raises
    ------
    TypeError
        If something that the fit set is not data.
    """
    params, to_give, estimators = {}, {}, {}
    for name, value in estimator.get_params(deep=False).items():
        where = f"{place}params.{name}"
        if _is_storable(value):
            estimators[name] = to_document(value, writer, f"{where}.", fitted=False)
            continue
        try:
            params[name] = writer.encode(value, where)
        except NotStorable as error:
            to_give[name] = str(error)
    encoded, inner = None, {}
    if fitted:
        encoded, inner = _encode_fitted(estimator, writer, place)
    return _Document(
        type(estimator).__name__,
        params,
        to_give,
        estimators,
        writer.encode(_routing_of(estimator), ""),
        encoded,
        inner,
    )._asdict()


def from_document(cls, document, reader, path, given):
    """The estimator that `to_document` was given.

    Parameters
    ----------
    cls : type
        Its class.
    document : dict
    reader : Reader
    path : str or path-like
        Of the file, for errors.
    given : dict
        Parameters that the document can't hold, as `check_given` lets them through;
        those of an estimator inside have its name and two underscores in front.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If the document contradicts itself.
    """
    document = _parts_of(document, path)
    try:
        params = {name: reader.decode(value) for name, value in document.params.items()}
        fitted = document.fitted and {
            name: reader.decode(value) for name, value in document.fitted.items()
        }
        routing = reader.decode(document.routing)
    except ValueError as error:
        raise damaged(path, error) from error
    for name, inner in document.estimators.items():
        params[name] = _inner(inner, reader, path, given, name)
    names = cls._get_param_names()
    own = {name: value for name, value in given.items() if name in names}
    estimator = cls(**(params | own))
    try:
        _request(estimator, routing)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise damaged(path, error) from error
    if fitted is None:
        return estimator
    for name, inner in document.fitted_estimators.items():
        if name not in cls._fitted_estimators:
            raise damaged(path, f"no fit sets {name!r}")
        prefix = cls._fitted_estimators[name]
        fitted[name] = _inner(inner, reader, path, given, prefix)
    try:
        estimator._check_data(fitted)
    except (TypeError, ValueError) as error:
        raise damaged(path, error) from error
    estimator._from_data(fitted, path)
    return estimator


def check_given(cls, path, document, given):
    """Raise unless the parameters are those that the file lacks, and perhaps devices.

    Parameters
    ----------
    cls : type
    path : str or path-like
    document : dict
    given : dict
        Parameters, also of estimators inside.

    Raises
    ------
    TypeError
        If others are given, or some are not.
    ValueError
        If the file has parameters that the class does not know.
    """
    to_give, movable = _expected(cls, document, path)
    missing = sorted(to_give.keys() - given.keys())
    if missing:
        example = ", ".join(f"{name}=..." for name in missing)
        reasons = "; ".join(str(to_give[name]) for name in missing)
        raise TypeError(
            f"Expected the parameters {missing}, which {os.fspath(path)} can't hold "
            f"({reasons}). Call {cls.__name__}.load(path, {example}) with those of the "
            "fit."
        )
    superfluous = sorted(given.keys() - to_give.keys() - movable)
    if superfluous:
        raise TypeError(
            f"Expected no other parameters than {sorted(to_give.keys() | movable)}, got"
            f" {superfluous}: the file holds these. Change them by set_params after "
            "`load`."
        )


def check_fitted(fitted, needed):
    """Raise a ValueError unless attributes are complete and fit each other.

    Parameters
    ----------
    fitted : dict
        By name.
    needed : sequence of str
        Names, ``classes_`` and ``annotators_`` among them.
    """
    check_names(fitted, needed)
    sizes = {"K": np.size(fitted["classes_"]), "M": np.size(fitted["annotators_"])}
    for name in fitted.keys() & _SHAPES.keys():
        kinds, axes = _SHAPES[name]
        value = fitted[name]
        if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds:
            got = getattr(value, "dtype", type(value).__name__)
            raise ValueError(f"{name} has the type {got}")
        shape = value.shape
        expected = tuple(map(sizes.get, axes, shape))
        if len(shape) != len(axes) or shape != expected:
            raise ValueError(
                f"{name} has the shape {shape}, but there are {sizes['M']} annotators "
                f"and {sizes['K']} classes"
            )
    if fitted.get("n_annotators_") != sizes["M"]:
        raise ValueError(
            f"n_annotators_ is {fitted.get('n_annotators_')}, but there are "
            f"{sizes['M']} annotators"
        )


def check_names(fitted, needed):
    """Raise a ValueError if an attribute is absent, or is nothing that a fit sets.

    Parameters
    ----------
    fitted : dict
        By name.
    needed : sequence of str
        Names.
    """
    for name in fitted:
        if not _is_known(name):
            raise ValueError(f"no fit sets {name!r}")
    for name in needed:
        if name not in fitted:
            raise ValueError(f"it lacks {name}")


def _encode_fitted(estimator, writer, place):
    """What a fit set, and documents of the estimators among it, by attribute."""
    kind = type(estimator).__name__
    encoded, inner = {}, {}
    for name, value in sorted(estimator._to_data().items()):
        if name == _ROUTING:
            continue
        if name in estimator._fitted_estimators and value is not None:
            if not _is_storable(value):
                raise TypeError(
                    f"Expected an estimator of skccem, whose files hold data alone, as "
                    f"{kind}.{name}, got {value!r}. Use skops.io.dump, or joblib.dump, "
                    "whose files only you should load."
                )
            inner[name] = to_document(value, writer, f"{place}{name}.")
            continue
        try:
            if not _is_known(name):
                raise NotStorable("it is not set by fit")
            encoded[name] = writer.encode(value, f"{place}{name}")
        except NotStorable as error:
            raise TypeError(
                f"Expected data that a file can hold, got {kind}.{name}, but {error}. "
                "If it is yours, delete it before you save; give annotators and classes"
                " numbers or strings as names; or use joblib.dump, whose files only you"
                " should load."
            ) from error
    return encoded, inner


def _inner(document, reader, path, given, prefix):
    """The estimator of a document inside another one."""
    inner = _class_of(document, path)
    to_give, movable = _expected(inner, document, path)
    given = {
        name: value
        for name, value in _without(prefix, given).items()
        if name in to_give or name in movable
    }
    return from_document(inner, document, reader, path, given)


def _without(prefix, given):
    start = f"{prefix}__"
    return {
        name.removeprefix(start): value
        for name, value in given.items()
        if name.startswith(start)
    }


def _expected(cls, document, path):
    """Parameters that a document lacks, with reasons, and names of devices."""
    document = _parts_of(document, path)
    stored = {*document.params, *document.params_to_give, *document.estimators}
    names = set(cls._get_param_names())
    unknown = sorted(map(str, stored - names))
    if unknown:
        raise damaged(path, f"{cls.__name__} has no parameters {unknown}")
    to_give, movable = dict(document.params_to_give), {"device"} & names
    inside = list(document.estimators.items())
    inside += [
        (cls._fitted_estimators[name], inner)
        for name, inner in document.fitted_estimators.items()
        if name in cls._fitted_estimators
    ]
    for prefix, inner in inside:
        inner_to_give, inner_movable = _expected(_class_of(inner, path), inner, path)
        to_give |= {f"{prefix}__{name}": why for name, why in inner_to_give.items()}
        movable |= {f"{prefix}__{name}" for name in inner_movable}
    return to_give, movable


def _parts_of(document, path):
    """A document, with its parts of the right types."""
    try:
        parts = {name: document[name] for name in _Document._fields}
        for name in ("params", "params_to_give", "estimators", "fitted_estimators"):
            parts[name] = dict(parts[name])
        if parts["fitted"] is not None:
            parts["fitted"] = dict(parts["fitted"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"it lacks {error}") from error
    return _Document(**parts)


def _is_storable(value):
    """Whether it is an estimator that a file can hold inside another one."""
    return _public_class(type(value).__name__) is type(value)


def _class_of(document, path):
    name = _parts_of(document, path).estimator
    found = _public_class(name) if isinstance(name, str) else None
    if found is None:
        raise damaged(path, f"skccem has no estimator {name!r}")
    return found


def _public_class(name):
    """The estimator of the package with this name, or None."""
    # They have this module's functions as their methods.
    import skccem

    found = getattr(skccem, name) if name in skccem.__all__ else None
    return found if hasattr(found, "_from_data") else None


def _is_known(name):
    is_public = name.isidentifier() and name.endswith("_") and not name.startswith("_")
    return is_public or name in _PRIVATE


def _routing_of(estimator):
    """For each method what it asks for; None if it is what the class asks for."""
    request = getattr(estimator, _ROUTING, None)
    if request is None:
        return None
    return {
        method: dict(getattr(request, method).requests) for method in SIMPLE_METHODS
    }


def _request(estimator, routing):
    """Let an estimator ask for the metadata that another one asked for.

    Parameters
    ----------
    estimator : estimator
    routing : dict of dict, or None
        For each method the names of metadata and whether, or as what, they are asked
        for; None for those of the class.
    """
    if routing is None:
        return
    request = estimator._get_metadata_request()
    for method in SIMPLE_METHODS:
        for name, alias in routing[method].items():
            getattr(request, method).add_request(param=name, alias=alias)
    setattr(estimator, _ROUTING, request)

"""``save`` and ``load``: a fitted estimator as one file that holds data alone."""

import os

import numpy as np
from sklearn.utils._metadata_requests import SIMPLE_METHODS
from sklearn.utils.validation import check_is_fitted

from ._model_file import damaged, read_model, write_model
from ._stored_values import NotStorable, Reader, Writer

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


class FileMethods:
    """Mixin: `save` and `load`.

    What a fit sets must be data. An estimator whose fit sets more overrides
    ``_to_data`` and ``_from_data``.
    """

    # Attributes without which a file is of no use.
    _needed = ("classes_", "annotators_", "class_prior_", "confusion_matrices_")

    def save(self, path):
        """Write the fitted estimator to a file, which `load` reads.

        The file is of the format safetensors: arrays, and text that says what they are
        and holds the parameters. Reading it runs no code, so that files of others can
        be read as well, unlike pickles. It keeps all that the fit learned: predictions
        after `load` are bit-identical on the same machine, and `partial_fit` goes on
        as if nothing had been in between.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced in one step, when the new one is on the disk:
            whenever the program is killed, the old or the new one is there, and
            perhaps a hidden one beside it.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If something that the fit set is not data, such as an annotator that is
            neither a number, a string nor a date, or an attribute of yours.
        ValueError
            If parameters of the perceptron were changed after the fit, or names of
            annotators take more than the 100 MB that the format has for text.
        OSError
            If the file can't be written.

        Notes
        -----
        Parameters that are not data, such as a `module`, `callbacks` or the class of an
        optimiser, are not in the file: `load` asks for them. Of a `module` the file has
        the parameters and buffers. After `partial_fit` it holds copies of up to
        `replay_size` items with their labels. What the networks beside the coupled one
        were trained with, and what callbacks remember, is not kept: nothing goes on
        from it.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from skccem import DawidSkene
        >>> Y = [["a", "a", "b"], ["b", "b", "b"], ["a", None, "b"], ["b", "b", None]]
        >>> model = DawidSkene(random_state=0).fit(Y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(Path(folder) / "model.safetensors")
        ...     again = DawidSkene.load(Path(folder) / "model.safetensors")
        >>> bool((again.predict_proba(Y) == model.predict_proba(Y)).all())
        True
        """
        check_is_fitted(self)
        writer = Writer()
        params, to_give = {}, {}
        for name, value in self.get_params(deep=False).items():
            try:
                params[name] = writer.encode(value, f"params.{name}")
            except NotStorable as error:
                to_give[name] = str(error)
        document = {
            "estimator": type(self).__name__,
            "params": params,
            "params_to_give": to_give,
            "fitted": self._encode_fitted(writer),
        }
        write_model(path, document, writer.tensors)

    @classmethod
    def load(cls, path, **params):
        """Read a fitted estimator from a file that `save` wrote.

        Parameters
        ----------
        path : str or path-like
        **params
            Those parameters of the estimator that the file can't hold, such as
            `module`, which an error names: as they were in the fit, or None where that
            is their default and they are of no more use. And, where the networks are
            to be elsewhere than they were, `device`.

        Returns
        -------
        object
            An estimator of this class.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError
            If a parameter is missing that the file can't hold, or another is given.
        ValueError
            If the file is damaged, of another class, of a newer version of the package,
            or not of this package; or if its weights don't fit the `module`.

        Notes
        -----
        Names, numbers of annotators and classes, and the types and shapes of all arrays
        are checked. A file that somebody changed on purpose can hold other numbers, but
        no code.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from torch import nn
        >>> from skccem import CrowdClassifier
        >>> rng = np.random.default_rng(0)
        >>> X, Y = rng.normal(size=(30, 2)), rng.integers(2, size=(30, 3))
        >>> clf = CrowdClassifier(nn.Linear(2, 2), max_epochs=2, random_state=0)
        >>> clf = clf.fit(X, Y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "classifier.safetensors"
        ...     clf.save(file)
        ...     again = CrowdClassifier.load(file, module=nn.Linear(2, 2))
        >>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
        True
        """
        document, tensors = read_model(path)
        if document.get("estimator") != cls.__name__:
            raise ValueError(
                f"Expected a saved {cls.__name__}, but {os.fspath(path)} holds a "
                f"{document.get('estimator')}. Call `load` of that class."
            )
        try:
            stored, to_give, fitted = (
                dict(document[part]) for part in ("params", "params_to_give", "fitted")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"it lacks {error}") from error
        _check_given(cls, path, stored, to_give, params)
        reader = Reader(tensors)
        try:
            known = {name: reader.decode(value) for name, value in stored.items()}
            fitted = {name: reader.decode(value) for name, value in fitted.items()}
            if reader.unused:
                raise ValueError(f"nothing refers to its tensors {reader.unused[:5]}")
            _check_fitted(fitted, cls._needed)
        except ValueError as error:
            raise damaged(path, error) from error
        estimator = cls(**(known | params))
        routing = fitted.pop(_ROUTING, None)
        try:
            _request(estimator, routing)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise damaged(path, error) from error
        estimator._from_data(fitted, path)
        return estimator

    def _encode_fitted(self, writer):
        encoded = {}
        for name, value in sorted(self._to_data().items()):
            try:
                if not _is_known(name):
                    raise NotStorable("it is not set by fit")
                encoded[name] = writer.encode(value, name)
            except NotStorable as error:
                raise TypeError(
                    f"Expected data that a file can hold, got {type(self).__name__}."
                    f"{name}, but {error}. If it is yours, delete it before you save; "
                    "give annotators and classes numbers or strings as names; or use "
                    "joblib.dump, whose files only you should load."
                ) from error
        return encoded

    def _to_data(self):
        """What the fit set, by attribute, as values that a ``Writer`` takes."""
        params = self.get_params(deep=False)
        data = {key: value for key, value in vars(self).items() if key not in params}
        if _ROUTING in data:
            data[_ROUTING] = {
                method: dict(getattr(data[_ROUTING], method).requests)
                for method in SIMPLE_METHODS
            }
        return data

    def _from_data(self, fitted, path):
        """Set what ``_to_data`` returned, on an estimator with the same parameters."""
        vars(self).update(fitted)


def _is_known(name):
    is_public = name.isidentifier() and name.endswith("_") and not name.startswith("_")
    return is_public or name in _PRIVATE or name == _ROUTING


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


def _check_given(cls, path, stored, to_give, given):
    """Raise unless the parameters are those that the file lacks, and perhaps a device.

    Parameters
    ----------
    cls : type
    path : str or path-like
    stored, to_give : dict
        By name: parameters in the file, and what is known of those that are not.
    given : dict

    Raises
    ------
    TypeError
        If others are given, or some are not.
    ValueError
        If the file has parameters that the class does not know.
    """
    names = set(cls._get_param_names())
    unknown = sorted((stored.keys() | to_give.keys()) - names)
    if unknown:
        raise damaged(path, f"{cls.__name__} has no parameters {unknown}")
    missing = sorted(to_give.keys() - given.keys())
    if missing:
        example = ", ".join(f"{name}=..." for name in missing)
        reasons = "; ".join(str(to_give[name]) for name in missing)
        raise TypeError(
            f"Expected the parameters {missing}, which {os.fspath(path)} can't hold "
            f"({reasons}). Call {cls.__name__}.load(path, {example}) with those of the "
            "fit."
        )
    movable = {"device"} & names
    superfluous = sorted(given.keys() - to_give.keys() - movable)
    if superfluous:
        raise TypeError(
            f"Expected no other parameters than {sorted(to_give.keys() | movable)}, got"
            f" {superfluous}: the file holds these. Change them by set_params after "
            "`load`."
        )


def _check_fitted(fitted, needed):
    """Raise a ValueError unless attributes are complete and fit each other.

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

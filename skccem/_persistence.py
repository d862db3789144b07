"""``save`` and ``load``: a fitted estimator as one file that holds data alone."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

from sklearn.utils.validation import check_is_fitted

from ._model_file import damaged, read_model, write_model
from ._pickling import PickleMethods
from ._stored_estimators import (
    check_fitted,
    check_given,
    from_document,
    to_document,
)
from ._stored_values import Reader, Writer
from ._typing import FilePath


class FileMethods(PickleMethods):
    """Mixin: `save` and `load`, and pickles that know their version.

    What a fit sets must be data, or estimators of this package. An estimator whose fit
    sets more overrides ``_to_data`` and ``_from_data``.
    """

    # Attributes without which a file is of no use.
    _needed: ClassVar[tuple[str, ...]] = (
        "classes_",
        "annotators_",
        "class_prior_",
        "confusion_matrices_",
    )

    # Attributes that are estimators, and the parameters that these are clones of.
    _fitted_estimators: ClassVar[dict] = {}

    def save(self, path: FilePath) -> None:
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
            neither a number, a string nor a date, an attribute of yours, or, in a
            `TwoStageClassifier`, a classifier of another package.
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
        document = to_document(self, writer)
        write_model(path, document, writer.tensors)

    @classmethod
    def load(cls, path: FilePath, **params: Any) -> Self:
        """Read a fitted estimator from a file that `save` wrote.

        Parameters
        ----------
        path : str or path-like
        **params
            Those parameters of the estimator that the file can't hold, such as
            `module`, which an error names: as they were in the fit, or None where that
            is their default and they are of no more use. And, where the networks are
            to be elsewhere than they were, `device`. Those of an estimator inside have
            its name in front, as in `set_params`: ``estimator__module``.

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
            check_given(cls, path, document, params)
            reader = Reader(tensors)
            estimator = from_document(cls, document, reader, path, params)
        except RecursionError as error:
            raise damaged(
                path, "estimators are in each other without an end"
            ) from error
        if reader.unused:
            why = f"nothing refers to its tensors {reader.unused[:5]}"
            raise damaged(path, why)
        return estimator

    def _to_data(self):
        """What the fit set, by attribute, as values that a ``Writer`` takes."""
        params = self.get_params(deep=False)
        return {key: value for key, value in vars(self).items() if key not in params}

    def _check_data(self, fitted):
        """Raise a ValueError unless this is what ``_to_data`` returned."""
        check_fitted(fitted, self._needed)

    def _from_data(self, fitted, path):
        """Set what ``_to_data`` returned, on an estimator with the same parameters."""
        vars(self).update(fitted)

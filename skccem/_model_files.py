"""A directory with a fitted classifier, and what its features and labels were.

`model.safetensors` is the estimator, which `CrowdClassifier.load` reads too.
`skccem.json` has what the command line needs beside it, `aggregated.csv` the classes of
the items of the fit.
"""

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ._atomic import check_writable, write_files
from ._classifier import CrowdClassifier
from ._feature_files import in_order
from ._result_files import check_result_path, class_table, table_writer
from ._table_files import read_text

_MODEL, _SETTINGS, _AGGREGATED = "model.safetensors", "skccem.json", "aggregated.csv"
_FORMAT = "skccem model directory"
_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Scaling:
    """Features brought to mean 0 and standard deviation 1.

    Attributes
    ----------
    mean, scale : ndarrays of shape (n_features,), float64
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, values):
        """That of an array; a constant column becomes 0."""
        scale = values.std(axis=0, dtype=np.float64)
        return cls(
            values.mean(axis=0, dtype=np.float64), np.where(scale > 0, scale, 1.0)
        )

    def apply(self, values):
        """The array, scaled, as float32."""
        return ((values - self.mean) / self.scale).astype(np.float32)


@dataclass(frozen=True)
class FittedModel:
    """A classifier with what it takes to read features for it from a file.

    Attributes
    ----------
    clf : CrowdClassifier
        Fitted.
    id : str
        The column of identifiers.
    names : list of str, or None
        The columns of features.
    scaling : Scaling or None
    labels_digest : str
        `digest_of` the labels of the fit.
    """

    clf: CrowdClassifier
    id: str
    names: list | None
    scaling: Scaling | None
    labels_digest: str

    def rows(self, features):
        """Features of a file as the classifier takes them.

        Parameters
        ----------
        features : Features

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
        ignored : list of str
            Columns that the model does not know.
        """
        features, ignored = in_order(features, self.names)
        X, expected = features.values, self.clf.n_features_in_
        if X.shape[1] != expected:
            raise ValueError(
                f"Expected {expected} columns in {features.path}, as the model was "
                f"fitted to, got {X.shape[1]}. Give the same features."
            )
        return (X if self.scaling is None else self.scaling.apply(X)), ignored


def check_model_directory(directory, id_name):
    """Raise if a model cannot be saved there, before it is fitted.

    Parameters
    ----------
    directory : path-like
    id_name : str
        The column of identifiers.

    Raises
    ------
    ValueError
        If `aggregated.csv` has another column of that name.
    OSError
        If a file is not to be written to.
    """
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise OSError(
            f"Expected a directory for the model, got the file {directory}. Name "
            "another."
        )
    for name in (_MODEL, _SETTINGS):
        check_writable(directory / name)
    check_result_path(directory / _AGGREGATED, id_name)


def save_model(directory, model, ids, options):
    """Write a model and the classes of the items that it was fitted to.

    Parameters
    ----------
    directory : path-like
    model : FittedModel
    ids : ndarray of shape (n_samples,)
        The items of the fit.
    options : dict
        What the command was told, for the record.
    """
    directory, clf = Path(directory), model.clf
    settings = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "classes": clf.classes_.tolist(),
        "n_annotators": int(clf.n_annotators_),
        "id": model.id,
        "features": model.names,
        "n_features": int(clf.n_features_in_),
        "scaling": model.scaling
        and {
            "mean": model.scaling.mean.tolist(),
            "scale": model.scaling.scale.tolist(),
        },
        "labels_sha256": model.labels_digest,
        "options": options,
        "versions": {"python": platform.python_version()}
        | {
            name: version(name) for name in ("skccem", "numpy", "scikit-learn", "torch")
        },
    }

    def write_model(path):
        clf.save(path)
        # It ties the two files together, should a crash leave one of them old.
        settings["model_sha256"] = _sha256(path)

    def write_settings(path):
        text = json.dumps(settings, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    proba = clf.aggregated_proba_
    labels = clf.classes_[proba.argmax(axis=1)]
    table = class_table(model.id, ids, clf.classes_, labels, proba, all_classes=True)
    write_files(
        {
            directory / _MODEL: write_model,
            directory / _AGGREGATED: table_writer(table),
            directory / _SETTINGS: write_settings,
        }
    )


def load_model(directory):
    """Read a model.

    Parameters
    ----------
    directory : path-like

    Returns
    -------
    FittedModel

    Raises
    ------
    ValueError
        If the directory holds no model of this version, or files of two.
    OSError
        If a file is absent.
    """
    path = Path(directory) / _SETTINGS
    if not path.is_file():
        raise OSError(
            f"Expected the directory of a model, with {_SETTINGS}, got {directory}. "
            "Make one by: skccem fit --out DIRECTORY."
        )
    try:
        settings = json.loads(read_text(path))
        known = settings["format"] == _FORMAT
        known = known and settings["format_version"] == _FORMAT_VERSION
        expected = settings["model_sha256"]
        scaling = settings["scaling"]
        scaling = scaling and Scaling(
            *(np.array(scaling[k]) for k in ("mean", "scale"))
        )
        rest = settings["id"], settings["features"], scaling, settings["labels_sha256"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"Expected the settings of a model in {path}, got: {error!r}. Fit it again."
        ) from None
    if not known:
        raise ValueError(
            f"Expected version {_FORMAT_VERSION} of a {_FORMAT} in {path}, got "
            f"{settings['format']!r}, {settings['format_version']!r}. Fit it again, or "
            "use the version of skccem that wrote it."
        )
    model = path.with_name(_MODEL)
    if _sha256(model) != expected:
        raise ValueError(
            f"Expected {model} and {path} of one fit, got files of two. Fit it again."
        )
    return FittedModel(CrowdClassifier.load(model), *rest)


def digest_of(labels):
    """A checksum of labels: the same for the same ones, in the same order.

    Parameters
    ----------
    labels : CrowdLabels

    Returns
    -------
    str
    """
    found = hashlib.sha256()
    for values in (labels.indptr, labels.indices, labels.codes):
        found.update(values.astype("<i8").tobytes())
    for names in (labels.items, labels.annotators, labels.classes):
        found.update(json.dumps(names.tolist()).encode())
    return found.hexdigest()


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

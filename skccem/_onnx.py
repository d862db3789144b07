"""``to_onnx``: the classifier as a graph that other runtimes execute."""

from __future__ import annotations

import copy
import json
import logging
import textwrap
import warnings
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ._atomic import write_files
from ._features import n_items, take_batch
from ._fitting import checked_items
from ._network import call_backbone
from ._typing import FilePath, ItemsLike

# Of ONNX's operators: what torch writes without converting, since ONNX 1.13.
_OPSET = 18

# What one file of protobuf holds.
_MOST_BYTES = 2**31 - 1

_OUTPUTS = ("probabilities", "label")


class OnnxMethods:
    """Mixin of ``CrowdClassifier``: `to_onnx`."""

    def to_onnx(self, path: FilePath, X: ItemsLike | None = None) -> None:
        """Write the classifier as an ONNX file, which needs neither torch nor skccem.

        The graph has the mean over all `nets_`, as `predict_proba` does. It needs
        ``pip install skccem[onnx]``; what runs it, such as onnxruntime, does not.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced in one step, when the new one is on the disk.
        X : as in `fit`, default=None
            One item or more, which the networks are called with once. Needed where the
            fit had a dict of arrays or a torch Dataset, whose types are not known.

        Raises
        ------
        ImportError
            If onnx or onnxscript is not installed, or is too old for this torch.
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` is needed, is nested or has names that the outputs have, if torch
            can't turn the `module` into a graph for any number of items, or if the
            networks take 2 GiB or more.
        OSError
            If the file can't be written.

        Notes
        -----
        Inputs: ``X``, dense, also where the fit had sparse rows; or the names of a
        dict. Any number of items, each of the shape of the fit. They are float32, or
        float64 where the perceptron was fitted on that; integers of a dict stay.

        Outputs: ``probabilities``, float32 of shape (n_items, n_classes), in the order
        of `classes_`; and ``label`` of shape (n_items,), the most probable class where
        all classes are strings or all are integers, and else its position in
        `classes_`, an int64.

        Metadata: ``classes``, a list in JSON; ``label``, "class" or "position";
        ``estimator``; and ``skccem_version``.

        ``precision="bf16"`` is not in the graph, which computes in full precision.
        Confusion matrices are not there either: it classifies items, and knows nobody.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from onnxruntime import InferenceSession
        >>> from skccem import CrowdClassifier
        >>> rng = np.random.default_rng(0)
        >>> X, Y = rng.normal(size=(30, 2)), rng.choice(["cat", "dog"], size=(30, 3))
        >>> X = X.astype(np.float32)
        >>> clf = CrowdClassifier(max_epochs=2, random_state=0).fit(X, Y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     clf.to_onnx(Path(folder) / "classifier.onnx")
        ...     session = InferenceSession(Path(folder) / "classifier.onnx")
        >>> proba, label = session.run(None, {"X": X})
        >>> bool(np.allclose(proba, clf.predict_proba(X), atol=1e-5))
        True
        >>> bool((label == clf.predict(X)).all())
        True
        """
        onnx = _import_onnx()
        check_is_fitted(self)
        batch = _example(self, X)
        networks = [net.network for net in self.nets_]
        # Copies, which are moved and set without a trace in the estimator.
        backbones = [copy.deepcopy(network.backbone).cpu() for network in networks]
        _check_size(backbones)
        names = list(batch) if isinstance(batch, dict) else None
        classifier = _Classifier(backbones, names, networks[0].answer_logits.dtype)
        parts = tuple(batch.values()) if names else (batch,)
        model = _graph(classifier.eval(), parts, names or ["X"])
        classes, kind = _labels(self.classes_)
        if classes is not None:
            _say_classes(onnx, model.graph, classes)
        onnx.helper.set_model_props(model, _metadata(self, kind))
        onnx.checker.check_model(model, full_check=True)
        content = model.SerializeToString()
        write_files({path: lambda file: file.write_bytes(content)})


class _Classifier(nn.Module):
    """The mean of the class probabilities of several networks, and the class.

    Parameters
    ----------
    backbones : list of nn.Module
    names : list of str, or None
        Of the parts of a batch, which are its arguments; None if it is one tensor.
    dtype : torch.dtype
        In which probabilities are computed.
    """

    def __init__(self, backbones, names, dtype):
        super().__init__()
        self.backbones = nn.ModuleList(backbones)
        self.names = names
        self.dtype = dtype

    def forward(self, *parts):
        """Probabilities of the classes, and the position of the most probable one."""
        batch = dict(zip(self.names, parts, strict=True)) if self.names else parts[0]
        proba = [
            torch.softmax(call_backbone(backbone, batch).to(self.dtype), dim=1)
            for backbone in self.backbones
        ]
        mean = torch.stack(proba).mean(dim=0)
        return mean.float(), mean.argmax(dim=1)


def _import_onnx():
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"Expected onnx and onnxscript, by which torch writes ONNX, but: {error}. "
            "Install them: pip install skccem[onnx]."
        ) from error
    return onnx


def _example(estimator, X):
    """Two items as the networks take them: torch takes a length of one for fixed.

    Parameters
    ----------
    estimator : CrowdClassifier
        Fitted.
    X : as in ``CrowdClassifier.to_onnx``

    Returns
    -------
    Tensor, or dict of Tensors
    """
    if X is None:
        shape = estimator._item_shape
        if not isinstance(shape, tuple):
            raise ValueError(
                "Expected some items as X, got none: the fit had a dict of arrays or a "
                "torch Dataset, whose types are not known any more. Call "
                "to_onnx(path, X) with one item or more."
            )
        wide = estimator.net_.network.answer_logits.dtype == torch.float64
        wide = wide and estimator.module is None
        return torch.zeros(2, *shape, dtype=torch.float64 if wide else torch.float32)
    X = checked_items(estimator, X, estimator.net_.device, estimator.net_)
    batch = take_batch(X, np.array([0, min(1, n_items(X) - 1)]))
    if isinstance(batch, torch.Tensor):
        return batch
    nested = [name for name, part in batch.items() if isinstance(part, dict)]
    clashes = [name for name in batch if name in _OUTPUTS]
    if nested or clashes:
        raise ValueError(
            f"Expected a dict of arrays with other names than {list(_OUTPUTS)}, which "
            f"the outputs have, got {(nested or clashes)[0]!r}, "
            f"{'a dict' if nested else 'one of these'}. Give the module other arguments"
            ", and fit again."
        )
    return dict(batch)


def _check_size(backbones):
    size = sum(
        tensor.nbytes
        for backbone in backbones
        for tensor in backbone.state_dict().values()
        if isinstance(tensor, torch.Tensor)
    )
    if size > _MOST_BYTES:
        raise ValueError(
            f"Expected networks of less than 2 GiB, which is what an ONNX file holds, "
            f"got {len(backbones)} of {size / 2**30:.1f} GiB together. Fit with a "
            "smaller n_init."
        )


def _graph(classifier, parts, names):
    """What a classifier computes, as ONNX.

    Parameters
    ----------
    classifier : _Classifier
        In evaluation mode.
    parts : tuple of Tensors
        Two items.
    names : list of str
        Of the inputs.

    Returns
    -------
    onnx.ModelProto
    """
    some = torch.export.Dim("n_items")
    with _quiet():
        try:
            # Not left to torch.onnx, which fixes the number of items where any fails.
            program = torch.export.export(
                classifier,
                parts,
                dynamic_shapes=(tuple({0: some} for _ in parts),),
                strict=False,
            )
            graph = torch.onnx.export(
                program,
                dynamo=True,
                input_names=names,
                output_names=list(_OUTPUTS),
                opset_version=_OPSET,
                verbose=False,
            )
        except ImportError as error:
            raise ImportError(
                f"Expected an onnxscript that knows torch {torch.__version__}, but: "
                f"{error}. Install a later one: pip install --upgrade onnxscript."
            ) from error
        # Whatever the module does reaches torch's tracer, which raises nearly anything.
        except Exception as error:
            raise ValueError(
                "Expected a module that torch.export can turn into a graph for any "
                f"number of items, got {type(error).__name__}: "
                f"{textwrap.shorten(str(error), 300)} Let its forward take no decision "
                "by values of the batch, and no size of it for granted."
            ) from error
        _rename_inside(graph.model.graph, names)
        return graph.model_proto


def _rename_inside(graph, names):
    """Take the names of the inputs from what torch named after operators."""
    from onnxscript import ir

    for node in ir.traversal.RecursiveGraphIterator(graph):
        for output in node.outputs:
            if output.name in names:
                output.name = f"skccem.{output.name}"


@contextmanager
def _quiet():
    """Without what torch says to itself: of its own code, and of missing packages."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _labels(classes):
    """Classes that a graph can say, or None; and what `label` is: class or position.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    classes : list of str, list of int, or None
    kind : {"class", "position"}
    """
    values = classes.tolist()
    limits = np.iinfo(np.int64)
    text = all(type(value) is str for value in values)
    whole = all(
        type(value) is int and limits.min <= value <= limits.max for value in values
    )
    return (values, "class") if text or whole else (None, "position")


def _say_classes(onnx, graph, classes):
    """Let `label` be the class at the position that it was."""
    names, position, label = "skccem.classes", "skccem.position", _OUTPUTS[1]
    text = isinstance(classes[0], str)
    kind = onnx.TensorProto.STRING if text else onnx.TensorProto.INT64
    for node in graph.node:
        node.output[:] = [position if name == label else name for name in node.output]
    values = [name.encode() for name in classes] if text else classes
    graph.initializer.append(
        onnx.helper.make_tensor(names, kind, [len(classes)], values)
    )
    gather = onnx.helper.make_node("Gather", [names, position], [label], axis=0)
    graph.node.append(gather)
    (output,) = (output for output in graph.output if output.name == label)
    output.type.tensor_type.elem_type = kind


def _metadata(estimator, kind):
    from . import __version__

    plain = (bool, int, float, str)
    classes = [
        value if isinstance(value, plain) else str(value)
        for value in estimator.classes_.tolist()
    ]
    return {
        "classes": json.dumps(classes),
        "label": kind,
        "estimator": type(estimator).__name__,
        "skccem_version": __version__,
    }

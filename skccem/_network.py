"""The trained module: a backbone that classifies items, and logits of answers."""

import copy
import inspect
from collections.abc import Mapping

import torch
from torch import nn

from ._answer_logits import log_confusion_of


class CrowdNetwork(nn.Module):
    """A classifier and one confusion matrix for each annotator.

    The confusion matrices are rows of softmax over free logits, so that they are
    stochastic by construction. They live in the module, not in the criterion, because
    optimisers and data-parallel wrappers only see what ``forward`` used.

    Parameters
    ----------
    backbone : nn.Module
        Maps a batch to logits of shape (n_items, n_classes).
    log_confusion : Tensor of shape (n_annotators, n_classes, n_classes)
        Where the matrices start, ``[m, k, l]`` = log P(annotator m says l, given the
        true class is k); may hold ``-inf`` where they are not learned.
    learn_confusion : bool, default=True
        Whether the logits are trained.
    outlier_logits : Tensor of shape (3,), optional
        Of the shares of items whose labels follow the matrices, and of two kinds of
        outliers, where they start; None if no item is an outlier.
    learn_outliers : bool, default=False
        Whether these are trained.

    Attributes
    ----------
    answer_logits : Parameter of shape (n_annotators, n_classes, n_classes)
        ``[m, l, k]``: annotator, answer, true class. See `_answer_logits`.
    """

    def __init__(
        self,
        backbone,
        log_confusion,
        learn_confusion=True,
        outlier_logits=None,
        learn_outliers=False,
    ):
        super().__init__()
        self.backbone = backbone
        self.answer_logits = nn.Parameter(
            log_confusion.transpose(1, 2).contiguous(), requires_grad=learn_confusion
        )
        self.outlier_logits = None
        if outlier_logits is not None:
            self.outlier_logits = nn.Parameter(
                outlier_logits, requires_grad=learn_outliers
            )

    @property
    def n_annotators(self):
        return self.answer_logits.shape[0]

    @property
    def n_classes(self):
        return self.answer_logits.shape[2]

    def forward(self, X, annotators=None, answer_logits=None):
        """Log-posteriors of a batch and the logits of answers that it needs.

        Parameters
        ----------
        X : Tensor of shape (n_items, ...), or dict of Tensors
            A dict is passed to the backbone as keyword arguments.
        annotators : int64 Tensor of shape (n_rows,), optional
            Whose logits to return, distinct; all of them by default.
        answer_logits : Tensor of shape (n_rows, n_classes, n_classes), optional
            Those of these annotators, where the optimiser fetched them.

        Returns
        -------
        log_posterior : Tensor of shape (n_items, n_classes)
        answer_logits : Tensor of shape (n_rows, n_classes, n_classes)
        log_weight : Tensor of shape (3,)
            Only where items may be outliers: log-probabilities of the kinds of items.
        """
        if answer_logits is None:
            answer_logits = self.answer_logits
            if annotators is not None:
                answer_logits = answer_logits.index_select(0, annotators)
        output = self.log_posterior(X), answer_logits
        if self.outlier_logits is None:
            return output
        return *output, self.log_weight()

    def log_weight(self):
        """Log-probabilities of the kinds of items; there may be outliers."""
        return torch.log_softmax(self.outlier_logits, dim=0)

    def log_posterior(self, X):
        """Log class probabilities of a batch, of shape (n_items, n_classes)."""
        logits = call_backbone(self.backbone, X)
        # Under autocast logits are half precision; likelihoods need more.
        return torch.log_softmax(logits.to(self.answer_logits.dtype), dim=1)

    def log_confusion(self):
        """Log confusion matrices of all annotators, without a gradient."""
        return log_confusion_of(self.answer_logits)


def call_backbone(backbone, batch):
    """The backbone's output; a dict is its keyword arguments.

    Parameters
    ----------
    backbone : nn.Module
    batch : Tensor of shape (n_items, ...), or dict of Tensors

    Returns
    -------
    Tensor of shape (n_items, n_classes)
    """
    return backbone(**batch) if isinstance(batch, Mapping) else backbone(batch)


def make_mlp(n_features, n_classes, hidden_layer_sizes, dropout):
    """A multi-layer perceptron with ReLU and dropout after every hidden layer.

    Parameters
    ----------
    n_features, n_classes : int
    hidden_layer_sizes : sequence of int
        Empty for a linear (softmax regression) classifier.
    dropout : float in [0, 1)

    Returns
    -------
    nn.Sequential
    """
    layers = []
    width = n_features
    for size in hidden_layer_sizes:
        layers += [nn.Linear(width, size), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        width = size
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


def make_backbone(module, module_params, n_features, n_classes):
    """A fresh backbone from what the user passed as ``module``.

    Parameters
    ----------
    module : nn.Module, its class, or callable ``(n_features, n_classes) -> nn.Module``
        An instance is copied, so that training leaves it as it was.
    module_params : dict
        Keyword arguments for a class or callable.
    n_features : int or None
        None where items are not rows of an array.
    n_classes : int

    Returns
    -------
    nn.Module

    Raises
    ------
    ValueError
        If ``module_params`` come with an instance, which cannot take them.
    TypeError
        If no ``nn.Module`` comes out.
    """
    if isinstance(module, nn.Module):
        if module_params:
            raise ValueError(
                "module_params were given with a module that is already built: pass "
                "the module's class to have it called with "
                f"{sorted(module_params)}, or leave module_params out."
            )
        return copy.deepcopy(module)
    if inspect.isclass(module) and issubclass(module, nn.Module):
        backbone = module(**module_params)
    else:
        backbone = module(n_features, n_classes, **module_params)
    if not isinstance(backbone, nn.Module):
        raise TypeError(
            f"module {module!r} must return a torch.nn.Module, but it returned "
            f"{type(backbone).__name__}."
        )
    return backbone


def check_backbone(backbone, batch, n_classes):
    """Raise unless the backbone turns ``batch`` into (n_items, n_classes) logits.

    One forward pass of a few items in evaluation mode, before any training.

    Parameters
    ----------
    backbone : nn.Module
    batch : Tensor of shape (n_items, ...), or dict of Tensors
    n_classes : int

    Raises
    ------
    ValueError
        If the module fails on the batch or returns anything else than float logits of
        the right shape.
    """
    shape = (
        {name: tuple(part.shape) for name, part in batch.items()}
        if isinstance(batch, Mapping)
        else tuple(batch.shape)
    )
    first = next(iter(batch.values())) if isinstance(batch, Mapping) else batch
    expected = (len(first), n_classes)
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            output = call_backbone(backbone, batch)
    except Exception as error:
        advice = ""
        if any(part.dtype == torch.float64 for part in backbone.parameters()):
            advice = " Items come as float32: call .float() on it."
        elif "indices" in str(error) or "index tensor" in str(error):
            advice = (
                " Arrays come as float32: give ids as a dict, X={'argument': ids}, or "
                "a torch Dataset, whose integers stay."
            )
        raise ValueError(
            f"module failed on a batch of shape {shape}: {error}. It must map a batch "
            f"of items to logits of shape (n_items, n_classes) = {expected}.{advice}"
        ) from error
    finally:
        backbone.train(training)
    if not isinstance(output, torch.Tensor) or not output.is_floating_point():
        got = getattr(output, "dtype", type(output).__name__)
        raise ValueError(
            f"module must return one float tensor of logits of shape {expected}, but "
            f"it returned {got}."
        )
    if tuple(output.shape) != expected:
        raise ValueError(
            f"module must return logits of shape (n_items, n_classes) = {expected} for "
            f"a batch of shape {shape}, but it returned {tuple(output.shape)}: give "
            f"its last layer {n_classes} outputs."
        )

"""The steps of ``CrowdClassifier.fit``, each a function of what it needs.

The skorch net that they train comes from ``_net_settings``.
"""

from __future__ import annotations

import copy
import functools
import warnings
from numbers import Integral
from typing import cast

import numpy as np
import torch
from skorch.utils import to_tensor

from ._callbacks import documented_history
from ._features import check_features, item_shape, n_items, take_batch
from ._network import CrowdNetwork, check_backbone, make_backbone, make_mlp
from ._outliers import share_of
from ._probability import safe_log
from ._random_state import reproducible
from ._start import start_confusion
from ._typing import Method
from .exceptions import InterruptedFitWarning


def unchanged_if_it_fails(fit: Method) -> Method:
    """Decorator of ``fit``: where it raises, all attributes are as they were before.

    Parameters
    ----------
    fit : method
        Replaces attributes, and never changes them in place.

    Returns
    -------
    method
    """

    @functools.wraps(fit)
    def wrapper(self, *args, **kwargs):
        before = vars(self).copy()
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return cast(Method, wrapper)


def burn_in_epochs(estimator, n_before=None):
    """Epochs of CCEM alone, with which training begins.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its `burn_in`, a share of `max_epochs` or a number of epochs, is used.
    n_before : int, optional
        Epochs of training that goes on, among which a number of epochs is counted.

    Returns
    -------
    int
        Zero where CCEM is all there is.

    Raises
    ------
    ValueError
        If no epoch would be left.
    """
    burn_in, max_epochs = estimator.burn_in, estimator.max_epochs
    if not isinstance(burn_in, Integral):
        burn_in = int(burn_in * max_epochs)
    elif n_before is not None:
        burn_in = min(max(burn_in - n_before, 0), max_epochs)
    elif burn_in >= max_epochs:
        raise ValueError(
            f"burn_in={burn_in} epochs leave none of max_epochs={max_epochs} for the "
            "likelihood and the regularizer: lower burn_in, or raise max_epochs."
        )
    regularized = estimator.regularizer is not None and estimator.reg_strength > 0
    if estimator.likelihood == "marginal" and not regularized:
        return 0
    return int(burn_in)


def new_backbone(estimator, X, n_classes, continued=False):
    """The network to train, seen to work on the first items.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its `module`, `module_params`, `hidden_layer_sizes` and `dropout` are used.
    X : ndarray, CSR, dict of arrays, or torch Dataset
    n_classes : int
    continued : bool
        Whether it is a copy of the one that an earlier fit trained.

    Returns
    -------
    nn.Module
    """
    if continued:
        # A copy, so that a fit that fails leaves the last one's as it was. That one
        # has predicted since, without dropout.
        return copy.deepcopy(estimator.net_.module_.backbone).train()
    if estimator.module is None:
        sizes = estimator.hidden_layer_sizes
        sizes = (sizes,) if isinstance(sizes, Integral) else sizes
        mlp = make_mlp(X.shape[1], n_classes, sizes, estimator.dropout)
        # Both ways: torch's default type may be float64.
        return mlp.double() if X.dtype == np.float64 else mlp.float()
    n_features = getattr(estimator, "n_features_in_", None)
    backbone = make_backbone(
        estimator.module, estimator.module_params or {}, n_features, n_classes
    )
    check_backbone(backbone, take_batch(X, np.arange(min(2, n_items(X)))), n_classes)
    return backbone


def checked_items(estimator, X, device, net=None):
    """``X`` in one of the forms that batches are taken from.

    Parameters
    ----------
    estimator : CrowdClassifier
    X : as in ``CrowdClassifier.fit``
    device : str
    net : CrowdNet, optional
        The trained net that is to predict or to be trained on; the items must be like
        those that it saw.

    Returns
    -------
    ndarray, CSR, dict of arrays, or torch Dataset
    """
    X = check_features(
        estimator,
        X,
        any_shape=estimator.module is not None,
        dtype=accepted_dtypes(estimator, device, net),
        reset=net is None,
    )
    if net is not None:
        check_same_items(estimator, X)
    return X


def check_same_items(estimator, X):
    """Raise unless a fitted estimator can read items like these.

    Other sizes than those of the fit are left to the module to judge: some take images
    of any size and sequences of any length.

    Parameters
    ----------
    estimator : CrowdClassifier
    X : ndarray, CSR, dict of arrays, or torch Dataset

    Raises
    ------
    ValueError
        If it is a dict and fit saw none, or the other way round, if its parts have
        other names, or if the module fails on items of another shape.
    """
    old, new = estimator._item_shape, item_shape(X)
    if None in (old, new) or old == new:
        return
    parts = [set(shape) if isinstance(shape, dict) else None for shape in (old, new)]
    difference = f"fit saw items of shape {old}, but X has items of shape {new}"
    if parts[0] != parts[1]:
        raise ValueError(
            f"{difference}: give X in the form of the fit, a dict with the same names."
        )
    net = estimator.net_
    with reproducible(estimator.module, net.seed, net.device):
        batch = take_batch(X, np.arange(min(2, n_items(X))))
        try:
            check_backbone(
                net.module_.backbone,
                to_tensor(batch, device=net.device),
                len(estimator.classes_),
            )
        except ValueError as error:
            raise ValueError(f"{difference}: {error}") from error


def start_log_confusion(estimator, labels, weight, crowd, continued, gold=None):
    """Where the logits of the confusion matrices start.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its `init` is used or, if it goes on from a solution, what that learned.
    labels : CrowdLabels
    weight : ndarray of shape (n_samples,) or None
    crowd : bool
        If not, the one annotator is always right.
    continued : bool
        Whether matrices that an earlier fit learned are the start.
    gold : CrowdLabels of shape (n_samples, 1), optional
        Known classes of some items.

    Returns
    -------
    ndarray of shape (n_annotators, n_classes, n_classes)
    """
    if not crowd:
        return safe_log(np.eye(labels.n_classes))[np.newaxis]
    if continued:
        return estimator._log_confusion
    return np.log(start_confusion(labels, estimator.init, weight, gold))


def new_network(backbone, log_confusion, crowd, log_weight=None, learn_weight=False):
    """The backbone coupled with the confusion matrices at their start.

    Parameters
    ----------
    backbone : nn.Module
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Of the annotators who gave labels.
    crowd : bool
        Whether the matrices are learned.
    log_weight : ndarray of shape (3,), optional
        Of the kinds of items at their start; None if no item is an outlier.
    learn_weight : bool, default=False
        Whether these are learned.

    Returns
    -------
    CrowdNetwork
    """
    precision = precision_of(backbone)
    logits = torch.tensor(log_confusion, dtype=precision)
    if log_weight is not None:
        log_weight = torch.tensor(log_weight, dtype=precision)
    return CrowdNetwork(backbone, logits, crowd, log_weight, learn_weight)


def precision_of(module):
    """float64 if the module has parameters of that type, else float32.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    torch.dtype
    """
    wide = any(parameter.dtype == torch.float64 for parameter in module.parameters())
    return torch.float64 if wide else torch.float32


def accepted_dtypes(estimator, device, net=None):
    """Types of array that are taken without conversion, the preferred one first.

    The perceptron is trained in the precision of ``X``, as scikit-learn's is, and keeps
    it. A module of the user's has parameters of its own type, and accelerators and half
    precision are made for float32.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its `module` and `precision` are used.
    device : str
    net : CrowdNet, optional
        The trained net that is to predict or to be trained on.

    Returns
    -------
    list of dtypes
    """
    if estimator.module is not None or estimator.precision is not None:
        return [np.float32]
    if net is not None:
        double = precision_of(net.module_) == torch.float64
        return [np.float64 if double else np.float32]
    return [np.float64, np.float32] if device == "cpu" else [np.float32]


def keep_results(estimator, nets, annotators, labels, X):
    """Set what is known after training, on an estimator.

    Parameters
    ----------
    estimator : CrowdClassifier
    nets : list of CrowdNet
        The first is the coupled one.
    annotators : Annotators
        All of them.
    labels : CrowdLabels
        Whose classes and annotators they are.
    X : ndarray, CSR, dict of arrays, or torch Dataset
    """
    estimator._log_confusion, estimator._log_weight = annotators
    estimator.confusion_matrices_ = np.exp(estimator._log_confusion)
    estimator.outlier_share_ = share_of(estimator._log_weight)
    estimator.classes_ = labels.classes
    estimator.annotators_ = labels.annotators
    estimator.n_annotators_ = labels.n_annotators
    estimator.history_ = documented_history(nets[0])
    estimator.n_iter_ = len(nets[0].history)
    estimator.net_, estimator.nets_ = nets[0], nets
    estimator._item_shape = item_shape(X)


def warn_interrupted(estimator, n_epochs):
    """Say what Ctrl-C left.

    Parameters
    ----------
    estimator : CrowdClassifier
    n_epochs : int
        Of the coupled network.
    """
    alone = "" if estimator.n_init == 1 else ", and is the coupled network alone"
    later = ""
    if estimator.checkpoint_dir is not None:
        later = " The checkpoints are still there: the same fit goes on from them."
    warnings.warn(
        f"The fit was interrupted after {n_epochs} of at most {estimator.max_epochs} "
        f"epochs{alone}: it has what was learned by then.{later}",
        InterruptedFitWarning,
        stacklevel=4,
    )

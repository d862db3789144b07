"""The steps of ``CrowdClassifier.fit``, each a function of what it needs."""

from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from ._callbacks import make_callbacks
from ._features import n_items, take_batch
from ._network import CrowdNetwork, check_backbone, make_backbone, make_mlp
from ._probability import (
    expected_counts,
    mean_over_labelled,
    pooled_confusion,
    posterior_log_proba,
    safe_log,
)
from ._start import start_confusion
from ._training import CrowdDataset, CrowdNet, prediction_batch_size

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}

# What "auto" means as the strength of a regulariser. F does more good where items have
# several labels; with one, its push towards confident posteriors can come before the
# classifier knows whom to trust.
_STRENGTH = 0.01
_STRENGTH_F_SEVERAL_LABELS = 0.02

# Arguments of the skorch net that the estimator sets by arguments of its own.
_OWN_ARGUMENTS = {
    "batch_size",
    "callbacks",
    "device",
    "lr",
    "max_epochs",
    "module",
    "optimizer",
    "seed",
    "verbose",
    "warm_start",
}


def check_lengths(X, labels):
    """Raise unless there is one row of labels for every item.

    Parameters
    ----------
    X : ndarray, CSR, dict of arrays, or torch Dataset
    labels : CrowdLabels
    """
    if n_items(X) != labels.n_samples:
        raise ValueError(
            f"X has {n_items(X)} items, but y has {labels.n_samples}: inconsistent "
            "numbers of samples. Give one row of y for every item of X."
        )


def check_weight(sample_weight, labels):
    """Weights of the items as an array, or None.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    labels : CrowdLabels

    Returns
    -------
    float64 ndarray of shape (n_samples,), or None

    Raises
    ------
    ValueError
        If a weight is negative, or no item with labels has a positive one.
    """
    if sample_weight is None:
        return None
    weight = _check_sample_weight(
        sample_weight, labels, dtype=np.float64, ensure_non_negative=True
    )
    if not weight[labels.labels_per_item > 0].any():
        raise ValueError(
            "sample_weight is zero for every item that has labels: give a positive "
            "weight to the items to learn from."
        )
    return weight


def check_net_params(net_params):
    """The extra arguments of the skorch net.

    Parameters
    ----------
    net_params : dict or None

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If one of them has an argument of the estimator of its own.
    """
    clash = sorted(_OWN_ARGUMENTS.intersection(net_params or {}))
    if clash:
        raise ValueError(
            f"net_params must not hold {clash}: these are set by the estimator's own "
            "arguments."
        )
    return net_params or {}


def choose_strength(reg_strength, regularizer, labels):
    """The strength of the regulariser as a number.

    Parameters
    ----------
    reg_strength : float or "auto"
        "auto" is 0.02 for F where labelled items have 1.5 labels or more on average,
        and 0.01 else.
    regularizer : {"F", "W", "trace", None}
    labels : CrowdLabels

    Returns
    -------
    float
    """
    if reg_strength != "auto":
        return float(reg_strength)
    several = labels.n_labels >= 1.5 * np.count_nonzero(labels.labels_per_item)
    return _STRENGTH_F_SEVERAL_LABELS if regularizer == "F" and several else _STRENGTH


def split_items(labels, weight, validation_fraction, rng):
    """Items to train on and items to hold out.

    Parameters
    ----------
    labels : CrowdLabels
        Items without labels are in neither part.
    weight : ndarray of shape (n_samples,) or None
        Nor are items of weight zero.
    validation_fraction : float
        Zero holds out none.
    rng : RandomState

    Returns
    -------
    train_items, valid_items : int ndarrays
        Increasing.
    """
    usable = labels.labels_per_item > 0
    if weight is not None:
        usable = usable & (weight > 0)
    items = np.flatnonzero(usable)
    if not validation_fraction:
        return items, items[:0]
    n_valid = int(np.ceil(validation_fraction * len(items)))
    if n_valid == len(items):
        raise ValueError(
            f"early_stopping holds out {n_valid} of {len(items)} labelled items and "
            "leaves none to train on: lower validation_fraction."
        )
    shuffled = rng.permutation(items)
    return np.sort(shuffled[n_valid:]), np.sort(shuffled[:n_valid])


def new_backbone(estimator, X, n_classes):
    """The untrained network, seen to work on the first items.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its `module`, `module_params`, `hidden_layer_sizes` and `dropout` are used.
    X : ndarray, CSR, dict of arrays, or torch Dataset
    n_classes : int

    Returns
    -------
    nn.Module
    """
    if estimator.module is None:
        sizes = estimator.hidden_layer_sizes
        sizes = (sizes,) if isinstance(sizes, Integral) else sizes
        mlp = make_mlp(X.shape[1], n_classes, sizes, estimator.dropout)
        return mlp.double() if X.dtype == np.float64 else mlp
    n_features = getattr(estimator, "n_features_in_", None)
    backbone = make_backbone(
        estimator.module, estimator.module_params or {}, n_features, n_classes
    )
    check_backbone(backbone, take_batch(X, np.arange(min(2, n_items(X)))), n_classes)
    return backbone


def start_log_confusion(estimator, labels, weight, crowd, continued):
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

    Returns
    -------
    ndarray of shape (n_annotators, n_classes, n_classes)
    """
    if not crowd:
        return safe_log(np.eye(labels.n_classes))[np.newaxis]
    if continued:
        return estimator._log_confusion
    return np.log(start_confusion(labels, estimator.init, weight))


def new_network(backbone, log_confusion, crowd):
    """The backbone coupled with the confusion matrices at their start.

    Parameters
    ----------
    backbone : nn.Module
    log_confusion : ndarray of shape (n_annotators, n_classes, n_classes)
        Of the annotators who gave labels.
    crowd : bool
        Whether the matrices are learned.

    Returns
    -------
    CrowdNetwork
    """
    logits = torch.tensor(log_confusion, dtype=precision_of(backbone))
    return CrowdNetwork(backbone, logits, learn_confusion=crowd)


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


def accepted_dtypes(module, device):
    """Types of array that training takes without conversion, the preferred one first.

    The perceptron is trained in the precision of ``X``, as scikit-learn's is. A module
    of the user's has parameters of its own type, and accelerators are made for float32.

    Parameters
    ----------
    module : None, nn.Module, or callable
    device : str

    Returns
    -------
    list of dtypes
    """
    if module is None and device == "cpu":
        return [np.float64, np.float32]
    return [np.float32]


def new_net(estimator, network, X, seed, device):
    """The skorch net with the estimator's settings.

    Parameters
    ----------
    estimator : CrowdClassifier
    network : CrowdNetwork
    X : ndarray, CSR, dict of arrays, or torch Dataset
    seed : int
    device : str

    Returns
    -------
    CrowdNet
    """
    patience = estimator.n_iter_no_change if estimator.early_stopping else None
    full_batch = estimator.batch_size is None
    settings = {
        "criterion__likelihood": estimator.likelihood,
        "criterion__regularizer": estimator.regularizer,
        "criterion__reg_strength": estimator.reg_strength_,
        "optimizer": OPTIMIZERS.get(estimator.optimizer, estimator.optimizer),
        "optimizer__weight_decay": estimator.weight_decay,
        "optimizer__param_groups": [
            ("confusion_logits", {"lr": estimator.confusion_lr, "weight_decay": 0.0})
        ],
        "lr": estimator.lr,
        "batch_size": -1 if full_batch else estimator.batch_size,
        "max_epochs": estimator.max_epochs,
        "device": device,
        "callbacks": [
            *make_callbacks(estimator.verbose, patience),
            *(estimator.callbacks or []),
        ],
        "verbose": max(int(estimator.verbose) - 1, 0),
    }
    if estimator.module is None and not full_batch:
        settings["iterator_valid__batch_size"] = prediction_batch_size(
            estimator.batch_size, X.shape[1]
        )
    settings.update(check_net_params(estimator.net_params))
    return CrowdNet(network, seed=seed, **settings)


def new_datasets(estimator, X, labels, weight, rng):
    """Training and held-out data; None for the latter without early stopping.

    Parameters
    ----------
    estimator : CrowdClassifier
    X : ndarray, CSR, dict of arrays, or torch Dataset
    labels : CrowdLabels
    weight : ndarray of shape (n_samples,) or None
    rng : RandomState

    Returns
    -------
    train_set : CrowdDataset
    valid_set : CrowdDataset or None
    """
    fraction = estimator.validation_fraction if estimator.early_stopping else 0.0
    if weight is not None:
        weight = weight.astype(getattr(X, "dtype", np.float32))
    gather = estimator.regularizer not in {"W", "trace"}
    train_set, valid_set = (
        CrowdDataset(X, labels, weight, items, gather_annotators=gather)
        for items in split_items(labels, weight, fraction, rng)
    )
    return train_set, valid_set if len(valid_set) else None


def learned_parameters(net, X, labels, weight):
    """What the annotators turned out to be, and how frequent the classes are.

    Parameters
    ----------
    net : CrowdNet
        Trained on the annotators who gave labels, in their order.
    X : ndarray, CSR, dict of arrays, or torch Dataset
    labels : CrowdLabels
        Of all annotators.
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    log_confusion : float64 ndarray of shape (n_annotators, n_classes, n_classes)
        An annotator without labels has the pooled matrix: each row is the mean of the
        others', weighted by how many labels they gave to items of the class.
    class_prior : float64 ndarray of shape (n_classes,)
    """
    with torch.no_grad():
        learned = net.module_.log_confusion().cpu().double().numpy()
    learned = learned - np.logaddexp.reduce(learned, axis=2, keepdims=True)
    active = labels.labels_per_annotator > 0
    seen = labels.select_annotators(labels.annotators[active])
    log_posterior = net.predict_log_posterior(X)
    posterior = np.exp(posterior_log_proba(seen, learned, log_posterior))
    class_prior = mean_over_labelled(labels, posterior, weight)
    if active.all():
        return learned, class_prior
    n_answers = expected_counts(seen, posterior, weight).sum(axis=2, keepdims=True)
    pooled = safe_log(pooled_confusion(n_answers * np.exp(learned)))
    log_confusion = np.repeat(pooled[np.newaxis], len(active), axis=0)
    log_confusion[active] = learned
    return log_confusion, class_prior


@contextmanager
def seeded(seed, device):
    """torch's global generators seeded, and as they were afterwards.

    Parameters
    ----------
    seed : int
    device : str
    """
    devices = range(torch.cuda.device_count()) if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        yield


def choose_device(device):
    """The torch device that ``device`` means on this machine.

    Parameters
    ----------
    device : str or torch.device

    Returns
    -------
    str
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return str(device)


def random_generator(random_state):
    """A generator that leaves NumPy's global one alone, also for None.

    Parameters
    ----------
    random_state : int, RandomState or None

    Returns
    -------
    RandomState
    """
    if random_state is None:
        return np.random.RandomState(np.random.SeedSequence().generate_state(1)[0])
    return check_random_state(random_state)

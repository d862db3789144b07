"""Peer libraries: their methods on our problems, each by its public API.

``PEERS`` has the form of ``methods.METHODS``; ``real_labels.py`` runs it where the
`bench` extra is installed. crowd-kit's aggregators and cleanlab's CROWDLAB run at their
defaults, and the network that all methods share is trained on the classes that they
infer. scikit-activeml's classifiers train that network themselves: once with their
defaults, which for training are skorch's (10 epochs of plain gradient descent, items in
their order), and once with the settings that all methods share.
"""

import importlib
import warnings

import numpy as np
import torch
from methods import NETWORK, shared_network
from sklearn.model_selection import cross_val_predict

from skccem._net_settings import OPTIMIZERS
from skccem._network import make_mlp

# The module that each distribution is used through.
MODULES = {
    "crowd-kit": "crowdkit.aggregation",
    "scikit-activeml": "skactiveml.classifier.multiannotator",
    "cleanlab": "cleanlab.multiannotator",
    "pandas": "pandas",
}


def import_peer(package):
    """The module of an optional package.

    Parameters
    ----------
    package : str
        A key of MODULES.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it cannot be imported; the message names the extra that installs it.
    """
    try:
        return importlib.import_module(MODULES[package])
    except ImportError as error:
        raise ImportError(
            f"Comparing with peers needs {package}, but importing it failed with "
            f"{error!r}. Install the extra that has it: pip install .[bench]"
        ) from error


def _then_the_network(problem, items, codes, seed, overrides):
    """The shared network, trained on the classes inferred for the labelled items."""
    inferred = problem.labels.classes[codes]
    clf = shared_network(seed, **overrides).fit(problem.X[items], inferred)
    # The guess for an item without labels; ours make it by the class prior.
    commonest = problem.labels.classes[np.bincount(codes).argmax()]
    aggregated = np.full(problem.labels.n_samples, commonest)
    aggregated[items] = inferred
    return clf, aggregated


def _nan_matrix(values, labels):
    """The answers ``values`` as an (n_samples, n_annotators) array, NaN elsewhere."""
    Y = np.full(labels.shape, np.nan)
    Y[labels.row_indices(), labels.indices] = values
    return Y


def fit_crowd_kit(model, labels):
    """Fit one of crowd-kit's aggregators.

    Returns
    -------
    workers, classes : ndarray
        What its numbers of workers and labels stand for.
    """
    pandas = import_peer("pandas")
    # MACE mixes up sorted names with names in order of appearance, so that its result
    # depends on the names. Where both orders are one, it is what it should be.
    worker, workers = pandas.factorize(labels.indices)
    label, classes = pandas.factorize(labels.codes)
    data = pandas.DataFrame(
        {"task": labels.row_indices(), "worker": worker, "label": label}
    )
    with warnings.catch_warnings():
        # pandas 3 deprecates arguments that crowd-kit uses in every iteration.
        warnings.simplefilter("ignore")
        model.fit(data)
    return workers, classes


def errors_matrices(model, n_workers, n_classes):
    """``errors_``, a row for each worker and answer and a column for each truth."""
    matrices = np.zeros((n_workers, n_classes, n_classes))
    worker, answer = (model.errors_.index.get_level_values(level) for level in (0, 1))
    # An answer that a worker never gave has no row: its probability is zero.
    matrices[worker, :, answer] = model.errors_[list(range(n_classes))].to_numpy()
    return matrices


def _skills_matrices(model, n_workers, n_classes):
    """``skills_``, from which the one-coin model's ``errors_`` are made."""
    right = model.skills_.sort_index().to_numpy()[:, np.newaxis, np.newaxis]
    return np.where(np.eye(n_classes), right, (1 - right) / (n_classes - 1))


def crowd_kit_matrices(model, labels, workers, classes, read):
    """Their matrices in our order; zeros for who never answered."""
    matrices = np.zeros((labels.n_annotators, labels.n_classes, labels.n_classes))
    found = read(model, len(workers), len(classes))
    matrices[np.ix_(workers, classes, classes)] = found
    return matrices


def _crowd_kit(name, read=None):
    def fit(problem, seed, **overrides):
        model = getattr(import_peer("crowd-kit"), name)()
        if hasattr(model, "random_state"):
            model.random_state = seed
        workers, classes = fit_crowd_kit(model, problem.labels)
        items, codes = model.labels_.index.to_numpy(), classes[model.labels_.to_numpy()]
        clf, aggregated = _then_the_network(problem, items, codes, seed, overrides)
        matrices = None
        if read is not None:
            matrices = crowd_kit_matrices(model, problem.labels, workers, classes, read)
        return clf, aggregated, matrices

    return fit


def _crowdlab(problem, seed, **overrides):
    """As in cleanlab's tutorial: out-of-sample predictions learned from the votes."""
    cleanlab = import_peer("cleanlab")
    labels = problem.labels
    # It refuses items and annotators without labels.
    items = np.flatnonzero(labels.labels_per_item > 0)
    Y = _nan_matrix(labels.codes, labels)[items][:, labels.labels_per_annotator > 0]
    # Its last resort in ties is the global state.
    np.random.seed(seed)  # noqa: NPY002
    votes = cleanlab.get_majority_vote_label(Y, verbose=False)
    clf = shared_network(seed, **overrides)
    proba = np.zeros((len(items), labels.n_classes))
    proba[:, np.unique(votes)] = cross_val_predict(
        clf, problem.X[items], votes, cv=5, method="predict_proba"
    )
    results = cleanlab.get_label_quality_multiannotator(Y, proba, verbose=False)
    codes = results["label_quality"]["consensus_label"].to_numpy()
    clf, aggregated = _then_the_network(problem, items, codes, seed, overrides)
    return clf, aggregated, None


def _crowd_layer_matrices(module, n_classes):
    """Rows of softmax, as ``predict_proba(extra_outputs="annotator_perf")`` does it."""
    return torch.softmax(module.W_annot, dim=2)


def _annot_mix_matrices(module, n_classes):
    """What the annotators' embeddings, without mixing, are mapped to."""
    logits = module.annotator_confusion_head(module.annotator_embed(module.a))
    return torch.softmax(logits.view(-1, n_classes, n_classes), dim=2)


def _scikit_activeml(name, read, shared):
    def fit(problem, seed, **overrides):
        labels, network = problem.labels, {**NETWORK, **overrides}
        # It does not seed torch by its random_state.
        torch.manual_seed(seed)
        mlp = make_mlp(
            problem.X.shape[1],
            labels.n_classes,
            network["hidden_layer_sizes"],
            network["dropout"],
        )
        settings = {"verbose": 0}
        if shared:
            settings |= {
                "optimizer": OPTIMIZERS[network["optimizer"]],
                "lr": network["lr"],
                "batch_size": network["batch_size"],
                "max_epochs": network["max_epochs"],
                "iterator_train__shuffle": True,
            }
        clf = getattr(import_peer("scikit-activeml"), name)(
            mlp,
            classes=labels.classes,
            neural_net_param_dict=settings,
            random_state=seed,
        )
        # Its fit returns None.
        clf.fit(problem.X, _nan_matrix(labels.classes[labels.codes], labels))
        with torch.no_grad():
            matrices = read(clf.neural_net_.module_.eval(), labels.n_classes)
        # It has no way to use an item's labels once it is trained.
        return clf, clf.predict(problem.X), matrices.double().numpy()

    return fit


PEERS = {
    "crowd-kit Dawid-Skene, then the network": _crowd_kit(
        "DawidSkene", errors_matrices
    ),
    "crowd-kit one-coin Dawid-Skene, then the network": _crowd_kit(
        "OneCoinDawidSkene", _skills_matrices
    ),
    "crowd-kit GLAD, then the network": _crowd_kit("GLAD"),
    "crowd-kit MACE, then the network": _crowd_kit("MACE"),
    "cleanlab CROWDLAB, then the network": _crowdlab,
    "scikit-activeml CrowdLayer, its defaults": _scikit_activeml(
        "CrowdLayerClassifier", _crowd_layer_matrices, shared=False
    ),
    "scikit-activeml CrowdLayer, shared settings": _scikit_activeml(
        "CrowdLayerClassifier", _crowd_layer_matrices, shared=True
    ),
    "scikit-activeml Annot-Mix, its defaults": _scikit_activeml(
        "AnnotMixClassifier", _annot_mix_matrices, shared=False
    ),
    "scikit-activeml Annot-Mix, shared settings": _scikit_activeml(
        "AnnotMixClassifier", _annot_mix_matrices, shared=True
    ),
}

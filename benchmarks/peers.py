"""Peer libraries: their methods on our problems, and crowd-kit's Dawid-Skene and ours.

    pip install .[bench]
    python benchmarks/peers.py --data-home DIR           # how far both agree
    python benchmarks/peers.py --data-home DIR --speed   # seconds and memory as well

``PEERS`` has the form of ``common.METHODS``; ``real_labels.py`` runs it. crowd-kit's
aggregators and cleanlab's CROWDLAB run at their defaults, and the network that all
methods share is trained on the classes that they infer. scikit-activeml's classifiers
train that network themselves: once with their defaults, which for training are skorch's
(10 epochs of plain gradient descent, items in their order), and once with the settings
of `CrowdClassifier`.
"""

import importlib
import sys
import time
import tracemalloc
import warnings
from importlib.metadata import version
from statistics import median

import numpy as np
import torch
from common import load_real, parser, versions
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from skccem import CrowdClassifier, CrowdLabels, DawidSkene
from skccem._net_settings import OPTIMIZERS
from skccem._network import make_mlp
from skccem.simulation import make_confusion_matrices, make_crowd_labels

# The module that each distribution is used through.
MODULES = {
    "crowd-kit": "crowdkit.aggregation",
    "scikit-activeml": "skactiveml.classifier.multiannotator",
    "cleanlab": "cleanlab.multiannotator",
    "pandas": "pandas",
}

# crowd-kit raises every expected count of an answer to this.
CROWD_KIT_FLOOR = 1e-10


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


def _then_the_network(problem, items, codes, seed, network):
    """The shared network, trained on the classes inferred for the labelled items."""
    inferred = problem.labels.classes[codes]
    clf = CrowdClassifier(regularizer=None, **network, random_state=seed)
    clf.fit(problem.X[items], inferred)
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


def _fit_crowd_kit(model, labels):
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


def _errors_matrices(model, n_workers, n_classes):
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


def _crowd_kit_matrices(model, labels, workers, classes, read):
    """Their matrices in our order; zeros for who never answered."""
    matrices = np.zeros((labels.n_annotators, labels.n_classes, labels.n_classes))
    found = read(model, len(workers), len(classes))
    matrices[np.ix_(workers, classes, classes)] = found
    return matrices


def _crowd_kit(name, read=None):
    def fit(problem, seed, **network):
        model = getattr(import_peer("crowd-kit"), name)()
        if hasattr(model, "random_state"):
            model.random_state = seed
        workers, classes = _fit_crowd_kit(model, problem.labels)
        items, codes = model.labels_.index.to_numpy(), classes[model.labels_.to_numpy()]
        clf, aggregated = _then_the_network(problem, items, codes, seed, network)
        matrices = None
        if read is not None:
            matrices = _crowd_kit_matrices(
                model, problem.labels, workers, classes, read
            )
        return clf, aggregated, matrices

    return fit


def _crowdlab(problem, seed, **network):
    """As in cleanlab's tutorial: out-of-sample predictions learned from the votes."""
    cleanlab = import_peer("cleanlab")
    labels = problem.labels
    # It refuses items and annotators without labels.
    items = np.flatnonzero(labels.labels_per_item > 0)
    Y = _nan_matrix(labels.codes, labels)[items][:, labels.labels_per_annotator > 0]
    # Its last resort in ties is the global state.
    np.random.seed(seed)  # noqa: NPY002
    votes = cleanlab.get_majority_vote_label(Y, verbose=False)
    clf = CrowdClassifier(regularizer=None, **network, random_state=seed)
    proba = np.zeros((len(items), labels.n_classes))
    proba[:, np.unique(votes)] = cross_val_predict(
        clf, problem.X[items], votes, cv=5, method="predict_proba"
    )
    results = cleanlab.get_label_quality_multiannotator(Y, proba, verbose=False)
    codes = results["label_quality"]["consensus_label"].to_numpy()
    clf, aggregated = _then_the_network(problem, items, codes, seed, network)
    return clf, aggregated, None


def _crowd_layer_matrices(module, n_classes):
    """Rows of softmax, as ``predict_proba(extra_outputs="annotator_perf")`` does it."""
    return torch.softmax(module.W_annot, dim=2)


def _annot_mix_matrices(module, n_classes):
    """What the annotators' embeddings, without mixing, are mapped to."""
    logits = module.annotator_confusion_head(module.annotator_embed(module.a))
    return torch.softmax(logits.view(-1, n_classes, n_classes), dim=2)


def _scikit_activeml(name, read, shared):
    def fit(problem, seed, **network):
        labels, ours = problem.labels, CrowdClassifier(**network)
        # It does not seed torch by its random_state.
        torch.manual_seed(seed)
        mlp = make_mlp(
            problem.X.shape[1], labels.n_classes, ours.hidden_layer_sizes, ours.dropout
        )
        settings = {"verbose": 0}
        if shared:
            settings |= {
                "optimizer": OPTIMIZERS[ours.optimizer],
                "lr": ours.lr,
                "batch_size": ours.batch_size,
                "max_epochs": ours.max_epochs,
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
        "DawidSkene", _errors_matrices
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


def dawid_skene_agreement(problem, *, max_iter=1000, floor=0.0):
    """How far crowd-kit's Dawid-Skene and ours are apart after many iterations.

    Both start from the vote shares, and differ where labels say nothing: where no item
    of an annotator can be of some class, ours has the pooled row of that class. As
    crowd-kit raises the expected counts of all answers that the annotator ever gave to
    1e-10, it has a flat row there, and none of these answers is ever impossible.

    Parameters
    ----------
    problem : Problem
    max_iter : int
        Iterations of both; ours stops where rounding no longer lets the likelihood
        rise.
    floor : float
        Added to all expected counts of ours: 0 is maximum likelihood, and
        ``CROWD_KIT_FLOOR`` comes close to what crowd-kit does.

    Returns
    -------
    dict
        ``n_iter`` of ours; ``proba``, the largest difference of class probabilities;
        ``equal``, the share of items with the same prediction; ``matrices``, the
        largest difference of confusion matrices; ``met_matrices``, that of the rows to
        which both attribute a label or more; ``met``, the share of these rows; and
        ``accuracy``, on the training items, of crowd-kit and of ours.
    """
    labels, n_classes = problem.labels, problem.labels.n_classes
    # Its criterion, which counts the class prior once a label, need not increase.
    theirs = import_peer("crowd-kit").DawidSkene(n_iter=max_iter, tol=-np.inf)
    workers, classes = _fit_crowd_kit(theirs, labels)
    proba = np.zeros((labels.n_samples, n_classes))
    cells = np.ix_(theirs.probas_.index, classes[theirs.probas_.columns])
    proba[cells] = theirs.probas_.to_numpy()
    matrices = _crowd_kit_matrices(theirs, labels, workers, classes, _errors_matrices)

    flat = np.full((n_classes, n_classes), 1 / n_classes)
    ours, ahead = (
        DawidSkene(
            max_iter=n_iter,
            tol=0,
            smoothing=n_classes * floor,
            smoothing_target=flat if floor else "pooled",
        )
        # Its matrices come from its probabilities, and our probabilities from ours.
        for n_iter in (max_iter, max_iter + 1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        our_proba = ours.fit(labels).predict_proba(labels)
        apart = np.abs(matrices - ahead.fit(labels).confusion_matrices_)

    labelled = labels.labels_per_item > 0
    codes, our_codes = (p[labelled].argmax(axis=1) for p in (proba, our_proba))
    met = np.minimum(_row_counts(labels, proba), _row_counts(labels, our_proba)) >= 1
    truth = problem.truth[labelled]
    return {
        "n_iter": ours.n_iter_,
        "proba": float(np.abs(proba - our_proba)[labelled].max()),
        "equal": float(np.mean(codes == our_codes)),
        "matrices": float(apart.max()),
        "met_matrices": float(apart[met].max()),
        "met": float(met.mean()),
        "accuracy": tuple(
            float(np.mean(labels.classes[c] == truth)) for c in (codes, our_codes)
        ),
    }


def _row_counts(labels, proba):
    """Expected number of labels behind each row of each confusion matrix."""
    counts = np.zeros((labels.n_annotators, labels.n_classes))
    np.add.at(counts, labels.indices, proba[labels.row_indices()])
    return counts


def dawid_skene_speed(
    n_samples=100_000,
    *,
    n_annotators=1000,
    n_classes=10,
    labels_per_item=5,
    n_iter=20,
    repeats=3,
):
    """Seconds and memory of crowd-kit's Dawid-Skene and ours, in one thread.

    Each starts from the same long table, and ends with the classes of its items.

    Parameters
    ----------
    n_samples, n_annotators, n_classes, labels_per_item : int
        Size of the simulated crowd.
    n_iter : int
        Iterations that both do.
    repeats : int
        Runs that are timed. One more measures the memory, as this takes time.

    Returns
    -------
    dict
        For ``"crowd-kit"`` and ``"skccem"`` the median ``seconds`` and the
        ``peak_mib`` that was allocated on top of the table; and the ``ratio`` of each.
    """
    matrices = make_confusion_matrices(
        n_annotators, n_classes, kind="symmetric", random_state=0
    )
    truth = np.random.default_rng(0).integers(n_classes, size=n_samples)
    data = make_crowd_labels(
        truth, matrices, labels_per_item=labels_per_item, random_state=0
    ).to_long()
    aggregation = import_peer("crowd-kit")

    def theirs():
        model = aggregation.DawidSkene(n_iter=n_iter, tol=-np.inf)
        model.fit_predict(data)
        return len(model.loss_history_)

    def ours():
        model = DawidSkene(max_iter=n_iter, tol=0, smoothing=0, random_state=0)
        model.fit_predict(CrowdLabels.from_long(data))
        return model.n_iter_

    results = {
        name: _measure(run, n_iter, repeats)
        for name, run in {"crowd-kit": theirs, "skccem": ours}.items()
    }
    results["ratio"] = {
        key: results["crowd-kit"][key] / results["skccem"][key]
        for key in ("seconds", "peak_mib")
    }
    return results


def _measure(run, n_iter, repeats):
    seconds = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(repeats):
            start = time.perf_counter()
            done = run()
            seconds.append(time.perf_counter() - start)
            if done != n_iter:
                raise RuntimeError(
                    f"Expected {n_iter} iterations, but {done} were done: fewer "
                    "iterations, or a larger crowd, keep both from converging."
                )
        tracemalloc.start()
        run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return {"seconds": median(seconds), "peak_mib": peak / 2**20}


def main():
    arguments = parser(__doc__.split("\n")[0])
    arguments.add_argument("--max-iter", type=int, default=1000)
    arguments.add_argument("--speed", action="store_true", help="a minute more")
    options = arguments.parse_args()
    if options.data_home is None:
        sys.exit("Name the directory of the data by --data-home or SKCCEM_DATA.")
    for package in MODULES:
        import_peer(package)
    print(versions(), *(f"{name} {version(name)}" for name in MODULES), sep=", ")
    for name in ("labelme", "music"):
        problem = load_real(name, options.data_home)
        for floor in (0.0, CROWD_KIT_FLOOR):
            found = dawid_skene_agreement(
                problem, max_iter=options.max_iter, floor=floor
            )
            print(f"{name}, floor {floor}: {found}", flush=True)
    if options.speed:
        print(f"speed: {dawid_skene_speed()}")


if __name__ == "__main__":
    main()

"""The networks of ``CrowdClassifier`` beside the coupled one, by cross-fitted EM.

What is known of the annotators after the coupled network is trained makes one iteration
of expectation maximisation possible: class probabilities of the items, from their
labels and from networks that did not see these (``_cross_fitting``); then matrices and
networks (``_refitting``) that fit these probabilities best.
"""

import copy
import errno
import math
import os

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed
from tqdm.auto import tqdm

from ._callbacks import acting_callbacks
from ._cross_fitting import make_parts, predict_part, update_annotators
from ._gold import certain
from ._outliers import class_proba
from ._probability import log_sum_exp
from ._random_state import reproducible, seed_again
from ._refitting import PosteriorDataset, train_on_posterior


def has_ensemble(estimator, crowd, used):
    """Whether there are networks beside the coupled one.

    Parameters
    ----------
    estimator : CrowdClassifier
    crowd : bool
        One label an item leaves nothing to infer.
    used : int ndarray
        Items with labels and a positive weight. A part of them is held out.

    Returns
    -------
    bool
    """
    alone = (
        estimator.n_init == 1
        or estimator.warm_start
        or estimator.accelerator is not None
    )
    return crowd and not alone and len(used) > 1


def check_mapped_files(estimator, X):
    """Raise if worker processes will not find the file that an array is mapped from.

    joblib sends them its name; this process can read a file that is removed.

    Parameters
    ----------
    estimator : CrowdClassifier
    X : ndarray, CSR, dict of arrays, or torch Dataset

    Raises
    ------
    FileNotFoundError
        If there will be workers, and a file is gone.
    """
    backend, _ = get_active_backend()
    # Only those that share it say so.
    shares_memory = getattr(backend, "supports_sharedmem", False)
    if shares_memory or effective_n_jobs(estimator.n_jobs) == 1:
        return
    for part in X.values() if isinstance(X, dict) else [X]:
        # Checks return plain arrays on top of the mapped one.
        while part is not None and not isinstance(part, np.memmap):
            part = getattr(part, "base", None)
        path = getattr(part, "filename", None)
        if path is not None and not os.path.exists(path):
            raise FileNotFoundError(
                errno.ENOENT,
                "Expected the file that X is mapped from, which the worker processes "
                f"of n_jobs={estimator.n_jobs} open too; it is gone. Put it back, or "
                "use n_jobs=1",
                os.fspath(path),
            )


def train_ensemble(
    estimator, nets, data, annotators, max_epochs, rng, device, checkpoints
):
    """One iteration of cross-fitted expectation maximisation.

    Parameters
    ----------
    estimator : CrowdClassifier
        Its settings are used, of which `n_init` says how many networks there will be.
    nets : list of CrowdNet
        The coupled one.
    data : LabelledItems
    annotators : Annotators
        As learned with it. The matrices are updated unless `confusion_lr` is zero.
    max_epochs : int
        Of each network.
    rng : RandomState
    device : str
    checkpoints : FitCheckpoints

    Returns
    -------
    nets : list of CrowdNet
        These, and those that are trained on the probabilities of the classes.
    annotators : Annotators
    aggregated : ndarray of shape (n_samples, n_classes)
        Class probabilities of the items, given labels and features.
    """
    parts = make_parts(data.used, rng)
    part_seeds, net_seeds = (
        rng.randint(np.iinfo(np.int32).max, size=size).tolist()
        for size in (len(parts), estimator.n_init - len(nets))
    )
    n_classes = data.labels.n_classes
    run = Parallel(n_jobs=estimator.n_jobs, return_as="generator")
    with tqdm(
        total=len(part_seeds) + len(net_seeds),
        desc="Networks",
        unit="network",
        disable=not estimator.verbose,
    ) as bar:
        log_posterior = np.empty((data.labels.n_samples, n_classes))
        predicted = run(
            delayed(predict_part)(
                settings_of(estimator),
                data,
                annotators,
                part,
                max_epochs,
                seed,
                device,
                checkpoints.of(f"part-{number}"),
            )
            for number, (part, seed) in enumerate(zip(parts, part_seeds, strict=True))
        )
        for part, of_part in zip(parts, predicted, strict=True):
            log_posterior[part] = of_part
            bar.update()
        log_posterior = certain(log_posterior[data.used], data.gold_of(data.used))
        if estimator.confusion_lr:
            annotators = update_annotators(data, log_posterior, annotators)
        posterior = class_proba(data.labels[data.used], log_posterior, *annotators)
        dataset = PosteriorDataset(
            data.X, data.used, posterior, data.weight_of(data.used)
        )
        nets = list(nets)
        for net in run(
            delayed(train_on_posterior)(
                settings_of(estimator),
                dataset,
                n_classes,
                max_epochs,
                seed,
                device,
                checkpoints.of(f"network-{number}"),
            )
            for number, seed in enumerate(net_seeds)
        ):
            nets.append(net)
            bar.update()
    aggregated = np.empty((data.labels.n_samples, n_classes))
    aggregated[data.used] = posterior
    others = np.setdiff1d(np.arange(data.labels.n_samples), data.used)
    if len(others):
        log_posterior = predict_with_all(estimator, nets, data.X, others)
        log_posterior = certain(log_posterior, data.gold_of(others))
        aggregated[others] = class_proba(
            data.labels[others], log_posterior, *annotators
        )
    return nets, annotators, aggregated


def predict_with_all(estimator, nets, X, items=None):
    """Log class probabilities, of the mean over networks.

    Parameters
    ----------
    estimator : CrowdClassifier
    nets : list of CrowdNet
    X : ndarray, CSR, dict of arrays, or torch Dataset
        What ``check_features`` returned.
    items : int ndarray of shape (n_samples,), optional
        The rows to predict; all by default.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    log_posteriors = []
    first = nets[0]
    # Once for all: finding and restoring the global generators takes as long as a row.
    with reproducible(estimator.module, first.seed, first.device):
        for net in nets:
            seed_again(net.seed, net.device)
            log_posteriors.append(net.predict_log_posterior(X, items))
    return mean_log_posterior(log_posteriors)


def mean_log_posterior(log_posteriors):
    """Log of the mean of the class probabilities of several networks.

    Parameters
    ----------
    log_posteriors : sequence of ndarrays of shape (n_samples, n_classes)

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        The only one is returned as it is.
    """
    if len(log_posteriors) == 1:
        return log_posteriors[0]
    stacked = np.stack(log_posteriors, axis=-1)
    shape, n_networks = stacked.shape[:2], stacked.shape[2]
    # A Python float leaves the precision as it is.
    mean = log_sum_exp(stacked.reshape(-1, n_networks)) - math.log(n_networks)
    return mean.reshape(shape)


def settings_of(estimator):
    """The settings, with callbacks of its own, and what is known of `X`, but no fit.

    Parameters
    ----------
    estimator : CrowdClassifier

    Returns
    -------
    CrowdClassifier
    """
    params = estimator.get_params(deep=False)
    # Those that only watch need not be of a kind that can be copied.
    params["callbacks"] = copy.deepcopy(acting_callbacks(estimator.callbacks))
    settings = type(estimator)(**params)
    if hasattr(estimator, "n_features_in_"):
        settings.n_features_in_ = estimator.n_features_in_
    return settings

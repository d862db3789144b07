"""What worker processes of the studies call, in a module that they can import."""

from functools import partial

import numpy as np
from cases import problem_of, simulate_outliers, simulated
from common import load_real
from methods import (
    FURTHER_METHODS,
    METHODS,
    N_NETWORKS,
    PAPER,
    STRENGTHS,
    WIDE,
    averaged,
    crowd,
    fit_method,
    held_out_scores,
    overrides_of,
)
from oracle import fit_with_truth, with_validation
from peers import PEERS
from sklearn.metrics import roc_auc_score
from skorch.callbacks import LRScheduler
from variants import AverageWeights, CountMatrices, Mixup, with_input_dropout

from skccem._outliers import outlier_log_odds

# Likelihood and regulariser of each coupled method of the simulated study.
COUPLED = {
    "CCEM": ("marginal", None),
    "F": ("marginal", "F"),
    "W": ("marginal", "W"),
    "joint": ("joint", None),
    "joint + F": ("joint", "F"),
    "joint + W": ("joint", "W"),
}
OTHERS = [
    "skccem's defaults",
    "skccem's defaults, n_init=1",
    "skccem's defaults, n_init=1, plain network",
    "majority vote, then the network",
    "Dawid-Skene, then the network",
    "the network on true labels",
]

# Methods for real crowds that see no truth, and what the others regularise.
WIDE_PEERS = {
    **{f"{peer}, wide": partial(PEERS[peer], **WIDE) for peer in PEERS},
    **{f"{peer}, {N_NETWORKS} wide": averaged(PEERS[peer]) for peer in PEERS},
}
WITHOUT_TRUTH = {**METHODS, **FURTHER_METHODS, **PEERS, **WIDE_PEERS}
WITH_TRUTH = {
    "CCEM, epoch chosen on truth": None,
    "F, epoch and strength chosen on truth": "F",
    "W, epoch and strength chosen on truth": "W",
}

# Changes of the coupled network's defaults, one at a time, and others beside it.
ABLATIONS = {
    "n_init=1": {},
    "n_init=2": {"n_init": 2},
    "n_init=4, the default": {"n_init": 4},
    "no burn-in": {"burn_in": 0},
    "burn-in 0.2": {"burn_in": 0.2},
    "burn-in 0.6": {"burn_in": 0.6},
    "marginal": {"likelihood": "marginal"},
    "no regulariser": {"regularizer": None},
    "F 0.005": {"reg_strength": 0.005},
    "F 0.05": {"reg_strength": 0.05},
    "W": {"regularizer": "W"},
    "start from majority vote": {"init": "majority_vote"},
    "start from Dawid-Skene": {"init": "dawid_skene"},
    "confusion_lr 0.005": {"confusion_lr": 0.005},
    "confusion_lr 0.05": {"confusion_lr": 0.05},
    "128 wide, dropout 0.5": {"hidden_layer_sizes": (128,), "dropout": 0.5},
    "256 wide": {"hidden_layer_sizes": (256,)},
    "dropout 0.5": {"dropout": 0.5},
    "dropout 0.9": {"dropout": 0.9},
    "dropout 0.2 of the features too": {
        "module": with_input_dropout,
        "module_params": {"share": 0.2},
    },
    "batches of 400": {"batch_size": 400},
    "200 epochs": {"max_epochs": 200},
    "early stopping": {"early_stopping": True},
    "cosine schedule": {"callbacks": [LRScheduler("CosineAnnealingLR", T_max=100)]},
    "mean of the last 20 epochs' weights": {"callbacks": [AverageWeights(20)]},
    "mixup": {"callbacks": [Mixup()]},
    "counted matrices": {"confusion_lr": 0, "callbacks": [CountMatrices()]},
    "counted matrices, smoothing 1": {
        "confusion_lr": 0,
        "callbacks": [CountMatrices(smoothing=1.0)],
    },
}
ABLATION_CASES = [
    {"kind": kind, "labels_per_item": labels_per_item, "n_annotators": n_annotators}
    for kind, labels_per_item, n_annotators in [
        ("separable_uniform", 5, 10),
        ("separable_random", 3, 10),
        ("diagonally_dominant", 1, 10),
        ("hammer_spammer", 1, 25),
        ("classwise_hammer_spammer", 3, 5),
        ("pairwise_flipper", 3, 25),
    ]
] + [{"kind": "machine", "missing_rate": 0.7}]

# What `outlier_share` is given, and the crowds with outliers and without.
OUTLIER_SHARES = [0.0, "auto", 0.2]
OUTLIER_CASES = [
    {
        "kind": kind,
        "labels_per_item": labels_per_item,
        "n_annotators": 10,
        "outliers": outliers,
        "share": share,
    }
    for kind, labels_per_item, most in [
        ("hammer_spammer", 3, 0.2),
        ("diagonally_dominant", 5, 0.1),
    ]
    for outliers, share in [
        ("guesses", 0.0),
        ("other_class", most),
        ("same_answer", most),
        ("guesses", most),
    ]
]


def measure_outliers(case, outlier_share, seed, n_items, max_epochs):
    """What one network measures with this share, and how outliers are ranked."""
    problem, is_outlier = simulate_outliers(case, seed, n_items)
    method = METHODS["skccem's defaults, n_init=1"]
    fitted = fit_method(
        problem,
        partial(method, outlier_share=outlier_share),
        seed,
        max_epochs=max_epochs,
    )
    clf = fitted.estimator
    auc = None
    if is_outlier.any():
        # Without outliers in the fit, the same odds with one item in ten for a prior.
        log_weight = clf._log_weight
        log_odds = outlier_log_odds(
            problem.labels,
            clf.predict_log_proba(problem.X),
            clf._log_confusion,
            np.log([0.9, 0.05, 0.05]) if log_weight is None else log_weight,
        )
        auc = float(roc_auc_score(is_outlier, log_odds))
    return {
        **fitted.measure(problem),
        "detection_auc": auc,
        "learned_share": clf.outlier_share_,
    }


def measure_ablation(problem, variant, seed, n_items, max_epochs, data_home):
    """The measurements of a variant of the defaults on a real or a simulated crowd."""
    problem = problem_of(problem, seed, n_items, data_home)
    params = {"n_init": 1, "max_epochs": max_epochs, **ABLATIONS[variant]}
    method = partial(METHODS["skccem's defaults"], **params)
    return fit_method(problem, method, seed).measure(problem)


def measure_simulated(case, seed, method, path, n_items, max_epochs):
    """The measurements of a method on one problem, for each of its strengths."""
    problem = simulated(case, seed, path, n_items)
    overrides = overrides_of(max_epochs)
    fit = partial(fit_method, problem, seed=seed, **overrides)
    if method not in COUPLED:
        return [{"strength": None, **fit(METHODS[method]).measure(problem)}]
    likelihood, regularizer = COUPLED[method]
    measured = []
    for strength in STRENGTHS if regularizer else [0.0]:
        params = {
            "init": "identity",
            "likelihood": likelihood,
            "regularizer": regularizer,
            "reg_strength": strength,
        }
        measured.append(
            {
                "strength": strength,
                **held_out_scores(problem, params, seed, **overrides),
                **fit(crowd(**params)).measure(problem),
            }
        )
    return measured


def measure_real(data, method, seed, max_epochs, data_home):
    """The measurements of a method on a real crowd."""
    problem, overrides = load_real(data, data_home), overrides_of(max_epochs)
    if method in WITH_TRUTH:
        params = {**PAPER, "regularizer": WITH_TRUTH[method]}
        problem = with_validation(problem, seed)
        fitted = fit_with_truth(problem, params, seed, **overrides)
    else:
        fitted = fit_method(problem, WITHOUT_TRUTH[method], seed, **overrides)
    return fitted.measure(problem)

"""What worker processes of the studies call, in a module that they can import."""

from functools import partial

from cases import simulated
from common import load_real
from methods import (
    FURTHER_METHODS,
    METHODS,
    PAPER,
    STRENGTHS,
    WIDE,
    crowd,
    fit_method,
    held_out_scores,
    overrides_of,
)
from oracle import fit_with_truth, with_validation
from peers import PEERS

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
    "skccem's defaults, plain network",
    "majority vote, then the network",
    "Dawid-Skene, then the network",
    "the network on true labels",
]

# Methods for real crowds that see no truth, and what the others regularise.
WIDE_PEERS = {f"{peer}, wide": partial(PEERS[peer], **WIDE) for peer in PEERS}
WITHOUT_TRUTH = {**METHODS, **FURTHER_METHODS, **PEERS, **WIDE_PEERS}
WITH_TRUTH = {
    "CCEM, epoch chosen on truth": None,
    "F, epoch and strength chosen on truth": "F",
    "W, epoch and strength chosen on truth": "W",
}


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

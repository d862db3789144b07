"""The protocol of the paper: epoch and strength chosen on true validation labels.

Nobody who needs this package has such labels; the protocol is here to compare with
published numbers, and to see what truth would be worth.
"""

import copy

import numpy as np
import torch
from methods import STRENGTHS, crowd, fit_method
from skorch.callbacks import Callback


class KeepBestOnTruth(Callback):
    """Goes back, after training, to the epoch that was best on true labels.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    codes : int ndarray of shape (n_samples,)
        True classes as positions among the sorted classes.
    """

    def __init__(self, X, codes):
        self.X = X
        self.codes = codes

    def on_train_begin(self, net, **kwargs):
        self.best_ = -1.0

    def on_epoch_end(self, net, **kwargs):
        accuracy = np.mean(net.predict_log_posterior(self.X).argmax(1) == self.codes)
        if accuracy > self.best_:
            self.best_ = accuracy
            self.state_ = copy.deepcopy(net.module_.state_dict())

    def on_train_end(self, net, **kwargs):
        with torch.no_grad():
            net.module_.load_state_dict(self.state_)


def fit_with_truth(problem, params, seed, **overrides):
    """Fit with the strength and the epoch that are best on validation truth.

    Parameters
    ----------
    problem : Problem
        With a validation part.
    params : dict
        Arguments of CrowdClassifier without a strength.
    seed : int
    **overrides
        Arguments of the network.

    Returns
    -------
    Fitted
    """
    best = None
    for strength in STRENGTHS if params["regularizer"] else [0.0]:
        keep = KeepBestOnTruth(
            problem.X_valid, np.searchsorted(problem.labels.classes, problem.y_valid)
        )
        candidate = {**params, "reg_strength": strength, "callbacks": [keep]}
        fitted = fit_method(problem, crowd(**candidate), seed, **overrides)
        if best is None or keep.best_ > best[0]:
            best = keep.best_, fitted
    return best[1]


def with_validation(problem, seed, share=0.1):
    """The problem with a validation part: its own, or a share of the training items."""
    if problem.X_valid is not None:
        return problem
    rows = np.random.default_rng(seed).permutation(len(problem.truth))
    n_valid = round(share * len(rows))
    part = problem.select(np.sort(rows[n_valid:]))
    held_out = np.sort(rows[:n_valid])
    return part.validated_on(problem.X[held_out], problem.truth[held_out])

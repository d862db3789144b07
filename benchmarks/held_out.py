"""Ways to judge candidates by what a fold holds out, most of them without truth."""

import numpy as np

from skccem._calibration import calibrated_log_likelihood, sharpen
from skccem._counts import confusion_from_counts, expected_counts
from skccem._probability import (
    joint_log_likelihood,
    marginal_log_likelihood,
    posterior_log_proba,
    safe_log,
)

WITHOUT_TRUTH = [
    "marginal",
    "calibrated marginal",
    "joint",
    "calibrated joint",
    "predicted class",
    "agreement",
]
# What the truth of the held-out items would have said.
WITH_TRUTH = "truth of held-out items"
_POWERS = np.geomspace(1 / 20, 20, 61)


def scores_in_fold(fold, log_posterior, log_confusion, truth):
    """Scores of all candidates in a fold, higher is better.

    Parameters
    ----------
    fold : Fold
    log_posterior : ndarray of shape (n_candidates, n_samples, n_classes)
        Of all items.
    log_confusion : ndarray of shape (n_candidates, n_annotators, n_classes, n_classes)
    truth : ndarray of shape (n_samples,)

    Returns
    -------
    dict of ndarrays of shape (n_candidates,)
        By names, `WITHOUT_TRUTH` and `WITH_TRUTH`.
    """
    train, test = (
        np.arange(len(truth)) if rows is None else rows
        for rows in (fold.train_rows, fold.test_rows)
    )
    by_labels = _posterior_by_labels(fold.test_labels, log_posterior, log_confusion)
    scores = [
        _scores(fold, f[train], f[test], matrices, by_labels, truth[test])
        for f, matrices in zip(
            log_posterior.astype(float), log_confusion.astype(float), strict=True
        )
    ]
    return {name: np.array([score[name] for score in scores]) for name in scores[0]}


def _scores(fold, f_train, f_test, matrices, by_labels, truth):
    labels = fold.test_labels
    # Each label by itself, and all of an item together.
    marginal = marginal_log_likelihood(labels, f_test, matrices).mean()
    joint = joint_log_likelihood(labels, f_test, matrices).sum() / labels.n_labels
    calibrated = max(
        marginal_log_likelihood(labels, sharpen(f_test, power), matrices).mean()
        for power in _POWERS
    )
    predicted = f_test.argmax(axis=1)
    labelled = np.flatnonzero(labels.labels_per_item)
    return {
        "marginal": marginal,
        "calibrated marginal": calibrated,
        "joint": joint,
        "calibrated joint": calibrated_log_likelihood(labels, f_test, matrices)[0],
        "predicted class": _given_predicted_class(fold, f_train, f_test),
        "agreement": by_labels[labelled, predicted[labelled]].mean(),
        WITH_TRUTH: np.mean(predicted[labelled] == truth[labelled]),
    }


def _given_predicted_class(fold, f_train, f_test):
    """Log-likelihood per label, given what is predicted for the item.

    How often an annotator gives an answer about items that are predicted as a class is
    counted in training, and steadied by one label of all annotators' answers.
    """
    n_classes = f_train.shape[1]
    one_hot = np.eye(n_classes)
    counts = expected_counts(fold.train_y, one_hot[f_train.argmax(axis=1)])
    pooled = counts.sum(axis=0) + 1 / n_classes
    pooled /= pooled.sum(axis=1, keepdims=True)
    matrices = confusion_from_counts(counts, smoothing=1.0, target=pooled)
    predicted = safe_log(one_hot[f_test.argmax(axis=1)])
    return marginal_log_likelihood(
        fold.test_labels, predicted, safe_log(matrices)
    ).mean()


def _posterior_by_labels(labels, log_posterior, log_confusion):
    """What the labels alone say of the items, by the mean of all candidates' models."""
    prior = np.log(np.exp(log_posterior.astype(float)).mean(axis=(0, 1)))
    matrices = np.log(np.exp(log_confusion.astype(float)).mean(axis=0))
    return np.exp(posterior_log_proba(labels, matrices, prior))

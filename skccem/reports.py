"""Reports on a crowd: who is good, which labels are right, what to look at again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._agreement import check_distributions
from ._fitted_crowd import read_crowd
from ._gold_audit import gold_audit
from ._label_information import information_bits, peer_agreement, spammer_scores
from ._matrix_posterior import beta_interval, matrix_posterior
from ._pandas import import_pandas
from ._typing import ArrayLike, ItemsLike, LabelsLike
from ._verdicts import verdicts

if TYPE_CHECKING:
    import pandas
    from sklearn.base import BaseEstimator

__all__ = ["annotator_report", "consensus", "gold_audit", "label_quality"]

# Expected labels of a true class, below which a row's entries have no interval.
_FEWEST_ROW_LABELS = 30


def annotator_report(
    clf: BaseEstimator, X: ItemsLike | None, Y: LabelsLike
) -> pandas.DataFrame:
    """How good each annotator is, and how sure that is.

    Parameters
    ----------
    clf : estimator
        Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such as
        `DawidSkene`; or a pipeline or search that ends with one.
    X : as in the `predict_proba` of `clf`, or None
        The items. None, and nothing else, for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Their labels by the annotators of the fit, in the same order.

    Returns
    -------
    report : pandas.DataFrame of n_annotators rows
        Indexed by `annotators_`. All but `labels`, `agreement` and `verdict` are of the
        posterior in Notes, and NaN or None without labels. Its columns:

        - `labels`: how many the annotator gave;
        - `accuracy`, `accuracy_low`, `accuracy_high`: ``sum_k p_k B[k, k]``, where
          ``p`` is the frequency of the true classes among the items with labels, of
          all annotators, so that those who got easy classes have no advantage; with a
          90% interval;
        - `information`: bits a label tells about the class, the mutual information of
          class and answer, 0 for guesses and at most the entropy of ``p``;
        - `spammer_score`: ``sum_{j<k} sum_l (B[j, l] - B[k, l])**2 / (K (K - 1))``
          [1]_, the squared distance to the nearest matrix with equal rows (of rank
          one), from 0, whose answers do not depend on the class, to 1;
        - `confused_class`, `confused_answer`: the most frequent mistake, where
          ``p_k B[k, l]`` is largest;
        - `confusion_rate`, `confusion_low`, `confusion_high`: ``B[k, l]`` of it, with a
          90% interval, NaN where the annotator gave fewer than 30 labels, as far as is
          known, to items of this class;
        - `agreement`: share of other annotators' labels of the same items that are the
          same; NaN if there are none;
        - `verdict`: see Notes.

    Raises
    ------
    NotFittedError
        If `clf` is not fitted.
    AttributeError
        If it does not know how annotators err.
    ValueError
        If `X` is given to an estimator of labels alone or not given to another, or `Y`
        has no labels, or others than the fit can know.
    ImportError
        If pandas is not installed.

    Notes
    -----
    **Intervals.** The posterior is that of the Bayesian form of the model of Dawid and
    Skene [2]_, by 450 sweeps of a Gibbs sampler with a fixed seed that starts from
    `confusion_matrices_`: in turn it draws the true classes, given ``f(x)`` (labels
    alone: given class frequencies, which are drawn too) and the matrices, and the rows
    of the matrices given the classes. So an annotator's own labels do not count twice.
    The prior of an annotator's rows is a Dirichlet distribution about
    ``s I + (1 - s) E``, worth ``c`` labels, where ``E`` is how all annotators err when
    they do; skill ``s`` and ``c`` are each annotator's own and drawn from 44 kinds,
    whose frequencies are learned from the crowd (empirical Bayes). An interval is that
    of the beta distribution with the posterior mean and variance: between the 5% and
    the 95% quantile, or where the density has its peak at an end, from there on.

    Intervals are as good as the model. They do not know that ``f(x)`` of a network may
    be wrong about the items that it was trained on, that annotators may copy each
    other, or that items may be difficult for all. In simulated crowds 90% of the true
    accuracies and entries are inside, from 86% to 96% by kind of annotators
    (``benchmarks/interval_coverage.py``). Time is in proportion to the number of
    labels; memory holds a few arrays of the size of `confusion_matrices_`.

    **Verdicts**, the first that holds, where chance is the accuracy of someone who
    gives the answers as often, but without looking:

    - "too few labels to tell": fewer than 10;
    - "adversarial": the interval of the accuracy is below chance;
    - "biased towards X": X is said about items of other classes at a rate that is 0.25
      above that of any other class;
    - "guessing": chance is in the interval, which is not wider than 0.35, or above it
      would be "too few labels to tell";
    - "often wrong": less than half way from chance to always right;
    - "reliable".

    References
    ----------
    .. [1] V. C. Raykar and S. Yu, "Eliminating spammers and ranking annotators for
       crowdsourced labeling tasks", Journal of Machine Learning Research 13, 2012.
    .. [2] H.-C. Kim and Z. Ghahramani, "Bayesian classifier combination", AISTATS 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from skccem import DawidSkene
    >>> from skccem.reports import annotator_report
    >>> from skccem.simulation import make_crowd_labels
    >>> good, spam = [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]]
    >>> y = np.random.default_rng(0).integers(2, size=300)
    >>> matrices = [good, good, good, good, spam, [[0.1, 0.9], [0.9, 0.1]]]
    >>> Y = make_crowd_labels(y, matrices, labels_per_item=4, random_state=0)
    >>> report = annotator_report(DawidSkene(random_state=0).fit(Y), None, Y)
    >>> report["verdict"].tolist()[3:]
    ['reliable', 'guessing', 'adversarial']
    >>> bool((report["accuracy_low"] < report["accuracy"]).all())
    True
    """
    return annotator_table(read_crowd(clf, X, Y))


def label_quality(
    clf: BaseEstimator,
    X: ItemsLike | None,
    Y: LabelsLike,
    *,
    proba: ArrayLike | None = None,
) -> pandas.DataFrame:
    """How probable it is that each given label is right.

    Parameters
    ----------
    clf : estimator
        Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such as
        `DawidSkene`; or a pipeline or search that ends with one.
    X : as in the `predict_proba` of `clf`, or None
        The items. None, and nothing else, for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Their labels by the annotators of the fit, in the same order.
    proba : array-like of shape (n_samples, n_classes), default=None
        Class probabilities of the items given labels and features, if they are known
        already. None is what `clf` says: `aggregate_proba`, or of an estimator of
        labels alone `predict_proba`. For the items of the fit of a `CrowdClassifier`
        with ``n_init > 1`` pass its `aggregated_proba_`, in which the labels do not
        count twice: by themselves, and by the networks that learned them.

    Returns
    -------
    quality : pandas.DataFrame of n_labels rows
        In the order in which `CrowdLabels` stores them: by item, and by annotator in
        the order of the columns. Its columns are `item` (the identifier, or the row
        number), `annotator`, `label` and `probability`, that of the label being the
        true class, ``q_i(y_im)``: all labels of the item count, this one too, each as
        much as its annotator is worth.

    Raises
    ------
    NotFittedError
        If `clf` is not fitted.
    AttributeError
        If it does not know how annotators err.
    ValueError
        If `X` is given to an estimator of labels alone or not given to another, `Y`
        has no labels, or others than the fit can know, or `proba` does not fit.
    ImportError
        If pandas is not installed.

    See Also
    --------
    consensus : The items, rather than the labels.

    Notes
    -----
    It is the posterior of the model of Dawid and Skene [1]_, with the classifier in
    place of the class frequencies.

    References
    ----------
    .. [1] A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer
       error-rates using the EM algorithm", Applied Statistics 28 (1), 1979.

    Examples
    --------
    >>> from skccem import DawidSkene
    >>> from skccem.reports import label_quality
    >>> Y = [["a", "a", "a"], ["b", "b", "b"], ["a", "a", "b"], ["b", "b", None]] * 5
    >>> quality = label_quality(DawidSkene().fit(Y), None, Y)
    >>> wrong = quality["probability"] < 0.5
    >>> quality.loc[wrong, ["item", "annotator", "label"]].head(2)
        item  annotator label
    8      2          2     b
    19     6          2     b
    """
    return label_table(read_crowd(clf, X, Y), proba)


def consensus(
    clf: BaseEstimator,
    X: ItemsLike | None,
    Y: LabelsLike,
    *,
    proba: ArrayLike | None = None,
) -> pandas.DataFrame:
    """The most probable class of each item, the least certain first.

    Parameters
    ----------
    clf : estimator
        Fitted: `CrowdClassifier`, `TwoStageClassifier`, or one of labels alone such as
        `DawidSkene`; or a pipeline or search that ends with one.
    X : as in the `predict_proba` of `clf`, or None
        The items. None, and nothing else, for an estimator of labels alone.
    Y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
        Their labels by the annotators of the fit, in the same order.
    proba : array-like of shape (n_samples, n_classes), default=None
        Class probabilities of the items given labels and features, as in
        `label_quality`.

    Returns
    -------
    items : pandas.DataFrame of n_samples rows
        Indexed by the items' identifiers, or row numbers, in rising order of
        `probability`: who reviews some of them begins at the top. Its columns:

        - `label`: the most probable class, of several the first;
        - `probability`: of this class given labels and features;
        - `labels`: how many the item has. Items without any are among the others, with
          what the classifier says about their features, or of an estimator of labels
          alone the class frequencies;
        - `disagreement`: share of the item's labels that are others than `label`; NaN
          without labels.

    Raises
    ------
    NotFittedError
        If `clf` is not fitted.
    AttributeError
        If it does not know how annotators err.
    ValueError
        If `X` is given to an estimator of labels alone or not given to another, `Y`
        has no labels, or others than the fit can know, or `proba` does not fit.
    ImportError
        If pandas is not installed.

    See Also
    --------
    label_quality : The labels, rather than the items.

    Notes
    -----
    It is the posterior of the model of Dawid and Skene [1]_, with the classifier in
    place of the class frequencies.

    References
    ----------
    .. [1] A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer
       error-rates using the EM algorithm", Applied Statistics 28 (1), 1979.

    Examples
    --------
    >>> from skccem import DawidSkene
    >>> from skccem.reports import consensus
    >>> Y = [["a", "a", "a"], ["b", "b", "b"], ["a", "a", "b"], [None, None, "b"]] * 5
    >>> items = consensus(DawidSkene().fit(Y), None, Y)
    >>> sorted(items.index[:5].tolist())
    [3, 7, 11, 15, 19]
    >>> items.loc[2, "label"]
    'a'
    """
    return item_table(read_crowd(clf, X, Y), proba)


def annotator_table(crowd):
    """`annotator_report` of what was read already."""
    pandas = import_pandas()
    labels = crowd.labels
    found = matrix_posterior(labels, crowd.log_prior, crowd.log_confusion)
    low, high = beta_interval(found.accuracy_mean, found.accuracy_variance)
    matrices, prior = found.matrix_mean, found.class_prior
    numbers = {
        "accuracy": found.accuracy_mean,
        "accuracy_low": low,
        "accuracy_high": high,
        "information": information_bits(matrices, prior),
        "spammer_score": spammer_scores(matrices),
        **_worst_confusion(found, labels.classes),
        "agreement": peer_agreement(labels),
    }
    n_labels = labels.labels_per_annotator
    report = pandas.DataFrame(
        numbers, index=pandas.Index(labels.annotators, name="annotator")
    )
    report[n_labels == 0] = None
    report.insert(0, "labels", n_labels)
    report["verdict"] = verdicts(n_labels, matrices, prior, (low, high), labels.classes)
    return report


def label_table(crowd, proba=None):
    """`label_quality` of what was read already."""
    labels, proba = crowd.labels, _check_proba(proba, crowd)
    table = labels.to_long(item="item", annotator="annotator")
    return table.assign(probability=proba[labels.row_indices(), labels.codes])


def item_table(crowd, proba=None):
    """`consensus` of what was read already."""
    pandas = import_pandas()
    labels, proba = crowd.labels, _check_proba(proba, crowd)
    names = np.arange(labels.n_samples) if labels.items is None else labels.items
    codes = proba.argmax(axis=1)
    rows, per_item = labels.row_indices(), labels.labels_per_item
    differ = np.bincount(rows, labels.codes != codes[rows], minlength=labels.n_samples)
    share = np.full(labels.n_samples, np.nan)
    table = pandas.DataFrame(
        {
            "label": labels.classes[codes],
            "probability": proba.max(axis=1),
            "labels": per_item,
            "disagreement": np.divide(differ, per_item, out=share, where=per_item > 0),
        },
        index=pandas.Index(names, name="item"),
    )
    return table.sort_values("probability", kind="stable")


def _check_proba(proba, crowd):
    """Class probabilities of the items, from the user or the estimator."""
    if proba is None:
        return crowd.proba
    proba = np.asarray(proba, dtype=np.float64)
    if proba.shape != crowd.proba.shape:
        raise ValueError(
            f"Expected proba of shape {crowd.proba.shape}, items by classes, got "
            f"{proba.shape}. Pass that of the rows of Y."
        )
    check_distributions(proba, "proba")
    return proba


def _worst_confusion(found, classes):
    """The columns about the most frequent mistake of each annotator."""
    n_classes = len(classes)
    mistakes = found.class_prior[:, np.newaxis] * found.matrix_mean
    mistakes[:, np.arange(n_classes), np.arange(n_classes)] = -1
    worst = mistakes.reshape(len(mistakes), -1).argmax(axis=1)
    true, answer = np.divmod(worst, n_classes)
    entry = np.arange(len(mistakes)), true, answer
    low, high = beta_interval(found.matrix_mean[entry], found.matrix_variance[entry])
    enough = found.row_labels[entry[:2]] >= _FEWEST_ROW_LABELS
    return {
        "confused_class": classes[true].astype(object),
        "confused_answer": classes[answer].astype(object),
        "confusion_rate": found.matrix_mean[entry],
        "confusion_low": np.where(enough, low, np.nan),
        "confusion_high": np.where(enough, high, np.nan),
    }

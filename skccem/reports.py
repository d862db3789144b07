"""Reports on a crowd: who is good, which labels are right, what to look at again."""

import numpy as np

from ._fitted_crowd import read_crowd
from ._label_information import information_bits, peer_agreement, spammer_scores
from ._matrix_posterior import beta_interval, matrix_posterior
from ._pandas import import_pandas
from ._verdicts import verdicts

__all__ = ["annotator_report"]

# Expected labels of a true class, below which a row's entries have no interval.
_FEWEST_ROW_LABELS = 30


def annotator_report(clf, X, Y):
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
    other, or that items may be difficult for all. On simulated crowds the
    script ``benchmarks/interval_coverage.py`` measures how often they hold the truth.
    The time is in proportion to the number of labels.

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
    pandas = import_pandas()
    crowd = read_crowd(clf, X, Y)
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

"""Simulated annotators that are classifiers, each trained on a few items."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import Bunch, check_random_state, check_X_y

from ._annotations import CrowdLabels
from ._identifiers import smallest_int
from ._rows import row_pointers, sort_pairs
from ._typing import ArrayLike, RandomState

# Of each family, a function of the number of training items and a random state.
_FAMILIES = {
    "logistic_regression": lambda n, rng: LogisticRegression(max_iter=1000),
    "linear_svm": lambda n, rng: SVC(kernel="linear"),
    "k_neighbors": lambda n, rng: KNeighborsClassifier(n_neighbors=min(5, n)),
    "decision_tree": lambda n, rng: DecisionTreeClassifier(random_state=rng),
    "gaussian_nb": lambda n, rng: GaussianNB(),
    "rbf_svm": lambda n, rng: SVC(),
    "random_forest": lambda n, rng: RandomForestClassifier(20, random_state=rng),
}


def make_machine_annotators(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_annotators: int = 7,
    train_size: float = 0.05,
    missing_rate: float = 0.8,
    random_state: RandomState = None,
) -> Bunch:
    """Let classifiers that saw few items annotate the others.

    The errors of such annotators depend on the item and not only on its class, and
    those of related classifiers agree, as people's do and as no confusion matrix alone
    can simulate.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features, dense and finite.
    y : array-like of shape (n_samples,)
        True classes.
    n_annotators : int, default=7
        Number of annotators. They take turns in seven families of classifiers: logistic
        regression, support vector machine with linear kernel, nearest neighbours,
        decision tree, Gaussian naive Bayes, support vector machine with Gaussian
        kernel, and random forest.
    train_size : float or int, default=0.05
        Items that each annotator is trained on: their share if a float, else their
        number; at least one for each class. Each annotator has their own.
    missing_rate : float, default=0.8
        Probability that an annotator does not label an item, independently for each
        item outside the annotator's training set.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    annotations : Bunch
        Dictionary-like, with the following attributes.

        labels : CrowdLabels of shape (n_samples, n_annotators)
            The labels, in all classes of `y`. Annotators are named by family and
            number, as "logistic_regression_0". No annotator labels the items of their
            training set.
        confusion_matrices : ndarray of shape (n_annotators, n_classes, n_classes)
            ``[m, k, l]`` is the share of the answer ``l`` among the answers that
            annotator ``m`` has to items of class ``k``: to all outside the training
            set, also to those where the label is missing. NaN if there is none.

    Raises
    ------
    ValueError
        If `y` has less than two classes, `train_size` does not leave an item or is less
        than the number of classes, or another number is out of its range.

    Notes
    -----
    The training sets are stratified: each class has its share, rounded so that the
    total is right and no class is without. Features are standardised on them.

    The machine annotators of [1]_ are support vector machines, nearest neighbours,
    logistic regressions and neural networks. In the code that its authors published,
    each is trained on its own 100 to 400 images of MNIST (some on 9000) from a pool
    that is set apart, and each label is kept with a probability of 0.1 by default. Here
    there is no pool, and all families are in scikit-learn and quick to train.

    References
    ----------
    .. [1] S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels:
       coupled cross-entropy minimization, identifiability, and regularization", ICLR
       2023, code at https://github.com/shahanaibrahimosu/end-to-end-crowdsourcing.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skccem.simulation import make_machine_annotators
    >>> X, y = load_iris(return_X_y=True)
    >>> crowd = make_machine_annotators(
    ...     X, y, n_annotators=3, train_size=9, missing_rate=0.5, random_state=0
    ... )
    >>> crowd.labels.shape, crowd.confusion_matrices.shape
    ((150, 3), (3, 3, 3))
    >>> print(*crowd.labels.annotators)
    logistic_regression_0 linear_svm_0 k_neighbors_0
    """
    X, y = check_X_y(X, y, dtype=np.float64)
    classes, true_codes = np.unique(y, return_inverse=True)
    is_number = isinstance(n_annotators, Integral) and n_annotators >= 1
    if not is_number or not isinstance(missing_rate, Real) or not 0 <= missing_rate < 1:
        raise ValueError(
            "Expected at least 1 annotator and a missing_rate from 0 to less than 1, "
            f"got n_annotators={n_annotators!r} and missing_rate={missing_rate!r}. At "
            "a rate of 1 nobody would label anything."
        )
    class_sizes = _training_sizes(train_size, np.bincount(true_codes))
    rng = check_random_state(random_state)
    families = [list(_FAMILIES)[m % len(_FAMILIES)] for m in range(n_annotators)]
    items, codes, matrices = [], [], []
    for family in families:
        train, rest = _split(true_codes, class_sizes, rng)
        annotator = make_pipeline(StandardScaler(), _FAMILIES[family](len(train), rng))
        answers = annotator.fit(X[train], true_codes[train]).predict(X[rest])
        matrices.append(_answer_shares(true_codes[rest], answers, len(classes)))
        kept = rng.uniform(size=len(rest)) >= missing_rate
        items.append(rest[kept])
        codes.append(answers[kept])
    names = [f"{family}_{m // len(_FAMILIES)}" for m, family in enumerate(families)]
    labels = _compress(items, codes, len(y), classes, np.array(names))
    return Bunch(labels=labels, confusion_matrices=np.array(matrices))


def _training_sizes(train_size, class_counts):
    """Training items of each class: proportional shares, but one at least."""
    n_samples, n_classes = class_counts.sum(), len(class_counts)
    if n_classes < 2:
        raise ValueError(
            "Expected y of at least 2 classes, got 1. A classifier needs two to learn."
        )
    size = train_size
    if isinstance(train_size, float | np.floating):
        size = round(train_size * n_samples) if 0 < train_size < 1 else 0
    if not isinstance(size, Integral) or not n_classes <= size < n_samples:
        raise ValueError(
            f"Expected train_size from the {n_classes} classes to less than the "
            f"{n_samples} items, or such a share of them, got {train_size!r}, which is "
            f"{size} items. Each class needs one to be learned."
        )
    shares = size * class_counts / n_samples
    sizes = np.maximum(np.floor(shares).astype(np.int64), 1)
    while sizes.sum() != size:
        if sizes.sum() < size:
            sizes[np.argmax(shares - sizes)] += 1
        else:
            # Rare classes were raised to one: take from who is most above their share.
            sizes[np.argmax(np.where(sizes > 1, sizes - shares, -np.inf))] -= 1
    return sizes


def _split(true_codes, class_sizes, rng):
    """Random training items with so many of each class, and the others, in order."""
    shuffled = rng.permutation(len(true_codes))
    shuffled = shuffled[np.argsort(true_codes[shuffled], kind="stable")]
    starts = row_pointers(np.bincount(true_codes))[:-1]
    sorted_codes = true_codes[shuffled]
    rank_in_class = np.arange(len(shuffled)) - starts[sorted_codes]
    is_train = np.zeros(len(true_codes), dtype=bool)
    is_train[shuffled] = rank_in_class < class_sizes[sorted_codes]
    return np.flatnonzero(is_train), np.flatnonzero(~is_train)


def _answer_shares(true_codes, answers, n_classes):
    counts = confusion_matrix(true_codes, answers, labels=np.arange(n_classes))
    totals = counts.sum(axis=1, keepdims=True)
    unknown = np.full(counts.shape, np.nan)
    return np.divide(counts, totals, out=unknown, where=totals > 0)


def _compress(items, codes, n_samples, classes, names):
    """`CrowdLabels` from one array of items and one of codes for each annotator."""
    annotators = np.repeat(np.arange(len(names)), [len(mine) for mine in items])
    items, codes = np.concatenate(items), np.concatenate(codes)
    order, _ = sort_pairs(items, annotators, len(names))
    return CrowdLabels(
        row_pointers(np.bincount(items, minlength=n_samples)),
        annotators[order].astype(np.int32),
        codes[order].astype(smallest_int(len(classes))),
        classes,
        names,
    )

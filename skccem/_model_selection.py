"""``CrowdClassifierCV``: strength and likelihood chosen by held-out labels."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from ._candidates import (
    fit_and_score,
    fold_template,
    make_candidates,
    make_results,
    select_candidate,
    shared_epochs,
    train_burn_in,
)
from ._classifier import CrowdClassifier
from ._crowd_methods import OutlierMethods
from ._evidence import check_trainable, check_weight
from ._features import check_lengths, number_type
from ._fitting import checked_items, unchanged_if_it_fails
from ._gold import check_gold, with_gold
from ._net_settings import choose_device
from ._random_state import random_generator
from ._splitters import check_folds, make_folds, sliceable
from ._stored_composites import SearchFileMethods
from ._targets import check_targets
from ._typing import (
    Array,
    ArrayLike,
    FilePath,
    Floats,
    Folds,
    ItemsLike,
    LabelsLike,
    RandomState,
    available_if,
)


def _refits(search):
    """True, or an AttributeError that says why there is no model."""
    if not search.refit:
        raise AttributeError(
            "With refit=False, CrowdClassifierCV only chooses: fit "
            "CrowdClassifier(**search.best_params_), or set refit=True."
        )
    return True


def _of_best(name: str) -> Any:
    """An attribute of the model that was fitted with the choice."""

    def read(search: CrowdClassifierCV) -> Any:
        return getattr(search.best_estimator_, name)

    return property(read, doc=f"`{name}` of `best_estimator_`.")


class CrowdClassifierCV(
    SearchFileMethods, OutlierMethods, ClassifierMixin, BaseEstimator
):
    """`CrowdClassifier` that chooses how strongly to regularise, without any truth.

    Each candidate, a pair of a strength and a likelihood, is trained on all folds but
    one and scored by how likely it makes the labels held out. The chosen one is then
    fitted to all items.

    Parameters
    ----------
    estimator : CrowdClassifier, default=None
        All other settings; its `reg_strength` is what the rule "nearest" keeps to. None
        is ``CrowdClassifier()``. Clones of it are fitted. Its parameters are reached as
        ``estimator__lr`` and so on. To scale features, put `CrowdClassifierCV` into a
        pipeline, after the scaler.
    reg_strengths : array-like of float, default=(0.0, 0.003, 0.01, 0.02, 0.05)
        Strengths to choose from, not negative.
    likelihoods : sequence of {"marginal", "joint"}, default=None
        Likelihoods to choose from; None is that of `estimator`.
    cv : int, splitter or iterable of (train, test) rows, default=5
        What is held out. An integer is the number of folds of items, in their order and
        not stratified (``KFold``): items that are sorted, for example by class, want
        ``KFold(5, shuffle=True)``. With one label an item it is ``StratifiedKFold``, as
        in scikit-learn. `LabelKFold` holds out labels, not items: they are scored as
        if the item had no others.
    scoring : {"calibrated_joint", "marginal"}, default="calibrated_joint"
        Log-likelihood per held-out label. "calibrated_joint" takes an item's labels
        together and the classifier as confident as they support, see Notes. "marginal"
        takes each label by itself and the classifier as it is, ``log sum_k f_k(x)
        B_m[k, y]``, as `score` does; by it a regulariser seldom pays.
    rule : {"nearest", "one_standard_error", "best"}, default="nearest"
        "best" takes the highest mean score. Of those that are not worse by more than
        one standard error, see Notes, "nearest" takes the strength nearest to that of
        `estimator`, and "one_standard_error" the weakest.
    n_jobs : int, default=None
        Fits at the same time, in worker processes; -1 for as many as there are
        processors. It changes no result where the random state is an int.
    refit : bool, default=True
        Whether to fit the chosen candidate to all items. Without, there is
        `best_params_` but no prediction.
    random_state : int, RandomState or None, default=None
        The `random_state` of `estimator`, if that has none. All candidates have the
        same.
    verbose : int, default=0
        1 shows a progress bar over the fits.

    Attributes
    ----------
    best_estimator_ : CrowdClassifier
        Fitted to all items with `best_params_`. All public attributes of it, such as
        `classes_`, `annotators_` and `confusion_matrices_`, are found here too.
    reg_strength_ : float
        The chosen strength.
    likelihood_ : str
        The chosen likelihood.
    best_params_ : dict
        Both, as arguments of `CrowdClassifier`.
    best_index_ : int
        Position of the choice in `cv_results_`.
    cv_results_ : dict of arrays
        One entry for each candidate, likelihood by likelihood: `params`,
        `param_likelihood`, `param_reg_strength`; `split0_test_score` and so on, their
        `mean_test_score` and `std_test_score` over folds; `rank_test_score`, 1 for the
        highest mean; `standard_error_of_difference`, over folds, to the candidate of
        rank 1; and `mean_fit_time` in seconds, with an equal part of what the
        candidates share.
    n_splits_ : int
        Number of folds.

    See Also
    --------
    skccem.plotting.RegularizationPathDisplay : Draws the scores.

    Notes
    -----
    A fold's score is the mean log-likelihood per label, or weighted by
    `sample_weight`; the mean over folds takes each fold alike.

    One standard error: let ``d_s`` be the score of the best candidate in fold s less
    that of another. The other is as good as the best if the mean of ``d_s`` is at most
    its standard error, the standard deviation of ``d_s`` (with the divisor
    ``n_splits - 1``) over ``sqrt(n_splits)``. Of the candidates that are as good, the
    strength decides: nearest to that of `estimator` by ratio, from which zero is the
    farthest, or weakest. Of several likelihoods at that strength the one with the
    higher mean is taken, and of equal means the one that comes first in `likelihoods`.
    The best candidate is that with the highest mean; of equal ones the weakest, then
    the first.

    The score "calibrated_joint" of a fold is the sum of ``log sum_k g_k(x_i) prod_m
    B_m[k, y_im]`` over its held-out items by their number of labels. ``g`` is ``f`` to
    some power, normalised, and the power, one for the fold, is that under which the
    score is highest (temperature scaling [2]_). Accuracy does not depend on how
    confident a classifier is, and a regulariser changes that before all else: held-out
    likelihood without the power judges confidence. Labels of an item that agree or not
    tell more of its class than the same labels one by one. With one label an item only
    the power makes a difference.

    In the folds it is the coupled network alone that is scored (``n_init=1``): what
    follows it in the last fit has no strength of its own.

    Training begins with a burn-in that is the same for all candidates (`burn_in` of
    `CrowdClassifier`). In each fold it is trained once, and each candidate goes on from
    there, with a new optimiser, for the other epochs. Where there is no burn-in, `y`
    has one label an item, or the estimator stops early or has `callbacks`, each
    candidate is a fit of its own. The last fit, to all items, always is.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and
       regression trees", 1984, section 3.4.3, for the rule.
    .. [2] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import KFold
    >>> from skccem import CrowdClassifier, CrowdClassifierCV
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> X, truth = load_iris(return_X_y=True)
    >>> matrices = make_confusion_matrices(5, 3, kind="hammer_spammer", random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> search = CrowdClassifierCV(
    ...     CrowdClassifier(max_epochs=30, lr=1e-2, random_state=0),
    ...     reg_strengths=[0, 0.01],
    ...     cv=KFold(3, shuffle=True, random_state=0),
    ... ).fit(X, Y)
    >>> search.reg_strength_ in [0, 0.01]
    True
    >>> search.cv_results_["mean_test_score"].shape
    (2,)
    >>> bool(search.score(X, truth) > 0.9)
    True
    """

    best_estimator_: CrowdClassifier
    best_index_: int
    best_params_: dict[str, Any]
    reg_strength_: float
    likelihood_: str
    cv_results_: dict[str, Any]
    n_splits_: int

    _parameter_constraints: ClassVar[dict] = {
        "reg_strengths": ["array-like"],
        "likelihoods": ["array-like", None],
        "cv": ["cv_object"],
        "scoring": [StrOptions({"calibrated_joint", "marginal"})],
        "rule": [StrOptions({"nearest", "one_standard_error", "best"})],
        "n_jobs": [Integral, None],
        "refit": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: CrowdClassifier | None = None,
        *,
        reg_strengths: ArrayLike = (0.0, 0.003, 0.01, 0.02, 0.05),
        likelihoods: Sequence[str] | None = None,
        cv: Folds = 5,
        scoring: Literal["calibrated_joint", "marginal"] = "calibrated_joint",
        rule: Literal["nearest", "one_standard_error", "best"] = "nearest",
        n_jobs: int | None = None,
        refit: bool = True,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.reg_strengths = reg_strengths
        self.likelihoods = likelihoods
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
        self.n_jobs = n_jobs
        self.refit = refit
        self.random_state = random_state
        self.verbose = verbose

    @unchanged_if_it_fails
    def fit(
        self,
        X: ItemsLike,
        y: LabelsLike,
        sample_weight: ArrayLike | None = None,
        gold: LabelsLike | None = None,
    ) -> Self:
        """Choose by cross-validation, then fit the choice to all items.

        Parameters
        ----------
        X : as `CrowdClassifier.fit` takes it
            A dict of arrays or a torch Dataset needs no wrapping.
        y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Who said what; -1 among integers, NaN, None, `pd.NA`, masked and unstored
            entries are missing. Or one label an item, shape (n_samples,): the score of
            a candidate then is the log-likelihood of these, calibrated or not.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item and so of its labels, in training and in the scores.
        gold : array-like of shape (n_samples,), default=None
            True classes of some items, as in `CrowdClassifier.fit`. Those of a fold's
            training items are used; the scores are of the crowd's labels.

        Returns
        -------
        self : CrowdClassifierCV
            Fitted search.

        Raises
        ------
        ValueError
            Before any work, if a likelihood is unknown, strengths are negative or
            repeated, there are none of either, there are more folds than items, a fold
            holds out no label or leaves labels of one class, there is one fold only and
            the rule needs two, lengths differ, or numbers are not finite.
        NonFiniteLossError
            If training of a candidate diverges.

        Warns
        -----
        UnusedDataWarning
            As `CrowdClassifier` does, for all items; not in each fold.
        """
        self._validate_params()
        estimator = self._new_estimator()
        candidates = make_candidates(estimator, self.likelihoods, self.reg_strengths)
        labels, crowd = check_targets(y, estimator.classes)
        device = choose_device(estimator.device)
        gold, labels = check_gold(
            gold, labels, given=y, classes=estimator.classes, crowd=crowd
        )
        checked = sliceable(checked_items(clone(estimator), X, device))
        check_lengths(checked, labels)
        said = with_gold(labels, gold)
        weight = check_weight(sample_weight, said, number_type(checked))
        check_trainable(said)
        y = labels if crowd else labels.classes[labels.codes]
        folds = make_folds(self.cv, checked, labels, None if crowd else y)
        check_folds(folds, weight)
        _check_rule(self.rule, len(folds))

        template = fold_template(estimator, labels.classes)
        n_burn_in = shared_epochs(template, candidates) if crowd else 0
        scores, seconds = self._search(
            template, candidates, n_burn_in, checked, folds, weight, gold
        )
        strengths = np.array([params["reg_strength"] for params in candidates])
        self.best_index_ = select_candidate(
            scores, strengths, rule=self.rule, default=estimator.reg_strength
        )
        self.best_params_ = candidates[self.best_index_]
        self.reg_strength_ = self.best_params_["reg_strength"]
        self.likelihood_ = self.best_params_["likelihood"]
        self.cv_results_ = make_results(candidates, scores, seconds)
        self.n_splits_ = len(folds)
        if self.refit:
            best = clone(estimator).set_params(**self.best_params_)
            self.best_estimator_ = best.fit(
                X, y, sample_weight=sample_weight, gold=gold
            )
        elif hasattr(self, "best_estimator_"):
            del self.best_estimator_
        return self

    @available_if(_refits)
    def predict(self, X: ItemsLike) -> Array:
        """Most probable class of each item.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes from `classes_`.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    @available_if(_refits)
    def predict_proba(self, X: ItemsLike) -> Floats:
        """Class probabilities of each item, without any label of it.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``f(x)``; rows sum to one.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict_proba(X)

    @available_if(_refits)
    def to_onnx(self, path: FilePath, X: ItemsLike | None = None) -> None:
        """Write the chosen classifier as an ONNX file.

        Parameters
        ----------
        path : str or path-like
        X : as in `fit`, default=None
            Items, where `CrowdClassifier.to_onnx` needs some.

        See Also
        --------
        CrowdClassifier.to_onnx : Has what the file holds.
        """
        check_is_fitted(self)
        self.best_estimator_.to_onnx(path, X)

    predict_log_proba = available_if(_refits)(OutlierMethods.predict_log_proba)
    predict_annotator_proba = available_if(_refits)(
        OutlierMethods.predict_annotator_proba
    )
    aggregate = available_if(_refits)(OutlierMethods.aggregate)
    aggregate_proba = available_if(_refits)(OutlierMethods.aggregate_proba)
    outlier_proba = available_if(_refits)(OutlierMethods.outlier_proba)
    score = available_if(_refits)(OutlierMethods.score)

    classes_ = _of_best("classes_")
    annotators_ = _of_best("annotators_")
    n_annotators_ = _of_best("n_annotators_")
    confusion_matrices_ = _of_best("confusion_matrices_")
    aggregated_proba_ = _of_best("aggregated_proba_")
    class_prior_ = _of_best("class_prior_")
    outlier_share_ = _of_best("outlier_share_")
    n_labels_per_annotator_ = _of_best("n_labels_per_annotator_")
    history_ = _of_best("history_")
    n_iter_ = _of_best("n_iter_")
    net_ = _of_best("net_")
    nets_ = _of_best("nets_")
    n_features_in_ = _of_best("n_features_in_")
    feature_names_in_ = _of_best("feature_names_in_")
    _log_confusion = _of_best("_log_confusion")
    _log_weight = _of_best("_log_weight")

    def _log_posterior(self, X):
        return self.best_estimator_._log_posterior(X)

    def _new_estimator(self):
        """An unfitted estimator of one's own, whose clones share a random state."""
        estimator = CrowdClassifier() if self.estimator is None else self.estimator
        if not isinstance(estimator, CrowdClassifier):
            raise ValueError(
                f"Expected estimator to be a CrowdClassifier, got {estimator!r}. A "
                "pipeline holds the CrowdClassifierCV, not the other way round: "
                "make_pipeline(StandardScaler(), CrowdClassifierCV(CrowdClassifier()))."
            )
        estimator = clone(estimator)
        estimator._validate_params()
        if estimator.random_state is None:
            seed = self.random_state
            if not isinstance(seed, Integral):
                seed = int(random_generator(seed).randint(np.iinfo(np.int32).max))
            estimator.set_params(random_state=seed)
        return estimator

    def _search(self, template, candidates, n_burn_in, X, folds, weight, gold):
        """Scores and seconds of all fits, both of shape (n_splits, n_candidates)."""
        shape = (len(folds), len(candidates))
        n_fits = shape[0] * shape[1] + (shape[0] if n_burn_in else 0)
        parallel = Parallel(n_jobs=self.n_jobs, return_as="generator")
        with tqdm(
            total=n_fits, desc="CrowdClassifierCV", unit="fit", disable=not self.verbose
        ) as bar:

            def run(function, tasks):
                for result in parallel(delayed(function)(*task) for task in tasks):
                    bar.update()
                    yield result

            starts = [(None, 0.0)] * len(folds)
            if n_burn_in:
                tasks = ((template, n_burn_in, X, fold, weight, gold) for fold in folds)
                starts = list(run(train_burn_in, tasks))
            tasks = (
                (template, start, params, X, fold, weight, self.scoring, gold)
                for (start, _), fold in zip(starts, folds, strict=True)
                for params in candidates
            )
            results = np.array(list(run(fit_and_score, tasks))).reshape(*shape, 2)
        shared = np.array([seconds for _, seconds in starts]) / len(candidates)
        return results[..., 0], results[..., 1] + shared[:, np.newaxis]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(CrowdClassifier()).input_tags
        return tags


def _check_rule(rule, n_splits):
    if rule != "best" and n_splits < 2:
        raise ValueError(
            f"rule={rule!r} needs standard errors of differences over at least two "
            'folds, but cv has one: give it more, or set rule="best".'
        )

"""``CrowdClassifier``: a classifier and every annotator's confusion matrix, coupled."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import check_is_fitted

from ._accelerated import accelerated_device
from ._callbacks import make_callbacks
from ._checkpoints import fit_checkpoints
from ._counts import mean_over_labelled
from ._coupled_net import coupled_net
from ._crowd_loss import LIKELIHOODS, REGULARIZERS
from ._crowd_methods import OutlierMethods
from ._ensemble import (
    check_mapped_files,
    has_ensemble,
    predict_with_all,
    train_ensemble,
)
from ._evidence import active_annotators, check_trainable, check_weight, warn_unused
from ._features import check_lengths, number_type
from ._fitting import (
    burn_in_epochs,
    checked_items,
    keep_results,
    start_log_confusion,
    unchanged_if_it_fails,
    warn_interrupted,
)
from ._gold import certain, check_gold, with_gold
from ._learned_annotators import learned_annotators
from ._net_settings import OPTIMIZERS, check_settings, choose_device
from ._onnx import OnnxMethods
from ._outliers import class_proba
from ._processes import Processes
from ._random_state import random_generator, reproducible
from ._start import check_memory
from ._stored_classifier import NetFileMethods
from ._streaming import Stream, StreamMethods
from ._targets import check_same_task, check_targets
from ._trained_items import (
    LabelledItems,
    check_parts,
    labelled_weight,
    new_datasets,
    usable_items,
)
from ._typing import (
    Array,
    ArrayLike,
    FilePath,
    Floats,
    ItemsLike,
    LabelsLike,
    MatricesLike,
    RandomState,
)

if TYPE_CHECKING:
    from accelerate import Accelerator
    from skorch import NeuralNet
    from torch import nn
    from torch.optim import Optimizer


class CrowdClassifier(
    StreamMethods,
    NetFileMethods,
    OnnxMethods,
    OutlierMethods,
    ClassifierMixin,
    BaseEstimator,
):
    """Classifier learned from the labels of many unreliable annotators.

    A network ``f`` that classifies items and one confusion matrix ``B_m`` for each
    annotator are trained together, without any true label, so that the annotators'
    answers become likely: annotator m says class l about item x with probability
    ``sum_k f_k(x) B_m[k, l]`` (coupled cross-entropy minimisation, CCEM [1]_). A
    regulariser makes the two identifiable: GeoCrowdNet(F) prefers confident and
    balanced posteriors, GeoCrowdNet(W) confusion matrices that differ [1]_.

    Parameters
    ----------
    module : nn.Module, its class, or callable, default=None
        The network, from items to logits of shape (n_items, n_classes). None is a
        multi-layer perceptron. A class is called with `module_params`, any other
        callable with ``(n_features, n_classes, **module_params)``, `n_features` None
        unless `X` has two axes. An instance is copied at each fit: its weights are the
        starting point and stay as they were.
    module_params : dict, default=None
        Keyword arguments of `module`.
    hidden_layer_sizes : int or sequence of int, default=(512,)
        Widths of the perceptron's hidden layers; ``()`` for a linear classifier.
    dropout : float in [0, 1), default=0.8
        Share of each hidden layer of the perceptron that is dropped in training. The
        default is for wide layers; narrow ones want less.
    likelihood : {"marginal", "joint"}, default="joint"
        Whether an item's labels are taken one by one, as in [1]_, or together, as in
        [2]_: ``log sum_k f_k(x) prod_m B_m[k, y_m]``. With one label an item both are
        the same.
    regularizer : {"F", "W", "trace", None}, default="F"
        Subtracted from the loss: ``log det`` of the second moment of the posteriors of
        a batch ("F") or of the stacked confusion matrices ("W") [1]_; or added: the
        mean trace of the confusion matrices ("trace") [3]_.
    reg_strength : float, default=0.02
        Weight of the regulariser, relative to the loss per label.
    outlier_share : float in [0, 1) or "auto", default=0
        Share of items, the outliers, whose labels depart from the matrices: they follow
        them from a class that has nothing to do with `x`, or are guesses, each half the
        time. "auto" learns it and the halves. It needs the joint likelihood, and begins
        after the burn-in. A sparse set of items like that is the model of [4]_, which
        has a free additive term for each of them. One-dimensional `y` has none.
    burn_in : float in [0, 1) or int, default=0.4
        Share of `max_epochs`, or number of epochs, with which training begins, by the
        marginal likelihood and without the regulariser whatever the two say. Both the
        joint likelihood and the volume of F build on what is known of the annotators
        so far, and hold on to early mistakes; CCEM alone finds out whom to trust.
    init : {"identity", "majority_vote", "dawid_skene"} or array-like of shape \
            (n_annotators, n_classes, n_classes) or (n_classes, n_classes), \
            default="identity"
        Where the confusion matrices start, mixed with some of the uniform distribution
        so that nothing is impossible: 30% for "identity", 2% for the others.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adam"
        A torch optimiser class, or the name of one.
    lr : float, default=1e-3
        Learning rate of the network.
    confusion_lr : float, default=2e-2
        Learning rate of the logits of the confusion matrices, and of the share of
        outliers where it is learned; 0 keeps them.
    weight_decay : float, default=0
        Of the network's parameters; never of the confusion matrices'.
    batch_size : int, default=100
        Items in a batch, at most; batches are of even size. None for all at once.
    max_epochs : int, default=100
        Passes over the labelled items.
    n_init : int, default=4
        Networks whose probabilities are averaged. 1 is the coupled network alone. With
        more, `fit` goes on by cross-fitting, see Notes: five networks that are each
        trained on four fifths of the items, and then ``n_init - 1`` new ones. With the
        default this takes six to eight times as long as with 1, and prediction four
        times. It makes a difference where the network learns mistakes in the labels by
        heart.
    early_stopping : bool, default=False
        Whether to hold out some items, to stop when the likelihood of their labels has
        not risen for `n_iter_no_change` epochs after the burn-in, and to keep the best
        weights.
    validation_fraction : float in (0, 1), default=0.1
        Share of the labelled items that early stopping holds out.
    n_iter_no_change : int, default=10
        Patience of early stopping, in epochs.
    callbacks : list of skorch callbacks, default=None
        Called along with the estimator's own. Not those that score targets, such as
        EpochScoring. They follow the training of the coupled network. Copies of those
        that schedule learning rates (LRScheduler), clip gradients
        (GradientNormClipping), or freeze or initialise parameters (ParamMapper) act on
        the others of `n_init` as well, unless they monitor held-out likelihood.
    device : str or torch.device, default="auto"
        "auto" is "cuda" where there is one and "cpu" elsewhere. Arrays that fit into
        half of a GPU's free memory are sent there once, not in each epoch.
    precision : {None, "bf16"}, default=None
        "bf16" computes the network in half precision (bfloat16) where torch's autocast
        does, in training and prediction, which recent GPUs do several times as fast.
        Parameters, matrices and likelihoods stay as they are.
    accelerator : accelerate.Accelerator, default=None
        Of Hugging Face Accelerate, to train in several processes, each of which calls
        `fit` with its own part of the items: see Notes.
    classes : array-like of shape (n_classes,), default=None
        All classes, for labels in which some may not occur. By default those of the
        `CrowdLabels`, or those that occur.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution, with a new optimiser. It is the
        coupled network that does, alone whatever `n_init` says.
    replay_size : int, default=5000
        Items of earlier calls of `partial_fit` of which copies are kept, a random
        sample of all of them, to be trained on along with new ones. Without any (0) it
        forgets. Raised later, it favours the items that come from then on.
    n_jobs : int, default=None
        Networks beside the coupled one that are trained at the same time, in worker
        processes; -1 for as many as there are processors. It changes no result.
    random_state : int, RandomState or None, default=None
        Of initial weights, dropout, order of items and held-out items. An int makes
        fits bit-identical on one machine, also in worker processes: the perceptron has
        one thread on a CPU, while for a `module` of yours the same
        ``torch.set_num_threads`` must be set everywhere (joblib's workers have fewer).
        None takes a new seed at each fit. The global random states of NumPy and torch
        are left as they were found; what a `module` or Dataset draws from them is the
        same at each prediction. Threads share them: fits that run side by side in
        threads are correct, but not reproducible.
    checkpoint_dir : str or path-like, default=None
        Directory, made if it is not there, in which `fit` writes down after epochs
        where it is, in at most a twentieth of its time, so that the same call goes on
        from there when its process was killed: with the result, bit for bit on the same
        machine, of a fit that was not. A fit is known by settings, `X`, `y`, weights
        and versions, so fits can share a directory; of a torch Dataset some items are
        looked at, and functions are known by name. What a fit wrote is removed when it
        ends. `random_state` must not be None, nor `accelerator` be given; callbacks
        must remember data alone, or have ``state_dict`` and ``load_state_dict``. What
        generators of their own draw in a module or Dataset is not written down.
        `partial_fit` does not use it.
    on_interrupt : {"raise", "keep"}, default="raise"
        Whether Ctrl-C ends `fit` as an error that leaves the estimator as it was, or
        `fit` returns with what was learned by then and warns. That needs one epoch;
        after less, and in `partial_fit`, Ctrl-C is raised.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line an epoch.
    net_params : dict, default=None
        Further arguments of the skorch net, such as ``iterator_train__num_workers`` or
        ``optimizer__betas``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted.
    annotators_ : ndarray of shape (n_annotators,)
        Their identifiers.
    n_annotators_ : int
    confusion_matrices_ : ndarray of shape (n_annotators, n_classes, n_classes)
        ``[m, k, l]`` = P(annotator m says class l, given the true class is k). Rows sum
        to one. An annotator without labels to train on has the pooled matrix.
    aggregated_proba_ : ndarray of shape (n_samples, n_classes)
        Probabilities of the true classes of the items of the fit, given their labels
        and features: what `aggregate_proba` says with ``n_init=1``. With more, what it
        would say with networks that did not see the item's labels, which would
        otherwise count twice; of an item without labels, ``f(x)``.
    class_prior_ : ndarray of shape (n_classes,)
        Their mean over the items with labels.
    outlier_share_ : float
        The share of items that are outliers, given or learned.
    n_labels_per_annotator_ : ndarray of shape (n_annotators,)
    history_ : list of dict
        For each epoch `burn_in`, whether it was of the burn-in, `train_loss`,
        `train_log_likelihood` (per label, gold labels too, of the likelihood that is
        trained in that epoch, without the regulariser), `dur` in seconds and, with
        early stopping, `valid_loss` and `valid_log_likelihood` (per label, marginal).
        And what your `callbacks` record. Of the coupled network.
    n_iter_ : int
        Epochs of the coupled network in the last fit.
    net_ : skorch.NeuralNet
        The coupled network; ``net_.module_`` holds the torch module.
    nets_ : list of skorch.NeuralNet
        Those whose probabilities are averaged; the first is `net_`.
    n_features_in_ : int
        Where items are rows of an array of two axes.
    feature_names_in_ : ndarray of shape (n_features,)
        Where `X` is a DataFrame with str column names.

    See Also
    --------
    DawidSkene : The same model of annotators, without features.

    Notes
    -----
    One-dimensional `y` is one annotator who makes no mistakes, whose matrix is fixed
    to the identity: the estimator is then an ordinary classifier, of one network.

    Where a batch has labels of few of many annotators, the others cost nothing, neither
    time nor memory of a step. "adam" and "adamw" move the matrices as if they had been
    updated in every step all the same; where a batch has an eighth of the annotators or
    less, by catching up when one of them labels an item of a batch again. The gradient
    of "W" and "trace" then goes through the annotators of the batch, each divided by
    the probability of being in one: on average it is that of all, with the matrices of
    the others as they were when last seen. Other optimisers, and callbacks that look at
    gradients, update all matrices in each step.

    With an `accelerator`, programs that ``accelerate launch`` or ``torchrun`` started
    train one network, by averaging gradients. Each gives `fit` its part of the items,
    such as ``X[index::count]`` and ``labels[index::count]`` of one `CrowdLabels`, and
    batches of `batch_size` of its own: two processes with half the batch make the steps
    of one with the whole, also in the regularisers. The coupled network is trained
    alone whatever `n_init` says, matrices are updated whole, and `init` by votes knows
    the items of the first process. What is learned, `class_prior_` and
    `n_labels_per_annotator_` are the same in all; `aggregated_proba_` is of a
    process's own items. Save the estimator in the first one.

    The matrices take many epochs, in which the network learns mistakes in the labels by
    heart. With ``n_init > 1`` an iteration of expectation maximisation [2]_ follows, in
    which no network judges what it was trained on (cross-fitting [5]_): the items are
    cut into five parts, and for each part a new network is trained on the others, with
    the matrices as they are and the same loss, until it predicts the labels of the part
    best. The likelihood of these is that of an item's labels together, with calibrated
    probabilities as in `CrowdClassifierCV`; the patience is a fifth of the epochs. What
    the five say about their parts and the labels give `aggregated_proba_`, by steps in
    which the matrices are counted anew (not with ``confusion_lr=0``): half a
    pseudo-label in each row follows what all annotators say. Then ``n_init - 1`` new
    networks are trained on all items, with the cross-entropy to `aggregated_proba_` as
    loss and for as many epochs as the coupled one. Its probabilities and theirs are
    averaged. Where only one item has labels, there is only the coupled network.

    References
    ----------
    .. [1] S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels:
       coupled cross-entropy minimization, identifiability, and regularization", ICLR
       2023.
    .. [2] A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer
       error-rates using the EM algorithm", Applied Statistics 28 (1), 1979.
    .. [3] R. Tanno et al., "Learning from noisy labels by regularized estimation of
       annotator confusion", CVPR 2019.
    .. [4] T. Nguyen, S. Ibrahim and X. Fu, "Noisy label learning with
       instance-dependent outliers: identifiability via crowd wisdom", NeurIPS 2024.
    .. [5] V. Chernozhukov et al., "Double/debiased machine learning for treatment and
       structural parameters", The Econometrics Journal 21 (1), 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skccem import CrowdClassifier
    >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
    >>> X, truth = load_iris(return_X_y=True)
    >>> matrices = make_confusion_matrices(5, 3, kind="hammer_spammer", random_state=0)
    >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    >>> clf = CrowdClassifier(random_state=0).fit(X, Y)
    >>> clf.confusion_matrices_.shape
    (5, 3, 3)
    >>> bool(clf.score(X, truth) > 0.9)
    True
    """

    net_: NeuralNet
    nets_: list[NeuralNet]
    n_features_in_: int
    feature_names_in_: Array

    _parameter_constraints: ClassVar[dict] = {
        "module": [callable, None],
        "module_params": [dict, None],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "likelihood": [StrOptions(set(LIKELIHOODS))],
        "regularizer": [StrOptions(set(REGULARIZERS)), None],
        "reg_strength": [Interval(Real, 0, None, closed="left")],
        "outlier_share": [
            Interval(Real, 0, 1, closed="left"),
            StrOptions({"auto"}),
        ],
        "burn_in": [
            Interval(RealNotInt, 0, 1, closed="left"),
            Interval(Integral, 0, None, closed="left"),
        ],
        "init": [
            StrOptions({"identity", "majority_vote", "dawid_skene"}),
            "array-like",
        ],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "confusion_lr": [Interval(Real, 0, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, None],
        "device": [str, torch.device],
        "precision": [StrOptions({"bf16"}), None],
        "accelerator": [HasMethods(["prepare", "backward", "reduce"]), None],
        "classes": ["array-like", None],
        "warm_start": ["boolean"],
        "replay_size": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "checkpoint_dir": [str, os.PathLike, None],
        "on_interrupt": [StrOptions({"raise", "keep"})],
        "verbose": ["verbose"],
        "net_params": [dict, None],
    }

    def __init__(
        self,
        module: nn.Module | Callable[..., nn.Module] | None = None,
        *,
        module_params: dict[str, Any] | None = None,
        hidden_layer_sizes: int | Sequence[int] = (512,),
        dropout: float = 0.8,
        likelihood: Literal["marginal", "joint"] = "joint",
        regularizer: Literal["F", "W", "trace"] | None = "F",
        reg_strength: float = 0.02,
        outlier_share: float | Literal["auto"] = 0.0,
        burn_in: float = 0.4,
        init: Literal["identity", "majority_vote", "dawid_skene"]
        | MatricesLike = "identity",
        optimizer: Literal["adam", "adamw", "sgd"] | Callable[..., Optimizer] = "adam",
        lr: float = 1e-3,
        confusion_lr: float = 2e-2,
        weight_decay: float = 0.0,
        batch_size: int | None = 100,
        max_epochs: int = 100,
        n_init: int = 4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        callbacks: list[Any] | None = None,
        device: str | torch.device = "auto",
        precision: Literal["bf16"] | None = None,
        accelerator: Accelerator | None = None,
        classes: ArrayLike | None = None,
        warm_start: bool = False,
        replay_size: int = 5000,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        checkpoint_dir: FilePath | None = None,
        on_interrupt: Literal["raise", "keep"] = "raise",
        verbose: int = 0,
        net_params: dict[str, Any] | None = None,
    ) -> None:
        self.module = module
        self.module_params = module_params
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.likelihood = likelihood
        self.regularizer = regularizer
        self.reg_strength = reg_strength
        self.outlier_share = outlier_share
        self.burn_in = burn_in
        self.init = init
        self.optimizer = optimizer
        self.lr = lr
        self.confusion_lr = confusion_lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.n_init = n_init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.accelerator = accelerator
        self.classes = classes
        self.warm_start = warm_start
        self.replay_size = replay_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.checkpoint_dir = checkpoint_dir
        self.on_interrupt = on_interrupt
        self.verbose = verbose
        self.net_params = net_params

    @unchanged_if_it_fails
    def fit(
        self,
        X: ItemsLike,
        y: LabelsLike,
        sample_weight: ArrayLike | None = None,
        gold: LabelsLike | None = None,
    ) -> Self:
        """Learn from the labels of a crowd.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of \
                shape (n_samples, ...), dict of arrays, or torch Dataset
            The items. Other forms than rows of features need a `module`. Sparse rows
            are made dense a batch at a time. A dict is passed to the module as keyword
            arguments. The items of a Dataset are x alone. In cross-validation the last
            two come as `skorch.helper.SliceDict` and `skorch.helper.SliceDataset`.
            The perceptron is trained in the precision of `X` on a CPU: float32 is
            faster. A `module` gets arrays as float32; give ids for an embedding as a
            dict or Dataset, where integers stay.
        y : CrowdLabels, array-like of shape (n_samples, n_annotators), or sparse matrix
            Who said what; -1 among integers, NaN, None, `pd.NA`, masked and unstored
            entries are missing. Or one label an item, shape (n_samples,), of which none
            is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item and so of its labels.
        gold : array-like of shape (n_samples,), default=None
            True classes of some items, as an expert gave them; missing for the others,
            as in `y`. They are the labels of an annotator who is never wrong: the class
            of such an item is certain, whatever the crowd says and with or without
            labels of theirs, and the network learns it as one label more. Unless `init`
            is an array, the matrices start from how such items were labelled: with
            "identity", five pseudo-labels in each row follow the pooled matrix of all
            annotators, in which as many follow `init`; with the others, votes and EM
            know these classes. `partial_fit` does not use them.

        Returns
        -------
        self : CrowdClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If lengths differ, numbers are not finite, there are no labels or only one
            class, a label is not among `classes`, the module does not fit, or `gold` is
            empty or of other classes.
        MemoryError
            If the confusion matrices would not fit in memory.
        NonFiniteLossError
            If training diverges.
        KeyboardInterrupt
            If the user asks for it, unless `on_interrupt` is "keep".
        OSError
            If checkpoints can't be written, or the file that `X` is mapped from is
            gone, which worker processes would open.

        Warns
        -----
        InterruptedFitWarning
            If Ctrl-C ended it early, and `on_interrupt` is "keep".
        UnusedDataWarning
            If items have no labels, which are left out of training, or annotators gave
            none, or with ``n_init=1`` only to items that early stopping holds out, and
            get the pooled confusion matrix. All are counted.
        """
        self._validate_params()
        check_settings(self)
        burn_in = burn_in_epochs(self)
        processes = Processes(self.accelerator)
        device = (
            choose_device(self.device)
            if self.accelerator is None
            else accelerated_device(self)
        )
        continued = self.warm_start and hasattr(self, "net_")
        labels, crowd = check_targets(y, self.classes)
        gold, labels = check_gold(
            gold, labels, given=y, classes=self.classes, crowd=crowd
        )
        X = checked_items(self, X, device, self.net_ if continued else None)
        check_lengths(X, labels)
        said = with_gold(labels, gold)
        weight = check_weight(sample_weight, said, number_type(X))
        used = usable_items(said, weight)
        check_parts(self, labels, used, processes)
        check_trainable(said, processes)
        check_memory(labels.n_annotators, labels.n_classes, number_type(X).itemsize)
        if continued:
            check_same_task(labels, self.classes_, self.annotators_)

        checkpoints = fit_checkpoints(self, device, X, labels, weight, gold)
        ensemble = has_ensemble(self, crowd, used)
        if ensemble:
            check_mapped_files(self, X)
        rng = random_generator(self.random_state)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        train_set, valid_set, trained = new_datasets(
            self, X, labels, weight, rng, processes, gold
        )
        seed += processes.index
        with reproducible(self.module, seed, device):
            # One label an item leaves no matrices to go on from.
            known = continued and self.net_.module_.answer_logits.requires_grad
            start = start_log_confusion(self, labels, weight, crowd, known, gold)
            # A solution to go on from knows whom to trust.
            n_burn_in = 0 if known or not crowd else burn_in
            patience = self.n_iter_no_change if self.early_stopping else None
            verbose = 0 if processes.index else self.verbose
            own = make_callbacks(verbose, patience, n_burn_in)
            net = coupled_net(
                self, X, start[trained], crowd, continued, seed, device, own
            )
            if crowd:
                active = processes.any(active_annotators(labels, weight))
                # The others learn from what early stopping holds out, too.
                alone = not (ensemble and self.confusion_lr)
                if processes.index == 0:
                    warn_unused(said, active, trained if alone else None, 4)
            net.train(
                train_set,
                valid_set,
                checkpoint=checkpoints.of("coupled"),
                keep=self.on_interrupt == "keep",
            )
            log_posterior = certain(net.predict_log_posterior(X), gold)
        annotators = learned_annotators(
            net, labels, log_posterior, weight, trained, processes
        )
        nets, aggregated = [net], class_proba(labels, log_posterior, *annotators)
        interrupted = net.interrupted_
        if ensemble and not interrupted:
            data = LabelledItems(X, labels, weight, used, gold)
            epochs = len(net.history)
            try:
                nets, annotators, aggregated = train_ensemble(
                    self, nets, data, annotators, epochs, rng, device, checkpoints
                )
            except KeyboardInterrupt:
                if self.on_interrupt == "raise":
                    raise
                interrupted = True
        if interrupted:
            warn_interrupted(self, len(net.history))
        else:
            checkpoints.remove()
        self.aggregated_proba_ = aggregated
        part = labelled_weight(said, weight)
        total = processes.sum(part)
        prior = mean_over_labelled(said, aggregated, weight)
        self.class_prior_ = processes.sum(part / total * prior)
        self.n_labels_per_annotator_ = processes.sum(labels.labels_per_annotator)
        self._stream = Stream(seed, crowd, trained, total, len(nets[0].history))
        keep_results(self, nets, annotators, labels, X)
        return self

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
        return self.classes_[self._log_posterior(X).argmax(axis=1)]

    def predict_proba(self, X: ItemsLike) -> Floats:
        """Class probabilities of each item, without any label of it.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``f(x)``, the mean over `nets_`; rows sum to one.
        """
        check_is_fitted(self)
        return np.exp(self._log_posterior(X))

    def _log_posterior(self, X):
        X = checked_items(self, X, self.net_.device, self.net_)
        return predict_with_all(self, self.nets_, X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

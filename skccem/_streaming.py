"""``partial_fit``: learning from a stream of items, some at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np

from ._annotations import CrowdLabels
from ._batches import CrowdDataset, annotator_shares
from ._callbacks import make_callbacks
from ._counts import mean_over_labelled
from ._coupled_net import coupled_net
from ._evidence import active_annotators, check_some_labels, check_weight, warn_unused
from ._features import check_lengths, n_items, number_type
from ._fitting import (
    burn_in_epochs,
    checked_items,
    keep_results,
    start_log_confusion,
    unchanged_if_it_fails,
)
from ._identifiers import as_identifiers, check_classes, concatenate, positions_of
from ._learned_annotators import trained_annotators, with_pooled
from ._net_settings import check_settings, choose_device
from ._optimizer_state import take_over
from ._outliers import class_proba
from ._random_state import random_generator, reproducible
from ._replay import Replay, cut_replay, update_replay, with_replay
from ._start import check_memory
from ._targets import check_known_classes, check_targets
from ._trained_items import labelled_weight, network_weight, usable_items
from ._typing import ArrayLike, ItemsLike, LabelsLike


class Stream(NamedTuple):
    """What a fit leaves for `partial_fit` to go on with, beside what is public."""

    seed: int
    # Whether `y` had the labels of a crowd.
    crowd: bool
    # Of shape (n_annotators,): who has a matrix in the network.
    in_network: np.ndarray
    # Sum of the weights of the items with labels.
    weight: float
    # Epochs of all calls, in which a number of burn-in epochs is counted.
    n_epochs: int
    n_calls: int = 0
    replay: Replay | None = None


class StreamMethods:
    """Mixin of ``CrowdClassifier``: `partial_fit`."""

    _stream: Stream

    @unchanged_if_it_fails
    def partial_fit(
        self,
        X: ItemsLike,
        y: LabelsLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on learning, from further items of a stream.

        The coupled network, its optimiser and the confusion matrices go on where the
        last call of `partial_fit` or `fit` left them, for `max_epochs` passes over the
        items given. In each pass as many earlier items take part, drawn from a random
        sample of those of earlier calls, of which `replay_size` says how large it may
        be: so the time of a call depends on the new items alone. Where `burn_in` is a
        share, each call begins with it; a number counts epochs over all calls. For one
        pass a call, as of other estimators, set ``max_epochs=1``, and a number of
        epochs as `burn_in`.

        Parameters
        ----------
        X : as in `fit`
            Further items.
        y : as in `fit`
            Their labels. Annotators are told apart by name, or by position in arrays;
            new ones join, with the pooled confusion matrix to start from, and those
            without labels here keep theirs.
        classes : array-like of shape (n_classes,), default=None
            All classes. The first call fixes them; by default they are the estimator's
            `classes`, those of the `CrowdLabels`, or those that occur.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each item and so of its labels, on one scale in all calls.

        Returns
        -------
        self : CrowdClassifier
            `aggregated_proba_`, `history_` and `n_iter_` are of this call,
            `class_prior_` and `n_labels_per_annotator_` of all; `nets_` is the coupled
            network alone whatever `n_init` says.

        Raises
        ------
        ValueError
            As in `fit`; if a label or `classes` are not the classes of the first call,
            or with ``early_stopping=True``.
        MemoryError
            If the confusion matrices would not fit in memory.
        NonFiniteLossError
            If training diverges. The estimator is then as before the call.

        Warns
        -----
        UnusedDataWarning
            If items have no labels, which are left out of training.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skccem import CrowdClassifier
        >>> from skccem.simulation import make_confusion_matrices, make_crowd_labels
        >>> X, truth = load_iris(return_X_y=True)
        >>> matrices = make_confusion_matrices(5, 3, random_state=0)
        >>> Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
        >>> clf = CrowdClassifier(random_state=0)
        >>> for start in range(3):
        ...     clf = clf.partial_fit(X[start::3], Y[start::3], classes=[0, 1, 2])
        >>> int(clf.n_labels_per_annotator_.sum()) == Y.n_labels
        True
        """
        self._validate_params()
        check_settings(self)
        if self.early_stopping:
            raise ValueError(
                "partial_fit goes on for max_epochs at each call and can't hold out "
                "items: set early_stopping=False."
            )
        if self.accelerator is not None:
            raise ValueError(
                "partial_fit learns in one process: set accelerator=None, or call fit."
            )
        device = choose_device(self.device)
        first = not hasattr(self, "_stream")
        read = _first_labels if first else _further_labels
        labels, crowd = read(self, y, classes)
        X = checked_items(self, X, device, None if first else self.net_)
        check_lengths(X, labels)
        weight = check_weight(sample_weight, labels, number_type(X))
        check_memory(labels.n_annotators, labels.n_classes, number_type(X).itemsize)

        in_network = active_annotators(labels, weight)
        if first:
            rng = random_generator(self.random_state)
            seed = int(rng.randint(np.iinfo(np.int32).max))
            stream = Stream(seed, crowd, in_network[:0], 0.0, 0)
        else:
            stream = self._stream
        in_network[: len(stream.in_network)] |= stream.in_network
        states = np.random.SeedSequence([stream.seed, stream.n_calls]).generate_state(2)
        rng = np.random.default_rng(states[1])
        replay = cut_replay(stream.replay, self.replay_size, rng)
        data: tuple[Any, Any, Any] = with_replay(replay, X, labels, weight)
        n_replay = n_items(data[0]) - len(labels)
        new_items = n_replay + usable_items(labels, weight)
        train_set = _new_dataset(self, data, n_replay, new_items, in_network)
        warn_unused(labels, np.ones_like(in_network), stacklevel=4)
        seed = int(states[0] >> 1)
        with reproducible(self.module, seed, device):
            start = (
                start_log_confusion(self, labels, weight, crowd, False)
                if first
                else _known_matrices(self, labels.n_annotators)
            )
            n_burn_in = burn_in_epochs(self, stream.n_epochs) if crowd else 0
            own = make_callbacks(self.verbose, burn_in=n_burn_in)
            net = coupled_net(
                self, X, start[in_network], crowd, not first, seed, device, own
            )

            def begin(net):
                if not first:
                    rows = _rows(stream.in_network, in_network)
                    at_rest = (rows < 0) | ~_with_evidence(train_set)
                    take_over(self.net_, net, rows, at_rest)

            net.train(train_set, begin=begin)
            log_posterior = net.predict_log_posterior(X)

        _keep(self, net, X, labels, weight, log_posterior, in_network, stream)
        self._stream = Stream(
            stream.seed,
            crowd,
            in_network,
            stream.weight + labelled_weight(labels, weight),
            stream.n_epochs + len(net.history),
            stream.n_calls + 1,
            update_replay(replay, *data, new_items, self.replay_size, rng),
        )
        return self


def _keep(estimator, net, X, labels, weight, log_posterior, in_network, stream):
    """Set what is known after a call: of its items alone, or of all so far."""
    annotators = trained_annotators(net)
    seen = labels.select_annotators(labels.annotators[in_network])
    aggregated = class_proba(seen, log_posterior, *annotators)
    prior = mean_over_labelled(labels, aggregated, weight)
    n_labels = labels.labels_per_annotator.copy()
    if stream.weight:
        n_labels[: len(stream.in_network)] += estimator.n_labels_per_annotator_
        total = labelled_weight(labels, weight)
        share = total / (total + stream.weight)
        prior = share * prior + (1 - share) * estimator.class_prior_
    confusion = with_pooled(annotators.log_confusion, in_network, n_labels[in_network])
    estimator.aggregated_proba_ = aggregated
    estimator.class_prior_ = prior
    estimator.n_labels_per_annotator_ = n_labels
    annotators = annotators._replace(log_confusion=confusion)
    keep_results(estimator, [net], annotators, labels, X)


def _first_labels(estimator, y, classes):
    """Labels of the first call, and whether they are a crowd's."""
    fixed = estimator.classes
    if classes is not None:
        fixed = _same_classes(classes, fixed)
    labels, crowd = check_targets(y, fixed)
    if labels.n_classes < 2:
        raise ValueError(
            "A classifier needs at least two classes, but the first call of "
            f"partial_fit, which fixes them, has {labels.classes.tolist()}: pass "
            "classes=, all that will occur."
        )
    check_some_labels(labels.n_labels, labels.shape)
    return labels, crowd


def _further_labels(estimator, y, classes):
    """Labels of another call, of all classes and annotators so far."""
    if classes is not None:
        _same_classes(classes, estimator.classes_)
    labels, crowd = check_targets(y)
    before = estimator._stream.crowd
    if crowd is not before:
        kinds = {True: "labels of a crowd", False: "one label an item"}
        raise ValueError(
            f"y has {kinds[crowd]}, but had {kinds[before]} before: pass labels of a "
            "crowd as CrowdLabels, or as a table with one column an annotator."
        )
    check_some_labels(labels.n_labels, labels.shape)
    check_known_classes(labels, estimator.classes_)
    labels = labels.align(classes=estimator.classes_)
    known = estimator.annotators_
    unnamed = not isinstance(y, CrowdLabels) and _are_positions(labels.annotators)
    if unnamed and not _are_positions(known):
        if labels.n_annotators != len(known):
            raise ValueError(
                f"y has {labels.n_annotators} columns without names, but there are "
                f"{len(known)} annotators with names so far: pass CrowdLabels or a "
                "DataFrame, whose columns have names."
            )
        return replace(labels, annotators=known), crowd
    new = labels.annotators[positions_of(labels.annotators, known) < 0]
    everyone = as_identifiers(concatenate([known, new]), "annotators")
    return labels.align(annotators=everyone), crowd


def _same_classes(classes, fixed):
    classes = check_classes(classes)
    fixed = classes if fixed is None else check_classes(fixed)
    if not np.array_equal(classes, fixed):
        raise ValueError(
            f"classes={classes.tolist()} are not those that are fixed already, "
            f"{fixed.tolist()}: leave classes out."
        )
    return classes


def _are_positions(annotators):
    return np.array_equal(annotators, np.arange(len(annotators)))


def _new_dataset(estimator, data, n_replay, new_items, in_network):
    """What to train on: items of earlier calls, and new ones."""
    X, labels, weight = data
    items = np.concatenate([np.arange(n_replay), new_items])
    seen = labels.select_annotators(labels.annotators[in_network])
    # Without new evidence about an annotator no regulariser moves the matrix.
    absent = not active_annotators(seen[items]).all()
    shares = annotator_shares(
        seen, items, estimator.batch_size, number_type(X), always=absent
    )
    return CrowdDataset(X, seen, network_weight(weight, X), items, shares, n_replay)


def _with_evidence(dataset):
    """Which annotators in a network gave labels to the items to train on."""
    return active_annotators(dataset.labels[dataset.items])


def _known_matrices(estimator, n_annotators):
    """Matrices of all annotators, of whom the last may be new."""
    active = np.zeros(n_annotators, dtype=bool)
    before = estimator._stream.in_network
    active[: len(before)] = before
    n_labels = estimator.n_labels_per_annotator_[before]
    return with_pooled(estimator._log_confusion[before], active, n_labels)


def _rows(before, now):
    """For each annotator in a network the row in an earlier one, or -1."""
    rows = np.full(len(now), -1)
    rows[: len(before)][before] = np.arange(before.sum())
    return rows[now]

"""Which pairs of item and annotator come next: the largest gain within limits."""

import heapq
from typing import NamedTuple

import numpy as np

from ._label_gain import entropy_bits, group_alike, label_value, pair_value

# Groups of items times annotators times answers.
_GROUP_ENTRIES = 2**22

# Groups to have whatever the number of annotators.
_FEWEST_GROUPS = 64

_TINY = np.finfo(np.float64).tiny


class Limits(NamedTuple):
    """What the pairs may take.

    Attributes
    ----------
    n : int
        Pairs in all.
    per_annotator : int ndarray of shape (n_annotators,)
        Pairs of each annotator; 0 for who may not be asked.
    per_item : float
        Pairs of each item.
    cost : ndarray of shape (n_annotators,)
        Of a label of each annotator.
    budget : float
        Cost in all.
    """

    n: int
    per_annotator: np.ndarray
    per_item: float
    cost: np.ndarray
    budget: float


class Pairs(NamedTuple):
    """Pairs in the order in which they were chosen.

    Attributes
    ----------
    items, annotators : int ndarrays of shape (n_pairs,)
    value, gain : ndarrays of shape (n_pairs,)
        Of `label_value`, after the labels that were chosen for the item before.
    """

    items: np.ndarray
    annotators: np.ndarray
    value: np.ndarray
    gain: np.ndarray


def choose_pairs(labels, proba, matrices, draws, limits, rng):
    """Choose pairs without a label by their value for the cost, one after the other.

    Parameters
    ----------
    labels : CrowdLabels of shape (n_samples, n_annotators)
        Labels that are there already.
    proba : ndarray of shape (n_samples, n_classes)
    matrices : ndarray of shape (n_annotators, n_classes, n_classes)
        Means of their posterior.
    draws : ndarray of shape (n_draws, n_annotators, n_classes, n_classes)
        Draws from it.
    limits : Limits
    rng : numpy.random.Generator
        Breaks ties.

    Returns
    -------
    Pairs

    Notes
    -----
    What a chosen label tells is taken to be all or nothing: with probability
    ``gain / H``, where ``H`` is the entropy of the item's class, it gives the class
    away, and otherwise nothing is learned. So further labels of the item keep the share
    ``1 - gain / H`` of their gain. This is exact for annotators who are right or say
    that they do not know, and costs a multiplication, where all answers of several
    annotators would be as many cases as the product of their numbers.

    Items that are alike share one list of annotators in the order of their gain; that
    of an item is the group's times the ratio of the two entropies. The heap holds each
    group by its first item, and the items that differ from their group: those that
    were chosen, or that the group's best annotator labelled before. An entry whose
    gain turns out to be smaller by now goes back.
    """
    queue = _Queue(labels, proba, matrices, draws, limits, rng)
    items, annotators = queue.run()
    value, gain = pair_value(proba[items], matrices[annotators], draws[:, annotators])
    told = np.minimum(gain / np.maximum(entropy_bits(proba[items]), _TINY), 1)
    shares, left = np.empty(len(items)), {}
    for pair, item in enumerate(items.tolist()):
        shares[pair] = left.get(item, 1.0)
        left[item] = shares[pair] * (1 - told[pair])
    return Pairs(items, annotators, value * shares, gain * shares)


class _Queue:
    """The heap of groups and items, and what is left of the limits."""

    def __init__(self, labels, proba, matrices, draws, limits, rng):
        self._labels, self._limits = labels, limits
        self._open, self._cost = limits.per_annotator.tolist(), limits.cost.tolist()
        # Costs that add up to the budget must not exceed it by rounding.
        self._budget = limits.budget * (1 + 1e-9)
        most = _GROUP_ENTRIES // (matrices.shape[0] * matrices.shape[1])
        self._groups, means = group_alike(proba, max(most, _FEWEST_GROUPS))
        self._rank_annotators(means, matrices, draws, rng)
        self._rank_items(proba, means, rng)
        # Of the items that were met: who labelled them or was chosen to, and how often
        # they were chosen.
        self._asked, self._times = {}, {}

    def _rank_annotators(self, means, matrices, draws, rng):
        """Each group's annotators from the best to the worst, ties at random."""
        able = rng.permutation(np.flatnonzero(self._limits.per_annotator > 0))
        value, bits = label_value(means, matrices[able], draws[:, able])
        worth = value / self._limits.cost[able]
        order = np.argsort(-worth, axis=1, kind="stable")
        self._ranked = able[order]
        self._worth = np.take_along_axis(worth, order, axis=1)
        entropy = np.maximum(entropy_bits(means), _TINY)[:, np.newaxis]
        told = np.take_along_axis(bits, order, axis=1) / entropy
        self._left_after = 1 - np.minimum(told, 1)
        # The position of each group's best annotator who can still be asked.
        self._best = [0] * len(means)

    def _rank_items(self, proba, means, rng):
        """Each group's items from the least certain to the most, ties at random."""
        entropy = np.maximum(entropy_bits(means), _TINY)
        self._scale = entropy_bits(proba) / entropy[self._groups]
        order = rng.permutation(len(proba))
        order = order[np.lexsort((-self._scale[order], self._groups[order]))]
        ends = np.cumsum(np.bincount(self._groups, minlength=len(means)))[:-1]
        self._tie = rng.permutation(len(means)).tolist()
        # Reversed, as a list is shortest in time at its end.
        self._waiting = [part[::-1].tolist() for part in np.split(order, ends)]

    def run(self):
        """The items and annotators that are chosen, in order."""
        self._heap = []
        for group in range(len(self._waiting)):
            self._push_group(group)
        items, annotators = [], []
        cheapest = min(self._cost)
        while self._heap and len(items) < self._limits.n and cheapest <= self._budget:
            worth, _, group, item = heapq.heappop(self._heap)
            if item < 0:
                item = self._take_first(group)
            if item < 0:
                continue
            annotator = self._choose(-worth, group, item)
            if annotator >= 0:
                items.append(item)
                annotators.append(annotator)
        return np.array(items, dtype=np.int64), np.array(annotators, dtype=np.int64)

    def _push_group(self, group):
        """Put a group into the heap by its first item, if there is anything to do."""
        best = self._next_open(group, self._best[group], ())
        self._best[group] = best
        if self._waiting[group] and best < self._ranked.shape[1]:
            item = self._waiting[group][-1]
            worth = self._worth[group, best] * self._scale[item]
            self._push(worth, group, -1)

    def _take_first(self, group):
        """The first item of a group, or -1 where its gain is smaller by now."""
        best = self._next_open(group, self._best[group], ())
        if best > self._best[group]:
            self._push_group(group)
            return -1
        item = self._waiting[group].pop()
        self._push_group(group)
        return item

    def _choose(self, worth, group, item):
        """The annotator for an item, or -1 where it goes back with a smaller gain."""
        if item not in self._asked:
            start, end = self._labels.indptr[item : item + 2]
            self._asked[item] = set(self._labels.indices[start:end].tolist())
        asked = self._asked[item]
        position = self._next_open(group, self._best[group], asked)
        if position == self._ranked.shape[1]:
            return -1
        if self._worth[group, position] * self._scale[item] < worth:
            self._push_item(group, item, position)
            return -1
        annotator = int(self._ranked[group, position])
        asked.add(annotator)
        self._open[annotator] -= 1
        self._budget -= self._cost[annotator]
        self._scale[item] *= self._left_after[group, position]
        self._times[item] = self._times.get(item, 0) + 1
        if self._times[item] < self._limits.per_item:
            # Too good where the next annotator is worse, which shows when it comes up.
            self._push_item(group, item, position)
        return annotator

    def _push_item(self, group, item, position):
        self._push(self._worth[group, position] * self._scale[item], group, item)

    def _push(self, worth, group, item):
        heapq.heappush(self._heap, (-worth, self._tie[group], group, item))

    def _next_open(self, group, position, asked):
        """Position from there on of an annotator who can be asked and was not yet."""
        ranked = self._ranked[group]
        while position < len(ranked):
            annotator = ranked[position]
            affordable = self._cost[annotator] <= self._budget
            if self._open[annotator] > 0 and affordable and annotator not in asked:
                break
            position += 1
        return position

"""Who labels what: how busy simulated annotators are, and which items they get."""

from numbers import Integral, Real

import numpy as np

# Items times annotators handled at once.
_BLOCK_ENTRIES = 2**20

# Items for each label of an annotator, up to which it is quickest to shuffle all items.
_SHUFFLED_ITEMS_PER_LABEL = 16


def participation_weights(participation, n_annotators, rng):
    """Weight of each annotator, summing to one, or None if all are alike."""
    if isinstance(participation, str):
        if participation == "even":
            return None
        if participation == "long_tail":
            weights = 1 / (1 + rng.permutation(n_annotators))
            return weights / weights.sum()
        raise ValueError(
            "Expected participation to be 'even', 'long_tail' or an array of weights, "
            f"got {participation!r}. Choose one of them."
        )
    weights = np.asarray(participation, dtype=np.float64)
    positive = np.all((weights > 0) & np.isfinite(weights))
    if weights.shape != (n_annotators,) or not positive:
        raise ValueError(
            f"Expected participation of {n_annotators} positive weights, one for each "
            f"annotator, got {weights.tolist()}. Leave out annotators without labels."
        )
    return weights / weights.sum()


def participation_rates(weights, p):
    """Probabilities proportional to the weights but at most 1, whose mean is `p`."""
    # With the j largest at 1 the others share p * n - j. As a function of j that factor
    # rises as long as one of the others were above 1, then falls.
    ordered = np.sort(weights)
    rest = np.cumsum(ordered)[::-1]
    n_annotators = len(weights)
    factor = np.max((p * n_annotators - np.arange(n_annotators)) / rest)
    return np.minimum(factor * weights, 1)


def draw_pairs(amounts, weights, n_samples, n_annotators, rng):
    """Items and annotators of the labels, ordered by item and annotator.

    Parameters
    ----------
    amounts : dict
        `labels_per_item`, `labels_per_annotator` and `p` as of `make_crowd_labels`,
        exactly one of which is not None.
    weights : ndarray of shape (n_annotators,) or None
        What ``participation_weights`` returned.
    n_samples, n_annotators : int
    rng : RandomState

    Returns
    -------
    items, annotators : int ndarrays of shape (n_labels,)
    """
    given = [name for name, amount in amounts.items() if amount is not None]
    if len(given) != 1:
        raise ValueError(
            "Expected exactly one of labels_per_item, labels_per_annotator and p, got "
            f"{' and '.join(given) or 'none'}. Give the number of labels of each item "
            "or of each annotator, or the probability of each label."
        )
    (how,), (amount,) = given, [amounts[name] for name in given]
    if how == "labels_per_item":
        if not isinstance(amount, Integral) or not 1 <= amount <= n_annotators:
            raise ValueError(
                "Expected labels_per_item as an integer from 1 to the "
                f"{n_annotators} annotators, got {amount!r}. Pass a whole number, and "
                "simulate as many annotators."
            )
        annotators = _draw_distinct(n_samples, n_annotators, amount, weights, rng)
        items = np.repeat(np.arange(n_samples), amount)
        return items, np.sort(annotators, axis=1).ravel()
    if how == "p":
        if not isinstance(amount, Real) or not 0 < amount <= 1:
            raise ValueError(
                f"Expected p above 0 and at most 1, got {amount!r}. It is the "
                "probability that an annotator labels an item."
            )
        if weights is None:
            cells = _draw_cells(n_samples * n_annotators, amount, rng)
            return np.divmod(cells, n_annotators)
        counts = rng.binomial(n_samples, participation_rates(weights, amount))
    else:
        counts = _check_counts(amount, weights, n_samples, n_annotators)
    return _draw_items(counts, n_samples, rng)


def _check_counts(labels_per_annotator, weights, n_samples, n_annotators):
    if weights is not None:
        raise ValueError(
            "Expected participation='even' with labels_per_annotator, got weights or "
            "'long_tail'. Give each annotator's number in labels_per_annotator itself."
        )
    counts = np.asarray(labels_per_annotator)
    if counts.shape not in ((), (n_annotators,)) or counts.dtype.kind not in "iu":
        raise ValueError(
            "Expected labels_per_annotator to be an integer or one for each of "
            f"{n_annotators} annotators, got shape {counts.shape} and type "
            f"{counts.dtype}. Pass whole numbers of labels."
        )
    if counts.min() < 0 or counts.max() > n_samples:
        raise ValueError(
            f"Expected labels_per_annotator from 0 to the {n_samples} items, got "
            f"{counts.min()} to {counts.max()}. An annotator labels an item once."
        )
    return np.broadcast_to(counts, n_annotators)


def _draw_distinct(n_samples, n_annotators, size, weights, rng):
    """Distinct annotators for each item: (n_samples, size).

    All sets are equally likely if `weights` is None. Otherwise the annotators are drawn
    one after the other, in proportion to the weights of those who are left.
    """
    if size * size > n_annotators:
        return _draw_by_keys(n_samples, n_annotators, size, weights, rng)
    if weights is not None:
        # The least weight that can be left, so the share of draws that count.
        left = np.sort(weights)[: n_annotators - size + 1].sum()
        if size > n_annotators * left:
            return _draw_by_keys(n_samples, n_annotators, size, weights, rng)
        return _draw_in_turn(n_samples, size, weights, rng)
    # More than half of the draws with replacement are distinct here. Drawing the whole
    # item again where one is not keeps all sets equally likely.
    chosen = rng.randint(n_annotators, size=(n_samples, size))
    todo = np.arange(n_samples)
    while len(todo):
        ordered = np.sort(chosen[todo], axis=1)
        todo = todo[(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)]
        chosen[todo] = rng.randint(n_annotators, size=(len(todo), size))
    return chosen


def _draw_by_keys(n_samples, n_annotators, size, weights, rng):
    """`_draw_distinct` in time proportional to n_samples * n_annotators."""
    # The smallest of uniform numbers, or of exponential ones with the weights as rates
    # (Efraimidis and Spirakis, 2006), in blocks that bound the memory.
    chosen = np.empty((n_samples, size), dtype=np.int64)
    step = max(1, _BLOCK_ENTRIES // n_annotators)
    for start in range(0, n_samples, step):
        block = chosen[start : start + step]
        shape = (len(block), n_annotators)
        if weights is None:
            keys = rng.uniform(size=shape)
        else:
            keys = rng.exponential(size=shape) / weights
        # Taking all of them needs no choice, and argpartition has no such pivot.
        pivot = min(size, n_annotators - 1)
        block[:] = np.argpartition(keys, pivot, axis=1)[:, :size]
    return chosen


def _draw_in_turn(n_samples, size, weights, rng):
    """`_draw_distinct` by drawing again whoever an item already has."""
    cumulative = np.cumsum(weights)
    cumulative /= cumulative[-1]
    chosen = np.empty((n_samples, size), dtype=np.int64)
    for turn in range(size):
        todo = np.arange(n_samples)
        while len(todo):
            uniform = rng.uniform(size=len(todo))
            drawn = np.searchsorted(cumulative, uniform, side="right")
            chosen[todo, turn] = drawn
            again = (chosen[todo, :turn] == drawn[:, np.newaxis]).any(axis=1)
            todo = todo[again]
    return chosen


def _draw_items(counts, n_samples, rng):
    """Items and annotators, ordered by both, of ``counts[m]`` labels of annotator m.

    All sets of items are equally likely.
    """
    n_annotators = len(counts)
    many = counts > n_samples // _SHUFFLED_ITEMS_PER_LABEL
    shuffled = [
        rng.permutation(n_samples)[: counts[m]] * n_annotators + m
        for m in np.flatnonzero(many)
    ]
    # The others have so few that an item is seldom drawn twice: those are made up for.
    cells = np.empty(0, dtype=np.int64)
    missing = np.where(many, 0, counts)
    while missing.any():
        owners = np.repeat(np.arange(n_annotators), missing)
        drawn = rng.randint(n_samples, size=len(owners)) * n_annotators + owners
        # Many times faster than np.unique, which hashes.
        cells = np.sort(np.concatenate([cells, drawn]))
        cells = cells[np.diff(cells, prepend=-1) > 0]
        has = np.bincount(cells % n_annotators, minlength=n_annotators)
        missing = np.where(many, 0, counts - has)
    return np.divmod(np.sort(np.concatenate([cells, *shuffled])), n_annotators)


def _draw_cells(n_cells, p, rng):
    """Sorted cell numbers, each of `n_cells` with probability `p`."""
    # The gaps between the successes of independent trials are geometric, that is
    # exponential ones rounded up. They are cut at n_cells: tiny p must not overflow.
    rate = -np.log1p(-p) if p < 1 else np.inf
    cells, last = [], -1
    while last < n_cells:
        expected = (n_cells - last) * p
        draws = rng.exponential(size=int(expected + 5 * np.sqrt(expected)) + 10)
        gaps = 1 + (np.minimum(draws, rate * n_cells) / rate).astype(np.int64)
        cells.append(last + np.cumsum(gaps))
        last = cells[-1][-1]
    cells = np.concatenate(cells)
    return cells[cells < n_cells]

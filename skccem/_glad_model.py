"""The model of GLAD: its E- and M-step, with the easiness of the items summed out."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import expit, log_expit, log_softmax

from ._em import PosteriorModel, class_shares
from ._probability import row_max, row_sum, safe_log

# Mean of the normal priors of abilities and of log easiness, whose variance is one, as
# in the paper.
PRIOR_MEAN = 1.0

# Spacing of the nodes of the quadrature over the log easiness of an item with few
# labels, and how many there are on either side of the prior mean. Each finer level
# halves the spacing and, as many labels can outweigh the prior, reaches further out by
# so many of these steps.
_STEP = 0.75
_REACH = 7
_REACH_PER_LEVEL = 3

# One label adds at most max(u**2 * sigmoid(u) * sigmoid(-u)) to the expected curvature
# of the log posterior of the log easiness.
_CURVATURE = 0.44

# Items times nodes of a block: what fits into the caches is quickest.
_BLOCK_ENTRIES = 2**15

# Halvings of a Newton step, after which there is nothing left of it.
_MOST_HALVINGS = 60

# Newton steps in the first M-step.
_FIRST_STEPS = 10

# Share of all answers below which those expected at a node change no digit.
_NEGLIGIBLE = 1e-25

# Relative error of the objective of an annotator, with a margin.
_ROUNDING = 1e-13


class Expected(NamedTuple):
    """What the E-step expects of the classes and of the easiness of the items."""

    # Class probabilities, shape (n_samples, n_classes).
    posterior: np.ndarray
    # Log easiness of each item, shape (n_samples,).
    log_easiness: np.ndarray
    # Expected numbers of right answers, and of answers, at each node, each of shape
    # (n_annotators, n_nodes).
    right: np.ndarray
    total: np.ndarray


class Block(NamedTuple):
    """Some items whose easiness is summed over the same nodes.

    A cell is an item and one of the classes that its labels name. All other classes of
    an item have the same likelihood, so that they need no arithmetic of their own.
    """

    # Numbers of the items, shape (n_items,).
    items: np.ndarray
    # Which of all nodes are used, and the logarithms of their prior probabilities.
    nodes: slice
    log_share: np.ndarray
    # Who labels each item, and who names the class of each cell, as ones: sparse, of
    # shapes (n_items, n_annotators) and (n_cells, n_annotators).
    labelled: sparse.csr_array
    named: sparse.csr_array
    # Item and class of each cell, and where the cells of each item start.
    cell_items: np.ndarray
    cell_classes: np.ndarray
    starts: np.ndarray


def quadrature_level(n_labels):
    """How often the spacing of the nodes is halved for items with so many labels.

    The trapezoidal rule is exact to a relative ``2 * exp(-2 * pi**2 * sd**2 /
    step**2)`` for a normal density; the spacing is kept below ``sqrt(2)`` standard
    deviations of the sharpest posterior that the labels can make, which is 1e-4.

    Parameters
    ----------
    n_labels : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,), int
    """
    squared = _STEP**2 * (1 + _CURVATURE * n_labels)
    return np.ceil(np.maximum(np.log2(squared / 2) / 2, 0)).astype(int)


class GLADModel(PosteriorModel):
    """An answer is right with probability sigmoid(ability times easiness).

    The easiness is summed out by quadrature, so that the parameters are the abilities
    and the class prior, and an item's probabilities depend on its own labels alone. The
    nodes of an item depend on how many labels it has and on nothing that is estimated:
    EM climbs the likelihood of a model whose easiness has these values only, and never
    loses any of it, which nodes that follow the posterior could not promise.

    Parameters
    ----------
    data : UsedLabels
    """

    def __init__(self, data):
        super().__init__(data)
        labels = data.labels
        self.n_classes = labels.n_classes
        level = quadrature_level(labels.labels_per_item)
        finest = int(level.max())
        reach = (_REACH + _REACH_PER_LEVEL * finest) * 2**finest
        offsets = np.arange(-reach, reach + 1) * (_STEP / 2**finest)
        self.log_easiness = PRIOR_MEAN + offsets
        self.blocks = []
        for each in np.unique(level):
            span = (_REACH + _REACH_PER_LEVEL * each) * 2**finest
            nodes = slice(reach - span, reach + span + 1, 2 ** (finest - each))
            log_share = log_softmax(-(offsets[nodes] ** 2) / 2)
            items = np.flatnonzero(level == each)
            size = max(1, _BLOCK_ENTRIES // len(log_share))
            for start in range(0, len(items), size):
                block = items[start : start + size]
                self.blocks.append(_make_block(labels, block, nodes, log_share))

    def m_step(self, expected, previous):
        labels = self.data.labels
        if previous is None:
            posterior, ability = expected, np.full(labels.n_annotators, PRIOR_MEAN)
            rows = labels.row_indices()
            agreed = self.data.weigh(posterior)[rows, labels.codes]
            weight = None if self.data.weights is None else self.data.weights[rows]
            share = self._node_share()
            right, total = (
                np.outer(np.bincount(labels.indices, values, len(ability)), share)
                for values in (agreed, weight)
            )
        else:
            posterior, _, right, total = expected
            ability, _ = previous
        # EM needs an increase, not the maximum, except at the start, where the first
        # step may go far astray.
        mass = total.sum(axis=0)
        nodes = mass > _NEGLIGIBLE * mass.sum()
        right, total, easiness = (
            right[:, nodes],
            total[:, nodes],
            np.exp(self.log_easiness[nodes]),
        )
        for _ in range(_FIRST_STEPS if previous is None else 1):
            ability = _newton_step(ability, easiness, right, total)
        return ability, class_shares(self.data.weigh(posterior))

    def e_step(self, parameters):
        ability, prior = parameters
        labels = self.data.labels
        score = np.outer(ability, np.exp(self.log_easiness))
        log_wrong = log_expit(-score) - np.log(self.n_classes - 1)
        # What a class gains over the others where it is the answer.
        gain = score + np.log(self.n_classes - 1)
        posterior = np.empty((labels.n_samples, labels.n_classes))
        log_easiness = np.empty(labels.n_samples)
        log_likelihood = np.empty(labels.n_samples)
        right, total = np.zeros_like(score), np.zeros_like(score)
        for block in self.blocks:
            nodes, items = block.nodes, block.items
            named, others, log_likelihood[items] = _joint_proba(
                block, log_wrong[:, nodes], gain[:, nodes], prior
            )
            posterior[items] = _class_proba(block, named, others, prior)
            easiness = np.add.reduceat(named, block.starts) + others
            log_easiness[items] = easiness @ self.log_easiness[nodes]
            if self.data.weights is not None:
                weight = self.data.weights[items, np.newaxis]
                named, easiness = named * weight[block.cell_items], easiness * weight
            right[:, nodes] += block.named.T @ named
            total[:, nodes] += block.labelled.T @ easiness
        expected = Expected(posterior, log_easiness, right, total)
        return expected, self.data.total(log_likelihood)

    def log_prior(self, parameters):
        """Log density of the normal prior of the abilities, up to a constant."""
        ability, _ = parameters
        return -0.5 * float(np.sum((ability - PRIOR_MEAN) ** 2))

    def mean_accuracy(self, ability, total):
        """Mean probability of a right answer over the items of each annotator."""
        proba = expit(np.outer(ability, np.exp(self.log_easiness)))
        idle = total.sum(axis=1) == 0
        share = np.where(idle[:, np.newaxis], self._node_share(), total)
        return (share * proba).sum(axis=1) / share.sum(axis=1)

    def _node_share(self):
        """Prior probabilities of all nodes, those of the items with fewest labels."""
        share = np.zeros(len(self.log_easiness))
        share[self.blocks[0].nodes] = np.exp(self.blocks[0].log_share)
        return share


def _make_block(labels, items, nodes, log_share):
    part = labels[items]
    keys = part.row_indices() * part.n_classes + part.codes
    cells, cell_of_label = np.unique(keys, return_inverse=True)
    cell_items, cell_classes = np.divmod(cells, part.n_classes)
    shape = len(cells), part.n_annotators
    ones = np.ones(part.n_labels)
    return Block(
        items,
        nodes,
        log_share,
        sparse.csr_array((ones, part.indices, part.indptr), (len(items), shape[1])),
        sparse.csr_array((ones, (cell_of_label, part.indices)), shape),
        cell_items,
        cell_classes,
        # Items without labels are not used, so that each has a cell.
        np.searchsorted(cell_items, np.arange(len(items))),
    )


def _joint_proba(block, log_wrong, gain, prior):
    """P(class, node | labels) of the cells, that of all other classes, likelihoods.

    The first two have the shapes (n_cells, n_nodes) and (n_items, n_nodes).
    """
    all_wrong = block.labelled @ log_wrong + block.log_share
    named = block.named @ gain
    named += all_wrong[block.cell_items]
    named += safe_log(prior)[block.cell_classes, np.newaxis]
    others = all_wrong + safe_log(_unnamed_prior(block, prior))[:, np.newaxis]
    top = np.maximum(row_max(others), np.maximum.reduceat(row_max(named), block.starts))
    named -= top[block.cell_items, np.newaxis]
    others -= top[:, np.newaxis]
    np.exp(named, out=named)
    np.exp(others, out=others)
    totals = np.add.reduceat(row_sum(named), block.starts) + row_sum(others)
    named /= totals[block.cell_items, np.newaxis]
    others /= totals[:, np.newaxis]
    return named, others, top + np.log(totals)


def _unnamed_prior(block, prior):
    """Prior probability that an item has a class that no label names."""
    return _unnamed(block, prior) @ prior


def _unnamed(block, prior):
    """True for the classes of each item that no label names."""
    unnamed = np.ones((len(block.items), len(prior)), dtype=bool)
    unnamed[block.cell_items, block.cell_classes] = False
    return unnamed


def _class_proba(block, named, others, prior):
    """Class probabilities of the items, shape (n_items, n_classes)."""
    unnamed = _unnamed_prior(block, prior)
    rest = np.divide(
        row_sum(others), unnamed, out=np.zeros(len(unnamed)), where=unnamed > 0
    )
    proba = np.outer(rest, prior)
    proba[block.cell_items, block.cell_classes] = row_sum(named)
    return proba


def _newton_step(ability, easiness, right, total):
    """Abilities that are at least as probable given the expected answers.

    Parameters
    ----------
    ability : ndarray of shape (n_annotators,)
    easiness : ndarray of shape (n_nodes,)
    right, total : ndarrays of shape (n_annotators, n_nodes)
        Expected numbers of right answers, and of answers.

    Returns
    -------
    ndarray of shape (n_annotators,)
    """

    right_slope = right @ easiness

    def objective(ability, rows=slice(None)):
        score = np.outer(ability, easiness)
        # log_expit(score) is score + log_expit(-score), and each is slow.
        fit = ability * right_slope[rows] + np.einsum(
            "mq,mq->m", total[rows], log_expit(-score)
        )
        return fit - (ability - PRIOR_MEAN) ** 2 / 2

    proba = expit(np.outer(ability, easiness))
    expected = total * proba
    slope = right_slope - expected @ easiness - (ability - PRIOR_MEAN)
    curvature = (expected * (1 - proba)) @ easiness**2 + 1
    step, before = slope / curvature, objective(ability)
    # Less than rounding hides cannot be gained, nor seen to be lost.
    step[slope * step < _ROUNDING * np.abs(before)] = 0
    todo = np.flatnonzero(step)
    # The objective is concave, so that a step that is short enough does not lower it.
    for _ in range(_MOST_HALVINGS):
        todo = todo[objective((ability + step)[todo], todo) < before[todo]]
        if not len(todo):
            break
        step[todo] /= 2
    # What is still lower is so by rounding.
    step[todo] = 0
    return ability + step

"""Answers drawn from confusion matrices."""

import numpy as np

# Labels times classes handled at once.
_BLOCK_ENTRIES = 2**20


def draw_answers(matrices, annotators, true_codes, rng):
    """Class code that each annotator answers about the true class beside it.

    Parameters
    ----------
    matrices : ndarray of shape (n_annotators, n_classes, n_classes)
    annotators, true_codes : int ndarrays of shape (n_labels,)
    rng : RandomState

    Returns
    -------
    int64 ndarray of shape (n_labels,)
    """
    cumulative = matrices.cumsum(axis=2)
    # Exactly one at the end: no draw can fall behind it, onto an impossible class.
    cumulative /= cumulative[:, :, -1:]
    draws = rng.uniform(size=len(annotators))
    answers = np.empty(len(annotators), dtype=np.int64)
    step = max(1, _BLOCK_ENTRIES // matrices.shape[2])
    for start in range(0, len(answers), step):
        block = slice(start, start + step)
        rows = cumulative[annotators[block], true_codes[block]]
        answers[block] = (rows <= draws[block, np.newaxis]).sum(axis=1)
    return answers

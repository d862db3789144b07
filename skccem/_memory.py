"""Whether confusion matrices fit in memory, asked before they are allocated."""

import os

import numpy as np

# Copies of the matrices that an estimator from labels alone predicts with: themselves,
# their logarithms, and these rearranged so that a label selects a row.
_COPIES_TO_PREDICT = 3


def check_matrices(n_annotators, n_classes, n_bytes=8 * _COPIES_TO_PREDICT):
    """Raise before allocating confusion matrices that cannot fit in memory.

    Parameters
    ----------
    n_annotators, n_classes : int
    n_bytes : int
        What an entry takes in all copies that there are at a time. The default is of
        estimators from labels alone.

    Raises
    ------
    MemoryError
        If they need more than the machine's memory.
    """
    needed = int(n_annotators) * int(n_classes) ** 2 * n_bytes
    available = physical_memory()
    if needed > available:
        raise MemoryError(
            f"The confusion matrices of {n_annotators:,} annotators and {n_classes:,} "
            f"classes need {needed / 2**30:,.1f} GiB in a fit, but this machine has "
            f"{available / 2**30:,.1f} GiB. Are these columns annotators and these "
            "labels classes? If so, merge rare classes, or annotators with few labels."
        )


def physical_memory():
    """The machine's memory in bytes; infinite where the system does not tell.

    Returns
    -------
    int or float
    """
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return np.inf

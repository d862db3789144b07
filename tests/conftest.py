"""Settings and data that several test files share."""

import os
from pathlib import Path

import numpy as np
import pytest

from skccem.simulation import make_confusion_matrices, make_crowd_labels


@pytest.fixture(scope="session")
def data_home():
    """The directory of the real data sets; tests that need it skip without."""
    if "SKCCEM_DATA" not in os.environ:
        pytest.skip("SKCCEM_DATA does not name the directory of labelme.npz, music.npz")
    return Path(os.environ["SKCCEM_DATA"])


@pytest.fixture(scope="session")
def crowd():
    """Three easy classes, six annotators of different skill, two labels an item."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=240)
    X = rng.normal(size=(240, 5)) + 2.0 * np.eye(5)[truth]
    matrices = make_confusion_matrices(6, 3, kind="mixed", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
    return X, labels, truth


@pytest.fixture
def pyplot():
    """``matplotlib.pyplot``; skips without matplotlib."""
    pytest.importorskip("matplotlib")
    from matplotlib import pyplot

    return pyplot

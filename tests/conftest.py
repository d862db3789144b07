"""Settings and data that several test files share."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from strategies import cases

from skccem import CrowdLabels
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


@pytest.fixture(scope="session")
def assert_same():
    """A function that raises unless two values agree in type and in every bit."""
    return _assert_same


def _assert_same(one, other, name="value"):
    assert type(one) is type(other), name
    if isinstance(one, dict):
        assert list(one) == list(other), name
        for key in one:
            _assert_same(one[key], other[key], f"{name}[{key!r}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), name
        for i, (part, again) in enumerate(zip(one, other, strict=True)):
            _assert_same(part, again, f"{name}[{i}]")
    elif isinstance(one, torch.Tensor):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        bits = (x.detach().reshape(-1, 1).view(torch.uint8) for x in (one, other))
        assert torch.equal(*bits), name
    elif isinstance(one, np.ndarray) and one.dtype.kind == "O":
        assert one.shape == other.shape, name
        _assert_same(one.tolist(), other.tolist(), name)
    elif isinstance(one, np.ndarray | np.generic):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        assert one.tobytes() == other.tobytes(), name
    elif isinstance(one, np.random.RandomState):
        _assert_same(one.get_state(), other.get_state(), name)
    elif sparse.issparse(one):
        assert one.shape == other.shape, name
        for part in ("data", "indices", "indptr"):
            _assert_same(getattr(one, part), getattr(other, part), name)
    elif isinstance(one, CrowdLabels):
        _assert_same(vars(one), vars(other), name)
    elif isinstance(one, float):
        assert one.hex() == other.hex(), name
    else:
        assert one == other, name


@pytest.fixture
def pyplot():
    """``matplotlib.pyplot``; skips without matplotlib."""
    pytest.importorskip("matplotlib")
    from matplotlib import pyplot

    return pyplot


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Notes how many cases a property test tried, for the summary."""
    before = cases.total()
    try:
        return (yield)
    finally:
        tried = cases.total() - before
        if tried:
            item.user_properties.append(("property cases", tried))


def pytest_terminal_summary(terminalreporter):
    """Says how many cases the property tests tried, also those of other processes."""
    reports = [
        report
        for key in ("passed", "failed")
        for report in terminalreporter.stats.get(key, [])
        if report.when == "call"
    ]
    tried = [
        dict(report.user_properties).get("property cases", 0) for report in reports
    ]
    if any(tried):
        terminalreporter.write_line(f"{sum(tried)} property cases tried")

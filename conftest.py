"""Settings of all tests, also of the examples in docstrings and in the guide."""

import os
import sys

import pytest
import torch

# What builds the site: importing some of it is running it.
collect_ignore = [f"docs/{name}" for name in ("_extensions", "examples", "figures")]
collect_ignore += ["docs/conf.py"]

# For mypy; a test runs it.
collect_ignore += ["tests/typing"]

# Test processes run side by side, and small matrices gain nothing from threads.
torch.set_num_threads(1)

# Pictures are drawn without a screen.
os.environ["MPLBACKEND"] = "Agg"


@pytest.fixture(autouse=True)
def _no_figures_left():
    """Closes the figures of a test or an example: matplotlib warns of too many."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")

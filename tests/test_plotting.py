import sys

import numpy as np
import pytest

from skccem import plotting

DRAWN = {
    "AnnotatorRankingDisplay": ("from_report", {}),
    "ConfusionMatricesDisplay": ("from_matrices", [np.eye(2)]),
    "LabelOverviewDisplay": ("from_labels", [[0, 1]]),
    "RegularizationPathDisplay": ("plot", {}),
    "TrainingCurvesDisplay": ("plot", [{"train_log_likelihood": -1.0}]),
}


@pytest.mark.parametrize("name", plotting.__all__)
def test_without_matplotlib_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = getattr(plotting, name)
    method, argument = DRAWN[name]
    draw = display(argument).plot if method == "plot" else getattr(display, method)
    arguments = [] if method == "plot" else [argument]
    with pytest.raises(ImportError, match=r"pip install 'skccem\[plot\]'"):
        draw(*arguments)


@pytest.mark.parametrize("name", plotting.__all__)
def test_displays_are_those_of_scikit_learn(name):
    display = getattr(plotting, name)
    assert any(method.startswith("from_") for method in vars(display))
    assert callable(display.plot)
    assert display.__module__.startswith("skccem._")

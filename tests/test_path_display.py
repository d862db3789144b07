import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skccem import CrowdClassifier, CrowdClassifierCV
from skccem._candidates import make_results
from skccem._crowd_loss import LIKELIHOODS
from skccem._path_accuracy import held_out_accuracy
from skccem._path_display import _STYLES
from skccem.plotting import RegularizationPathDisplay


@pytest.fixture(scope="module")
def path():
    """Results of two likelihoods, strengths not in order."""
    candidates = [
        {"likelihood": likelihood, "reg_strength": strength}
        for likelihood in ("joint", "marginal")
        for strength in (0.1, 0.0, 0.01)
    ]
    scores = np.random.default_rng(0).normal(-1, 0.1, size=(4, 6))
    return make_results(candidates, scores, np.ones((4, 6)))


def test_each_likelihood_is_a_line_in_the_order_of_strengths(pyplot, path):
    display = RegularizationPathDisplay(path, best_index=2).plot()
    assert len(display.lines_) == 2
    order = [1, 2, 0]
    for start, (line, _, (bars,)) in zip((0, 3), display.lines_, strict=True):
        shown = start + np.array(order)
        means = path["mean_test_score"][shown]
        errors = path["standard_error_of_difference"][shown]
        np.testing.assert_array_equal(line.get_xdata(), [0, 0.01, 0.1])
        np.testing.assert_array_equal(line.get_ydata(), means)
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, np.stack([means - errors, means + errors], 1))
    ring = display.ax_.lines[-1]
    assert ring.get_xdata() == [0.01]
    assert ring.get_ydata() == path["mean_test_score"][2]
    labels = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert labels == ["0", "0.01", "0.1"]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert {"joint likelihood", "marginal likelihood", "chosen: 0.01"} == set(texts)


def test_a_search_is_drawn_into_given_axes(pyplot, crowd):
    X, labels, _ = crowd
    clf = CrowdClassifier(hidden_layer_sizes=(4,), max_epochs=1, random_state=0)
    search = CrowdClassifierCV(clf, reg_strengths=[0], cv=2, refit=False)
    with pytest.raises(NotFittedError):
        RegularizationPathDisplay.from_estimator(search)
    _, ax = pyplot.subplots()
    display = RegularizationPathDisplay.from_estimator(search.fit(X, labels), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.best_index == 0
    display.figure_.canvas.draw()
    assert display.accuracy_ax_ is None


def test_accuracies_are_below_on_the_same_strengths(pyplot, path):
    accuracy = np.random.default_rng(1).uniform(size=6)
    _, axes = pyplot.subplots(1, 2, layout="constrained")
    display = RegularizationPathDisplay(path, best_index=2, accuracy=accuracy)
    display.plot(ax=axes[1])
    order = np.array([1, 2, 0])
    drawn = [line.get_ydata() for line in display.accuracy_lines_]
    np.testing.assert_array_equal(drawn, [accuracy[order], accuracy[3 + order]])
    assert display.accuracy_ax_.lines[-1].get_ydata() == accuracy[2]
    display.figure_.canvas.draw()
    upper, lower = display.ax_.get_position(), display.accuracy_ax_.get_position()
    assert upper.y0 > lower.y1
    assert upper.x0 == lower.x0 > axes[0].get_position().x1
    assert display.ax_.get_xlim() == display.accuracy_ax_.get_xlim()


def test_the_truth_adds_the_accuracies_of_the_candidates(pyplot, crowd):
    X, labels, truth = crowd
    clf = CrowdClassifier(hidden_layer_sizes=(4,), max_epochs=1, random_state=0)
    search = CrowdClassifierCV(clf, reg_strengths=[0], cv=2, refit=False)
    search.fit(X, labels)
    display = RegularizationPathDisplay.from_estimator(search, X, labels, truth=truth)
    expected = held_out_accuracy(search, X, labels, truth)
    np.testing.assert_array_equal(display.accuracy_lines_[0].get_ydata(), expected)
    with pytest.raises(ValueError, match="Expected X, Y and truth together"):
        RegularizationPathDisplay.from_estimator(search, truth=truth)


def test_every_likelihood_has_a_style_that_differs_without_colour_too():
    assert set(_STYLES) == set(LIKELIHOODS)
    for key in ("marker", "linestyle"):
        assert len({style[key] for style in _STYLES.values()}) == len(LIKELIHOODS)

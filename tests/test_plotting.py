import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skccem import CrowdClassifier, CrowdClassifierCV, CrowdLabels, DawidSkene
from skccem._candidates import make_results
from skccem.plotting import ConfusionMatricesDisplay, RegularizationPathDisplay
from skccem.simulation import make_confusion_matrices, make_crowd_labels

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def pyplot():
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")
    matplotlib.use(backend)


@pytest.fixture(scope="module")
def fitted():
    matrices = make_confusion_matrices(12, 10, random_state=0)
    y = np.random.default_rng(0).integers(10, size=500)
    labels = make_crowd_labels(y, matrices, labels_per_item=4, random_state=0)
    return DawidSkene(random_state=0, max_iter=1000).fit(labels), matrices


def drawn(display):
    return np.array(
        [[np.ma.getdata(image.get_array()) for image in row] for row in display.images_]
    )


def test_the_estimator_is_drawn_above_the_truth_on_one_scale(pyplot, fitted):
    model, true = fitted
    display = ConfusionMatricesDisplay.from_estimator(model, true=true)
    assert display.axes_.shape == (2, 10)
    np.testing.assert_allclose(drawn(display)[0], model.confusion_matrices_[:10])
    np.testing.assert_allclose(drawn(display)[1], true[:10])
    assert {image.get_clim() for image in display.images_.ravel()} == {(0, 1)}
    assert display.axes_[0, 3].get_title() == "annotator 3"
    assert display.colorbar_.ax.get_ylabel() == "P(answer | true class)"


def test_chosen_annotators_are_drawn_in_their_order(pyplot, fitted):
    model, true = fitted
    display = ConfusionMatricesDisplay.from_estimator(
        model, true=true, annotators=[11, 2]
    )
    np.testing.assert_allclose(drawn(display)[0], model.confusion_matrices_[[11, 2]])
    np.testing.assert_allclose(drawn(display)[1], true[[11, 2]])
    titles = [cell.get_title() for cell in display.axes_[0]]
    assert titles == ["annotator 11", "annotator 2"]


def test_names_stand_at_the_edges_and_nothing_overlaps(pyplot):
    labels = CrowdLabels.from_matrix(
        [["cat", "dog"], ["dog", "dog"]], annotators=["a rather long $name", "b"]
    )
    model = DawidSkene().fit(labels)
    display = ConfusionMatricesDisplay.from_estimator(model, true=[np.eye(2)] * 2)
    display.figure_.canvas.draw()
    renderer = display.figure_.canvas.get_renderer()

    def shown(ticks):
        return [tick.get_text() for tick in ticks if tick.get_visible()]

    assert shown(display.axes_[1, 0].get_yticklabels()) == ["cat", "dog"]
    assert shown(display.axes_[1, 1].get_xticklabels()) == ["cat", "dog"]
    assert display.axes_[0, 0].get_title() == "a rather long\n\\$name"
    boxes = [cell.get_tightbbox(renderer) for cell in display.axes_.ravel()]
    assert not any(
        first.overlaps(second) for i, first in enumerate(boxes) for second in boxes[:i]
    )


def test_only_small_matrices_have_numbers_and_many_classes_fewer_names(pyplot):
    small = ConfusionMatricesDisplay.from_matrices(
        make_confusion_matrices(2, 3, kind="symmetric", accuracy=[1.0, 0.5])
    )
    texts = [[text.get_text() for text in cell.texts] for cell in small.axes_[0]]
    assert texts == [
        ["1.00", ".00", ".00", ".00", "1.00", ".00", ".00", ".00", "1.00"],
        [".50", ".25", ".25", ".25", ".50", ".25", ".25", ".25", ".50"],
    ]
    large = ConfusionMatricesDisplay.from_matrices(make_confusion_matrices(2, 40))
    assert not large.axes_[0, 0].texts
    assert len(large.axes_[0, 0].get_xticks()) <= 12


def test_unknown_rows_are_grey_and_without_numbers(pyplot):
    true = np.array([np.eye(2)])
    true[0, 1] = np.nan
    display = ConfusionMatricesDisplay.from_matrices([np.eye(2)], true)
    cell, image = display.axes_[1, 0], display.images_[1, 0]
    assert len(cell.texts) == 2
    red, green, blue, _ = image.to_rgba(image.get_array())[1, 0]
    assert red == green == blue < 1


def test_the_picture_takes_the_place_of_given_axes(pyplot):
    figure, (left, right) = pyplot.subplots(1, 2, layout="constrained")
    display = ConfusionMatricesDisplay.from_matrices(
        make_confusion_matrices(3, 3), ax=right
    )
    figure.canvas.draw()
    assert display.figure_ is figure
    assert not right.axison
    edge = left.get_position().x1
    assert all(cell.get_position().x0 > edge for cell in display.axes_.ravel())
    free = figure.add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="one of a grid"):
        ConfusionMatricesDisplay.from_matrices([np.eye(2)], ax=free)


def test_a_display_can_be_drawn_again_in_other_colours(pyplot):
    display = ConfusionMatricesDisplay.from_matrices([np.eye(2)])
    first = display.figure_
    assert display.plot(cmap="Greens") is display
    assert display.figure_ is not first
    assert display.images_[0, 0].get_cmap().name == "Greens"


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("of shape", {"estimated": np.eye(2)}),
        ("of shape", {"estimated": np.ones((1, 2, 3))}),
        ("shape of the estimated", {"true": [np.eye(2)]}),
        ("2 annotators, got 1", {"annotators": ["Ann"]}),
        ("2 classes, got 3", {"classes": ["a", "b", "c"]}),
    ],
)
def test_what_does_not_fit_is_an_error(match, arguments):
    arguments = {"estimated": [np.eye(2)] * 2} | arguments
    with pytest.raises(ValueError, match=match):
        ConfusionMatricesDisplay.from_matrices(**arguments)


def test_an_estimator_must_be_fitted():
    with pytest.raises(NotFittedError):
        ConfusionMatricesDisplay.from_estimator(DawidSkene())


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'skccem\[plot\]'"):
        ConfusionMatricesDisplay.from_matrices([np.eye(2)])


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

import numpy as np
import pandas
import pytest
from sklearn.exceptions import NotFittedError

from skccem import CrowdLabels, DawidSkene
from skccem.plotting import ConfusionMatricesDisplay
from skccem.simulation import make_confusion_matrices, make_crowd_labels


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


def test_chosen_annotators_are_named_by_identifier_or_masked(pyplot):
    y = np.random.default_rng(0).integers(2, size=60)
    matrices = make_confusion_matrices(4, 2, random_state=0)
    codes = np.asarray(make_crowd_labels(y, matrices, p=1.0, random_state=0))
    labels = CrowdLabels.from_matrix(codes, annotators=["d", "a", "c", "b"])
    model = DawidSkene(random_state=0, max_iter=1000).fit(labels)
    draw = ConfusionMatricesDisplay.from_estimator
    display = draw(model, true=matrices, annotators=["b", "a"])
    np.testing.assert_allclose(drawn(display)[0], model.confusion_matrices_[[3, 1]])
    np.testing.assert_allclose(drawn(display)[1], matrices[[3, 1]])
    assert [cell.get_title() for cell in display.axes_[0]] == ["b", "a"]
    masked = draw(model, annotators=[False, True, False, True])
    assert [cell.get_title() for cell in masked.axes_[0]] == ["a", "b"]
    for match, wrong in [
        ("does not know: 'e', 'f'", ["a", "e", "f"]),
        ("mask over 4 annotators", [True]),
        ("got none", []),
    ]:
        with pytest.raises(ValueError, match=match):
            draw(model, annotators=wrong)


def test_identifiers_that_are_numbers_are_no_positions(pyplot):
    labels = CrowdLabels.from_matrix([[0, 1], [1, 1]], annotators=[7, 1])
    model = DawidSkene().fit(labels)
    display = ConfusionMatricesDisplay.from_estimator(model, annotators=[1])
    np.testing.assert_allclose(drawn(display)[0], model.confusion_matrices_[[1]])
    assert display.axes_[0, 0].get_title() == "annotator 1"


def test_many_annotators_go_on_in_further_rows_below(pyplot):
    matrices = make_confusion_matrices(13, 3, random_state=0)
    display = ConfusionMatricesDisplay.from_matrices(matrices, matrices)
    assert display.axes_.shape == (2, 13)
    np.testing.assert_array_equal(drawn(display), [matrices, matrices])
    width, _ = display.figure_.get_size_inches()
    assert width < 12
    places = np.array(
        [
            [(spec.rowspan.start, spec.colspan.start) for spec in row]
            for row in np.vectorize(lambda cell: cell.get_subplotspec())(display.axes_)
        ]
    )
    # The true matrix is right below the estimated one.
    np.testing.assert_array_equal(places[1] - places[0], [[1, 0]] * 13)
    assert [tuple(place) for place in places[0]] == sorted(map(tuple, places[0]))
    assert len(np.unique(places.reshape(-1, 2), axis=0)) == 26


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


def test_names_of_a_series_go_by_position_whatever_its_index_says(pyplot):
    names = pandas.Series(["no", "yes"], index=[1, 0])
    display = ConfusionMatricesDisplay.from_matrices([np.eye(2)], classes=names)
    shown = [text.get_text() for text in display.axes_[0, 0].get_yticklabels()]
    assert shown == ["no", "yes"]


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
        ("at least one", {"estimated": np.ones((0, 2, 2))}),
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

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._drawing import COLORS
from skccem.plotting import LabelOverviewDisplay
from skccem.simulation import make_confusion_matrices, make_crowd_labels


def make_crowd(n_items, n_annotators, n_classes, **settings):
    y = np.random.default_rng(0).integers(n_classes, size=n_items)
    matrices = make_confusion_matrices(n_annotators, n_classes, random_state=0)
    return make_crowd_labels(y, matrices, random_state=0, **settings)


def pixels(display):
    """Colours of the tiles over the background, white where there is none."""
    rgba = display.image_.to_rgba(display.image_.get_array())
    alpha = np.asarray(display.image_.get_alpha())
    alpha = np.where(display.image_.get_array().mask, 0, alpha)[..., np.newaxis]
    return rgba[..., :3] * alpha + 1 - alpha


def test_a_small_matrix_is_drawn_entry_by_entry_and_missing_is_white(pyplot):
    from matplotlib.colors import to_rgb

    Y = [["no_$", "yes", None], [None, "yes", "no_$"]]
    display = LabelOverviewDisplay.from_labels(
        CrowdLabels.from_matrix(Y, annotators=["_a", "b $1$", "c"])
    )
    no, yes, missing = to_rgb(COLORS[0]), to_rgb(COLORS[1]), (1, 1, 1)
    expected = [[no, yes, missing], [missing, yes, no]]
    np.testing.assert_allclose(pixels(display), expected)
    legend = [text.get_text() for text in display.legend_.get_texts()]
    assert legend == [r"no_\$", "yes", "missing"]
    assert display.legend_.get_title().get_text() == "answer"
    names = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert names == ["_a", r"b \$1\$", "c"]
    display.figure_.canvas.draw()


def test_orders_move_rows_and_columns_with_their_names(pyplot):
    Y = np.array([[-1, -1, 1], [0, 0, 0], [1, -1, 1]])
    labels = CrowdLabels.from_matrix(Y, annotators=["a", "b", "c"])
    display = LabelOverviewDisplay.from_labels(
        labels, item_order="labels", annotator_order="labels"
    )
    assert display.items_.tolist() == [1, 2, 0]
    assert display.annotators_.tolist() == [2, 0, 1]
    drawn = display.image_.get_array().filled(-1)
    np.testing.assert_array_equal(drawn, Y[np.ix_([1, 2, 0], [2, 0, 1])])
    ax = display.ax_
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["1", "2", "0"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["c", "a", "b"]
    assert ax.get_ylabel() == "item, most labels first"


def test_more_entries_than_pixels_share_tiles_of_four_labels(pyplot):
    labels = make_crowd(20_000, 300, 3, labels_per_item=4)
    display = LabelOverviewDisplay.from_labels(labels, item_order="class")
    n_rows, n_columns = display.image_.get_array().shape
    size = display.ax_.get_window_extent()
    assert n_rows < size.height
    assert n_columns < size.width
    assert 3.9 < labels.n_labels / (n_rows * n_columns) < 4.5
    assert display.legend_.get_title().get_text() == "most frequent answer"
    # Items by class: the rows of tiles are, too, by what most in them say.
    codes = display.image_.get_array()
    counts = [(codes == code).sum(axis=1) for code in range(3)]
    assert (np.diff(np.argmax(counts, axis=0)) >= 0).all()
    _, low, high, _ = display.image_.get_extent()
    assert (low, high) == (299.5, 19999.5)


def test_the_smaller_the_majority_the_paler_the_tile(pyplot):
    codes = np.zeros((2, 2000), dtype=int)
    codes[1, ::2] = 1
    codes[1, 1::500] = 2
    display = LabelOverviewDisplay.from_labels(codes.T, annotator_order="given")
    alpha = display.image_.get_alpha()
    np.testing.assert_allclose(alpha[:, 0], 1)
    assert (0.35 <= alpha[:, 1]).all()
    assert alpha[:, 1].mean() < 0.7


def test_a_single_class_is_drawn_in_full(pyplot):
    display = LabelOverviewDisplay.from_labels([["yes", None], ["yes", "yes"]])
    np.testing.assert_array_equal(display.image_.get_alpha()[[0, 1], [0, 1]], 1)
    display.figure_.canvas.draw()


def test_density_is_the_share_of_labels_and_of_all_tiles_that_of_the_matrix(pyplot):
    labels = make_crowd(3000, 40, 3, p=0.2)
    display = LabelOverviewDisplay.from_labels(labels, show="density")
    density = display.image_.get_array().filled(0)
    rows = np.bincount(np.arange(3000) * len(density) // 3000)
    mean = np.average(density.mean(axis=1), weights=rows)
    assert mean == pytest.approx(labels.n_labels / (3000 * 40))
    assert display.colorbar_.ax.get_ylabel() == "share of entries with a label"
    assert display.legend_ is None


def test_many_classes_have_a_scale_without_white(pyplot):
    labels = make_crowd(200, 10, 100, labels_per_item=3)
    display = LabelOverviewDisplay.from_labels(labels)
    shown = pixels(display)[~display.image_.get_array().mask]
    assert shown.min(axis=1).max() < 0.8
    ticks = display.colorbar_.ax.get_yticklabels()
    assert [tick.get_text() for tick in ticks][:3] == ["0", "9", "18"]
    assert "white: missing" in display.colorbar_.ax.get_ylabel()
    assert display.legend_ is None
    display.figure_.canvas.draw()


def test_small_axes_have_fewer_tiles(pyplot):
    _, axes = pyplot.subplots(3, 3)
    labels = make_crowd(2000, 5, 2, labels_per_item=3)
    display = LabelOverviewDisplay.from_labels(labels, ax=axes[1, 1])
    assert display.ax_ is axes[1, 1]
    n_rows, n_columns = display.image_.get_array().shape
    assert n_rows < display.ax_.get_window_extent().height
    assert n_columns == 5


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("show to be one of class, density, got 'x'", {"show": "x"}),
        ("item_order to be one of given", {"item_order": "size"}),
        ("annotator_order to be one of given", {"annotator_order": None}),
        ("no labels at all", {"Y": [[-1, -1]]}),
    ],
)
def test_what_does_not_fit_is_an_error_before_a_figure_is_made(
    pyplot, match, arguments
):
    with pytest.raises(ValueError, match=match):
        LabelOverviewDisplay.from_labels(**{"Y": [[0, 1]]} | arguments)
    assert pyplot.get_fignums() == []

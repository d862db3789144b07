import numpy as np
import pytest

from skccem._drawing import COLORS, evenly_spread, legend_of, shown_names


@pytest.mark.parametrize("width", range(3, 12))
def test_names_fit_and_those_that_fit_are_whole(width):
    names = ["x" * n for n in range(1, 20)]
    for name, shown in zip(names, shown_names(names, width), strict=True):
        assert len(shown) == min(len(name), width)
        assert (shown == name) == (len(name) <= width)


@pytest.mark.parametrize("where", ["{}-of-a-long-name", "a-long-name-{}", "a-{}-name"])
def test_shortened_names_stay_distinct_where_they_can(where):
    names = [where.format(f"{number:02}") for number in range(100)]
    assert len(set(shown_names(names, 10))) == 100


def test_names_are_drawn_as_they_are(pyplot):
    names = ["$x$", "_hidden", "two\nlines", "100% {sure}", "a\\b", 7, None]
    shown = shown_names(names)
    assert shown[2] == "two lines"
    figure, ax = pyplot.subplots()
    handles = [ax.plot([])[0] for _ in names]
    legend = legend_of(ax, handles, shown)
    assert [text.get_text() for text in legend.get_texts()] == shown
    renderer = figure.canvas.get_renderer()
    for text in legend.get_texts():
        _, is_formula = text._preprocess_math(text.get_text())
        assert not is_formula
        assert text.get_window_extent(renderer).width > 0


@pytest.mark.parametrize("n", [1, 2, 12, 13, 100, 1001])
def test_spread_positions_are_few_and_the_same_distance_apart(n):
    spread = evenly_spread(n, 12)
    assert 1 <= len(spread) <= 12
    assert spread[0] == 0
    assert len(set(np.diff(spread))) <= 1
    assert n - spread[-1] <= spread[:2].sum() + (n <= 12)


def test_colours_differ_without_hue(pyplot):
    from matplotlib.colors import to_rgb

    weights = [0.299, 0.587, 0.114]
    brightness = np.array([to_rgb(color) for color in COLORS]) @ weights
    assert (np.abs(np.diff(brightness)) > 0.1).all()

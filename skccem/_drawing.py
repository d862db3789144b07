"""What all displays share: colours, names as text, and places to draw in."""

import numpy as np

from ._pyplot import import_pyplot

# Colours that people with any colour vision tell apart: M. Okabe and K. Ito, "Color
# universal design", 2008.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY_BLUE, PURPLE = "#56B4E9", "#CC79A7"
GREY = "#767676"

# Neighbours in this order differ in lightness too.
COLORS = (BLUE, ORANGE, GREEN, SKY_BLUE, VERMILLION, PURPLE)


def shown_names(names, width=None):
    """Names as matplotlib draws them as they are, each on one line.

    Parameters
    ----------
    names : iterable of identifiers
    width : int, optional
        Characters that there is room for. Longer names lose their middle, their end or
        their beginning, whichever leaves more of them distinct.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from skccem._drawing import shown_names
    >>> shown_names(["annotator-0000017", "annotator-0000018"], 12)
    ['annota…00017', 'annota…00018']
    >>> shown_names(["bird 17 of the park", "bird 18 of the park"], 12)
    ['bird 17 of …', 'bird 18 of …']
    >>> print(*shown_names(["$a_1$"]))
    \\$a_1\\$
    """
    texts = [" ".join(str(name).split()) for name in names]
    if width is not None:
        cuts = (width // 2, width - 1, 0)
        shortened = [[_shortened(text, width, n) for text in texts] for n in cuts]
        texts = max(shortened, key=lambda candidate: len(set(candidate)))
    # A dollar sign would start a formula.
    return [text.replace("$", r"\$") for text in texts]


def _shortened(text, width, n_first):
    """So many characters of the beginning, and as many of the end as fit."""
    if len(text) <= width:
        return text
    return f"{text[:n_first]}…{text[len(text) - (width - 1 - n_first) :]}"


def new_axes(ax, figsize):
    """Axes to draw in.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Returned as they are. None makes a figure.
    figsize : tuple of float
        Width and height in inches of a new figure.

    Returns
    -------
    Axes
    """
    if ax is None:
        pyplot = import_pyplot()
        _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    return ax


def grid_place(ax, shape, figsize, layout="constrained"):
    """A grid of places for axes, in a new figure or instead of given axes.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes whose place the grid takes. None makes a figure.
    shape : (int, int)
        Rows and columns.
    figsize : tuple of float
        Width and height in inches of a new figure.
    layout : str
        Of a new figure.

    Returns
    -------
    figure : Figure
    grid : GridSpec

    Raises
    ------
    ValueError
        If `ax` is not one of a grid.
    """
    if ax is None:
        figure = import_pyplot().figure(figsize=figsize, layout=layout)
        return figure, figure.add_gridspec(*shape)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "Expected ax to be one of a grid, whose place can be divided, got axes at "
            "a free position. Make it with pyplot.subplots or Figure.add_subplot."
        )
    ax.set_axis_off()
    return ax.figure, place.subgridspec(*shape)


def evenly_spread(n, most):
    """At most so many of n positions, the same distance apart, from 0.

    Parameters
    ----------
    n, most : int

    Returns
    -------
    ndarray of int
    """
    return np.arange(0, n, max(-(-n // most), 1))


def legend_of(ax, handles, names, **kwargs):
    """A legend with names as they are, also those that begin with an underscore.

    Parameters
    ----------
    ax : Axes
    handles : list of Artist
    names : list of str
    **kwargs
        Of ``Axes.legend``.

    Returns
    -------
    Legend
    """
    # matplotlib leaves out what has a label with a leading underscore.
    places = [str(number) for number in range(len(names))]
    legend = ax.legend(handles, places, **kwargs)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
    return legend

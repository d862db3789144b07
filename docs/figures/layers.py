"""The layers of the package, and which of them import from which."""

import textwrap
from collections import Counter

import matplotlib.pyplot as plt
from layout import read_imports, read_layers
from matplotlib.patches import FancyBboxPatch

COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
GREY = "0.35"

# In inches. Narrow, so that it is readable on a phone.
WIDTH, GAP, LINE, LANE = 2.9, 0.17, 0.145, 0.14


def draw():
    layers, imports = read_layers(), read_imports()
    arrows = needed_arrows(layers, imports)
    texts = [_main_modules(layer, imports) for layer in layers]
    tops, y = [], 0.0
    for text in texts:
        tops.append(y)
        y -= LINE * (1 + text.count("\n") + 1) + 0.1 + GAP
    bottoms = [top + GAP for top in [*tops[1:], y]]
    lanes = _lanes(arrows)
    width = WIDTH + 0.25 + LANE * max(lanes.values())
    fig = plt.figure(figsize=(width, -y))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(-0.03, width - 0.03), ylim=(y + GAP / 2, GAP / 2))
    ax.axis("off")
    for layer, text, top, bottom in zip(layers, texts, tops, bottoms, strict=True):
        _box(ax, layer, text, top, bottom)
    for importer, imported in arrows:
        if imported == importer - 1:
            _arrow(ax, (0.3, tops[importer]), (0.3, bottoms[imported]), GREY)
    for number, (imported, lane) in enumerate(lanes.items()):
        color = COLORS[number % len(COLORS)]
        x = WIDTH + 0.15 + LANE * lane
        to = bottoms[imported] + 0.1
        importers = [a for a, b in arrows if b == imported and a > b + 1]
        for importer in importers:
            # One below the other where a layer has several.
            ports = [b for a, b in arrows if a == importer and b < a - 1]
            port = tops[importer] - 0.1 - 0.09 * ports.index(imported)
            ax.plot([WIDTH, x, x], [port, port, to], color=color, linewidth=1.2)
            ax.plot(x, port, ".", color=color, markersize=4)
        _arrow(ax, (x, to), (WIDTH, to), color)


def needed_arrows(layers, imports):
    """Pairs of positions of layers: the first one imports from the second one.

    Left out is what follows from others: an import from a layer that another one, from
    which there are imports as well, imports from.
    """
    place = {
        module: position
        for position, layer in enumerate(layers)
        for row in layer.rows
        for module in row
    }
    direct = [set() for _ in layers]
    for module, imported in imports.items():
        for other in imported & set(place):
            if module in place and place[module] != place[other]:
                direct[place[module]].add(place[other])
    reached, arrows = [], []
    for importer, others in enumerate(direct):
        further = set().union(*(reached[other] for other in others))
        reached.append(others | further)
        arrows += [(importer, other) for other in sorted(others - further)]
    return arrows


def _lanes(arrows):
    """Layers with arrows past another layer, and where these run from the left."""
    ends = {}
    for importer, imported in arrows:
        if imported < importer - 1:
            ends[imported] = max(importer, ends.get(imported, 0))
    lanes, taken = {}, []
    # Short ones first, so that long ones go around them.
    for first in sorted(ends, key=lambda first: ends[first] - first):
        span = set(range(first, ends[first] + 1))
        lane = 0
        while any(other == lane and span & there for other, there in taken):
            lane += 1
        taken.append((lane, span))
        lanes[first] = lane
    return lanes


def _main_modules(layer, imports):
    """Public modules, then those that most others import; five at most."""
    used = Counter(other for imported in imports.values() for other in imported)
    own = [module for row in layer.rows for module in row]
    first = sorted(own, key=lambda module: (module.startswith("_"), -used[module]))[:5]
    names = [name for name in own if name in first]
    rest = ["..."] if len(own) > len(names) else []
    return textwrap.fill(", ".join(names + rest), 46)


def _box(ax, layer, text, top, bottom):
    ax.add_patch(
        FancyBboxPatch(
            (0, bottom),
            WIDTH,
            top - bottom,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="#EAF2F8",
            edgecolor=COLORS[0],
        )
    )
    y = top - 0.05
    name = ax.text(0.06, y, layer.name, va="top", fontsize=8, fontweight="bold")
    ax.annotate(
        layer.job,
        (1, 1),
        (5, 0),
        xycoords=name,
        textcoords="offset points",
        va="top",
        fontsize=8,
    )
    ax.text(
        0.06, y - LINE, text, va="top", fontsize=7, family="monospace", linespacing=1.3
    )


def _arrow(ax, start, end, color):
    style = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style | {"linewidth": 1.2})

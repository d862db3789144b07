"""How long the overview of who labelled what takes, up to a million items.

    python benchmarks/overview_speed.py           # half a minute
    python benchmarks/overview_speed.py --quick   # seconds

The crowds are those of aggregation_speed.py, with five labels an item. Seconds are of
making the picture and of drawing it to a PNG file in memory.
"""

import io
import time
from statistics import median

import matplotlib

matplotlib.use("Agg")
from aggregation_speed import large_crowd
from common import command_of, parse_study, parser, versions
from matplotlib import pyplot
from study import markdown, publish

from skccem.plotting import LabelOverviewDisplay

FULL = {"labels": 5_000_000, "annotators": 1000, "repeats": 5}
QUICK = {"labels": 10_000, "annotators": 50, "repeats": 1}

# What is shown, in which order of items and annotators.
PICTURES = [
    ("class", "given"),
    ("class", "labels"),
    ("class", "class"),
    ("density", "labels"),
]


def measure(labels, show, order, repeats=1):
    """Seconds of making a picture, and of all with drawing it.

    Parameters
    ----------
    labels : CrowdLabels
    show : {"class", "density"}
    order : {"given", "labels", "class"}
        Of items and annotators.
    repeats : int
        Pictures of which the median counts.

    Returns
    -------
    dict
        ``made`` and ``drawn``, both from the start.
    """
    made, drawn = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        display = LabelOverviewDisplay.from_labels(
            labels, show=show, item_order=order, annotator_order=order
        )
        made.append(time.perf_counter() - start)
        display.figure_.savefig(io.BytesIO(), format="png")
        drawn.append(time.perf_counter() - start)
        pyplot.close(display.figure_)
    return {"made": median(made), "drawn": median(drawn)}


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    options = parse_study(arguments, argv, full=FULL, quick=QUICK)
    rows = []
    for n_labels in (options.labels // 10, options.labels):
        labels = large_crowd(n_labels, options.annotators)
        sizes = [labels.n_samples, labels.n_annotators, labels.n_labels]
        for show, order in PICTURES:
            found = measure(labels, show, order, options.repeats)
            seconds = [f"{found[name]:.2f}" for name in ("made", "drawn")]
            rows.append([*(f"{size:,}" for size in sizes), show, order, *seconds])
    header = ["items", "annotators", "labels", "show", "order"]
    header += ["seconds to make", "with drawing"]
    text = (
        "# The overview of labels\n\n"
        f"`{command_of('overview_speed.py', options)}`; {versions('matplotlib')}.\n\n"
        f"The median of {options.repeats} pictures.\n\n{markdown(header, rows)}\n"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    publish(text, options.out / f"overview_speed{'_quick' * options.quick}.md")


if __name__ == "__main__":
    main()

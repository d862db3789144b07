from itertools import pairwise

import numpy as np
import pytest

from skccem import DawidSkene
from skccem.plotting import AnnotatorRankingDisplay
from skccem.reports import annotator_report
from skccem.simulation import make_confusion_matrices, make_crowd_labels

VERDICTS = [
    "reliable",
    "often wrong",
    "guessing",
    "biased towards $cat",
    "adversarial",
    "too few labels to tell",
]


def make_report(n_annotators, seed=0):
    """A report with made-up numbers, in no order."""
    pandas = pytest.importorskip("pandas")
    accuracy = np.random.default_rng(seed).uniform(0.1, 0.9, size=n_annotators)
    return pandas.DataFrame(
        {
            "accuracy": accuracy,
            "accuracy_low": accuracy - 0.05,
            "accuracy_high": accuracy + 0.1,
            "verdict": [VERDICTS[m % 6] for m in range(n_annotators)],
        },
        index=[f"_worker ${m}$" for m in range(n_annotators)],
    )


def drawn_points(display):
    """Offsets of all points, in the order of the ranks."""
    points = [np.asarray(p.get_offsets()) for p in display.points_.values()]
    points = np.concatenate(points)
    return points[points[:, 1].argsort()]


@pytest.mark.parametrize("n_annotators", [1, 5, 40, 41, 1000])
def test_everyone_is_drawn_once_the_best_on_top(pyplot, n_annotators):
    report = make_report(n_annotators)
    display = AnnotatorRankingDisplay.from_report(report)
    points = drawn_points(display)
    np.testing.assert_array_equal(points[:, 1], np.arange(n_annotators))
    np.testing.assert_allclose(points[:, 0], np.sort(report["accuracy"])[::-1])
    bottom, top = display.ax_.get_ylim()
    assert bottom > n_annotators - 1 > -1 > top - 1
    display.figure_.canvas.draw()


def test_few_have_a_name_and_the_bar_of_their_interval(pyplot):
    report = make_report(7)
    display = AnnotatorRankingDisplay.from_report(report)
    ranked = report.sort_values("accuracy", ascending=False)
    ends = [segment[:, 0] for segment in display.intervals_.get_segments()]
    np.testing.assert_allclose(ends, ranked[["accuracy_low", "accuracy_high"]])
    shown = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert shown == [name.replace("$", r"\$") for name in ranked.index]


def test_of_many_the_ends_are_named_and_names_do_not_overlap(pyplot):
    from matplotlib.text import Text

    report = make_report(300)
    display = AnnotatorRankingDisplay.from_report(report)
    ranked = report.sort_values("accuracy", ascending=False).index
    names = [text.get_text().replace("\\", "") for text in display.ax_.texts]
    assert set(names) == {*ranked[:8], *ranked[-8:]}
    display.figure_.canvas.draw()
    for text in display.ax_.texts:
        assert text.xy[1] == ranked.get_loc(text.get_text().replace("\\", ""))
    renderer = display.figure_.canvas.get_renderer()
    # Of the text alone, without the line that leads to the point.
    boxes = [Text.get_window_extent(text, renderer) for text in display.ax_.texts]
    edges = sorted((box.y0, box.y1) for box in boxes)
    assert all(top <= bottom for (_, top), (bottom, _) in pairwise(edges))


def test_the_band_of_many_reaches_from_end_to_end_of_every_interval(pyplot):
    report = make_report(100)
    display = AnnotatorRankingDisplay.from_report(report)
    (path,) = display.intervals_.get_paths()
    low, high = path.vertices.min(axis=0), path.vertices.max(axis=0)
    assert low[0] == pytest.approx(report["accuracy_low"].min())
    assert high[0] == pytest.approx(report["accuracy_high"].max())
    assert (low[1], high[1]) == (0, 99)


def test_verdicts_differ_in_marker_and_colour_and_are_counted(pyplot):
    display = AnnotatorRankingDisplay.from_report(make_report(12))
    looks = {
        (path.vertices.round(3).tobytes(), tuple(points.get_facecolor()[0]))
        for points in display.points_.values()
        for path in points.get_paths()
    }
    assert len(looks) == 6
    colors = {tuple(points.get_edgecolor()[0]) for points in display.points_.values()}
    assert len(colors) == 6
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert sorted(texts) == sorted(
        f"{verdict.removesuffix(' towards $cat')} (2)" for verdict in VERDICTS
    )


def test_who_has_no_labels_is_counted_rather_than_drawn(pyplot):
    report = make_report(5)
    report.loc[report.index[2], report.columns[:3]] = np.nan
    display = AnnotatorRankingDisplay.from_report(report)
    assert len(display.ranking_) == len(drawn_points(display)) == 4
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[-1] == "without labels, not drawn (1)"


def test_small_axes_name_only_those_that_there_is_room_for(pyplot):
    _, axes = pyplot.subplots(4, 1)
    display = AnnotatorRankingDisplay.from_report(make_report(30), ax=axes[1])
    assert display.ax_ is axes[1]
    assert 0 < len(display.ax_.texts) < 16


def test_an_estimator_is_drawn_as_its_report(pyplot):
    pytest.importorskip("pandas")
    y = np.random.default_rng(0).integers(3, size=200)
    matrices = make_confusion_matrices(5, 3, random_state=0)
    labels = make_crowd_labels(y, matrices, labels_per_item=3, random_state=0)
    model = DawidSkene(random_state=0).fit(labels)
    display = AnnotatorRankingDisplay.from_estimator(model, None, labels)
    report = annotator_report(model, None, labels)
    assert display.report.equals(report)


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("without accuracy_low, verdict", lambda r: r[["accuracy", "accuracy_high"]]),
        ("got none among 2", lambda r: r.assign(accuracy=np.nan)),
        ("got splendid", lambda r: r.assign(verdict="splendid")),
    ],
)
def test_what_is_no_report_is_an_error_before_a_figure_is_made(pyplot, match, change):
    before = pyplot.get_fignums()
    with pytest.raises(ValueError, match=match):
        AnnotatorRankingDisplay.from_report(change(make_report(2)))
    assert pyplot.get_fignums() == before

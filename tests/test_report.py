"""The report, also in headless Chromium where that is installed."""

import builtins
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skccem import CrowdLabels, DawidSkene, TwoStageClassifier
from skccem._report_rows import percents_of
from skccem.report import report
from skccem.reports import annotator_report, consensus
from skccem.simulation import make_confusion_matrices, make_crowd_labels

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from browser import open_browser

HOSTILE = [
    "<script>document.title = 'stolen'</script>",
    "</script><img src=x onerror=\"document.title = 'stolen'\">",
    'O\'Neil & "daughter" {{ 7 * 7 }}',
]


def simulate(n_items, n_annotators, n_classes, names=(), classes=None):
    rng = np.random.default_rng(0)
    truth = rng.integers(n_classes, size=n_items)
    matrices = make_confusion_matrices(
        n_annotators, n_classes, kind="mixed", random_state=0
    )
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    table = labels.to_long()
    names = [*names, *(f"annotator {m}" for m in range(len(names), n_annotators))]
    table["worker"] = [names[m] for m in table["worker"]]
    classes = np.array(classes or [f"class {k}" for k in range(n_classes)])
    table["label"] = classes[table["label"].astype(int)]
    return CrowdLabels.from_long(table), classes[truth]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page of data that would like to be a program, and what it was made of."""
    labels, truth = simulate(300, 9, 3, HOSTILE, ["<b>bold", "plain", "{{ 6 * 6 }}"])
    clf = DawidSkene(random_state=0).fit(labels)
    path = tmp_path_factory.mktemp("report") / "page.html"
    gold = np.where(np.arange(300) < 50, truth, None)
    texts = [f"{HOSTILE[i % 3]} {i}" for i in range(300)]
    report(clf, None, labels, path, gold=gold, texts=texts, n_items=40)
    return path, clf, labels


class Texts(HTMLParser):
    """The texts of all cells, by table."""

    def __init__(self, page):
        super().__init__()
        self.tables, self._cell = [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.tables[-1][-1].append("".join(self._cell).strip())
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell.append(data)


def test_the_tables_say_what_the_reports_say(hostile):
    path, clf, labels = hostile
    _, annotators, items, classes, _ = Texts(path.read_text()).tables
    expected = annotator_report(clf, None, labels).sort_values(
        "accuracy", ascending=False, kind="stable"
    )
    assert [row[0] for row in annotators[1:]] == expected.index.tolist()
    assert [row[1] for row in annotators[1:]] == expected["verdict"].tolist()
    assert [int(row[2]) for row in annotators[1:]] == expected["labels"].tolist()
    for row, (_, numbers) in zip(annotators[1:], expected.iterrows(), strict=True):
        found = re.fullmatch(r"(\S+) \((\S+) to (\S+)\)", row[3])
        np.testing.assert_allclose(
            [float(part) for part in found.groups()],
            numbers[["accuracy", "accuracy_low", "accuracy_high"]].astype(float),
            atol=0.0051,
        )
    first = consensus(clf, None, labels).iloc[:40]
    assert [row[0] for row in items[1:]] == [str(name) for name in first.index]
    assert [row[2] for row in items[1:]] == first["label"].tolist()
    # All votes of an item are told.
    for row in items[1:]:
        votes = re.findall(r": (\d+)", row[-1])
        assert sum(map(int, votes)) == int(row[4])
    assert sum(int(row[1]) for row in classes[1:]) == labels.n_samples


def test_nothing_from_the_data_is_markup_or_template(hostile):
    page = hostile[0].read_text()
    assert page.count("<script") == page.count("</script") == 2
    for name in (*HOSTILE[:2], "<b>bold"):
        assert name not in page
    assert "{{ 7 * 7 }}" in page
    assert 'src="' not in page
    assert "http" not in page.replace("http-equiv", "")


def test_matrices_are_percents_of_the_annotators_with_most_labels(monkeypatch):
    labels, _ = simulate(100, 7, 3)
    matrices = DawidSkene().fit(labels).confusion_matrices_
    percents, place = percents_of(matrices, labels)
    for annotator, where in enumerate(place):
        expected = 100 * matrices[annotator].ravel()
        np.testing.assert_allclose(percents[where], expected, atol=0.5)
    monkeypatch.setattr("skccem._report_rows._MOST_NUMBERS", 4 * 9 + 5)
    percents, place = percents_of(matrices, labels)
    assert len(percents) == 4
    n_labels = labels.labels_per_annotator
    assert n_labels[place >= 0].min() >= n_labels[place < 0].max()


def test_what_is_left_out_is_said(monkeypatch, tmp_path):
    labels, _ = simulate(100, 7, 3)
    clf = DawidSkene().fit(labels)
    page = report(clf, None, labels, tmp_path / "all.html").read_text()
    assert "All items, the least certain first." in page
    assert "leaves out" not in page
    monkeypatch.setattr("skccem._report_rows._MOST_NUMBERS", 40)
    page = report(clf, None, labels, tmp_path / "some.html", n_items=20).read_text()
    assert "The 20 least certain of 100 items." in page
    assert "4 annotators with most labels, and leaves out those of 3 others" in page


@pytest.mark.filterwarnings("ignore:.*annotators gave no labels")
def test_idle_annotators_and_items_without_labels_are_told(tmp_path):
    Y = np.array(simulate(60, 5, 2)[0])
    Y[:4] = -1
    Y[:, 4] = -1
    clf = DawidSkene().fit(Y)
    page = report(clf, None, Y, tmp_path / "page.html").read_text()
    assert "4 items have none. 1 annotator gave none." in page
    assert "nan" not in re.sub("<script>.*</script>", "", page, flags=re.S).lower()


def test_classifiers_in_pipelines_have_a_report_too(tmp_path):
    X, truth = load_iris(return_X_y=True)
    matrices = make_confusion_matrices(5, 3, kind="hammer_spammer", random_state=0)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    clf = make_pipeline(StandardScaler(), TwoStageClassifier(random_state=0))
    clf.fit(X, labels)
    page = report(clf, X, labels, tmp_path / "page.html", gold=truth).read_text()
    assert "sklearn.pipeline.Pipeline" in page
    assert "twostageclassifier__random_state = 0" in page
    assert "classifier" in [row[0] for row in Texts(page).tables[0]]


def test_texts_of_a_series_are_those_of_the_rows_whatever_its_index_says(tmp_path):
    labels, _ = simulate(60, 5, 2)
    texts = pandas.Series(
        [f"text of {name}" for name in labels.items],
        index=range(labels.n_samples)[::-1],
    )
    clf = DawidSkene().fit(labels)
    page = report(clf, None, labels, tmp_path / "page.html", texts=texts).read_text()
    rows = Texts(page).tables[1][1:]
    assert [row[1] for row in rows] == [f"text of {row[0]}" for row in rows]


def test_a_report_that_fails_leaves_the_one_that_was_there(tmp_path):
    labels, _ = simulate(60, 5, 2)
    clf = DawidSkene().fit(labels)
    path = tmp_path / "page.html"
    path.write_text("before")
    with pytest.raises(ValueError, match="Expected texts of length 60"):
        report(clf, None, labels, path, texts=["one"])
    with pytest.raises(ValueError, match="Expected n_items as an integer of at least"):
        report(clf, None, labels, path, n_items=-5)
    with pytest.raises(ValueError, match="Expected gold of shape"):
        report(clf, None, labels, path, gold=[1])
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_without_jinja_the_error_names_the_extra(monkeypatch, tmp_path):
    labels, _ = simulate(60, 5, 2)
    clf = DawidSkene().fit(labels)
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install skccem\[report\]"):
        report(clf, None, labels, tmp_path / "page.html")


@pytest.fixture(scope="module")
def browser():
    try:
        with open_browser() as found:
            yield found
    except FileNotFoundError as error:
        pytest.skip(str(error))


def cells(browser, column):
    script = (
        "return [...document.querySelectorAll('#annotator-table tbody tr')]"
        ".filter((row) => !row.hidden)"
        f".map((row) => row.cells[{column}].textContent.trim())"
    )
    return browser.execute_script(script)


def test_hostile_data_is_shown_and_not_run(browser, hostile):
    path, _, labels = hostile
    browser.get(path.as_uri())
    assert browser.title == "Report on a crowd"
    assert set(cells(browser, 0)) == set(labels.annotators.tolist())
    assert not browser.find_elements("css selector", "img, b:not(.bar b)")
    assert browser.get_log("browser") == []


def test_the_table_is_sorted_and_filtered(browser, hostile):
    browser.get(hostile[0].as_uri())
    heads = browser.find_elements("css selector", "#annotator-table thead button")
    heads[2].click()
    numbers = [int(text) for text in cells(browser, 2)]
    assert numbers == sorted(numbers)
    heads[2].click()
    assert [int(text) for text in cells(browser, 2)] == numbers[::-1]
    heads[1].click()
    assert cells(browser, 1) == sorted(cells(browser, 1))
    field = browser.find_element("id", "filter")
    field.send_keys("NEIL")
    assert cells(browser, 0) == [HOSTILE[2]]
    assert browser.find_element("id", "shown").text == "1 of 9"


def test_a_matrix_is_shown_when_asked_for(browser, hostile):
    path, clf, labels = hostile
    browser.get(path.as_uri())
    button = browser.find_element("css selector", "#annotator-table tbody button")
    name = button.text
    button.click()
    texts = browser.execute_script(
        "return [...document.querySelectorAll('#matrix td')].map((c) => c.textContent)"
    )
    row = labels.annotators.tolist().index(name)
    expected = clf.confusion_matrices_[row].ravel()
    np.testing.assert_allclose([float(text) for text in texts], expected, atol=0.006)
    heads = browser.find_elements("css selector", "#matrix thead th")
    assert [head.text for head in heads][1:] == labels.classes.tolist()
    browser.find_element("css selector", "#matrix form button").click()
    assert not browser.find_element("id", "matrix").is_displayed()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_as_wide_as_the_screen(browser, hostile, width, tmp_path):
    browser.set_window_size(width, 844)
    browser.get(hostile[0].as_uri())
    # Only the tables scroll sideways, not the page.
    sizes = browser.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert sizes[0] <= sizes[1]
    assert browser.save_screenshot(str(tmp_path / "page.png"))
    assert (tmp_path / "page.png").stat().st_size > 10_000

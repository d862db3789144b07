"""How large the report on a large crowd is, and how soon a browser has it ready.

    python benchmarks/report_page.py           # a minute
    python benchmarks/report_page.py --quick   # seconds

It takes Chromium and chromedriver. Ready is when the page and its script are loaded;
then a user sorts the table, filters it, and asks for a matrix.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from aggregation_speed import large_crowd
from browser import open_browser
from common import command_of, parse_study, parser, versions
from study import markdown, publish

from skccem import DawidSkene
from skccem.report import report

FULL = {"annotators": 1000, "labels": 500_000, "repeats": 5}
QUICK = {"annotators": 20, "labels": 1000, "repeats": 1}

_READY = """
const [entry] = performance.getEntriesByType("navigation");
return entry.loadEventEnd / 1000;
"""

# From the action until it is laid out.
_ACTIONS = {
    "sort the annotators": "document.querySelectorAll('thead button')[3].click();",
    "filter them": """
        const field = document.getElementById("filter");
        field.value = "guess";
        field.dispatchEvent(new Event("input"));
    """,
    "show a matrix": "document.querySelector('tbody button').click();",
}
_TIMED = """
const start = performance.now();
{action}
document.body.offsetHeight;
return (performance.now() - start) / 1000;
"""


def measure(path, repeats):
    """Seconds until a page is ready, and of each action.

    Parameters
    ----------
    path : Path
    repeats : int
        Visits of which the median counts.

    Returns
    -------
    dict of str to float
    """
    seconds = {"be ready": [], **{name: [] for name in _ACTIONS}}
    with open_browser() as browser:
        # The first one starts the browser as well.
        browser.get("about:blank")
        for _ in range(repeats):
            browser.get(path.as_uri())
            while not (ready := browser.execute_script(_READY)):
                time.sleep(0.01)
            seconds["be ready"].append(ready)
            for name, action in _ACTIONS.items():
                script = _TIMED.replace("{action}", action)
                seconds[name].append(browser.execute_script(script))
    return {name: median(values) for name, values in seconds.items()}


def main(argv=None):
    arguments = parser(__doc__.split("\n")[0], data_home=False)
    options = parse_study(arguments, argv, full=FULL, quick=QUICK)
    labels = large_crowd(options.labels, options.annotators)
    model = DawidSkene(random_state=0).fit(labels)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = report(model, None, labels, Path(folder) / "report.html")
        made = time.perf_counter() - start
        size = path.stat().st_size
        found = measure(path, options.repeats)
    rows = [[f"seconds to {name}", f"{value:.2f}"] for name, value in found.items()]
    rows.insert(0, ["megabytes", f"{size / 1e6:.1f}"])
    rows.insert(0, ["seconds to write it", f"{made:.0f}"])
    text = (
        "# The report in a browser\n\n"
        f"`{command_of('report_page.py', options)}`; {versions()}.\n\n"
        f"{labels.n_annotators:,} annotators, {labels.n_samples:,} items, "
        f"{labels.n_labels:,} labels, {labels.n_classes} classes; the median of "
        f"{options.repeats} visits in headless Chromium.\n\n"
        f"{markdown(['', ''], rows)}\n"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    publish(text, options.out / f"report_page{'_quick' * options.quick}.md")


if __name__ == "__main__":
    main()

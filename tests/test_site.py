"""The site builds without a warning, and its own links lead somewhere."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
GALLERY = sorted((ROOT / "docs" / "examples").glob("plot_*.py"))

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """Targets of the links, pictures, scripts and styles of a page, and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        self.targets |= {attrs[name] for name in ("href", "src") if attrs.get(name)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for package in ("sphinx_gallery", "numpydoc", "pydata_sphinx_theme"):
        pytest.importorskip(package, reason=f"{package} is not installed: .[docs]")
    # A copy, since Sphinx writes beside its sources.
    copied = tmp_path_factory.mktemp("site")
    built = shutil.ignore_patterns(
        "_build", "auto_examples", "generated", "__pycache__"
    )
    for name in ("benchmarks", "docs", "skccem"):
        shutil.copytree(ROOT / name, copied / name, ignore=built)
    for name in ("CONTRIBUTING.md", "CHANGES.rst"):
        shutil.copy(ROOT / name, copied / name)
    html = copied / "html"
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going"]
    command += ["-b", "html", "-d", html.with_name("doctrees"), copied / "docs", html]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return html


def environment():
    return os.environ | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}


def test_every_page_of_the_gallery_was_run(site):
    for example in GALLERY:
        page = site / "auto_examples" / f"{example.stem}.html"
        assert "sphx-glr-script-out" in page.read_text(encoding="utf-8"), example.name


def test_links_within_the_site_lead_somewhere(site):
    # The theme has templates among its files.
    of_ours = [p for p in site.rglob("*.html") if "_static" not in p.parts]
    pages = {path.resolve(): Page(path) for path in of_ours}
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve()
            if not parts.path:
                there = path
            if there.is_dir():
                there = there / "index.html"
            missing = not there.exists() or (
                parts.fragment
                and there in pages
                and unquote(parts.fragment) not in pages[there].anchors
            )
            if missing:
                broken.append(f"{path.relative_to(site.resolve())}: {target}")
    assert not broken, "\n".join(sorted(broken))

"""Settings of the documentation, which ``make docs`` builds."""

import sys
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

import skccem

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "skccem"
author = "The skccem developers"
project_copyright = f"2026, {author}"
release = version = skccem.__version__

extensions = [
    "contributing",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "plus_minus",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "tables",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "examples"]

html_theme = "pydata_sphinx_theme"
html_title = "skccem"
html_static_path = ["_static"]
html_css_files = ["skccem.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skccem"},
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Pages without pages below them.
_ALONE = ["index", "results", "benchmarks", "scaling", "contributing"]
html_sidebars = {page: [] for page in _ALONE}

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
numpydoc_class_members_toctree = False

plot_basedir = "."
plot_formats = [("png", 150)]
plot_html_show_formats = False
plot_html_show_source_link = False

# What to read first; a page that is not named here comes last.
GALLERY = [
    "quickstart",
    "text",
    "images_cnn",
    "grid_search",
    "against_baselines",
    "llm_judges",
    "spammers",
    "not_identifiable",
    "streaming",
    "distributed_search",
]

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 60,
    "within_subsection_order": ExplicitOrder(
        [*(f"plot_{name}.py" for name in GALLERY), "*"]
    ),
    "plot_gallery": "True",
    "matplotlib_animations": False,
}

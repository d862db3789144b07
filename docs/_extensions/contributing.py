"""``.. contributing:: HEADING`` puts a section of CONTRIBUTING.md on a page.

Without a heading it is what comes before the first one.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from tables import markdown_nodes

SOURCE = Path(__file__).parents[2] / "CONTRIBUTING.md"


class ContributingSection(SphinxDirective):
    """The directive: its argument is a heading of the second level."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self):
        self.env.note_dependency(str(SOURCE))
        sections = sections_of(SOURCE.read_text(encoding="utf-8"))
        heading = self.arguments[0] if self.arguments else ""
        if heading not in sections:
            raise self.error(f"Expected a heading of {SOURCE.name}, got {heading!r}.")
        made = markdown_nodes(sections[heading])
        for table in (table for node in made for table in node.findall(nodes.table)):
            # Of words, which are to be broken, not of numbers.
            table["classes"].remove("results-table")
        return made


def sections_of(text):
    """What is under each heading of the second level, and before the first as ``""``.

    Parameters
    ----------
    text : str

    Returns
    -------
    dict of str to str
    """
    first, *others = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {"": first} | dict(zip(others[::2], others[1::2], strict=True))


def setup(app):
    app.add_directive("contributing", ContributingSection)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""``.. results-table:: FILE`` puts what a benchmark wrote, with its command, on a page.

The files in ``benchmarks/results`` are of a small part of Markdown: headings,
paragraphs, lists, tables, and code in backticks. The page has its own title for the
first heading; all else is shown as it is, so that the site has what is committed.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\[(?P<text>[^]]+)\]\([^)]+\)"
)
_COMMAND = re.compile(r"`(python [^`]+)`[;,]? ?(.*)", re.DOTALL)


class ResultsTable(SphinxDirective):
    """The directive: its argument is the name of a file of results."""

    required_arguments = 1

    def run(self):
        path = RESULTS / self.arguments[0]
        if not path.is_file():
            raise self.error(f"Expected a file of {RESULTS}, got {path.name!r}.")
        self.env.note_dependency(str(path))
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".md":
            return [nodes.literal_block(text, text, language="text")]
        return markdown_nodes(text)


def markdown_nodes(text):
    """Docutils nodes of a file of results.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Node
    """
    made = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if lines[0].startswith("|"):
            made.append(_table(lines))
        elif lines[0].startswith("- "):
            made.append(_list(block))
        elif lines[0].startswith("# "):
            continue
        elif lines[0].startswith("#"):
            made.append(nodes.rubric("", "", *_inline(lines[0].lstrip("# "))))
        else:
            made.extend(_paragraphs(" ".join(lines)))
    return made


def _paragraphs(text):
    command = _COMMAND.fullmatch(text)
    if command is None:
        return [nodes.paragraph("", "", *_inline(text))]
    block = nodes.literal_block(command[1], command[1], language="sh")
    rest = [nodes.paragraph("", "", *_inline(command[2]))] if command[2] else []
    return [block, *rest]


def _list(block):
    made = nodes.bullet_list()
    for item in re.split(r"^- ", block, flags=re.MULTILINE)[1:]:
        text = " ".join(line.strip() for line in item.splitlines())
        made += nodes.list_item("", nodes.paragraph("", "", *_inline(text)))
    return made


def _inline(text):
    made, end = [], 0
    for found in _INLINE.finditer(text):
        made.append(nodes.Text(text[end : found.start()]))
        if found["code"]:
            made.append(nodes.literal(found["code"], found["code"]))
        elif found["bold"]:
            made.append(nodes.strong(found["bold"], found["bold"]))
        else:
            made.append(nodes.Text(found["text"]))
        end = found.end()
    return [*made, nodes.Text(text[end:])]


def _table(lines):
    head, _, *body = (_cells(line) for line in lines)
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    if any(head):
        group += nodes.thead("", _row(head))
    group += nodes.tbody("", *(_row(cells) for cells in body))
    return nodes.table("", group, classes=["results-table"])


def _cells(line):
    return [cell.strip() for cell in line.strip().removesuffix("|")[1:].split("|")]


def _row(cells):
    row = nodes.row()
    for cell in cells:
        row += nodes.entry("", nodes.paragraph("", "", *_inline(cell)))
    return row


def setup(app):
    app.add_directive("results-table", ResultsTable)
    app.add_css_file("results.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Keeps a number and its error, as in 0.87 ± 0.01, on one line."""

from docutils import nodes

NO_BREAK = "\N{NO-BREAK SPACE}"


def join_numbers_to_errors(app, doctree):
    for text in list(doctree.findall(nodes.Text)):
        if " ± " in text and not isinstance(text.parent, nodes.literal_block):
            joined = text.replace(" ± ", f"{NO_BREAK}±{NO_BREAK}")
            text.parent.replace(text, nodes.Text(joined))


def setup(app):
    app.connect("doctree-read", join_numbers_to_errors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

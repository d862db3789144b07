"""``python -m skccem``, and what the script ``skccem`` calls."""

import sys

from ._click import import_click


def main():
    """Run the command line."""
    try:
        import_click()
    except ImportError as error:
        sys.exit(str(error))
    from .cli import commands

    commands(prog_name="skccem")


if __name__ == "__main__":
    main()

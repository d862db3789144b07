"""click, pandas and pyarrow, which are optional and what the command line needs."""

from importlib.util import find_spec


def import_click():
    """``click``, where all that the command line needs is there.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        With the extra to install, if one of them is not.
    """
    for name in ("click", "pandas", "pyarrow"):
        if not is_installed(name):
            raise ImportError(
                f"Expected {name} for the command line, but it is not installed. "
                "Install it with: pip install 'skccem[cli]'",
                name=name,
            )
    import click

    return click


def is_installed(name):
    """Whether a module can be imported."""
    try:
        return find_spec(name) is not None
    except ValueError:
        # It is set to None among the modules, which forbids its import.
        return False

"""matplotlib, which is optional."""


def import_pyplot():
    """``matplotlib.pyplot``, imported where it is used.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        With the extra to install, if matplotlib is not there.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Expected matplotlib to draw with, but it is not installed. Install it "
            "with: pip install 'skccem[plot]'"
        ) from error
    return pyplot

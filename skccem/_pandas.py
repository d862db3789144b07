"""pandas, which is optional."""


def import_pandas():
    """``pandas``, imported where it is used.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        With what to install, if pandas is not there.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "Expected pandas for a table, but it is not installed. Install it with: "
            "pip install pandas"
        ) from error
    return pandas

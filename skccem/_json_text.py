"""JSON as text: parsed with one kind of error, and shown in errors without end."""

import json
from reprlib import Repr

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 4, 8, 12
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


def parse_json(text):
    """The value of a JSON text.

    Parameters
    ----------
    text : str

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is not JSON, is nested too deep, or has numbers of too many digits or
        text that no file can hold. The message is what is wrong, to be put into words.

    Examples
    --------
    >>> from skccem._json_text import parse_json
    >>> parse_json('{"task": "007"}')
    {'task': '007'}
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("brackets in brackets, too deep to be read") from None
    except ValueError:
        raise ValueError("a number of too many digits") from None
    # Halves of characters can be escaped, but not written to any file.
    if "\\ud" in text.lower() and _has_halves(value):
        raise ValueError("half a character, such as the escape \\ud800 alone")
    return value


def _has_halves(value):
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except RecursionError:
        raise ValueError("brackets in brackets, too deep to be read") from None
    return False


def short(value):
    """A value for an error, however large it is or deep.

    Examples
    --------
    >>> from skccem._json_text import short
    >>> short([["a"] * 100, 7])
    "[['a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', ...], 7]"
    """
    return _SHORT.repr(value)


def named(value):
    """A name or number as it is, anything else as `short` has it."""
    return str(value) if isinstance(value, str | int) else short(value)

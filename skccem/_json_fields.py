"""Fields of JSON records, wherever annotation tools put them."""

from ._json_text import short
from ._table_files import plain_text


def field_text(record, name, place, option):
    """The value of a field as text.

    Parameters
    ----------
    record : dict
    name : str
        Of the field; "data.image" is the field "image" of the object "data".
    place : str
        Words for where the record is.
    option : str
        The option that names the field, for errors.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the field is absent or empty, or holds neither text nor an integer.

    Examples
    --------
    >>> from skccem._json_fields import field_text
    >>> field_text({"data": {"image": "a.png"}}, "data.image", "task 1", "--item")
    'a.png'
    """
    value = find_field(record, name)
    text = plain_text(value)
    if text is NotImplemented or not text.strip():
        got = "none" if value is None else short(value)
        raise ValueError(
            f"Expected text or an integer in the field {name!r} of {place}, got {got}; "
            f"its fields are {', '.join(map(short, record))}. Name the right one with "
            f"{option}."
        )
    return text


def find_field(record, name):
    """The value of a field, or None.

    Parameters
    ----------
    record : dict
    name : str
        As in `field_text`; a field whose own name has dots comes first.
    """
    if name in record:
        return record[name]
    outer, _, inner = name.partition(".")
    value = record.get(outer)
    return find_field(value, inner) if inner and isinstance(value, dict) else None

"""Classes, annotators and items: distinct values of any type, and who has which.

A value is never changed to fit a type: what NumPy would round, truncate or turn into
text stays an object, and numbers that are equal are one value, whatever their type.
"""

import itertools
import numbers
from collections.abc import Mapping

import narwhals as nw
import numpy as np

# Values that are looked up at a time: bounds the temporary positions (8 bytes each).
_CHUNK = 2**20

# Integers are counted instead of sorted where their range is no more than this many
# times their number.
_DENSE_RANGE = 4

# Integers up to this size are the same number as a float.
_LARGEST_EXACT = 2**53

_OUTSIDE_CLASSES = (
    "Labels outside `classes`: {}. Add them to `classes`, or correct the labels."
)


def encode(values, classes):
    """The classes, as given or those of `values`, and each value's position there."""
    classes = sorted_unique(values) if classes is None else check_classes(classes)
    codes = positions_of(values, classes)
    check_known(values, codes, _OUTSIDE_CLASSES)
    return classes, codes


def recode(codes, classes, new_classes):
    """Codes of `classes` as codes of `new_classes`, which must have those in use."""
    positions = positions_of(classes, new_classes)
    used = np.bincount(codes, minlength=len(classes)) > 0
    check_known(classes[used], positions[used], _OUTSIDE_CLASSES)
    return positions[codes]


def check_classes(classes):
    """Given classes as a sorted array."""
    return sorted_unique(as_identifiers(classes, "classes"), "classes")


def identify(values, given, what):
    """The identifiers, as given or those of `values`, and each value's position."""
    if given is None:
        identifiers = unique_identifiers(values, what)
    else:
        identifiers = as_identifiers(given, what)
    positions = positions_of(values, identifiers)
    check_known(values, positions, f"The table has {what} that `{what}=` lacks: {{}}.")
    return identifiers, positions


def sorted_unique(values, what="labels"):
    """The sorted distinct `values`, integers as int64, floats as float64.

    What NumPy has no type for stays an object array. Values that can't be sorted, or
    are infinite, raise a ValueError.
    """
    if values.dtype.kind != "O":
        unique = _widened(_unique(values))
    else:
        distinct = _distinct(values, what)
        try:
            unique = pack(sorted(distinct))
        except TypeError:
            kinds = sorted({type(value).__name__ for value in distinct})
            raise ValueError(
                f"The {what} must be sortable, got values of the types "
                f"{', '.join(kinds)}, which can't be compared; convert them to one type"
                ", such as str."
            ) from None
    if unique.dtype.kind in "fO":
        for value in (*unique[:1], *unique[-1:]):
            if value in (np.inf, -np.inf):
                raise ValueError(
                    f"The {what} must be finite, got {value}; use NaN or None for a "
                    "missing label."
                )
    return unique


def unique_identifiers(values, what):
    """The distinct `values`, sorted, or by first appearance if they can't be."""
    if values.dtype.kind != "O":
        return sorted_unique(values, what)
    distinct = _distinct(values, what)
    try:
        distinct = sorted(distinct)
    except TypeError:
        pass
    return pack(distinct)


def as_identifiers(values, what):
    """`values` as a 1-D array of distinct, present values, in the given order."""
    present, blank = read_vector(values, f"`{what}`")
    if blank.any():
        raise ValueError(
            f"`{what}` must not hold None or NaN, got {blank.sum()} among {len(blank)}"
            " values; leave them out."
        )
    is_object = present.dtype.kind == "O"
    identifiers = pack(present.tolist()) if is_object else _widened(present)
    distinct = unique_identifiers(identifiers, what)
    if len(distinct) < len(identifiers):
        counts = np.bincount(positions_of(identifiers, distinct))
        raise ValueError(
            f"`{what}` must be distinct, got more than once: "
            f"{shown(distinct[counts > 1])}."
        )
    return identifiers


def positions_of(values, targets):
    """Position in the distinct `targets` of each value, -1 where it is not there."""
    positions = np.empty(len(values), dtype=smallest_int(len(targets)))
    if len(targets) == 0:
        positions[:] = -1
    elif not _comparable(values, targets):
        lookup = dict.fromkeys(_distinct(values, "values"), -1)
        lookup.update(zip(_scalars(targets), itertools.count()))
        positions[:] = [lookup[value] for value in _scalars(values)]
    else:
        dense = _dense_range(targets, len(values)) is not None
        find = _by_table(targets) if dense else _by_search(targets)
        for start in range(0, len(values), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            positions[chunk] = find(values[chunk])
    return positions


def _by_search(targets):
    """A function from values to their positions in `targets`, or -1."""
    order = np.argsort(targets, kind="stable")
    ordered = targets[order]

    def find(values):
        at = np.minimum(np.searchsorted(ordered, values), len(targets) - 1)
        return np.where(ordered[at] == values, order[at], -1)

    return find


def _by_table(targets):
    """As `_by_search`, for integers that fill their range: looks, not searches."""
    low, high = int(targets.min()), int(targets.max())
    # One more entry, for values that lie outside.
    table = np.full(high - low + 2, -1, dtype=smallest_int(len(targets)))
    # In a small type, differences would overflow.
    table[targets.astype(np.int64) - low] = np.arange(len(targets))

    def find(values):
        inside = (values >= low) & (values <= high)
        if values.dtype.kind == "f":
            inside &= values == np.trunc(values)
            values = np.where(inside, values, 0.0)
        at = values.astype(np.int64) - low
        at[~inside] = high - low + 1
        return table[at]

    return find


def check_known(values, positions, message):
    """Raise a ValueError that names the `values` whose position is -1, if any."""
    unknown = values[positions < 0]
    if len(unknown):
        raise ValueError(message.format(shown(unique_identifiers(unknown, "values"))))


def shown(values):
    """The first values as text, for an error."""
    some = ", ".join(repr(value) for value in _scalars(values[:5]))
    return some + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def smallest_int(n):
    """The smallest signed integer type that holds -1 and 0 to n - 1."""
    return np.min_scalar_type(-max(n, 1))


def read_vector(values, what):
    """The present values of a vector of any library, and which are blank.

    Parameters
    ----------
    values : 1-D array-like, masked array or Series (pandas, polars, pyarrow)
    what : str
        What an error calls it.

    Returns
    -------
    present : ndarray of shape (n_present,)
    blank : ndarray of shape (n_values,), bool
    """
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        blank = series.is_null().to_numpy().copy()
        # A nullable column turns into its plain type once the nulls are gone.
        array = series.drop_nulls().to_numpy()
        present = ~blank_mask(array)
        blank[~blank] = ~present
        return array[present], blank
    if not is_sequence(values):
        raise ValueError(f"{what} must be a 1-D list or array, got {values!r}.")
    is_array = hasattr(values, "__array__")
    array, hidden = plain_array(values if is_array else pack(without_masks(values)))
    if array.ndim != 1:
        raise ValueError(f"{what} must be 1-D, got the shape {array.shape}.")
    blank = blank_mask(array, hidden)
    return array[~blank], blank


def blank_mask(values, hidden=None):
    """True where no value is: NaN, NaT, None, NA, or hidden by a masked array.

    Parameters
    ----------
    values : ndarray of any shape
    hidden : ndarray of the shape of `values`, bool, optional
    """
    kind = values.dtype.kind
    if kind not in "biufUSMmO":
        raise ValueError(
            "Labels and identifiers must be numbers, strings, dates or objects, got "
            f"{values.dtype}; convert them, for instance to str."
        )
    if kind == "f":
        blank = np.isnan(values)
    elif kind in "Mm":
        blank = np.isnat(values)
    elif kind == "O":
        flags = map(is_blank, values.ravel())
        blank = np.fromiter(flags, dtype=bool, count=values.size).reshape(values.shape)
    else:
        blank = np.zeros(values.shape, dtype=bool)
    return blank if hidden is None else blank | hidden


def is_blank(value):
    """Whether a scalar is NaN, NaT, None or NA."""
    if isinstance(value, str):
        return False
    if isinstance(value, numbers.Number):
        return bool(value != value)
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    # pandas' NA and NaT go by their names, so that pandas need not be there.
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def is_sequence(value):
    """Whether `value` holds values in an order of their own."""
    unordered = isinstance(value, (str, bytes, set, frozenset, Mapping))
    return hasattr(value, "__len__") and not unordered


def plain_array(values):
    """`values` as an ordinary array, and the mask of a masked array or None."""
    hidden = None
    if isinstance(values, np.ma.MaskedArray):
        hidden, values = np.ma.getmaskarray(values), values.data
    array = np.asarray(values)
    # NumPy's variable-width strings carry missing values of their own.
    return (array.astype(object) if array.dtype.kind == "T" else array), hidden


def without_masks(values):
    """A list with None for the elements that iterating a masked array calls masked."""
    return [None if value is np.ma.masked else value for value in values]


def pack(values):
    """A list as a 1-D array: NumPy's own type if it keeps each value, else objects."""
    try:
        packed = np.array(values)
    except ValueError:
        return as_objects(values)
    # NumPy turns [1, "a"] into strings and rounds large integers next to floats.
    kept = packed.ndim == 1 and packed.dtype.kind in "biufUSMm"
    if kept and _scalars(packed) == values:
        return _widened(packed)
    return as_objects(values)


def as_objects(values):
    """A list as a 1-D array of its very elements."""
    return np.fromiter(values, dtype=object, count=len(values))


def concatenate(parts):
    """Join 1-D arrays without changing a value: unlike types become objects."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return parts[0][:0]
    if _comparable(*filled):
        return np.concatenate(filled)
    return np.concatenate([as_objects(_scalars(part)) for part in filled])


def _unique(values):
    """The sorted distinct values of an array that NumPy can sort."""
    span = _dense_range(values)
    if span is None:
        return np.unique(values)
    low, high = span
    seen = np.zeros(high - low + 1, dtype=bool)
    for start in range(0, len(values), _CHUNK):
        # In a small type, differences would overflow.
        seen[values[start : start + _CHUNK].astype(np.int64) - low] = True
    return np.flatnonzero(seen) + low


def _dense_range(values, n_more=0):
    """Lowest and highest of integers that fill their range well, else None."""
    if values.dtype.kind not in "iu" or not np.can_cast(values.dtype, np.int64):
        return None
    if not len(values):
        return None
    low, high = int(values.min()), int(values.max())
    return (low, high) if high - low <= _DENSE_RANGE * (len(values) + n_more) else None


def _distinct(values, what):
    """The distinct `values` as a list, by first appearance."""
    try:
        return list(dict.fromkeys(_scalars(values)))
    except TypeError as error:
        raise ValueError(
            f"The {what} must be plain scalars, such as numbers or strings: {error}."
        ) from None


def _comparable(*arrays):
    """Whether NumPy compares the arrays as Python would, value by value."""
    kinds = {array.dtype.kind for array in arrays}
    if len(kinds) == 1:
        return kinds != {"O"}
    return kinds <= set("biuf") and all(map(_exact_as_float, arrays))


def _exact_as_float(values):
    if values.dtype.kind in "bf" or not len(values):
        return True
    return max(-int(values.min()), int(values.max())) <= _LARGEST_EXACT


def _widened(values):
    """Integers as int64 where they fit, floats as float64, the rest as it is."""
    kind = values.dtype.kind
    if kind == "f":
        return values.astype(np.float64, copy=False)
    if kind in "iu" and np.can_cast(values.dtype, np.int64):
        return values.astype(np.int64, copy=False)
    return values


def _scalars(values):
    # tolist turns dates of nanosecond resolution into bare integers.
    return list(values) if values.dtype.kind in "Mm" else values.tolist()

"""What the property tests draw: crowds, tables of labels in every form, and verdicts.

`cases` counts what was tried; `tests/conftest.py` prints the sum. The profile "quick"
draws the same few cases each time; HYPOTHESIS_PROFILE=thorough draws many, others each
time, and prints how to repeat one that fails.
"""

import os
import traceback
import warnings
from collections import Counter
from functools import wraps
from pathlib import Path

import hypothesis
import numpy as np
import sklearn
from hypothesis import HealthCheck
from hypothesis import strategies as st
from scipy import sparse

import skccem
from skccem.exceptions import NonFiniteLossError

cases = Counter()

_COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
hypothesis.settings.register_profile(
    "quick", max_examples=25, derandomize=True, **_COMMON
)
hypothesis.settings.register_profile(
    "thorough", max_examples=1000, print_blob=True, **_COMMON
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Where an error may be raised that is meant for the user.
_OURS = [str(Path(package.__file__).parent) for package in (skccem, sklearn)]

# Errors with a meaning of their own; of ValueError, UnicodeError says nothing to do.
_CLEAR = (ValueError, TypeError, MemoryError, OSError, NonFiniteLossError)


def given(*args, **kwargs):
    """`hypothesis.given` that counts the cases of each test in `cases`."""

    def decorate(test):
        @wraps(test)
        def counted(*arguments, **named):
            cases[test.__name__] += 1
            return test(*arguments, **named)

        return hypothesis.given(*args, **kwargs)(counted)

    return decorate


def fewer(share):
    """Settings for tests whose cases take long: this share of the usual number."""
    return hypothesis.settings(
        max_examples=max(1, int(hypothesis.settings().max_examples * share))
    )


def outcome(function, *args, kinds=_CLEAR, **kwargs):
    """What a call returns, or None if it raises an error that is meant for the user.

    An error of another kind, or one that comes out of NumPy, pandas or torch, is left
    to fail the test. Warnings are not looked at.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)
    except kinds as error:
        last = traceback.extract_tb(error.__traceback__)[-1].filename
        clear = last.startswith(tuple(_OURS)) and len(str(error)) >= 40
        if not clear or isinstance(error, UnicodeError):
            raise
        return None


def code_tables(max_items=8, max_annotators=5, max_classes=4, min_items=1):
    """Tables of codes, -1 where there is no label, and the number of classes."""

    @st.composite
    def draw_table(draw):
        shape = (
            draw(st.integers(min_items, max_items)),
            draw(st.integers(1, max_annotators)),
        )
        n_classes = draw(st.integers(1, max_classes))
        codes = st.integers(-1, n_classes - 1)
        row = st.lists(codes, min_size=shape[1], max_size=shape[1])
        rows = draw(st.lists(row, min_size=shape[0], max_size=shape[0]))
        return np.array(rows, dtype=np.int64).reshape(shape), n_classes

    return draw_table()


_TEXT = st.text(max_size=4)
_KINDS_OF_CLASSES = {
    "int": st.integers(0, 1000),
    "large": st.integers(2**53, 2**62),
    "float": st.floats(allow_nan=False, allow_infinity=False).filter(
        # Where -1 is a label only `missing` can say so.
        lambda value: value != -1
    ),
    "bool": st.booleans(),
    "text": _TEXT,
    "date": st.dates().map(np.datetime64),
}


@st.composite
def value_tables(draw):
    """Tables as lists of rows with None where there is no label, and their kind."""
    codes, n_classes = draw(code_tables())
    kind = draw(st.sampled_from(sorted(_KINDS_OF_CLASSES)))
    if kind == "bool":
        n_classes = min(n_classes, 2)
        codes = np.minimum(codes, 1)
    values = draw(
        st.lists(
            _KINDS_OF_CLASSES[kind],
            min_size=n_classes,
            max_size=n_classes,
            unique=True,
        )
    )
    table = [[None if code < 0 else values[code] for code in row] for row in codes]
    return table, kind


def forms_of(table, kind):
    """The same labels in every form that can hold them, by name.

    Parameters
    ----------
    table : list of list
        As of `value_tables`.
    kind : str

    Returns
    -------
    dict of str to object
    """
    objects = np.array(table, dtype=object).reshape(len(table), -1)
    for i, row in enumerate(table):
        for m, value in enumerate(row):
            objects[i, m] = value
    hidden = np.array([[value is None for value in row] for row in table])
    forms = {
        "lists": table,
        "tuples": tuple(map(tuple, table)),
        "objects": objects,
        "NaN among objects": np.where(hidden, np.nan, objects),
        "masked objects": np.ma.masked_array(objects, hidden),
    }
    if kind in ("int", "large", "float", "bool", "date"):
        types = {"float": "float64", "bool": "bool", "date": "datetime64[D]"}
        dtype = types.get(kind, "int64")
        filled = [[0 if value is None else value for value in row] for row in table]
        plain = np.array(filled, dtype=object).reshape(objects.shape).astype(dtype)
        forms["masked"] = np.ma.masked_array(plain, hidden)
        forms |= _forms_of_numbers(plain, hidden, kind)
    elif not hidden.any():
        forms["strings"] = np.array(table, dtype=np.dtypes.StringDType())
    return forms | _frames(table, kind)


def _forms_of_numbers(plain, hidden, kind):
    """Arrays and sparse matrices of numbers or dates."""
    if kind == "date":
        return {"NaT": np.where(hidden, np.datetime64("NaT"), plain)}
    forms = {}
    rows, columns = np.nonzero(~hidden)
    entries = (plain[rows, columns], (rows, columns))
    for name in ("coo", "csr", "csc"):
        matrix = getattr(sparse, f"{name}_array")
        forms[name] = matrix(entries, shape=plain.shape)
        forms[f"{name} matrix"] = getattr(sparse, f"{name}_matrix")(forms[name])
    if kind in ("int", "large"):
        forms["integers"] = np.where(hidden, -1, plain)
    if kind in ("int", "float"):
        forms["floats"] = np.where(hidden, np.nan, plain.astype(float))
    return forms


def _frames(table, kind):
    """DataFrames of the three libraries."""
    import pandas
    import polars
    import pyarrow

    columns = {
        f"c{m}": list(column) for m, column in enumerate(zip(*table, strict=True))
    }
    forms = {
        "pandas": pandas.DataFrame(
            {
                name: pandas.Series(column, dtype=object)
                for name, column in columns.items()
            }
        )
    }
    if kind in ("int", "large"):
        forms["pandas Int64"] = pandas.DataFrame(
            {
                name: pandas.array(column, dtype="Int64")
                for name, column in columns.items()
            }
        )
    if kind != "date":
        types = {"float": polars.Float64, "bool": polars.Boolean, "text": polars.String}
        schema = dict.fromkeys(columns, types.get(kind, polars.Int64))
        forms["polars"] = polars.DataFrame(columns, schema=schema)
        arrow = {"float": pyarrow.float64(), "bool": pyarrow.bool_()}
        arrow |= {"text": pyarrow.string()}
        type = arrow.get(kind, pyarrow.int64())
        forms["pyarrow"] = pyarrow.table(
            {name: pyarrow.array(column, type) for name, column in columns.items()}
        )
    return forms


def scalars():
    """Anything that somebody may put into a table of labels."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        _TEXT,
        st.binary(max_size=3),
        st.complex_numbers(),
        st.dates(),
        st.just(np.ma.masked),
        st.lists(st.integers(), max_size=2),
        st.tuples(st.integers()),
        st.sampled_from([np.int8(-1), np.float32("nan"), np.datetime64("NaT"), {}]),
    )

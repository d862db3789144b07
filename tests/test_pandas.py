"""pandas, which is optional."""

import sys

import pytest

from skccem._pandas import import_pandas


def test_without_pandas_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        import_pandas()

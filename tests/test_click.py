"""click, pandas and pyarrow, which are optional and what the command line needs."""

import sys

import pytest

from skccem.__main__ import main
from skccem._click import import_click, is_installed


@pytest.mark.parametrize("name", ["click", "pandas", "pyarrow"])
def test_without_one_of_them_the_error_names_the_extra(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"{name}.*pip install 'skccem\[cli\]'"):
        import_click()


def test_without_click_the_script_ends_with_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit, match=r"skccem\[cli\]"):
        main()


def test_what_is_not_there_is_not_installed():
    assert is_installed("json")
    assert not is_installed("no_such_package")

"""Arguments of estimators from text."""

import pytest

from skccem import CrowdClassifier
from skccem._estimator_settings import make_estimator, parse_settings


def test_values_are_json_or_else_text():
    pairs = ["a=1", "b=true", "c=null", "d=F", "e=x=y", "f="]
    expected = {"a": 1, "b": True, "c": None, "d": "F", "e": "x=y", "f": ""}
    assert parse_settings(pairs) == expected


@pytest.mark.parametrize("pairs", [["lr"], ["=1"], ["lr=1", "lr=2"]])
def test_what_is_no_name_and_value_is_refused(pairs):
    with pytest.raises(ValueError, match="Expected"):
        parse_settings(pairs)


def test_settings_are_those_of_the_estimator():
    clf = make_estimator(CrowdClassifier, {"lr": 0.01, "hidden_layer_sizes": [64]})
    assert clf.lr == 0.01
    assert clf.hidden_layer_sizes == [64]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 1}, r"Expected settings of CrowdClassifier, got 'rate'.* lr,"),
        ({"module": "os.system"}, "got 'module'"),
        ({"lr": "fast"}, "'lr' parameter"),
    ],
)
def test_settings_that_it_lacks_or_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_estimator(CrowdClassifier, settings)

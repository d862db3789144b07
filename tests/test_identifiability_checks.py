"""From measurements to checks and a verdict."""

import pytest

from skccem import DawidSkene
from skccem._fitted_crowd import read_crowd
from skccem._identifiability import measure
from skccem._identifiability_checks import Check, all_checks, verdict


def check(name="other", *, passed=True, decides=True, value=0.9):
    return Check(name, value, ">= 0.5", passed, decides, "", "")


def recovery(probability):
    passed = probability >= 0.5
    return check("recovery probability", passed=passed, value=probability)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([recovery(0.9), check()], "identified"),
        ([recovery(0.9), check(passed=False, decides=False)], "identified"),
        ([recovery(0.9), check(passed=False)], "doubtful"),
        ([recovery(0.3), check()], "doubtful"),
        ([recovery(0.05), check()], "not identified"),
        ([recovery(0.3), check(passed=False)], "not identified"),
    ],
)
def test_the_verdict_hangs_on_the_checks_that_decide(checks, expected):
    assert verdict(checks) == expected


def test_labels_need_company_only_where_there_are_no_features(crowd):
    _, labels, _ = crowd
    read = read_crowd(DawidSkene().fit(labels), None, labels)
    measured = measure(read, read.log_prior, n_starts=1)
    for alone in (True, False):
        checks = all_checks(measured, from_labels_alone=alone)
        (shared,) = [one for one in checks if one.name == "labels on shared items"]
        assert shared.decides == alone
        assert len({one.name for one in checks}) == len(checks)
        assert all(one.meaning and one.advice for one in checks)

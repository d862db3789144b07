"""From measurements to checks: a threshold, what it means, and what to do."""

from typing import NamedTuple

import numpy as np

from ._identifiability import ENOUGH_COMMON
from ._recovery import MAX_DISTANCE, MAX_GAP, MIN_GAIN

# Of draws in which the fit is recovered, from which on it counts as that.
LEAST_PROBABILITY = 0.5

# Below, recovery is out of the question rather than open.
HOPELESS_PROBABILITY = 0.1

# The majority of a vote, in units of the opposition, below which names are open.
LEAST_MAJORITY = 1.0

_SHARED = 0.5
_LARGEST_PART = 0.95
_TRIPLES = 0.3
_PAIRS = 0.3
_PER_PARAMETER = 3.0
_ANCHOR = 0.9
_PURITY = 0.8
_CONDITION = 30.0


class Check(NamedTuple):
    """One row of the table of checks."""

    name: str
    value: float
    # With the direction, as it is printed.
    threshold: str
    passed: bool
    # Whether the verdict hangs on it.
    decides: bool
    meaning: str
    advice: str


def all_checks(measured, *, from_labels_alone):
    """The checks, those that decide first.

    Parameters
    ----------
    measured : Measured
    from_labels_alone : bool
        Whether there are no features, so that items need several labels.

    Returns
    -------
    list of Check
    """
    return [
        *_recovery_checks(measured.recovery),
        *_naming_checks(measured),
        *_pattern_checks(measured.overlap, from_labels_alone),
        *_geometry_checks(measured),
    ]


def verdict(checks):
    """ "identified", "doubtful" or "not identified".

    Parameters
    ----------
    checks : list of Check

    Returns
    -------
    str
    """
    failed = [check for check in checks if check.decides and not check.passed]
    if not failed:
        return "identified"
    probability = next(c.value for c in checks if c.name == "recovery probability")
    if len(failed) > 1 or probability < HOPELESS_PROBABILITY:
        return "not identified"
    return "doubtful"


def _at_least(name, value, least, meaning, advice, *, decides=False):
    value = float(value)
    passed = value >= least
    return Check(name, value, f">= {least:g}", passed, decides, meaning, advice)


def _at_most(name, value, most, meaning, advice, *, decides=False):
    value = float(value)
    passed = value <= most
    return Check(name, value, f"<= {most:g}", passed, decides, meaning, advice)


def _recovery_checks(recovery):
    more = "collect more labels, or drop annotators who guess"
    return [
        _at_least(
            "recovery probability",
            np.mean(recovery.is_recovered),
            LEAST_PROBABILITY,
            "posterior probability that matrices and classes of the fit are near the "
            "true ones, by the next three measures together",
            "see which of the next three fails",
            decides=True,
        ),
        _at_most(
            "expected matrix error",
            np.mean(recovery.distance),
            MAX_DISTANCE,
            "mean total variation distance between the fit's confusion matrices and "
            "the true ones",
            "collect more labels of each annotator, or pool annotators alike; use W "
            "if annotators err very differently",
        ),
        _at_most(
            "expected loss of accuracy",
            np.mean(recovery.gap),
            MAX_GAP,
            "share of the items whose class would be named right if the matrices were "
            "known, beyond those that the fit names right",
            "collect more labels, or give gold labels of some items",
        ),
        _at_least(
            "expected gain over guessing",
            np.mean(recovery.gain),
            MIN_GAIN,
            "how far the fit gets from naming the most frequent class, 0, to always "
            "being right, 1",
            f"annotators may guess, or classes look alike: {more}; merge classes that "
            "are mistaken for each other; use features that tell them apart",
        ),
    ]


def _naming_checks(measured):
    worst = int(np.argmin(measured.votes))
    classes = measured.crowd.labels.classes
    pair = f"{classes[worst]} and {classes[measured.rivals[worst]]}"
    return [
        _at_least(
            "vote for the names of classes",
            measured.votes[worst],
            LEAST_MAJORITY,
            "labels tell classes apart, but that each is called by its name rests on "
            "most annotators being right: their majority, in units of the opposition, "
            f"is smallest between {pair}, which may be swapped",
            f"give gold labels of some items of {pair}",
            decides=True,
        ),
        _at_most(
            "other solutions",
            measured.starts.distance,
            MAX_DISTANCE,
            "distance to the most different matrices that explain the labels as well, "
            "found from other starts",
            "raise n_init, give gold labels, or use F (features) or W (annotators)",
        ),
        _at_most(
            "better solutions",
            measured.starts.gain,
            0.01,
            "log-likelihood per label by which another start is better than the fit",
            "raise n_init, or fit again with another random_state",
        ),
    ]


def _pattern_checks(overlap, from_labels_alone):
    overlapping = "have items labelled by several annotators"
    return [
        _at_least(
            "labels on shared items",
            overlap.shared,
            _SHARED,
            "share of the labels whose item has another label: without features, "
            "nothing else tells annotators apart from classes",
            f"{overlapping}, or use a classifier of features",
            decides=from_labels_alone,
        ),
        _at_least(
            "labels in triples",
            overlap.in_triples,
            _TRIPLES,
            "share of the labels whose item has two others: three views of an item "
            "identify matrices whatever they are, two only with assumptions",
            f"{overlapping}, three or more",
        ),
        _at_least(
            "labels in the largest part",
            overlap.largest_share,
            _LARGEST_PART,
            f"items and annotators fall into {overlap.n_components} parts without a "
            "label between them, which are named each for itself",
            "have some items labelled by annotators of different parts",
        ),
        _at_least(
            "pairs with common items",
            overlap.pairs,
            _PAIRS,
            f"share of the pairs of annotators with {ENOUGH_COMMON} common items or "
            "more, from whose agreement moments are estimated",
            f"{overlapping}, in changing groups",
        ),
        _at_least(
            "labels per parameter",
            overlap.labels_per_parameter,
            _PER_PARAMETER,
            "labels for each free number of the matrices",
            "collect more labels, merge classes, or take OneCoinDawidSkene",
        ),
    ]


def _geometry_checks(measured):
    crowd = measured.crowd
    used = crowd.labels.labels_per_item > 0
    anchors = crowd.proba[used].max(axis=0)
    specialists = measured.purity.max(axis=0)
    classes = crowd.labels.classes
    return [
        _at_least(
            "near-anchor items",
            anchors.min(),
            _ANCHOR,
            "how sure the most certain item of each class is, least for "
            f"{classes[anchors.argmin()]}: theory asks for items near every corner",
            "add items that are clearly of this class, or use F",
        ),
        _at_least(
            "specialists",
            specialists.min(),
            _PURITY,
            "how surely the answer of the purest annotator means its class, least for "
            f"{classes[specialists.argmin()]}: theory asks for one for every class",
            "find annotators who know this class, give gold labels of it, or use W",
        ),
        _at_most(
            "condition of posteriors (F)",
            measured.posteriors.condition,
            _CONDITION,
            "largest over smallest eigenvalue of F'F / n, whose log volume is "
            f"{measured.posteriors.log_volume:.2f}: large if posteriors hardly "
            "reach a class",
            'use regularizer="F", add items of rare classes, or merge classes',
        ),
        _at_most(
            "condition of matrices (W)",
            measured.matrices.condition,
            _CONDITION,
            "the same of the mean of B_m B_m', whose log volume is "
            f"{measured.matrices.log_volume:.2f}: large if annotators hardly tell "
            "classes apart",
            'use regularizer="W", find better annotators, or merge classes',
        ),
    ]

"""The estimators from labels alone, for tests of what all of them have in common."""

import skccem
from skccem._label_aggregator import EMAggregator, LabelAggregator


def _public(base):
    named = [getattr(skccem, name) for name in skccem.__all__]
    return [kind for kind in named if isinstance(kind, type) and issubclass(kind, base)]


AGGREGATORS = _public(LabelAggregator)
# Those that are fitted by expectation maximisation.
EM_AGGREGATORS = _public(EMAggregator)

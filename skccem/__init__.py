"""Learning classifiers and annotators' confusion matrices from crowdsourced labels."""

from ._aggregation import DawidSkene, MajorityVote
from ._annotations import CrowdLabels
from ._classifier import CrowdClassifier

__all__ = ["CrowdClassifier", "CrowdLabels", "DawidSkene", "MajorityVote"]

__version__ = "0.1.0.dev0"

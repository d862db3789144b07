"""Learning classifiers and annotators' confusion matrices from crowdsourced labels."""

from ._aggregation import DawidSkene, MajorityVote
from ._annotations import CrowdLabels
from ._classifier import CrowdClassifier
from ._cross_validation import cross_val_predict_proba
from ._glad import GLAD
from ._mace import MACE
from ._model_selection import CrowdClassifierCV
from ._one_coin import OneCoinDawidSkene
from ._splitters import LabelKFold
from ._two_stage import TwoStageClassifier

__all__ = [
    "GLAD",
    "MACE",
    "CrowdClassifier",
    "CrowdClassifierCV",
    "CrowdLabels",
    "DawidSkene",
    "LabelKFold",
    "MajorityVote",
    "OneCoinDawidSkene",
    "TwoStageClassifier",
    "cross_val_predict_proba",
]

__version__ = "0.1.0"

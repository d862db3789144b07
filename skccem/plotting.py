"""Pictures of models and searches; they need matplotlib, the extra ``skccem[plot]``."""

from ._curves_display import TrainingCurvesDisplay
from ._matrices_display import ConfusionMatricesDisplay
from ._overview_display import LabelOverviewDisplay
from ._path_display import RegularizationPathDisplay
from ._ranking_display import AnnotatorRankingDisplay

__all__ = [
    "AnnotatorRankingDisplay",
    "ConfusionMatricesDisplay",
    "LabelOverviewDisplay",
    "RegularizationPathDisplay",
    "TrainingCurvesDisplay",
]

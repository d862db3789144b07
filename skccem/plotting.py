"""Pictures of models and searches; they need matplotlib, the extra ``skccem[plot]``."""

from ._matrices_display import ConfusionMatricesDisplay
from ._path_display import RegularizationPathDisplay

__all__ = ["ConfusionMatricesDisplay", "RegularizationPathDisplay"]

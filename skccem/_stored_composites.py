"""``save`` and ``load`` of estimators that are made of others."""

from numbers import Integral
from typing import ClassVar

from ._persistence import FileMethods
from ._stored_estimators import check_fitted, check_names


class SearchFileMethods(FileMethods):
    """Mixin of ``CrowdClassifierCV``: the choice, the scores and the last fit."""

    _needed = (
        "best_index_",
        "best_params_",
        "cv_results_",
        "likelihood_",
        "n_splits_",
        "reg_strength_",
    )

    _fitted_estimators: ClassVar = {"best_estimator_": "estimator"}

    def _check_data(self, fitted):
        check_names(fitted, self._needed)
        results, index = fitted["cv_results_"], fitted["best_index_"]
        candidates = results.get("params") if isinstance(results, dict) else None
        if not isinstance(candidates, list):
            raise ValueError("cv_results_ has no candidates")
        lengths = {len(column) for column in results.values()}
        if lengths != {len(candidates)}:
            raise ValueError(f"cv_results_ has columns of the lengths {lengths}")
        if not isinstance(index, Integral) or not 0 <= index < len(candidates):
            raise ValueError(
                f"best_index_ is {index!r} of {len(candidates)} candidates"
            )
        if candidates[index] != fitted["best_params_"]:
            raise ValueError("best_params_ are not those of the best candidate")
        if self.refit and not hasattr(fitted.get("best_estimator_"), "nets_"):
            raise ValueError("best_estimator_ is no fitted CrowdClassifier")


class StagesFileMethods(FileMethods):
    """Mixin of ``TwoStageClassifier``, where its classifier is of this package."""

    _needed = (
        *FileMethods._needed,
        "aggregator_",
        "classifier_",
        "n_labels_per_annotator_",
    )

    _fitted_estimators: ClassVar = {
        "aggregator_": "aggregator",
        "classifier_": "classifier",
    }

    def _check_data(self, fitted):
        check_fitted(fitted, self._needed)
        for name in self._fitted_estimators:
            alone = name == "aggregator_" and fitted[name] is None
            if not alone and not hasattr(fitted[name], "classes_"):
                raise ValueError(f"{name} is no fitted estimator")

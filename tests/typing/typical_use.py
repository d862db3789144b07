"""What a user writes, for mypy to check as strictly as it can, and for Python to run.

`assert_type` says what a name is; where nothing is typed, that would be Any. A comment
``type: ignore`` is at a mistake that must be found: mypy fails where it would not.
"""

from pathlib import Path
from typing import Any, assert_type

import dask.dataframe
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from torch import nn
from torch.utils.data import Dataset

from skccem import (
    GLAD,
    MACE,
    CrowdClassifier,
    CrowdClassifierCV,
    CrowdLabels,
    DawidSkene,
    LabelKFold,
    MajorityVote,
    OneCoinDawidSkene,
    TwoStageClassifier,
    cross_val_predict_proba,
)
from skccem.collecting import suggest_labels
from skccem.diagnostics import IdentifiabilityReport, identifiability_report
from skccem.distributed import DaskDawidSkene, parts_from_long
from skccem.metrics import (
    aggregation_accuracy,
    annotation_log_likelihood,
    confusion_matrix_error,
    empirical_confusion_matrices,
    expected_calibration_error,
    krippendorff_alpha,
    selection_regret,
)
from skccem.plotting import (
    AnnotatorRankingDisplay,
    ConfusionMatricesDisplay,
    LabelOverviewDisplay,
    RegularizationPathDisplay,
    TrainingCurvesDisplay,
)
from skccem.report import report
from skccem.reports import annotator_report, consensus, gold_audit, label_quality
from skccem.simulation import (
    make_confusion_matrices,
    make_crowd_labels,
    make_machine_annotators,
    make_outliers,
)

Features = NDArray[np.float32]
Classes = NDArray[np.int64]
Numbers = NDArray[np.floating]


def simulated_crowd() -> tuple[Features, CrowdLabels, Classes]:
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=60)
    X = (rng.normal(size=(60, 3)) + 2.0 * np.eye(2, 3)[truth]).astype(np.float32)
    matrices = make_confusion_matrices(4, 2, kind="symmetric", accuracy=0.9)
    assert_type(matrices, Numbers)
    Y = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
    assert_type(Y, CrowdLabels)
    others, is_outlier = make_outliers(Y, truth, kind="guesses")
    assert_type(others, CrowdLabels)
    assert_type(is_outlier, NDArray[np.bool_])
    make_machine_annotators(X, truth, n_annotators=2, train_size=0.5)
    return X, Y, truth


def labels(Y: CrowdLabels) -> None:
    assert_type(Y.shape, tuple[int, int])
    assert_type(Y[:2], CrowdLabels)
    assert_type(Y.labels_per_item, NDArray[np.integer])
    dense = np.array([[0, 1, -1], [1, -1, 1]])
    named = CrowdLabels.from_matrix(dense, annotators=["a", "b", "c"])
    assert_type(CrowdLabels.concat([named, named.align(classes=[0, 1])]), CrowdLabels)
    CrowdLabels.from_matrix([["cat", None], ["dog", "dog"]])
    CrowdLabels.from_matrix(Y.to_sparse())
    table = {"task": [0, 1], "worker": ["a", "b"], "label": ["cat", "dog"]}
    CrowdLabels.from_long(table, duplicates="last")
    CrowdLabels.from_long(Y.to_long())


def from_labels_alone(Y: CrowdLabels, folder: Path) -> None:
    model = DawidSkene(smoothing_target="diagonal", random_state=0).fit(Y)
    assert_type(model, DawidSkene)
    assert_type(model.predict(Y), NDArray[Any])
    assert_type(model.predict_proba(Y), Numbers)
    assert_type(model.confusion_matrices_, Numbers)
    assert_type(model.log_likelihood_, float)
    model.save(folder / "model.safetensors")
    assert_type(DawidSkene.load(folder / "model.safetensors"), DawidSkene)
    assert_type(MajorityVote().fit_predict(Y), NDArray[Any])
    assert_type(OneCoinDawidSkene().fit(Y).accuracies_, Numbers)
    gold = [0, 1] + [None] * (len(Y) - 2)
    assert_type(MACE().fit(Y, gold=gold).competences_, Numbers)
    assert_type(GLAD().fit(Y).difficulties_, Numbers)


def from_items_and_labels(X: Features, Y: CrowdLabels, folder: Path) -> CrowdClassifier:
    clf = CrowdClassifier(
        nn.Linear(3, 2), likelihood="marginal", burn_in=1, n_init=1, max_epochs=2
    )
    gold = [0, 1] + [None] * (len(Y) - 2)
    assert_type(clf.fit(X, Y, gold=gold), CrowdClassifier)
    assert_type(clf.partial_fit(X, Y, classes=[0, 1]), CrowdClassifier)
    assert_type(clf.predict(X), NDArray[Any])
    assert_type(clf.predict_proba(X), Numbers)
    assert_type(clf.predict_log_proba(X), Numbers)
    assert_type(clf.predict_annotator_proba(X), Numbers)
    assert_type(clf.aggregate(X, Y), NDArray[Any])
    assert_type(clf.aggregate_proba(X, Y), Numbers)
    assert_type(clf.score(X, Y), float)
    assert_type(clf.confusion_matrices_, Numbers)
    assert_type(clf.aggregated_proba_, Numbers)
    assert_type(clf.n_iter_, int)
    clf.save(folder / "classifier.safetensors")
    again = CrowdClassifier.load(folder / "classifier.safetensors", module=clf.module)
    assert_type(again, CrowdClassifier)
    clf.to_onnx(folder / "classifier.onnx")
    return clf


class Rows(Dataset[Features]):
    def __init__(self, X: Features) -> None:
        self.X = X

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, row: int) -> Features:
        item: Features = self.X[row]
        return item


def other_forms_of_items(X: Features, Y: CrowdLabels) -> None:
    clf = CrowdClassifier(lambda *sizes: nn.Linear(3, 2), n_init=1, max_epochs=2)
    clf.fit(X.tolist(), Y)
    clf.fit({"input": X}, Y)
    clf.fit(Rows(X), Y)


def choices_and_stages(X: Features, Y: CrowdLabels) -> CrowdClassifierCV:
    estimator = CrowdClassifier(n_init=1, max_epochs=2, random_state=0)
    search = CrowdClassifierCV(estimator, likelihoods=["joint"], cv=LabelKFold(2))
    assert_type(search.fit(X, Y), CrowdClassifierCV)
    assert_type(search.best_estimator_, CrowdClassifier)
    assert_type(search.predict_proba(X), Numbers)
    assert_type(search.aggregate_proba(X, Y), Numbers)
    assert_type(search.score(X, Y), float)
    stages = TwoStageClassifier(DawidSkene(), LogisticRegression(), soft=True)
    assert_type(stages.fit(X, Y).predict(X), NDArray[Any])
    assert_type(stages.predict_proba(X), Numbers)
    assert_type(stages.aggregate(X, Y), NDArray[Any])
    proba = cross_val_predict_proba(stages, X, Y, cv=KFold(3))
    assert_type(proba, Numbers)
    for train, _ in LabelKFold(2).split(Y):
        assert_type(train, CrowdLabels)
    return search


def measures(Y: CrowdLabels, truth: Classes) -> None:
    matrices, counts = empirical_confusion_matrices(Y, truth)
    assert_type(matrices, Numbers)
    assert_type(confusion_matrix_error(matrices, matrices, min_labels=0), float)
    assert_type(confusion_matrix_error(matrices, matrices, counts=counts), float)
    assert_type(aggregation_accuracy(truth, truth, labels=Y), float)
    proba = np.full((len(Y), 2), 0.5)
    assert_type(expected_calibration_error(truth, proba), float)
    assert_type(krippendorff_alpha(Y, level="ordinal"), float)
    assert_type(annotation_log_likelihood(Y, proba, matrices), float)
    assert_type(selection_regret([1, 2], [3, 4]), float | Numbers)


def reports(clf: CrowdClassifier, X: Features, Y: CrowdLabels, folder: Path) -> None:
    # Without types of pandas, tables are Any.
    annotator_report(clf, X, Y).sort_values("accuracy")
    proba = clf.aggregated_proba_
    label_quality(clf, X, Y, proba=proba).head()
    consensus(clf, X, Y, proba=proba).head()
    gold_audit(clf, X, Y, [0] + [None] * (len(Y) - 1)).head()
    suggest_labels(clf, X, Y, n=2, max_per_annotator={0: 1}, cost=np.ones(4)).head()
    found = identifiability_report(clf, X, Y, cv=None, n_starts=1)
    assert_type(found, IdentifiabilityReport)
    assert_type(found.identified, bool)
    page = report(clf, X, Y, folder / "report.html", diagnostics=found)
    assert_type(page, Path)
    annotator_report(DawidSkene().fit(Y), None, Y).head()


def pictures(
    clf: CrowdClassifier, search: CrowdClassifierCV, X: Features, Y: CrowdLabels
) -> None:
    ranking = AnnotatorRankingDisplay.from_estimator(clf, X, Y)
    assert_type(ranking, AnnotatorRankingDisplay)
    assert_type(ranking.ax_, Axes)
    matrices = clf.confusion_matrices_
    one = ConfusionMatricesDisplay.from_matrices(matrices, classes=["no", "yes"])
    assert_type(one.figure_, Figure)
    assert_type(one.plot(cmap="Greens"), ConfusionMatricesDisplay)
    curves = TrainingCurvesDisplay.from_estimator(clf, ax=ranking.ax_)
    assert_type(curves.best_epoch_, int | None)
    overview = LabelOverviewDisplay.from_labels(Y, item_order="class")
    assert_type(overview.items_, NDArray[np.integer])
    RegularizationPathDisplay.from_estimator(search)


def labels_in_parts(Y: CrowdLabels) -> None:
    model = DaskDawidSkene(random_state=0).fit([Y[:20], Y[20:]])
    assert_type(model, DaskDawidSkene)
    assert_type(model.confusion_matrices_, Numbers)
    frame = dask.dataframe.from_pandas(Y.to_long(), npartitions=2)
    model.predict(parts_from_long(frame)).compute()


def main(folder: Path) -> None:
    X, Y, truth = simulated_crowd()
    labels(Y)
    measures(Y, truth)
    from_labels_alone(Y, folder)
    labels_in_parts(Y)
    clf = from_items_and_labels(X, Y, folder)
    other_forms_of_items(X, Y)
    search = choices_and_stages(X, Y)
    reports(clf, X, Y, folder)
    pictures(clf, search, X, Y)


def mistakes(clf: CrowdClassifier, X: Features, Y: CrowdLabels) -> None:
    clf.fit(X)  # type: ignore[call-arg]
    clf.predict(None)  # type: ignore[arg-type]
    CrowdClassifier(likelihood="both")  # type: ignore[arg-type]
    CrowdClassifier(init="majority")  # type: ignore[arg-type]
    CrowdClassifierCV(rule="smallest")  # type: ignore[arg-type]
    CrowdLabels.from_long({}, duplicates="all")  # type: ignore[arg-type]
    CrowdLabels.from_matrix(None)  # type: ignore[arg-type]
    DawidSkene(max_iter="many")  # type: ignore[arg-type]
    DawidSkene(smoothing_target="diagonals")  # type: ignore[arg-type]
    GLAD().fit(Y, gold=[0, 1])  # type: ignore[call-arg]
    LabelOverviewDisplay.from_labels(Y, show="classes")  # type: ignore[arg-type]
    cross_val_predict_proba(clf, X, Y, cv="five")  # type: ignore[arg-type]
    krippendorff_alpha(Y, level="nominals")  # type: ignore[arg-type]
    label_quality(clf, X, Y, probability=None)  # type: ignore[call-arg]
    make_crowd_labels([0, 1])  # type: ignore[call-arg]
    report(clf, X, Y, diagnostics="none")  # type: ignore[arg-type]

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skccem import (
    MACE,
    CrowdClassifier,
    CrowdClassifierCV,
    CrowdLabels,
    DawidSkene,
    LabelKFold,
    MajorityVote,
    OneCoinDawidSkene,
    TwoStageClassifier,
)
from skccem._batches import CrowdDataset
from skccem._calibration import HeldOutLabels
from skccem._crowd_loss import CrowdLoss
from skccem._gold import certain, check_gold, gold_codes, with_gold
from skccem._losses import joint_log_likelihood, outlier_log_likelihood
from skccem._probability import safe_log
from skccem.simulation import make_confusion_matrices, make_crowd_labels

N_ITEMS, N_ANNOTATORS, N_CLASSES = 200, 8, 3
QUICK = {"max_epochs": 8, "hidden_layer_sizes": (16,), "dropout": 0.0, "n_init": 1}


@pytest.fixture(scope="module")
def crowd():
    """Features, labels (some items have none), truth, and gold of every tenth item."""
    rng = np.random.default_rng(0)
    truth = rng.integers(N_CLASSES, size=N_ITEMS)
    X = rng.normal(size=(N_ITEMS, 4)) + 2 * np.eye(N_CLASSES, 4)[truth]
    matrices = make_confusion_matrices(N_ANNOTATORS, N_CLASSES, random_state=0)
    Y = np.array(make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0))
    Y[:20:10] = -1
    gold = np.full(N_ITEMS, -1)
    gold[::10] = truth[::10]
    return X, CrowdLabels.from_matrix(Y), truth, gold


def column_of(gold, labels):
    return check_gold(gold, labels, given=labels)[0]


def random_parts(crowd, gold):
    """A batch of all items, with any posteriors and matrices, and the perfect one."""
    X, labels, _, _ = crowd
    generator = torch.Generator().manual_seed(0)
    log_posterior, logits = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in [(N_ITEMS, N_CLASSES), (N_ANNOTATORS, N_CLASSES, N_CLASSES)]
    )
    log_posterior = torch.log_softmax(log_posterior, dim=1)
    perfect = torch.eye(N_CLASSES, dtype=torch.float64).log()[None]
    _, target = CrowdDataset(X, labels, gold=gold).__getitems__(np.arange(N_ITEMS))
    both = with_gold(labels, gold)
    _, said = CrowdDataset(X, both).__getitems__(np.arange(N_ITEMS))
    log_posterior.requires_grad_()
    logits.requires_grad_()
    return log_posterior, logits, torch.cat([logits, perfect]), target, said


def test_the_joint_loss_is_that_with_an_annotator_who_is_never_wrong(crowd):
    gold = column_of(crowd[3], crowd[1])
    log_posterior, logits, with_perfect, target, said = random_parts(crowd, gold)
    loss, log_likelihood, n_labels = CrowdLoss("joint")((log_posterior, logits), target)
    expected = joint_log_likelihood(
        log_posterior, with_perfect, said["item"], said["annotator"], said["label"]
    ).sum()
    torch.testing.assert_close(log_likelihood, expected)
    assert n_labels == len(said["item"])
    ours, theirs = (
        torch.autograd.grad(value, [log_posterior, logits], retain_graph=True)
        for value in (loss, -expected / n_labels)
    )
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("burn_in", [False, True])
def test_the_labels_of_a_known_item_are_of_its_class(crowd, burn_in):
    _, labels, _, given = crowd
    gold = column_of(given, labels)
    log_posterior, logits, _, target, _ = random_parts(crowd, gold)
    criterion = CrowdLoss("marginal")
    criterion.burn_in = burn_in
    _, log_likelihood, _ = criterion((log_posterior, logits), target)
    log_posterior, log_proba = log_posterior.detach(), logits.detach().log_softmax(1)
    expected = 0.0
    for item, row in enumerate(np.asarray(labels)):
        known = given[item]
        if known >= 0:
            expected += log_posterior[item, known]
        for annotator in np.flatnonzero(row >= 0):
            by_class = log_proba[annotator, row[annotator]]
            expected += (
                by_class[known]
                if known >= 0
                else torch.logsumexp(log_posterior[item] + by_class, 0)
            )
    torch.testing.assert_close(log_likelihood.detach(), expected)


def test_the_class_of_an_outlier_is_known_too(crowd):
    _, labels, _, given = crowd
    gold = column_of(given, labels)
    log_posterior, logits, _, target, _ = random_parts(crowd, gold)
    log_weight = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64).log()
    _, log_likelihood, _ = CrowdLoss("joint")(
        (log_posterior, logits, log_weight), target
    )
    # Given its class, and whatever kind of item it is, the labels are as likely as
    # those of an item of which the classifier is certain.
    known = torch.from_numpy(certain(log_posterior.detach().numpy(), gold))
    expected = outlier_log_likelihood(
        known, logits, target["item"], target["annotator"], target["label"], log_weight
    ).sum()
    rows = np.flatnonzero(given >= 0)
    expected = expected + log_posterior[rows, given[rows]].sum()
    torch.testing.assert_close(log_likelihood, expected)
    assert torch.autograd.grad(log_likelihood, logits)[0].isfinite().all()


def test_weights_count_for_gold_labels_as_for_others(crowd):
    X, labels, _, given = crowd
    gold = column_of(given, labels)
    weight = np.random.default_rng(0).integers(1, 4, size=N_ITEMS)
    log_posterior, logits, *_ = (
        part.detach() for part in random_parts(crowd, gold)[:2]
    )
    dataset = CrowdDataset(X, labels, weight.astype(float), gold=gold)
    _, target = dataset.__getitems__(np.arange(N_ITEMS))
    repeated = np.repeat(np.arange(N_ITEMS), weight)
    copies = CrowdDataset(X[repeated], labels[repeated], gold=gold[repeated])
    _, of_copies = copies.__getitems__(np.arange(len(repeated)))
    for name in ("joint", "marginal"):
        once = CrowdLoss(name)((log_posterior, logits), target)
        often = CrowdLoss(name)((log_posterior[repeated], logits), of_copies)
        for mine, other in zip(once, often, strict=True):
            np.testing.assert_allclose(float(mine), float(other))


@pytest.mark.parametrize("with_outliers", [False, True])
def test_held_out_gold_labels_are_those_of_a_perfect_annotator(crowd, with_outliers):
    _, labels, _, given = crowd
    gold = column_of(given, labels)
    rng = np.random.default_rng(0)
    log_confusion = np.log(rng.dirichlet(np.ones(N_CLASSES), (N_ANNOTATORS, N_CLASSES)))
    log_posterior = np.log(rng.dirichlet(np.ones(N_CLASSES), N_ITEMS))
    log_weight = np.log([0.999999, 5e-7, 5e-7]) if with_outliers else None
    ours = HeldOutLabels(labels, log_confusion, None, log_weight, gold)
    perfect = np.concatenate([log_confusion, safe_log(np.eye(N_CLASSES))[np.newaxis]])
    theirs = HeldOutLabels(with_gold(labels, gold), perfect)
    np.testing.assert_allclose(
        ours.calibrate(log_posterior), theirs.calibrate(log_posterior), rtol=1e-4
    )


@pytest.mark.parametrize("model", [DawidSkene, OneCoinDawidSkene, MACE])
def test_aggregators_count_known_classes_and_never_lose_likelihood(crowd, model):
    _, labels, truth, _ = crowd
    fitted = model(smoothing=0.0).fit(labels, gold=truth)
    if model is DawidSkene:
        counts = np.zeros_like(fitted.confusion_matrices_)
        np.add.at(
            counts, (labels.indices, truth[labels.row_indices()], labels.codes), 1
        )
        expected = counts / counts.sum(axis=2, keepdims=True)
        np.testing.assert_allclose(fitted.confusion_matrices_, expected)
    np.testing.assert_allclose(
        fitted.class_prior_, np.bincount(truth) / len(truth), atol=1e-12
    )
    some = model().fit(labels, gold=crowd[3])
    assert (np.diff(some.history_) > -1e-9).all()


def test_the_likelihood_of_known_items_is_that_of_their_class(crowd):
    _, labels, truth, _ = crowd
    model = DawidSkene().fit(labels, gold=truth)
    right = model.confusion_matrices_[
        labels.indices, truth[labels.row_indices()], labels.codes
    ]
    expected = np.log(model.class_prior_)[truth].sum() + np.log(right).sum()
    assert model.log_likelihood_ == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("estimator", ["alone", "coupled", "two stages"])
def test_a_few_gold_labels_turn_a_crowd_that_is_mostly_wrong(estimator, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=300)
    X = (rng.normal(size=(300, 3)) + 2 * np.eye(2, 3)[truth]).astype(np.float32)
    wrong = [[0.2, 0.8], [0.8, 0.2]]
    Y = make_crowd_labels(truth, [wrong] * 5, labels_per_item=3, random_state=seed)
    gold = np.full(300, -1)
    gold[:40] = truth[:40]

    def accuracy(given):
        if estimator == "alone":
            predicted = DawidSkene(random_state=seed).fit(Y, gold=given).predict(Y)
        else:
            clf = (
                TwoStageClassifier(random_state=seed)
                if estimator == "two stages"
                else CrowdClassifier(max_epochs=60, n_init=1, random_state=seed)
            )
            predicted = clf.fit(X, Y, gold=given).predict(X)
        return np.mean(predicted[40:] == truth[40:])

    assert accuracy(None) < 0.3
    assert accuracy(gold) > 0.7


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_init": 3},
        {"likelihood": "marginal", "regularizer": "W"},
        {"regularizer": "trace", "batch_size": 10},
        {"outlier_share": "auto"},
        {"early_stopping": True},
    ],
)
def test_items_with_gold_labels_are_certain_and_those_without_others_are_used(
    crowd, settings
):
    X, labels, truth, gold = crowd
    clf = CrowdClassifier(random_state=0, **QUICK | settings)
    # All items have labels now, and nothing is left out.
    clf.fit(X, labels, gold=gold)
    np.testing.assert_allclose(clf.aggregated_proba_[::10], np.eye(3)[truth[::10]])
    assert np.isfinite(clf.predict_proba(X)).all()
    np.testing.assert_allclose(clf.class_prior_, clf.aggregated_proba_.mean(axis=0))


def test_the_network_learns_from_gold_labels_of_items_without_others(crowd):
    X, labels, truth, _ = crowd
    labels, truth, X = labels[20:], truth[20:], X[20:]
    labels = labels[truth < 2]
    # What only gold labels name: nobody labelled such an item.
    rest = np.flatnonzero(truth == 2)
    nothing = CrowdLabels.from_matrix(
        np.full((len(rest), N_ANNOTATORS), -1), classes=[0, 1, 2]
    )
    y = CrowdLabels.concat([labels, nothing])
    X = np.concatenate([X[truth < 2], X[rest]])
    gold = np.repeat([-1, 2], [len(labels), len(rest)])
    clf = CrowdClassifier(max_epochs=60, n_init=1, random_state=0)
    predicted = clf.fit(X, y, gold=gold).predict(X)
    assert np.mean(predicted[len(labels) :] == 2) > 0.8


def test_the_weight_of_an_item_without_labels_counts(crowd):
    X, labels, truth, gold = crowd
    weight = np.ones(N_ITEMS)
    weight[0] = 0
    clf = CrowdClassifier(random_state=0, **QUICK)
    clf.fit(X, labels, sample_weight=weight, gold=gold)
    # It is left out of training, and still known.
    np.testing.assert_allclose(clf.aggregated_proba_[0], np.eye(3)[truth[0]])
    weight[0] = 30
    heavy = CrowdClassifier(random_state=0, **QUICK)
    heavy.fit(X, labels, sample_weight=weight, gold=gold)
    right = [model.predict_proba(X[:1])[0, truth[0]] for model in (clf, heavy)]
    assert right[1] > right[0]


@pytest.mark.parametrize(
    "form",
    [
        list,
        lambda gold: np.where(gold < 0, np.nan, gold),
        lambda gold: np.ma.masked_less(gold, 0),
        lambda gold: [None if code < 0 else int(code) for code in gold],
        lambda gold: pd.Series(gold, index=gold[::-1]).replace(-1, pd.NA),
        lambda gold: pd.array(np.where(gold < 0, None, gold), dtype="Int64"),
        lambda gold: CrowdLabels.from_matrix(gold[:, np.newaxis]),
    ],
)
def test_gold_labels_in_several_forms_are_the_same(crowd, form):
    _, labels, _, gold = crowd
    column = column_of(form(gold), labels)
    np.testing.assert_array_equal(gold_codes(column), gold)


def test_a_class_that_only_gold_labels_name_is_one_of_the_classes():
    Y = np.array([["a", "c"], ["a", "a"], ["c", "c"], ["a", "c"]])
    gold = ["b", None, None, None]
    assert DawidSkene().fit(Y, gold=gold).classes_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"gold has the classes \['b'\]"):
        DawidSkene().fit(CrowdLabels.from_matrix(Y), gold=gold)
    with pytest.raises(ValueError, match=r"gold has the classes \['b'\]"):
        DawidSkene(classes=["a", "c"]).fit(Y, gold=gold)


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ([0, 1], r"Expected gold of shape \(200,\).* got \(2, 1\)"),
        (np.full(N_ITEMS, -1), "all 200 entries are missing"),
        (np.zeros((N_ITEMS, 2), dtype=int), "Expected gold with one axis"),
        (np.full(N_ITEMS, 7), r"gold has the classes \[7\]"),
        (np.full(N_ITEMS, "cat"), r"gold has the classes \['cat'\]"),
    ],
)
def test_unfit_gold_labels_are_refused(crowd, gold, message):
    X, labels, _, _ = crowd
    with pytest.raises(ValueError, match=message):
        CrowdClassifier(**QUICK).fit(X, labels, gold=gold)


def test_gold_labels_need_a_crowd_and_an_aggregator_that_takes_them(crowd):
    X, labels, truth, gold = crowd
    with pytest.raises(ValueError, match="one label an item"):
        CrowdClassifier(**QUICK).fit(X, truth, gold=gold)
    nobody = CrowdLabels.from_matrix(np.full((N_ITEMS, 2), -1), classes=[0, 1, 2])
    with pytest.raises(ValueError, match="every entry of y is missing"):
        CrowdClassifier(**QUICK).fit(X, nobody, gold=gold)
    with pytest.raises(ValueError, match="aggregator whose fit has the argument gold"):
        TwoStageClassifier(MajorityVote()).fit(X, labels, gold=gold)


@pytest.mark.parametrize("soft", [False, True])
def test_the_second_stage_is_fitted_on_gold_labels_themselves(crowd, soft):
    X, labels, truth, _ = crowd
    clf = TwoStageClassifier(classifier=LogisticRegression(), soft=soft)
    clf.fit(X, labels, gold=truth)
    expected = LogisticRegression().fit(X, truth).predict_proba(X)
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-4)


def test_searches_and_pipelines_route_gold_labels_to_the_folds(crowd, monkeypatch):
    X, labels, _, gold = crowd
    seen, fit = [], CrowdClassifier.fit

    def recording(self, X, y, sample_weight=None, gold=None):
        seen.append(np.sum(np.asarray(gold) >= 0))
        return fit(self, X, y, sample_weight, gold)

    monkeypatch.setattr(CrowdClassifier, "fit", recording)
    clf = CrowdClassifier(random_state=0, **QUICK | {"max_epochs": 2})
    cv, grid = KFold(2), {"reg_strength": [0.0]}
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(clf.set_fit_request(gold=True), grid, cv=cv)
        search.fit(X, labels, gold=gold)
        pipeline = make_pipeline(StandardScaler(), clf.set_fit_request(gold=True))
        pipeline.fit(X, labels, gold=gold)
    assert seen == [10, 10, 20, 20]
    seen.clear()
    pipeline.fit(X, labels, crowdclassifier__gold=gold)
    assert seen == [20]


@pytest.mark.filterwarnings("ignore::skccem.exceptions.UnusedDataWarning")
@pytest.mark.parametrize("cv", [KFold(2), LabelKFold(2, random_state=0)])
def test_the_search_trains_with_the_gold_labels_of_each_fold(crowd, cv):
    X, labels, _, gold = crowd
    search = CrowdClassifierCV(
        CrowdClassifier(**QUICK), reg_strengths=[0.0, 0.02], cv=cv, random_state=0
    )
    plain = search.fit(X, labels).cv_results_["mean_test_score"]
    known = search.fit(X, labels, gold=gold)
    assert not np.allclose(known.cv_results_["mean_test_score"], plain)
    np.testing.assert_allclose(
        known.aggregated_proba_[::10].max(axis=1), np.ones(len(gold[::10]))
    )


def test_a_fold_without_gold_labels_goes_without(crowd):
    X, labels, _, _ = crowd
    gold = np.full(N_ITEMS, -1)
    gold[30] = 1
    search = CrowdClassifierCV(
        CrowdClassifier(**QUICK | {"max_epochs": 2}), reg_strengths=[0.0], cv=KFold(2)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.set_params(rule="best").fit(X, labels, gold=gold)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()

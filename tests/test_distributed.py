"""Dawid-Skene and searches on Dask give what they give in one process."""

import pickle
import sys

import joblib
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold

from skccem import CrowdClassifier, CrowdClassifierCV, CrowdLabels, DawidSkene
from skccem.distributed import DaskDawidSkene, parts_from_long
from skccem.reports import consensus
from skccem.simulation import make_confusion_matrices, make_crowd_labels

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")


@pytest.fixture(scope="module")
def client():
    """The client of two worker processes."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def labels():
    """Twelve annotators, some items without labels; one answers the last items only."""
    y = np.random.default_rng(0).integers(3, size=240)
    matrices = make_confusion_matrices(12, 3, kind="mixed", random_state=0)
    Y = np.array(make_crowd_labels(y, matrices, labels_per_item=4, random_state=0))
    Y[:200, 5] = -1
    Y[[0, 17, 100]] = -1
    return CrowdLabels.from_matrix(Y)


@pytest.fixture(scope="module")
def local(labels):
    return DawidSkene(random_state=0).fit(labels)


def cut(labels, *ends):
    return [labels[part] for part in map(slice, (0, *ends), (*ends, len(labels)))]


def assert_equal_fits(model, local):
    np.testing.assert_array_equal(model.classes_, local.classes_)
    np.testing.assert_array_equal(model.annotators_, local.annotators_)
    for name in ("confusion_matrices_", "class_prior_", "history_", "log_likelihood_"):
        np.testing.assert_allclose(
            getattr(model, name), getattr(local, name), atol=1e-9, err_msg=name
        )
    assert model.n_annotators_ == local.n_annotators_
    assert model.n_iter_ == local.n_iter_
    assert model.converged_ == local.converged_


@pytest.mark.parametrize(
    ("ends", "order"),
    [
        ([], [0]),
        ([80, 160], [0, 1, 2]),
        ([80, 160], [2, 0, 1]),
        # A part without any label, and parts of very different sizes.
        ([1, 5, 200, 230], [4, 0, 3, 1, 2]),
    ],
)
def test_any_parts_in_any_order_give_the_local_fit(client, labels, local, ends, order):
    parts = cut(labels, *ends)
    model = DaskDawidSkene(random_state=0).fit([parts[i] for i in order])
    assert_equal_fits(model, local)
    proba = model.predict_proba(parts)
    assert proba.chunks[0] == tuple(map(len, parts))
    np.testing.assert_allclose(proba, local.predict_proba(labels), atol=1e-9)


@pytest.mark.parametrize(
    "params",
    [
        {"smoothing": 0, "tol": 1e-3},
        {"smoothing": 2, "smoothing_target": "diagonal"},
        {"smoothing_target": np.full((3, 3), 1 / 3), "tol": 1e-4},
        {"classes": [0, 1, 2, 7]},
    ],
)
def test_parameters_mean_the_same(client, labels, params):
    local = DawidSkene(random_state=0, **params).fit(labels)
    model = DaskDawidSkene(random_state=0, **params).fit(cut(labels, 100))
    assert local.n_iter_ < local.max_iter
    assert_equal_fits(model, local)


def test_weights_of_parts_are_those_of_their_items(client, labels):
    weight = np.random.default_rng(0).exponential(size=len(labels))
    weight[:70] = 0
    local = DawidSkene(random_state=0).fit(labels, sample_weight=weight)
    parts = cut(labels, 60, 150)
    weights = [weight[:60], weight[60:150], weight[150:]]
    model = DaskDawidSkene(random_state=0).fit(parts, sample_weight=weights)
    assert_equal_fits(model, local)
    chunked = da.from_array(weight, chunks=((60, 90, 90),))
    model = DaskDawidSkene(random_state=0).fit(parts, sample_weight=chunked)
    assert_equal_fits(model, local)


def test_delayed_parts_futures_and_chunks_of_arrays_are_parts(client, labels, local):
    parts = cut(labels, 80)
    futures = client.scatter(parts)
    delayed = [dask.delayed(part) for part in parts]
    chunked = da.from_array(np.asarray(labels), chunks=(100, 5))
    for form in (futures, delayed, chunked):
        model = DaskDawidSkene(random_state=0).fit(form)
        assert_equal_fits(model, local)
        proba = model.predict_proba(form).compute()
        np.testing.assert_allclose(proba, local.predict_proba(labels), atol=1e-9)


def test_long_frames_may_hold_annotators_in_one_partition_only(client, labels):
    dd = pytest.importorskip("dask.dataframe")
    table = labels.to_long()
    table["worker"] = "w" + table["worker"].astype(str).str.zfill(2)
    local = DawidSkene(random_state=0).fit(CrowdLabels.from_long(table))
    # In the order of the items, so that the sixth annotator is in the last partition.
    frame = dd.from_pandas(table, npartitions=3)
    model = DaskDawidSkene(random_state=0).fit(frame)
    assert_equal_fits(model, local)
    parts = parts_from_long(frame)
    items = np.concatenate([part.items.compute() for part in parts])
    assert sorted(items) == sorted(set(table["task"]))
    proba = model.predict_proba(parts).compute()
    names = CrowdLabels(
        labels.indptr, labels.indices, labels.codes, labels.classes, local.annotators_
    )
    expected = local.predict_proba(names)[items]
    np.testing.assert_allclose(proba, expected, atol=1e-9)


def test_predictions_are_lazy_and_those_of_the_local_estimator(client, labels, local):
    parts = cut(labels, 80, 160)
    model = DaskDawidSkene(random_state=0).fit(parts)
    predicted = model.predict(parts)
    assert isinstance(predicted, da.Array)
    expected = np.concatenate([local.predict(part) for part in parts])
    np.testing.assert_array_equal(predicted.compute(), expected)
    np.testing.assert_array_equal(predicted.blocks[1].compute(), expected[80:160])
    np.testing.assert_array_equal(model.fit_predict(parts).compute(), expected)


def test_random_starts_are_repeatable_and_never_end_lower(client, labels, local):
    parts = cut(labels, 80)
    fits = [DaskDawidSkene(n_init=2, random_state=0).fit(parts) for _ in range(2)]
    assert fits[0].history_ == fits[1].history_
    assert fits[0].history_[-1] >= local.history_[-1] - 1e-9


# Older versions of Dask tell of the client of the other tests.
@pytest.mark.filterwarnings("ignore:Running on a single-machine scheduler:UserWarning")
def test_without_a_client_dask_computes_in_this_process(labels, local):
    with dask.config.set(scheduler="synchronous"):
        model = DaskDawidSkene(random_state=0).fit(cut(labels, 80, 160))
        proba = model.predict_proba(cut(labels, 80, 160)).compute()
    assert_equal_fits(model, local)
    np.testing.assert_allclose(proba, local.predict_proba(labels), atol=1e-9)


def test_an_iteration_moves_counts_and_not_labels(client, labels, capsys):
    # Once an iteration, where the parts are far larger than the matrices.
    many = labels[np.arange(24_000) % len(labels)]
    parts = client.scatter(cut(many, 8000, 16_000), hash=False)
    sizes = client.submit(len, parts[0]).result(), len(pickle.dumps(many[:8000]))
    assert sizes[0] == 8000
    sent = []
    scatter = client.scatter

    def spy(data, **params):
        sent.append(len(pickle.dumps(data)))
        return scatter(data, **params)

    client.scatter = spy
    try:
        with pytest.warns(ConvergenceWarning, match="max_iter=3") as caught:
            DaskDawidSkene(max_iter=3, tol=0, verbose=1).fit(parts)
    finally:
        del client.scatter
    assert [warning.filename for warning in caught] == [__file__]
    # Classes, annotators, and the parameters of three iterations.
    assert len(sent) == 5
    assert max(sent) < 12 * 3 * 3 * 8 + 1000 < sizes[1] / 10
    assert capsys.readouterr().out.count("[ConfusionModel] iteration") == 3


def test_reports_read_labels_that_are_on_one_machine(client, labels):
    model = DaskDawidSkene(random_state=0).fit(cut(labels, 80))
    expected = model.predict_proba([labels[:80]]).compute()
    report = consensus(model, None, labels[:80])
    np.testing.assert_array_equal(
        report["probability"].sort_index(), expected.max(axis=1)
    )


def test_what_cannot_be_fitted_is_an_error(client, labels):
    model = DaskDawidSkene()
    with pytest.raises(TypeError, match="For labels on one machine use DawidSkene"):
        model.fit(labels)
    with pytest.raises(ValueError, match="at least one part"):
        model.fit([])
    with pytest.raises(ValueError, match="shape"):
        model.fit(da.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="no labels at all among 8 items"):
        model.fit(da.full((8, 2), -1, chunks=(4, 2)))
    with pytest.raises(ValueError, match="one class"):
        model.fit(da.zeros((8, 2), dtype=int, chunks=(4, 2)))
    with pytest.raises(ValueError, match="got 1 for 2 parts"):
        model.fit(cut(labels, 80), sample_weight=[np.ones(240)])
    with pytest.raises(ValueError, match="zero for every item"):
        model.fit(cut(labels, 80), sample_weight=[np.zeros(80), np.zeros(160)])
    with pytest.raises(ValueError, match="Labels outside `classes`: 2"):
        DaskDawidSkene(classes=[0, 1]).fit(cut(labels, 80))


def test_without_dask_the_error_names_the_extra(monkeypatch, labels):
    monkeypatch.setitem(sys.modules, "dask", None)
    for use in (DaskDawidSkene().fit, parts_from_long):
        with pytest.raises(ImportError, match=r"pip install skccem\[distributed\]"):
            use([labels])


class CountedArray(np.ndarray):
    """Features that count how often they leave this process."""

    n_sent = 0

    def __reduce_ex__(self, protocol):
        type(self).n_sent += 1
        return np.asarray(self).__reduce_ex__(protocol)


class CountedLabels(CrowdLabels):
    """Labels that do so, and their parts, too."""

    n_sent = 0

    def __reduce__(self):
        type(self).n_sent += 1
        return CrowdLabels, tuple(vars(self).values())


@pytest.fixture
def counted(crowd):
    """Features and labels that count; Dask has a way of its own to send arrays."""
    protocol = pytest.importorskip("distributed.protocol")

    @protocol.dask_serialize.register(CountedArray)
    def serialize(array):
        CountedArray.n_sent += 1
        return protocol.dask_serialize.dispatch(np.ndarray)(np.asarray(array))

    X, labels, _ = crowd
    CountedArray.n_sent = CountedLabels.n_sent = 0
    yield X.astype(np.float32).view(CountedArray), CountedLabels(*vars(labels).values())
    del protocol.dask_serialize._lookup[CountedArray]


def make_searches(cv):
    clf = CrowdClassifier(max_epochs=2, n_init=1, random_state=0)
    strengths = [0.0, 0.01]
    yield GridSearchCV(clf, {"reg_strength": strengths}, cv=cv)
    yield CrowdClassifierCV(clf, reg_strengths=strengths, cv=cv, n_jobs=2)


@pytest.mark.parametrize("number", [0, 1])
def test_searches_on_dask_give_the_local_scores(client, crowd, number):
    X, labels, _ = crowd
    X = X.astype(np.float32)
    cv = KFold(2, shuffle=True, random_state=0)
    here, there = (list(make_searches(cv))[number] for _ in range(2))
    here.fit(X, labels)
    with joblib.parallel_config(backend="dask", client=client, scatter=[X, labels]):
        there.fit(X, labels)
    assert there.best_params_ == here.best_params_
    np.testing.assert_allclose(
        there.cv_results_["mean_test_score"],
        here.cv_results_["mean_test_score"],
        atol=1e-6,
    )


@pytest.mark.parametrize("scatter", [True, False])
def test_a_grid_search_sends_features_and_labels_once(client, counted, scatter):
    X, labels = counted
    search, _ = make_searches(KFold(3))
    params = {"scatter": [X, labels]} if scatter else {}
    with joblib.parallel_config(backend="dask", client=client, **params):
        search.fit(X, labels)
    # To each of six tasks it would be six times.
    assert len(search.cv_results_["params"]) * search.n_splits_ == 6
    assert CountedArray.n_sent == CountedLabels.n_sent == 1


def test_a_search_of_ours_sends_each_fold_once_in_each_of_its_two_steps(
    client, counted
):
    X, labels = counted
    _, search = make_searches(KFold(3))
    search.set_params(reg_strengths=[0.0, 0.003, 0.01, 0.03], estimator__max_epochs=5)
    with joblib.parallel_config(backend="dask", client=client, scatter=[X, labels]):
        search.fit(X, labels)
    # The labels themselves, and twice those that each fold trains on and holds out: to
    # each of three burn-ins and twelve candidates it would be thirty times.
    assert CountedLabels.n_sent == 1 + 2 * 2 * 3
    assert 1 <= CountedArray.n_sent <= 3


def test_scattered_labels_lie_on_every_worker_as_they_are(client, labels):
    future = client.scatter(labels, broadcast=True)
    assert len(client.who_has(future)[future.key]) == 2
    assert client.submit(lambda scattered: scattered, future).result() == labels
    assert sys.getsizeof(labels) > labels.n_labels * 5 + labels.n_samples * 8

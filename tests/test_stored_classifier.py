"""``save`` and ``load`` of ``CrowdClassifier``: nets, streams, and what goes on."""

import copy
import json

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from scipy import sparse
from sklearn.base import clone
from skorch.callbacks import EpochTimer, GradientNormClipping, LRScheduler
from skorch.helper import SliceDict
from torch import nn
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdLabels
from skccem._model_file import read_model, write_model
from skccem.simulation import make_crowd_labels

SMALL = {
    "hidden_layer_sizes": (8,),
    "batch_size": 40,
    "max_epochs": 2,
    "n_init": 1,
    "random_state": 0,
}


def small(**params):
    return CrowdClassifier(**{**SMALL, **params})


def saved_and_loaded(clf, path, **params):
    clf.save(path)
    return type(clf).load(path, **params)


def learned(clf):
    """What a fit set, with the parts of nets that predictions and training need."""
    params = clf.get_params(deep=False).keys() | {"net_", "nets_", "_stream"}
    found = {key: value for key, value in vars(clf).items() if key not in params}
    stream = clf._stream._asdict()
    if stream["replay"] is not None:
        stream["replay"] = stream["replay"]._asdict()
    nets = [
        (
            net.seed,
            net.device,
            net.precision,
            list(net.history),
            dict(net.module_.state_dict()),
            [parameter.requires_grad for parameter in net.module_.parameters()],
        )
        for net in clf.nets_
    ]
    assert clf.net_ is clf.nets_[0]
    return dict(sorted(found.items())) | {"stream": stream, "nets": nets}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def check(file, assert_same):
    """A function that raises unless a fitted classifier comes back, and goes on."""

    def check(clf, X, y, **params):
        again = saved_and_loaded(clf, file, **params)
        assert_same(learned(again), learned(clf))
        stored = clf.get_params(deep=False)
        loaded = again.get_params(deep=False)
        for name in params:
            del stored[name], loaded[name]
        assert_same(loaded, stored)
        for one in (again, clone(again).set_params(**clf.get_params(deep=False))):
            assert one.get_params(deep=False).keys() == clf.get_params(False).keys()
        assert_same(again.predict(X), clf.predict(X))
        assert_same(again.predict_proba(X), clf.predict_proba(X))
        assert_same(again.predict_annotator_proba(X), clf.predict_annotator_proba(X))
        assert_same(again.aggregate_proba(X, y), clf.aggregate_proba(X, y))
        assert again.score(X, y) == clf.score(X, y)
        if clf._log_weight is not None:
            assert_same(again.outlier_proba(X, y), clf.outlier_proba(X, y))
        if not clf.early_stopping and clf.accelerator is None:
            # An optimiser that forgot would go elsewhere.
            for one in (again, clf):
                one.partial_fit(X, y)
            for name in ("history_", "aggregated_proba_", "confusion_matrices_"):
                one, other = getattr(again, name), getattr(clf, name)
                if name == "history_":
                    one, other = (
                        [{k: v for k, v in epoch.items() if k != "dur"} for epoch in h]
                        for h in (one, other)
                    )
                assert_same(one, other)
        return again

    return check


def in_parts(clf, X, y, n_parts=3):
    for part in np.array_split(np.arange(len(y)), n_parts):
        clf.partial_fit(X[part], y[part])
    return clf


@pytest.mark.parametrize(
    "params",
    [
        {"n_init": 2},
        {"hidden_layer_sizes": (), "dropout": 0.0},
        {"hidden_layer_sizes": np.array([6, 5]), "dropout": np.float64(0.5)},
        {"outlier_share": "auto"},
        {"outlier_share": 0.1, "optimizer": "adamw", "weight_decay": 0.01},
        {"precision": "bf16", "n_init": 2},
        {"optimizer": "sgd", "net_params": {"optimizer__momentum": 0.9}},
        {"early_stopping": True},
        {"likelihood": "marginal", "regularizer": "W", "batch_size": None},
        {"init": np.full((3, 3), 1 / 3), "confusion_lr": 0},
        {"classes": ["0", "1", "2"], "device": torch.device("cpu"), "verbose": 0},
        {"net_params": {"optimizer__betas": (0.8, 0.99), "optimizer__eps": 1e-7}},
    ],
    ids=str,
)
def test_a_fit_comes_back_and_goes_on(crowd, check, params):
    X, labels, _ = crowd
    if "classes" in params:
        text = np.array(["0", "1", "2", ""], dtype=object)
        table = text[np.asarray(labels)]
        table[table == ""] = None
        labels = CrowdLabels.from_matrix(table)
    check(small(**params).fit(X, labels), X, labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_a_stream_of_items_in_any_form_comes_back_and_goes_on(
    crowd, check, dtype, form
):
    X, labels, _ = crowd
    X = form(X.astype(dtype))
    clf = in_parts(small(replay_size=100, burn_in=3), X, labels)
    again = check(clf, X, labels)
    assert again._stream.n_calls == 4
    assert again.net_.module_.answer_logits.dtype == getattr(
        torch, np.dtype(dtype).name
    )


def test_annotators_join_a_stream_that_was_loaded(crowd, file, assert_same):
    X, labels, _ = crowd
    few = CrowdLabels.from_matrix(np.asarray(labels)[:, :4], annotators=list("abcd"))
    used = few.labels_per_item > 0
    clf = small().partial_fit(X[used], few[used], classes=[0, 1, 2])
    again = saved_and_loaded(clf, file)
    more = CrowdLabels.from_matrix(
        np.asarray(labels), annotators=list("abcdef"), classes=[0, 1, 2]
    )
    for one in (clf, again):
        one.partial_fit(X, more, sample_weight=np.linspace(1, 2, len(X)))
    assert_same(again.predict_annotator_proba(X), clf.predict_annotator_proba(X))
    assert_same(again.annotators_, clf.annotators_)
    again = saved_and_loaded(clf, file)
    assert_same(again._stream.replay.weight, clf._stream.replay.weight)


def test_one_label_an_item_comes_back_and_goes_on(crowd, check):
    X, _, truth = crowd
    for y in (truth, np.array(["a", "b", "c"])[truth], truth == 1):
        again = check(small().fit(X, y), X, y)
        assert not again.net_.module_.answer_logits.requires_grad


def test_an_optimiser_that_worked_by_rows_goes_on(file, assert_same):
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=300)
    X = rng.normal(size=(300, 2)) + truth[:, np.newaxis]
    table = np.full((300, 100), -1)
    table[np.arange(300), rng.integers(100, size=300)] = truth
    table[0] = truth[0]
    clf = small(batch_size=5).fit(X, table)
    assert clf.net_._fetches
    again = saved_and_loaded(clf, file)
    for one in (clf, again):
        one.partial_fit(X, table)
    assert_same(again.confusion_matrices_, clf.confusion_matrices_)


def test_columns_keep_their_names(crowd, file):
    pandas = pytest.importorskip("pandas")
    X, labels, _ = crowd
    frame = pandas.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    again = saved_and_loaded(small().fit(frame, labels), file)
    again.predict(frame)
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame.rename(columns={"x0": "other"}))


def test_annotators_without_labels_and_gold_come_back(crowd, check):
    X, labels, truth = crowd
    table = np.column_stack([np.asarray(labels), np.full(len(X), -1)])
    gold = np.where(np.arange(len(X)) < 20, truth, -1)
    with pytest.warns(UserWarning, match="annotator"):
        clf = small().fit(X, table, gold=gold)
    check(clf, X, table)


def test_a_fit_from_scratch_and_a_warm_start_are_as_without_the_file(
    crowd, file, assert_same
):
    X, labels, _ = crowd
    rng = np.random.RandomState(0)
    clf = small(random_state=rng, warm_start=True).fit(X, labels)
    again = saved_and_loaded(clf, file)
    for one in (clf, again):
        one.fit(X, labels)
    assert_same(again.predict_proba(X), clf.predict_proba(X))


def test_global_random_states_stay_as_they_were(crowd, file, assert_same):
    X, labels, _ = crowd
    clf = small().fit(X, labels)
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    saved_and_loaded(clf, file)
    after = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    assert_same(after, before)


def make_network(n_features, n_classes, width=4):
    return nn.Sequential(
        nn.Linear(n_features, width), nn.BatchNorm1d(width), nn.Linear(width, n_classes)
    )


class Network(nn.Module):
    """Weights that are used twice, a frozen one, and no shape to be known before."""

    def __init__(self, width=4):
        super().__init__()
        self.first = nn.LazyLinear(width)
        self.second = nn.Linear(width, width)
        self.third = self.second
        self.last = nn.Linear(width, 3)
        self.last.bias.requires_grad_(False)
        self.register_buffer("scale", torch.tensor(2.0, dtype=torch.float64))

    def forward(self, X):
        return self.last(self.third(self.second(self.first(X)))) * self.scale.float()


@pytest.mark.parametrize(
    ("module", "module_params"),
    [
        (make_network, {"width": 5}),
        (make_network, None),
        (Network, {"width": 3}),
        (make_network(5, 3), None),
        (make_network(5, 3).to(torch.bfloat16), None),
    ],
    ids=["callable with parameters", "callable", "class", "instance", "bfloat16"],
)
def test_modules_come_back_when_they_are_given(crowd, check, module, module_params):
    X, labels, _ = crowd
    if isinstance(module, nn.Module) and module[0].weight.dtype == torch.bfloat16:
        module = nn.Sequential(ToHalf(), module)
    n_init = 2 if module is Network else 1
    clf = small(module=module, module_params=module_params, n_init=n_init)
    clf.fit(X, labels)
    check(clf, X, labels, module=copy.deepcopy(module))


class ToHalf(nn.Module):
    def forward(self, X):
        return X.to(torch.bfloat16)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(10, 4)
        self.last = nn.Linear(5, 3)

    def forward(self, ids, length):
        return self.last(torch.cat([self.words(ids), length], dim=1))


class Items(Dataset):
    def __init__(self, X):
        self.X = torch.as_tensor(X, dtype=torch.float32)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index]


def test_items_that_are_no_rows_come_back_with_the_stream(crowd, check):
    X, labels, _ = crowd
    rng = np.random.default_rng(0)
    parts = SliceDict(
        ids=rng.integers(10, size=(len(X), 3)),
        length=rng.normal(size=(len(X), 1)).astype(np.float32),
    )
    clf = in_parts(small(module=Words), parts, labels)
    check(clf, parts, labels, module=Words)
    clf = small(module=make_network(5, 3)).partial_fit(Items(X), labels)
    check(clf, Items(X), labels, module=make_network(5, 3))


def test_optimisers_and_callbacks_come_back_when_they_are_given(crowd, check):
    X, labels, _ = crowd
    given = {
        "optimizer": torch.optim.NAdam,
        "callbacks": [
            ("clip", GradientNormClipping(1.0)),
            LRScheduler("StepLR", step_size=1),
            EpochTimer,
        ],
    }
    clf = small(
        **given, n_init=2, net_params={"callbacks__clip__gradient_clip_value": 0.5}
    )
    check(clf.fit(X, labels), X, labels, **given)


def test_settings_that_are_not_data_are_asked_for(crowd, file):
    X, labels, _ = crowd
    net_params = {"iterator_valid__worker_init_fn": print}
    clf = small(optimizer=torch.optim.SGD, module=make_network, net_params=net_params)
    clf.fit(X, labels).save(file)
    with pytest.raises(TypeError, match=r"load\(path, module=.*, net_params=.*, optim"):
        CrowdClassifier.load(file)
    again = CrowdClassifier.load(
        file, module=make_network, optimizer=torch.optim.SGD, net_params=None
    )
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"module": nn.Linear(5, 3)}, "the file torch.float32 of the shape"),
        ({"module": make_network(4, 3)}, r"weights of the module.*\(4, 4\)"),
        ({"module": make_network(5, 3).double()}, "has torch.float64"),
        ({"module": 3}, "'module' parameter"),
        ({"optimizer": torch.optim.SGD}, "optimizer NAdam.*got SGD"),
        ({"device": "cuda:99"}, "device='cuda:99' cannot be used"),
    ],
    ids=str,
)
def test_what_is_given_must_be_that_of_the_fit(crowd, file, params, message):
    X, labels, _ = crowd
    given = {"module": make_network(5, 3), "optimizer": torch.optim.NAdam}
    small(**given).fit(X, labels).save(file)
    with pytest.raises(ValueError, match=message):
        CrowdClassifier.load(file, **{**given, **params})


def test_the_device_can_be_another(crowd, file, assert_same):
    X, labels, _ = crowd
    clf = small().fit(X, labels)
    # As if it had been trained elsewhere.
    clf.device = "cuda:99"
    with pytest.raises(ValueError, match="cuda:99"):
        saved_and_loaded(clf, file)
    again = CrowdClassifier.load(file, device="cpu")
    assert again.device == "cpu"
    assert_same(again.predict_proba(X), clf.predict_proba(X))


def test_settings_changed_after_the_fit_are_kept_and_predictions_as_well(
    crowd, file, assert_same
):
    X, labels, _ = crowd
    clf = small().fit(X, labels)
    clf.set_params(lr=0.5, batch_size=7, max_epochs=9, n_init=4, optimizer="sgd")
    again = saved_and_loaded(clf, file)
    assert_same(again.predict_proba(X), clf.predict_proba(X))
    assert_same(again.get_params(), clf.get_params())


@pytest.mark.parametrize(
    "changes", [{"hidden_layer_sizes": 9}, {"dropout": 0.1}], ids=str
)
def test_a_perceptron_that_settings_no_longer_make_is_not_saved(crowd, file, changes):
    X, labels, _ = crowd
    clf = small().fit(X, labels).set_params(**changes)
    with pytest.raises(ValueError, match=r"settings of the fit(.|\n)*or fit again"):
        clf.save(file)
    assert not file.exists()


def test_a_fit_with_an_accelerator_is_loaded_without_one(crowd, check):
    accelerate = pytest.importorskip("accelerate")
    X, labels, _ = crowd
    clf = small(accelerator=accelerate.Accelerator(cpu=True)).fit(X, labels)
    check(clf, X, labels, accelerator=None)


@pytest.fixture(scope="module")
def stream_content(crowd, tmp_path_factory):
    """Text and tensors of a stream with weights and items that have names."""
    X, labels, _ = crowd
    path = tmp_path_factory.mktemp("content") / "model.safetensors"
    weight = np.linspace(1, 2, len(X))
    small(replay_size=50).partial_fit(X, labels, sample_weight=weight).save(path)
    with safetensors.safe_open(path, framework="pt") as opened:
        document = json.loads(opened.metadata()["skccem"])
    return document, safetensors.torch.load_file(path)


def entry(stored, *keys):
    """An entry of dicts as a ``Writer`` writes them."""
    for key in keys:
        stored = dict(stored["items"])[key]
    return stored


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("_stream.replay.weight", torch.ones(49), "parts of lengths"),
        ("_stream.replay.X", torch.ones(49, 5), "parts of lengths"),
        ("_stream.in_network", torch.ones(5, dtype=torch.bool), "other annotators"),
        ("_stream.replay.labels.classes", torch.arange(4), "other classes"),
        ("_stream.replay.labels.indices", torch.tensor([3]), "labels"),
    ],
)
def test_a_stream_that_contradicts_itself_is_refused(
    stream_content, file, name, tensor, message
):
    document, tensors = copy.deepcopy(stream_content)
    stored = entry(document["fitted"]["_stream"], *name.split(".")[1:3])
    if "labels" in name:
        stored = stored[name.rsplit(".", 1)[1]]
    assert stored["name"] == name
    stored |= {
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "axes": list(range(tensor.ndim)),
    }
    tensors[name] = tensor
    metadata = {"skccem": json.dumps(document)}
    safetensors.torch.save_file(tensors, file, metadata=metadata)
    with pytest.raises(ValueError, match=message):
        CrowdClassifier.load(file)


def test_a_file_is_as_large_as_what_was_learned(file):
    truth = np.random.default_rng(0).integers(3, size=500)
    X = np.random.default_rng(1).normal(size=(500, 200)).astype(np.float32)
    labels = make_crowd_labels(truth, np.full((9, 3, 3), 1 / 3), labels_per_item=2)
    clf = CrowdClassifier(max_epochs=1, n_init=2, random_state=0).fit(X, labels)
    clf.save(file)
    weights = sum(
        parameter.numel() * 4
        for net in clf.nets_
        for parameter in net.module_.parameters()
    )
    # Adam remembers two numbers for each weight of the coupled network.
    assert weights < file.stat().st_size < 2.2 * weights + 100_000


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("params", "hidden_layer_sizes"), [2**40], "weights of the module"),
        (("params", "hidden_layer_sizes"), [2**70], "damaged"),
        (("fitted", "n_features_in_"), 2**60, "n_features_in_"),
        (("fitted", "n_features_in_"), -1, "n_features_in_"),
    ],
)
def test_sizes_in_a_file_take_no_memory_before_they_are_seen_to_fit(
    tmp_path, path, value, why
):
    file = tmp_path / "model.safetensors"
    X, Y = np.ones((4, 2)), [["a", "b"], ["b", "b"], ["a", "a"], ["b", "a"]]
    settings = {"hidden_layer_sizes": [3], "n_init": 1, "max_epochs": 1}
    CrowdClassifier(random_state=0, **settings).fit(X, Y).save(file)
    document, tensors = read_model(file)
    document[path[0]][path[1]] = value
    write_model(file, document, tensors)
    with pytest.raises(ValueError, match=why):
        CrowdClassifier.load(file)

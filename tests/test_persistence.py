"""``save`` and ``load``, of every estimator that has them."""

import copy
import json
import pickle

import joblib
import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from aggregators import AGGREGATORS
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skccem import (
    MACE,
    CrowdClassifier,
    CrowdLabels,
    DawidSkene,
    MajorityVote,
)

SMALL = {
    "hidden_layer_sizes": (8,),
    "batch_size": 40,
    "max_epochs": 2,
    "n_init": 2,
    "random_state": 0,
}


def saved_and_loaded(estimator, path, **params):
    estimator.save(path)
    return type(estimator).load(path, **params)


def learned(estimator):
    """What a fit set, but the skorch nets."""
    params = estimator.get_params(deep=False).keys() | {"net_", "nets_"}
    found = vars(estimator).items()
    return dict(sorted((key, value) for key, value in found if key not in params))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def fitted(crowd):
    X, labels, _ = crowd
    return CrowdClassifier(**SMALL).fit(X, labels)


@pytest.fixture(scope="module")
def content(fitted, tmp_path_factory):
    """Text and tensors of a file."""
    path = tmp_path_factory.mktemp("content") / "model.safetensors"
    fitted.save(path)
    with safetensors.safe_open(path, framework="pt") as opened:
        document = json.loads(opened.metadata()["skccem"])
    return document, safetensors.torch.load_file(path)


def write(path, document, tensors):
    metadata = {"skccem": json.dumps(document)}
    safetensors.torch.save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize("Estimator", AGGREGATORS)
def test_all_that_is_learned_from_labels_alone_comes_back(
    crowd, file, Estimator, assert_same
):
    _, labels, _ = crowd
    model = Estimator(random_state=0).fit(labels)
    again = saved_and_loaded(model, file)
    assert_same(learned(again), learned(model))
    assert_same(again.get_params(), model.get_params())
    assert_same(again.predict_proba(labels), model.predict_proba(labels))
    assert_same(again.predict(labels), model.predict(labels))


@pytest.mark.parametrize(
    "annotators",
    [
        [10**12 + i for i in range(6)],
        [f"annotator {i} ü" for i in range(6)],
        [True, "b", 2, 3.5, 2**80, "f"],
        [0.5 * i for i in range(6)],
        np.arange("2020-01", "2020-07", dtype="datetime64[M]"),
    ],
    ids=["int", "str", "objects", "float", "dates"],
)
@pytest.mark.parametrize(
    "classes",
    [[3, 5, 9], ["a", "b", "ü"], [0.25, 0.5, 2.0]],
    ids=["int", "str", "float"],
)
def test_names_of_any_type_come_back(crowd, file, annotators, classes, assert_same):
    _, labels, _ = crowd
    table = np.array([*classes, -1], dtype=object)[np.asarray(labels)]
    missing = {"missing": -1}
    named = CrowdLabels.from_matrix(table, annotators=annotators, **missing)
    model = DawidSkene().fit(named)
    again = saved_and_loaded(model, file)
    assert_same(again.classes_, model.classes_)
    assert_same(again.annotators_, model.annotators_)
    assert_same(again.predict(named), model.predict(named))


def test_classes_of_truth_values_come_back(file, assert_same):
    Y = np.array([[True, False], [True, True], [False, False]])
    model = MajorityVote(random_state=0).fit(Y)
    assert_same(saved_and_loaded(model, file).classes_, np.array([False, True]))


def test_parameters_come_back_with_their_types(crowd, file, assert_same):
    _, labels, _ = crowd
    rng = np.random.RandomState(0)
    model = DawidSkene(
        classes=[0, 1, 2], tol=np.float64(1e-3), random_state=rng, smoothing=0.5
    ).fit(labels)
    again = saved_and_loaded(model, file)
    assert_same(again.get_params(), model.get_params())
    assert_same(clone(again).get_params(), model.get_params())
    # The generator goes on where the other one goes on.
    assert again.fit(labels)._tie_seed == model.fit(labels)._tie_seed


def test_a_loaded_estimator_can_be_saved_pickled_and_copied(
    crowd, fitted, file, assert_same
):
    X, _, _ = crowd
    again = saved_and_loaded(fitted, file)
    before = file.read_bytes()
    again.save(file)
    assert file.read_bytes() == before
    joblib.dump(again, file)
    for other in (
        pickle.loads(pickle.dumps(again)),
        joblib.load(file),
        copy.deepcopy(again),
    ):
        assert_same(other.predict_proba(X), fitted.predict_proba(X))


def test_an_estimator_that_is_not_fitted_is_not_saved(file):
    with pytest.raises(NotFittedError):
        CrowdClassifier().save(file)
    with pytest.raises(NotFittedError):
        DawidSkene().save(file)
    assert not file.exists()


def test_a_file_of_another_class_says_whose_it_is(crowd, file):
    DawidSkene().fit(crowd[1]).save(file)
    with pytest.raises(ValueError, match=r"saved CrowdClassifier.*holds a DawidSkene"):
        CrowdClassifier.load(file)
    with pytest.raises(ValueError, match="saved MACE"):
        MACE.load(file)


class Mine(MajorityVote):
    def __init__(self, *, note=None, smoothing=1.0, classes=None, random_state=None):
        super().__init__(
            smoothing=smoothing, classes=classes, random_state=random_state
        )
        self.note = note


def test_parameters_that_are_not_data_are_asked_for(crowd, file):
    model = Mine(note=len).fit(crowd[1])
    model.save(file)
    with pytest.raises(TypeError, match=r"\['note'\].*Mine\.load\(path, note=\.\.\.\)"):
        Mine.load(file)
    with pytest.raises(
        TypeError, match=r"no other parameters than \['note'\].*'smoothing'"
    ):
        Mine.load(file, note=len, smoothing=1)
    assert Mine.load(file, note=len).note is len


def test_requested_metadata_are_requested_again(crowd, file):
    with config_context(enable_metadata_routing=True):
        for model in (DawidSkene().fit(crowd[1]), CrowdClassifier(**SMALL)):
            model.set_fit_request(gold="expert", sample_weight=True)
            if isinstance(model, CrowdClassifier):
                model.fit(*crowd[:2])
            again = saved_and_loaded(model, file)
            for one in (again, clone(again)):
                requests = one.get_metadata_routing().fit.requests
                assert requests == {"gold": "expert", "sample_weight": True}


def test_what_is_not_data_among_results_is_named_before_a_file_is_written(crowd, file):
    model = DawidSkene().fit(crowd[1])
    for name in ("note", "_note"):
        setattr(model, name, 1)
        with pytest.raises(TypeError, match=rf"DawidSkene\.{name}, but.*delete it"):
            model.save(file)
        delattr(model, name)
    model.function_ = len
    with pytest.raises(TypeError, match=r"function_.*builtin_function"):
        model.save(file)
    assert not file.exists()


def test_a_parameter_that_a_later_version_adds_has_its_default(crowd, file):
    write_without(DawidSkene().fit(crowd[1]), file, "smoothing_target")
    assert DawidSkene.load(file).smoothing_target == DawidSkene().smoothing_target


def write_without(model, path, param):
    model.save(path)
    with safetensors.safe_open(path, framework="pt") as opened:
        document = json.loads(opened.metadata()["skccem"])
    del document["params"][param]
    write(path, document, safetensors.torch.load_file(path))


def test_a_parameter_that_the_class_does_not_have_is_refused(content, file):
    document, tensors = copy.deepcopy(content)
    document["params"]["momentum"] = 1
    write(file, document, tensors)
    with pytest.raises(ValueError, match=r"no parameters \['momentum'\]"):
        CrowdClassifier.load(file)


def test_a_file_is_cut_off_nowhere_unnoticed(fitted, file):
    fitted.save(file)
    content = file.read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        file.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged"):
            CrowdClassifier.load(file)


ARRAYS = [
    "confusion_matrices_",
    "_log_confusion",
    "class_prior_",
    "annotators_",
    "classes_",
    "n_labels_per_annotator_",
    "aggregated_proba_",
    "nets_.0.state.answer_logits",
    "nets_.0.state.backbone.0.weight",
    "nets_.1.state.backbone.3.bias",
    "nets_.0.remembered.answer_logits.exp_avg",
    "_stream.in_network",
]


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_another_shape_is_refused(content, file, name):
    document, tensors = copy.deepcopy(content)
    shape = tensors[name].shape
    longer = torch.zeros(*shape[:-1], shape[-1] + 1, dtype=tensors[name].dtype)
    tensors[name] = longer
    write(file, document, tensors)
    with pytest.raises(ValueError, match=rf"{name} should be .* of the shape"):
        CrowdClassifier.load(file)
    # Also where the text agrees with it.
    for stored in walk(document):
        if stored.get("name") == name:
            stored["shape"] = list(longer.shape)
    write(file, document, tensors)
    with pytest.raises(ValueError, match=r"shape|annotators"):
        CrowdClassifier.load(file)


@pytest.mark.parametrize("name", [*ARRAYS[:4], *ARRAYS[5:]])
def test_an_array_of_another_type_is_refused(content, file, name):
    document, tensors = copy.deepcopy(content)
    tensors[name] = tensors[name].to(torch.int16)
    write(file, document, tensors)
    with pytest.raises(ValueError, match=rf"{name} should be .* but it is int16"):
        CrowdClassifier.load(file)
    if name in ("annotators_", "n_labels_per_annotator_") or "remembered" in name:
        # Any integers are names and counts, and torch converts what it remembers.
        return
    for stored in walk(document):
        if stored.get("name") == name:
            stored["dtype"] = "int16"
    write(file, document, tensors)
    with pytest.raises(ValueError, match=r"type|stream|matrices"):
        CrowdClassifier.load(file)


def test_tensors_that_are_missing_or_superfluous_are_named(content, file):
    document, tensors = copy.deepcopy(content)
    write(file, document, tensors | {"extra": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"\['extra'\]"):
        CrowdClassifier.load(file)
    del tensors["class_prior_"]
    write(file, document, tensors)
    with pytest.raises(ValueError, match="class_prior_ is missing"):
        CrowdClassifier.load(file)


@pytest.mark.parametrize("name", CrowdClassifier._needed)
def test_a_file_without_what_a_fit_sets_is_refused(content, file, name):
    document, tensors = copy.deepcopy(content)
    stored = document["fitted"].pop(name)
    for part in walk(stored):
        tensors.pop(part.get("name"), None)
    write(file, document, tensors)
    with pytest.raises(ValueError, match=f"lacks {name}"):
        CrowdClassifier.load(file)


@pytest.mark.parametrize("name", ["predict", "__class__", "_private", "a b_", "x.y_"])
def test_a_file_sets_nothing_that_a_fit_does_not_set(content, file, name):
    document, tensors = copy.deepcopy(content)
    document["fitted"][name] = 1
    write(file, document, tensors)
    with pytest.raises(ValueError, match="no fit sets"):
        CrowdClassifier.load(file)


def walk(stored):
    """All objects of JSON, also those within others."""
    if isinstance(stored, dict):
        yield stored
    inner = stored.values() if isinstance(stored, dict) else stored
    if isinstance(stored, dict | list):
        for part in inner:
            yield from walk(part)


def places(stored):
    """All containers of JSON with each of their keys."""
    if isinstance(stored, dict | list):
        keys = list(stored) if isinstance(stored, dict) else range(len(stored))
        for key in keys:
            yield stored, key
            yield from places(stored[key])


def test_whatever_is_changed_in_the_text_never_does_worse_than_an_error(content, file):
    document, tensors = content
    rng = np.random.default_rng(0)
    strange = [None, True, -1, 10**30, 1.5, "x", [], [[]], {}, {"type": "tuple"}]
    n_places = len(list(places(document)))
    refused = 0
    for _ in range(100):
        changed = copy.deepcopy(document)
        container, key = list(places(changed))[rng.integers(n_places)]
        container[key] = copy.deepcopy(strange[rng.integers(len(strange))])
        write(file, changed, tensors)
        try:
            CrowdClassifier.load(file)
        except (ValueError, TypeError):
            refused += 1
    # Other settings, history and counts are as good as those before.
    assert refused > 30

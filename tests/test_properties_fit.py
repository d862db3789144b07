"""`CrowdClassifier` in miniature, on extremes: a sound result, or a clear error."""

import numpy as np
import pytest
from hypothesis import strategies as st
from strategies import code_tables, fewer, given, outcome

from skccem import CrowdClassifier, CrowdLabels, TwoStageClassifier
from skccem._crowd_loss import LIKELIHOODS, REGULARIZERS

SETTINGS = st.fixed_dictionaries(
    {
        "likelihood": st.sampled_from([*LIKELIHOODS]),
        "regularizer": st.sampled_from([*REGULARIZERS, None]),
        "reg_strength": st.sampled_from([0.0, 1e-300, 0.02, 1e3, 1e30, 1e300]),
        "lr": st.sampled_from([1e-300, 1e-3, 10.0, 1e30]),
        "confusion_lr": st.sampled_from([0.0, 1e-2, 100.0, 1e30, 1e300]),
        "batch_size": st.sampled_from([1, 2, 100, None]),
        "optimizer": st.sampled_from(["adam", "adamw", "sgd"]),
        "weight_decay": st.sampled_from([0.0, 1e-2, 1e30]),
        "init": st.sampled_from(["identity", "majority_vote", "dawid_skene"]),
        "n_init": st.sampled_from([1, 1, 2]),
        "hidden_layer_sizes": st.sampled_from([(), (3,)]),
        "early_stopping": st.booleans(),
        "burn_in": st.sampled_from([0, 0.4, 1]),
    }
)
FEATURES = st.sampled_from(["normal", "constant", "zero", "huge", "tiny", "mixed"])
PLAIN = {"lr": 1e-2, "hidden_layer_sizes": (), "n_init": 1}


def features_of(kind, n_items, dtype=np.float32):
    X = np.random.default_rng(0).normal(size=(n_items, 3))
    scales = {"huge": 1e30, "tiny": 1e-30, "zero": 0.0, "mixed": [1e30, 1e-30, 1.0]}
    X = np.ones_like(X) if kind == "constant" else X * scales.get(kind, 1.0)
    return X.astype(dtype)


def fit(X, labels, settings, **kwargs):
    """A fitted classifier of few epochs, or None if it says clearly why not."""
    settings = {"max_epochs": 3, "dropout": 0.0, "device": "cpu"} | settings
    clf = CrowdClassifier(random_state=0, **settings)
    return outcome(clf.fit, X, labels, **kwargs)


def check_sound(clf, X, labels):
    """Assert that everything that a fit set is finite, and distributions are some."""
    distributions = {
        "confusion_matrices_": clf.confusion_matrices_,
        "aggregated_proba_": clf.aggregated_proba_,
        "class_prior_": clf.class_prior_,
        "predict_proba": clf.predict_proba(X),
        "aggregate_proba": clf.aggregate_proba(X, labels),
        "predict_annotator_proba": clf.predict_annotator_proba(X),
    }
    for name, proba in distributions.items():
        assert np.isfinite(proba).all(), name
        assert (proba >= 0).all(), name
        assert np.allclose(proba.sum(axis=-1), 1, atol=1e-5), name
    for epoch in clf.history_:
        assert np.isfinite([v for v in epoch.values() if isinstance(v, float)]).all()
    shape = (labels.n_annotators, labels.n_classes, labels.n_classes)
    assert clf.confusion_matrices_.shape == shape
    assert not np.isnan(clf.score(X, labels))


def crowd_of(codes, n_classes):
    return CrowdLabels.from_matrix(codes, classes=np.arange(n_classes))


@given(SETTINGS, FEATURES, code_tables(max_items=10), st.booleans())
def test_any_settings_give_a_sound_fit_or_a_clear_error(settings, kind, drawn, double):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes)
    X = features_of(kind, len(codes), np.float64 if double else np.float32)
    clf = fit(X, labels, settings)
    if clf is not None:
        check_sound(clf, X, labels)


@given(FEATURES, code_tables(max_items=10), st.sampled_from([*REGULARIZERS, None]))
def test_plain_settings_fit_every_crowd_of_two_classes(kind, drawn, regularizer):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes)
    kind = "normal" if kind in ("huge", "mixed") else kind
    X = features_of(kind, len(codes))
    clf = fit(X, labels, PLAIN | {"regularizer": regularizer})
    assert (clf is None) == (len(np.unique(codes[codes >= 0])) < 2)
    if clf is not None:
        check_sound(clf, X, labels)


@given(
    code_tables(max_items=8, max_classes=3, min_items=2),
    st.lists(
        st.sampled_from([0.0, 1e-300, 1e-60, 1e-40, 1.0, 1e38, 1e300, 1.7e308]),
        min_size=8,
        max_size=8,
    ),
    st.sampled_from([np.float32, np.float64]),
)
def test_weights_of_any_size_give_a_sound_fit_or_a_clear_error(drawn, weights, dtype):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes)
    X = features_of("normal", len(codes), dtype)
    weights = np.array(weights[: len(codes)])
    for settings in (PLAIN, PLAIN | {"init": "majority_vote", "n_init": 2}):
        clf = fit(X, labels, settings, sample_weight=weights)
        if clf is not None:
            check_sound(clf, X, labels)


@given(code_tables(max_items=8), st.lists(st.integers(-1, 4), min_size=8, max_size=8))
def test_any_gold_gives_a_sound_fit_or_a_clear_error(drawn, gold):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes)
    X = features_of("normal", len(codes))
    clf = fit(X, labels, PLAIN, gold=np.array(gold[: len(codes)]))
    if clf is not None:
        check_sound(clf, X, labels)


@given(
    st.sampled_from(["spam", "equal", "one"]),
    st.integers(2, 12),
    st.integers(2, 40),
    st.integers(2, 5),
)
@fewer(0.5)
def test_annotators_of_any_kind_give_a_sound_fit(kind, n, n_annotators, n_classes):
    rng = np.random.default_rng(n)
    truth = np.arange(n) % n_classes
    codes = np.repeat(truth[:, np.newaxis], n_annotators, axis=1)
    if kind == "spam":
        codes = rng.integers(n_classes, size=codes.shape)
        codes[:2, 0] = [0, 1]
    elif kind == "one":
        codes[:, 1:] = -1
    labels = crowd_of(codes, n_classes)
    X = features_of("normal", n)
    clf = fit(X, labels, PLAIN | {"batch_size": 2})
    check_sound(clf, X, labels)


@given(st.sampled_from([50, 300, 1000]), st.sampled_from([1, 20, 10_000]))
@fewer(0.2)
def test_many_classes_and_annotators_fit_or_say_what_memory_they_need(K, M):
    codes = np.random.default_rng(0).integers(K, size=(3, 2))
    labels = CrowdLabels.from_long(
        {"task": [0, 1, 2], "worker": [0, 0, 0], "label": codes[:, 0]},
        annotators=np.arange(M),
        classes=np.arange(K),
    )
    if M * K**2 * 8 > 2**27:
        # What fits into memory but takes long says nothing new.
        if M * K**2 * 32 > 2**36:
            with pytest.raises(MemoryError, match="GiB"):
                CrowdClassifier(device="cpu").fit(np.ones((3, 2)), labels)
        return
    X = features_of("normal", 3)
    clf = fit(X, labels, PLAIN | {"max_epochs": 1})
    if clf is not None:
        check_sound(clf, X, labels)


@given(code_tables(max_items=8), FEATURES, st.booleans())
def test_two_stages_give_distributions_or_a_clear_error(drawn, kind, soft):
    codes, n_classes = drawn
    kind = "normal" if kind in ("huge", "mixed") else kind
    X = features_of(kind, len(codes))
    labels = crowd_of(codes, n_classes)
    clf = outcome(TwoStageClassifier(soft=soft, random_state=0).fit, X, labels)
    if clf is not None:
        assert np.allclose(clf.predict_proba(X).sum(axis=1), 1)
        assert np.allclose(clf.confusion_matrices_.sum(axis=2), 1)
        assert np.allclose(clf.aggregate_proba(X, labels).sum(axis=1), 1)


@given(st.lists(code_tables(max_items=5, max_annotators=3, max_classes=3), max_size=3))
@fewer(0.5)
def test_streams_of_any_parts_stay_sound_or_end_in_a_clear_error(parts):
    settings = {"max_epochs": 2, "device": "cpu", **PLAIN}
    clf = CrowdClassifier(classes=[0, 1, 2], random_state=0, **settings)
    for codes, _ in parts:
        labels = crowd_of(codes, 3)
        X = features_of("normal", len(codes))
        if outcome(clf.partial_fit, X, labels) is not None:
            assert np.isfinite(clf.confusion_matrices_).all()
            assert np.allclose(clf.confusion_matrices_.sum(axis=2), 1)
            assert np.allclose(clf.predict_proba(X).sum(axis=1), 1, atol=1e-5)

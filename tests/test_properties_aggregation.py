"""Estimators from labels alone, on any crowd: distributions, whatever the order."""

import warnings

import numpy as np
import pytest
from aggregators import AGGREGATORS, EM_AGGREGATORS
from hypothesis import assume
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from strategies import code_tables, given, outcome

from skccem import CrowdLabels, MajorityVote


def of_some(estimators):
    return st.sampled_from(estimators)


def made(kind, max_iter=30, **params):
    """An estimator that ends soon."""
    if kind is not MajorityVote:
        params["max_iter"] = max_iter
    return kind(random_state=0, **params)


def fitted(estimator, labels, **kwargs):
    """The fitted estimator, or None if it says clearly why there is none."""
    return outcome(estimator.fit, labels, **kwargs)


def crowd_of(codes, n_classes):
    return CrowdLabels.from_matrix(codes, classes=np.arange(n_classes))


def arrays_of(model):
    """All arrays of numbers and numbers that the fit set, by name."""
    found = {name: value for name, value in vars(model).items() if name.endswith("_")}
    numbers = {}
    for name, value in found.items():
        array = np.asarray(value)
        if array.dtype.kind in "iuf":
            numbers[name] = array
    return numbers


@given(
    of_some(AGGREGATORS),
    code_tables(max_items=10),
    st.sampled_from([0.0, 1e-300, 0.1, 1e6]),
    st.lists(st.sampled_from([0.0, 1e-300, 1.0, 1e300]), min_size=10, max_size=10),
    st.booleans(),
)
def test_any_crowd_gives_distributions_or_a_clear_error(
    kind, drawn, smoothing, weights, weighted
):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes)
    params = {"smoothing": smoothing} if hasattr(kind(), "smoothing") else {}
    weights = weights[: len(codes)] if weighted else None
    model = fitted(made(kind, **params), labels, sample_weight=weights)
    if model is None:
        used = codes[codes >= 0]
        # A crowd that says something, with plain weights, is never refused.
        assert weighted or len(np.unique(used)) < 2
        return
    for name, array in arrays_of(model).items():
        assert not np.isnan(array).any(), name
    assert model.confusion_matrices_.shape == (codes.shape[1], n_classes, n_classes)
    for proba in (
        model.confusion_matrices_,
        model.class_prior_,
        model.predict_proba(labels),
    ):
        assert (proba >= 0).all()
        assert np.allclose(proba.sum(axis=-1), 1)
    assert np.isin(model.predict(labels), labels.classes).all()


@given(of_some(AGGREGATORS), code_tables(), st.randoms(use_true_random=False))
def test_the_order_of_items_and_annotators_changes_nothing(kind, drawn, random):
    codes, n_classes = drawn
    labels = crowd_of(codes, n_classes)
    # Few iterations, before rounding grows where the likelihood is flat.
    model = fitted(made(kind, max_iter=5), labels)
    assume(model is not None)
    rows, columns = list(range(len(codes))), list(range(codes.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    other_labels = labels[rows].select_annotators(columns)
    other = fitted(made(kind, max_iter=5), other_labels)
    assert np.allclose(
        other.confusion_matrices_, model.confusion_matrices_[columns], atol=1e-6
    )
    assert np.allclose(other.class_prior_, model.class_prior_, atol=1e-6)
    proba = model.predict_proba(labels)
    assert np.allclose(other.predict_proba(other_labels), proba[rows], atol=1e-6)


@given(of_some(AGGREGATORS), code_tables(), st.randoms(use_true_random=False))
def test_the_names_of_the_classes_change_nothing(kind, drawn, random):
    codes, n_classes = drawn
    model = fitted(made(kind, max_iter=5), crowd_of(codes, n_classes))
    assume(model is not None)
    names = list(range(n_classes))
    random.shuffle(names)
    renamed = crowd_of(np.where(codes < 0, -1, np.array(names)[codes]), n_classes)
    other = fitted(made(kind, max_iter=5), renamed)
    proba = model.predict_proba(crowd_of(codes, n_classes))
    assert np.allclose(other.predict_proba(renamed)[:, names], proba, atol=1e-6)


@given(of_some(EM_AGGREGATORS), code_tables(max_items=12))
def test_no_iteration_lowers_the_objective(kind, drawn):
    model = fitted(made(kind), crowd_of(*drawn))
    assume(model is not None)
    history = np.array(model.history_)
    assert np.isfinite(history).all()
    assert (np.diff(history) >= -1e-8 * np.abs(history[:-1]) - 1e-8).all()


@given(
    of_some(AGGREGATORS),
    st.integers(2, 4),
    st.integers(3, 6),
    st.lists(st.integers(0, 3), min_size=2, max_size=12),
)
def test_where_all_agree_the_classes_are_what_they_say(kind, n_classes, M, truth):
    truth = np.array(truth) % n_classes
    assume(len(np.unique(truth)) > 1)
    codes = np.repeat(truth[:, np.newaxis], M, axis=1)
    model = fitted(made(kind), crowd_of(codes, n_classes))
    assert model is not None
    assert np.array_equal(model.predict(crowd_of(codes, n_classes)), truth)


@given(of_some(AGGREGATORS), code_tables(max_items=6))
def test_items_without_labels_have_the_class_prior(kind, drawn):
    codes, n_classes = drawn
    model = fitted(made(kind), crowd_of(codes, n_classes))
    assume(model is not None)
    empty = crowd_of(np.full((2, codes.shape[1]), -1), n_classes)
    assert np.allclose(model.predict_proba(empty), model.class_prior_)


@pytest.mark.parametrize("kind", AGGREGATORS)
def test_a_model_too_large_for_memory_is_refused_before_it_is_made(kind):
    labels = crowd_of(np.array([[0, 1], [1, 0]]), 3000)
    labels = labels.align(annotators=np.arange(200_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(MemoryError, match="GiB"):
            made(kind).fit(labels)

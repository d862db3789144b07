"""Both likelihoods, in torch and in NumPy, against loops over the formulas."""

import math

import numpy as np
import torch
from hypothesis import strategies as st
from strategies import code_tables, given

from skccem import CrowdLabels
from skccem import _losses as losses
from skccem import _probability as probability
from skccem import _volumes as volumes
from skccem._counts import confusion_from_counts, expected_counts

# From nearly uniform to far beyond what single precision can exponentiate.
SCALES = st.sampled_from([1e-6, 1.0, 30.0, 1e4])


@st.composite
def coupled(draw):
    """Labels with random log-posteriors and logits, indexed [annotator, k, answer]."""
    codes, n_classes = draw(code_tables(min_items=0, max_classes=5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = draw(SCALES) * rng.normal(size=(len(codes), n_classes))
    logits = draw(SCALES) * rng.normal(size=(codes.shape[1], n_classes, n_classes))
    labels = CrowdLabels.from_matrix(codes, classes=np.arange(n_classes))
    return labels, log_softmax(scores), log_softmax(logits)


def log_softmax(scores):
    return scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)


def log_sum_exp(values):
    top = max(values)
    if math.isinf(top):
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in values))


def marginal_formula(labels, log_posterior, log_confusion):
    """``log sum_k f_k B_m[k, l]`` of each label, one after the other."""
    triples = zip(labels.row_indices(), labels.indices, labels.codes, strict=True)
    return [
        log_sum_exp((log_posterior[i] + log_confusion[m, :, label]).tolist())
        for i, m, label in triples
    ]


def joint_formula(labels, log_posterior, log_confusion):
    """``log f_k prod_m B_m[k, y_m]`` of each item and class."""
    log_joint = log_posterior.copy()
    triples = zip(labels.row_indices(), labels.indices, labels.codes, strict=True)
    for i, m, label in triples:
        log_joint[i] += log_confusion[m, :, label]
    return log_joint


def as_tensors(labels, log_posterior, log_confusion, dtype=torch.float64):
    """Arguments of the losses, of which the first two want a gradient."""
    logits = torch.tensor(log_confusion, dtype=dtype).transpose(1, 2).contiguous()
    indices = labels.row_indices(), labels.indices, labels.codes
    return (
        torch.tensor(log_posterior, dtype=dtype).requires_grad_(),
        logits.requires_grad_(),
        *(torch.tensor(part.astype(np.int64)) for part in indices),
    )


def starts_of(labels):
    return torch.tensor(labels.indptr[:-1].astype(np.int64))


def agree(got, expected, scale):
    """Whether numbers agree to what rounding of their largest terms leaves."""
    expected = np.asarray(expected, dtype=float)
    return np.allclose(np.asarray(got), expected, rtol=1e-9, atol=1e-11 * (1 + scale))


def scale_of(*arrays):
    return max(float(np.abs(array).max(initial=0)) for array in arrays)


@given(coupled())
def test_the_marginal_likelihood_is_that_of_the_formula(drawn):
    expected = marginal_formula(*drawn)
    got = losses.marginal_log_likelihood(*as_tensors(*drawn)).detach()
    assert agree(got, expected, scale_of(*drawn[1:]))
    also = probability.marginal_log_likelihood(*drawn)
    assert agree(also, expected, scale_of(*drawn[1:]))


@given(coupled())
def test_the_joint_likelihood_is_that_of_the_formula(drawn):
    labels = drawn[0]
    expected = [log_sum_exp(row) for row in joint_formula(*drawn).tolist()]
    scale = scale_of(*drawn[1:])
    arguments = as_tensors(*drawn)
    for starts in (None, starts_of(labels)):
        if labels.n_labels or starts is None:
            got = losses.joint_log_likelihood(*arguments, starts=starts).detach()
            assert agree(got, expected, scale)
    assert agree(probability.joint_log_likelihood(*drawn), expected, scale)


@given(coupled(), st.lists(st.floats(-50, 0), min_size=3, max_size=3))
def test_the_likelihood_with_outliers_is_that_of_the_formula(drawn, weights):
    labels, log_posterior, log_confusion = drawn
    log_weight = log_softmax(np.array(weights))
    n_classes = labels.n_classes
    uniform = np.full_like(log_posterior, -math.log(n_classes))
    expected = [
        log_sum_exp(
            [
                log_weight[0] + log_sum_exp(own),
                log_weight[1] + log_sum_exp(other),
                log_weight[2] - n_labels * math.log(n_classes),
            ]
        )
        for own, other, n_labels in zip(
            joint_formula(*drawn).tolist(),
            joint_formula(labels, uniform, log_confusion).tolist(),
            labels.labels_per_item,
            strict=True,
        )
    ]
    got = losses.outlier_log_likelihood(*as_tensors(*drawn), torch.tensor(log_weight))
    assert agree(got.detach(), expected, scale_of(*drawn[1:]))


@given(coupled(), st.sampled_from([torch.float32, torch.float64]), st.booleans())
def test_gradients_are_finite_and_move_no_probability(drawn, dtype, with_proba):
    for function in (losses.marginal_log_likelihood, losses.joint_log_likelihood):
        arguments = as_tensors(*drawn, dtype)
        result = function(*arguments, return_proba=with_proba)
        result = result[0] if with_proba else result
        assert torch.isfinite(result).all()
        result.sum().backward()
        by_posterior, by_logits = arguments[0].grad, arguments[1].grad
        assert torch.isfinite(by_posterior).all()
        assert torch.isfinite(by_logits).all()
        # Logits that all rise by the same amount give the same probabilities.
        n_labels = drawn[0].labels_per_annotator.max(initial=1)
        assert by_logits.sum(dim=1).abs().max() <= 1e-4 * n_labels


@given(coupled(), st.randoms(use_true_random=False))
def test_the_order_of_items_and_annotators_does_not_matter(drawn, random):
    labels, log_posterior, log_confusion = drawn
    rows, columns = list(range(labels.n_samples)), list(range(labels.n_annotators))
    random.shuffle(rows)
    random.shuffle(columns)
    other = labels[rows].select_annotators(columns)
    shuffled = other, log_posterior[rows], log_confusion[columns]
    scale = scale_of(log_posterior, log_confusion)
    one = losses.joint_log_likelihood(*as_tensors(*drawn)).detach().numpy()
    two = losses.joint_log_likelihood(*as_tensors(*shuffled)).detach().numpy()
    assert agree(two, one[rows], scale)
    one = losses.marginal_log_likelihood(*as_tensors(*drawn)).sum().item()
    two = losses.marginal_log_likelihood(*as_tensors(*shuffled)).sum().item()
    assert math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-8 * (1 + scale))
    one = probability.posterior_log_proba(labels, log_confusion, log_posterior)
    two = probability.posterior_log_proba(
        other, log_confusion[columns], log_posterior[rows]
    )
    assert agree(np.exp(two), np.exp(one[rows]), scale)


@given(coupled(), st.floats(0, 1))
def test_posteriors_sum_to_one_also_where_the_model_excludes_labels(drawn, share):
    labels, log_posterior, log_confusion = drawn
    rng = np.random.default_rng(0)
    log_confusion = np.where(
        rng.uniform(size=log_confusion.shape) < share, -np.inf, log_confusion
    )
    log_posterior = np.where(
        rng.uniform(size=log_posterior.shape) < share / 2, -np.inf, log_posterior
    )
    got = probability.posterior_log_proba(labels, log_confusion, log_posterior)
    assert not np.isnan(got).any()
    assert np.allclose(np.exp(got).sum(axis=1), 1)
    log_joint = joint_formula(labels, log_posterior, log_confusion)
    expected = [log_sum_exp(row) for row in log_joint.tolist()]
    per_item = probability.joint_log_likelihood(labels, log_posterior, log_confusion)
    assert np.array_equal(np.isneginf(per_item), np.isneginf(expected))
    possible = ~np.isneginf(expected)
    exact = np.exp(log_joint[possible] - np.array(expected)[possible, np.newaxis])
    assert np.allclose(np.exp(got[possible]), exact, atol=1e-9)
    per_label = probability.marginal_log_likelihood(
        labels, log_posterior, log_confusion
    )
    expected = marginal_formula(labels, log_posterior, log_confusion)
    assert np.allclose(per_label, expected, rtol=1e-9, atol=1e-9)


@given(coupled(), st.sampled_from([0.0, 0.5, 1e300]))
def test_counts_are_those_of_the_labels_and_make_distributions(drawn, smoothing):
    labels, log_posterior, _ = drawn
    counts = expected_counts(labels, np.exp(log_posterior))
    assert np.allclose(counts.sum(axis=(1, 2)), labels.labels_per_annotator)
    confusion = confusion_from_counts(counts, smoothing=smoothing)
    assert np.isfinite(confusion).all()
    assert (confusion >= 0).all()
    assert np.allclose(confusion.sum(axis=2), 1)


@given(coupled())
def test_volumes_and_their_gradients_are_finite_for_any_batch(drawn):
    labels, log_posterior, log_confusion = drawn
    if not labels.n_samples:
        return
    n_classes = labels.n_classes
    posterior = torch.tensor(log_posterior, requires_grad=True)
    volume = volumes.posterior_log_volume(posterior)
    volume.backward()
    assert torch.isfinite(posterior.grad).all()
    moment = np.exp(log_posterior).T @ np.exp(log_posterior) / len(log_posterior)
    _, expected = np.linalg.slogdet(moment + volumes.RIDGE * np.eye(n_classes))
    assert math.isclose(volume.item(), expected, rel_tol=1e-6, abs_tol=1e-6)
    proba = torch.tensor(np.exp(log_confusion)).transpose(1, 2).requires_grad_()
    volume = volumes.log_volume(volumes.confusion_second_moment(proba))
    volume.backward()
    assert math.isfinite(volume.item())
    assert torch.isfinite(proba.grad).all()

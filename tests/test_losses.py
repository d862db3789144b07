from itertools import product

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from skccem import _crowd_loss, _losses
from skccem._losses import (
    joint_log_likelihood,
    marginal_log_likelihood,
    outlier_log_likelihood,
    with_known_classes,
)

N_ITEMS, N_ANNOTATORS = 6, 4
LIKELIHOODS = [likelihood.function for likelihood in _crowd_loss.LIKELIHOODS.values()]


@pytest.fixture(params=[2, 3, 7], ids="{} classes".format)
def problem(request):
    """A dense matrix of labels with -1 missing, log-posteriors and log-confusions.

    The latter are indexed [annotator, answer, true class], as the answer logits are.
    """
    n_classes = request.param
    rng = np.random.default_rng(n_classes)
    Y = rng.integers(n_classes, size=(N_ITEMS, N_ANNOTATORS))
    Y[rng.random(Y.shape) < 0.4] = -1
    Y[1], Y[2, 0] = -1, 0
    f = rng.dirichlet(np.ones(n_classes), size=N_ITEMS)
    B = rng.dirichlet(np.ones(n_classes), size=(N_ANNOTATORS, n_classes))
    return Y, log_leaf(f), log_leaf(B.transpose(0, 2, 1))


def log_leaf(proba):
    return torch.from_numpy(np.log(proba)).requires_grad_()


def matrices(log_B):
    """The confusion matrices [annotator, true class, answer] as an array."""
    return log_B.exp().detach().numpy().transpose(0, 2, 1)


def observed(Y):
    """Item, annotator and label of every label, item by item."""
    item, annotator = np.nonzero(Y >= 0)
    return [torch.from_numpy(part) for part in (item, annotator, Y[item, annotator])]


def gradients(values, *inputs):
    return torch.autograd.grad(values.sum(), inputs)


def textbook_marginal(Y, f, B):
    """log sum_k f_k(x_i) B_m[k, y_im] of each label, by loops."""
    return [
        np.log(sum(f[i, k] * B[m, k, Y[i, m]] for k in range(f.shape[1])))
        for i in range(len(Y))
        for m in range(Y.shape[1])
        if Y[i, m] >= 0
    ]


def textbook_joint(Y, f, B):
    """log sum_k f_k(x_i) prod_m B_m[k, y_im] of each item, by loops."""
    result = []
    for i in range(len(Y)):
        total = 0.0
        for k in range(f.shape[1]):
            term = f[i, k]
            for m in range(Y.shape[1]):
                if Y[i, m] >= 0:
                    term *= B[m, k, Y[i, m]]
            total += term
        result.append(np.log(total))
    return result


def log_weight_of(share, elsewhere=0.5):
    """Of items that follow the matrices, and of the two kinds of outliers."""
    weight = [1 - share, share * elsewhere, share * (1 - elsewhere)]
    return torch.tensor(weight, dtype=torch.float64).log()


@pytest.mark.parametrize(
    ("likelihood", "textbook"),
    [
        (marginal_log_likelihood, textbook_marginal),
        (joint_log_likelihood, textbook_joint),
    ],
)
def test_likelihood_equals_the_dense_textbook_formula(problem, likelihood, textbook):
    Y, log_f, log_B = problem
    value = likelihood(log_f, log_B, *observed(Y)).detach().numpy()
    expected = textbook(Y, log_f.exp().detach().numpy(), matrices(log_B))
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_gradient_of_likelihood_equals_finite_differences(problem, likelihood):
    Y, log_f, log_B = problem
    labels = observed(Y)
    assert gradcheck(lambda f, B: likelihood(f, B, *labels), (log_f, log_B))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_probabilities_of_answers_come_with_the_likelihood(problem, likelihood):
    Y, log_f, log_B = problem
    labels, answer_logits = observed(Y), (3 * log_B).detach().requires_grad_()
    value, proba = likelihood(log_f, answer_logits, *labels, return_proba=True)
    torch.testing.assert_close(value, likelihood(log_f, answer_logits, *labels))
    torch.testing.assert_close(proba, torch.softmax(answer_logits, dim=1))
    assert gradcheck(
        lambda f, logits: likelihood(f, logits, *labels, return_proba=True),
        (log_f, answer_logits),
    )


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_permuting_annotators_keeps_the_likelihood(problem, likelihood):
    Y, log_f, log_B = problem
    order = np.array([2, 0, 3, 1])
    value = likelihood(log_f, log_B, *observed(Y))
    permuted = likelihood(log_f, log_B[order], *observed(Y[:, order]))
    torch.testing.assert_close(permuted.sum(), value.sum())
    grad, permuted_grad = gradients(value, log_B)[0], gradients(permuted, log_B)[0]
    torch.testing.assert_close(permuted_grad, grad)


def test_permuting_items_permutes_the_joint_likelihood(problem):
    Y, log_f, log_B = problem
    order = np.random.default_rng(0).permutation(N_ITEMS)
    value = joint_log_likelihood(log_f, log_B, *observed(Y))
    permuted = joint_log_likelihood(log_f[order], log_B, *observed(Y[order]))
    torch.testing.assert_close(permuted, value[order])


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_order_of_labels_does_not_matter(problem, likelihood):
    Y, log_f, log_B = problem
    labels = observed(Y)
    order = torch.randperm(len(labels[0]), generator=torch.Generator().manual_seed(0))
    value = likelihood(log_f, log_B, *labels)
    shuffled = likelihood(log_f, log_B, *(part[order] for part in labels))
    expected = value[order] if likelihood is marginal_log_likelihood else value
    torch.testing.assert_close(shuffled, expected)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_renaming_classes_keeps_the_likelihood(problem, likelihood):
    Y, log_f, log_B = problem
    order = np.random.default_rng(0).permutation(log_f.shape[1])
    renamed = np.where(Y >= 0, np.argsort(order)[Y], -1)
    value = likelihood(log_f, log_B, *observed(Y))
    other = likelihood(
        log_f[:, order], log_B[:, order][:, :, order], *observed(renamed)
    )
    torch.testing.assert_close(other, value)


def test_with_one_label_an_item_marginal_and_joint_are_the_same(problem):
    _, log_f, log_B = problem
    rng = np.random.default_rng(0)
    item = torch.arange(N_ITEMS)
    annotator = torch.from_numpy(rng.integers(N_ANNOTATORS, size=N_ITEMS))
    label = torch.from_numpy(rng.integers(log_f.shape[1], size=N_ITEMS))
    marginal, joint = (
        likelihood(log_f, log_B, item, annotator, label)
        for likelihood in (marginal_log_likelihood, joint_log_likelihood)
    )
    torch.testing.assert_close(marginal, joint)
    for one, other in zip(
        gradients(marginal, log_f, log_B), gradients(joint, log_f, log_B), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_the_joint_probabilities_of_all_possible_answers_sum_to_one(problem):
    _, log_f, log_B = problem
    n_classes = log_f.shape[1]
    Y = np.array(list(product(range(n_classes), repeat=3)))
    prior = log_f[:1].expand(len(Y), n_classes)
    joint = joint_log_likelihood(prior, log_B, *observed(Y))
    torch.testing.assert_close(joint.exp().sum().item(), 1.0)


def test_an_item_without_labels_has_joint_log_likelihood_zero(problem):
    Y, log_f, log_B = problem
    joint = joint_log_likelihood(log_f, log_B, *observed(Y))
    assert joint[1].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_perfect_annotator_makes_it_cross_entropy(likelihood):
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    y = torch.tensor([0, 2, 1, 1, 0])
    log_identity = torch.eye(3).log()[None]
    value = -likelihood(
        torch.log_softmax(logits, 1), log_identity, torch.arange(5), y * 0, y
    ).mean()
    expected = torch.nn.functional.cross_entropy(logits, y)
    torch.testing.assert_close(value, expected)
    (grad,), (wanted,) = gradients(value, logits), gradients(expected, logits)
    torch.testing.assert_close(grad, wanted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_without_items_and_labels_likelihoods_are_empty(problem, likelihood):
    _, log_f, log_B = problem
    nothing = torch.zeros(0, dtype=torch.int64)
    value = likelihood(log_f[:0], log_B, nothing, nothing, nothing)
    assert value.shape == (0,)
    (grad,) = gradients(value, log_B)
    torch.testing.assert_close(grad, torch.zeros_like(log_B))


def test_known_classes_are_certain_and_have_no_gradient(problem):
    _, log_f, _ = problem
    item, label = torch.tensor([4, 1]), torch.tensor([1, 0])
    value = with_known_classes(log_f, item, label)
    expected = log_f.detach().clone()
    expected[item] = -torch.inf
    expected[item, label] = 0
    torch.testing.assert_close(value, expected)
    (grad,) = gradients(value, log_f)
    wanted = torch.ones_like(log_f)
    wanted[item] = 0
    torch.testing.assert_close(grad, wanted)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_likelihoods_of_many_labels_do_not_underflow(likelihood):
    n_labels = 2000
    log_f = torch.log_softmax(torch.tensor([[1e4, -1e4, 0.0]]), dim=1)
    log_B = torch.log_softmax(20 * torch.eye(3)[None], dim=2)
    log_f.requires_grad_(), log_B.requires_grad_()
    zeros = torch.zeros(n_labels, dtype=torch.int64)
    value = likelihood(log_f, log_B, zeros, zeros, zeros + 1)
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(grad).all() for grad in gradients(value, log_f, log_B))


def test_without_outliers_the_mixture_is_the_joint_likelihood(problem):
    Y, log_f, log_B = problem
    joint = joint_log_likelihood(log_f, log_B, *observed(Y))
    mixture = outlier_log_likelihood(log_f, log_B, *observed(Y), log_weight_of(0.0))
    torch.testing.assert_close(mixture, joint, rtol=1e-14, atol=1e-14)
    for one, two in zip(
        gradients(mixture, log_f, log_B), gradients(joint, log_f, log_B), strict=True
    ):
        torch.testing.assert_close(one, two)


def test_the_mixture_with_outliers_equals_a_sum_over_kinds_of_items(problem):
    Y, log_f, log_B = problem
    f, B = log_f.exp().detach().numpy(), matrices(log_B)
    n_classes = f.shape[1]
    usual = np.exp(textbook_joint(Y, f, B))
    elsewhere = np.exp(textbook_joint(Y, np.full_like(f, 1 / n_classes), B))
    guessed = n_classes ** -(Y >= 0).sum(axis=1).astype(float)
    expected = np.log(0.7 * usual + 0.1 * elsewhere + 0.2 * guessed)
    log_weight = log_weight_of(0.3, 1 / 3)
    value = outlier_log_likelihood(log_f, log_B, *observed(Y), log_weight)
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-12, atol=1e-12)


def test_the_mixture_with_outliers_is_a_distribution_of_the_labels(problem):
    _, log_f, log_B = problem
    n_classes, shown = log_f.shape[1], 2
    answers = torch.tensor(list(product(range(n_classes), repeat=shown)))
    value = outlier_log_likelihood(
        log_f[:1].expand(len(answers), -1),
        log_B,
        torch.arange(len(answers)).repeat_interleave(shown),
        torch.arange(shown).repeat(len(answers)),
        answers.ravel(),
        log_weight_of(0.4, 0.3),
    )
    assert value.exp().sum().item() == pytest.approx(1)


def test_gradient_of_the_mixture_equals_finite_differences(problem):
    Y, log_f, log_B = problem
    labels, log_weight = observed(Y), log_weight_of(0.2).requires_grad_()
    assert gradcheck(
        lambda f, B, w: outlier_log_likelihood(f, B, *labels, w),
        (log_f, log_B, log_weight),
    )


def test_permuting_annotators_keeps_the_mixture(problem):
    Y, log_f, log_B = problem
    order, log_weight = np.array([2, 0, 3, 1]), log_weight_of(0.3)
    value = outlier_log_likelihood(log_f, log_B, *observed(Y), log_weight)
    permuted = outlier_log_likelihood(
        log_f, log_B[order], *observed(Y[:, order]), log_weight
    )
    torch.testing.assert_close(permuted, value)


@pytest.mark.parametrize("outliers", [False, True])
def test_where_the_labels_of_items_begin_changes_nothing_but_time(problem, outliers):
    Y, log_f, log_B = problem
    Y = Y.copy()
    Y[[0, 3, -1]] = -1
    counts = (Y >= 0).sum(axis=1)
    starts = torch.from_numpy(np.cumsum(counts) - counts)
    weight = [log_weight_of(0.3, 1 / 3)] if outliers else []
    likelihood = outlier_log_likelihood if outliers else joint_log_likelihood
    arguments = log_f, log_B, *observed(Y), *weight
    expected = likelihood(*arguments, return_proba=True)
    found = likelihood(*arguments, starts=starts, return_proba=True)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two)
    grads = (
        gradients(values.sum() + (proba**2).sum(), log_f, log_B)
        for values, proba in (found, expected)
    )
    for one, two in zip(*grads, strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("outliers", [False, True])
def test_where_labels_begin_spares_a_row_for_each_label(problem, outliers, monkeypatch):
    Y, log_f, log_B = problem
    counts = (Y >= 0).sum(axis=1)
    starts = torch.from_numpy(np.cumsum(counts) - counts)
    calls, sum_of_rows = [], _losses._sum_of_rows
    monkeypatch.setattr(
        _losses, "_sum_of_rows", lambda *args: calls.append(1) or sum_of_rows(*args)
    )
    weight = [log_weight_of(0.3, 1 / 3)] if outliers else []
    likelihood = outlier_log_likelihood if outliers else joint_log_likelihood
    likelihood(log_f, log_B, *observed(Y), *weight, starts=starts)
    assert len(calls) == 2

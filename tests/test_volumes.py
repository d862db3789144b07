from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from skccem._volumes import (
    RIDGE,
    confusion_second_moment,
    log_volume,
    mean_trace,
    posterior_log_volume,
    wide,
)

N_ITEMS, N_ANNOTATORS = 6, 4


@pytest.fixture(params=[2, 3, 7], ids="{} classes".format)
def problem(request):
    """Log-posteriors, and log-confusions [annotator, answer, true class]."""
    n_classes = request.param
    rng = np.random.default_rng(n_classes)
    f = rng.dirichlet(np.ones(n_classes), size=N_ITEMS)
    B = rng.dirichlet(np.ones(n_classes), size=(N_ANNOTATORS, n_classes))
    return log_leaf(f), log_leaf(B.transpose(0, 2, 1))


def log_leaf(proba):
    return torch.from_numpy(np.log(proba)).requires_grad_()


def matrices(log_B):
    """The confusion matrices [annotator, true class, answer] as an array."""
    return log_B.exp().detach().numpy().transpose(0, 2, 1)


def gradients(values, *inputs):
    return torch.autograd.grad(values.sum(), inputs)


@pytest.mark.parametrize("weighted", [False, True])
def test_f_equals_the_direct_determinant_of_the_posteriors(problem, weighted):
    log_f, _ = problem
    weight = torch.arange(1.0, N_ITEMS + 1) if weighted else None
    f = log_f.exp().detach().numpy()
    moment = np.average([np.outer(row, row) for row in f], axis=0, weights=weight)
    expected = np.log(np.linalg.det(moment + RIDGE * np.eye(f.shape[1])))
    value = posterior_log_volume(log_f, weight)
    assert value.item() == pytest.approx(expected, rel=1e-9)


def test_weights_equal_repeated_items_in_f(problem):
    log_f, _ = problem
    times = torch.tensor([1, 3, 0, 2, 1, 1])
    torch.testing.assert_close(
        posterior_log_volume(log_f, times),
        posterior_log_volume(log_f.repeat_interleave(times, dim=0)),
    )


def test_f_of_parts_that_are_added_up_is_that_of_the_whole(problem):
    log_f, _ = problem
    weight = torch.arange(1.0, N_ITEMS + 1)
    whole = posterior_log_volume(log_f, weight)
    (expected,) = gradients(whole, log_f)
    parts = slice(0, 2), slice(2, None)
    for part, rest in (parts, parts[::-1]):
        others = log_f[rest].detach().exp()
        outer = (others * weight[rest, None]).T @ others
        sums = iter([outer, weight[rest].sum()])
        value = posterior_log_volume(
            log_f[part], weight[part], add_up=lambda mine, sums=sums: mine + next(sums)
        )
        torch.testing.assert_close(value, whole)
        torch.testing.assert_close(gradients(value, log_f)[0][part], expected[part])


def test_other_processes_add_up_sums_of_the_widest_type(problem):
    log_f, _ = problem
    log_f, sums = log_f.float(), []
    value = posterior_log_volume(log_f, add_up=lambda mine: sums.append(mine) or mine)
    torch.testing.assert_close(value, posterior_log_volume(log_f))
    assert [part.shape for part in sums] == [(log_f.shape[1],) * 2, ()]
    assert {part.dtype for part in sums} == {torch.float64}


def test_weights_of_single_precision_are_summed_as_doubles(problem):
    log_f, _ = problem
    weight = torch.tensor([1e8, 1, 1, 1, 1, 1])
    value = posterior_log_volume(log_f, weight)
    expected = posterior_log_volume(log_f, weight.double())
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)


def test_the_widest_type_of_a_device_is_single_where_doubles_are_unknown():
    elsewhere = SimpleNamespace(device=torch.device("mps"), to=lambda dtype: dtype)
    assert wide(elsewhere) == torch.float32
    assert wide(torch.ones(2, dtype=torch.float16)).dtype == torch.float64


@pytest.mark.parametrize("ridge", [0.0, RIDGE, 0.1])
def test_w_equals_the_direct_determinant_of_the_stacked_matrices(problem, ridge):
    _, log_B = problem
    B = matrices(log_B)
    stacked = np.concatenate([matrix.T for matrix in B])
    assert stacked.shape == (N_ANNOTATORS * B.shape[1], B.shape[1])
    moment = stacked.T @ stacked / N_ANNOTATORS
    expected = np.log(np.linalg.det(moment + ridge * np.eye(B.shape[1])))
    value = log_volume(confusion_second_moment(log_B.exp()), ridge=ridge)
    assert value.item() == pytest.approx(expected, rel=1e-9)


def test_trace_is_the_mean_trace_of_the_matrices(problem):
    _, log_B = problem
    expected = np.mean([np.trace(matrix) for matrix in matrices(log_B)])
    assert mean_trace(log_B.exp()).item() == pytest.approx(expected, rel=1e-12)


def test_weights_say_what_each_trace_counts(problem):
    _, log_B = problem
    weight = np.array([0.5, 0.0, 2.0, 0.1])
    expected = weight @ [np.trace(matrix) for matrix in matrices(log_B)]
    value = mean_trace(log_B.exp(), torch.from_numpy(weight))
    assert value.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("penalty", "which"),
    [
        (lambda f: posterior_log_volume(f, ridge=0.01), 0),
        (lambda B: log_volume(confusion_second_moment(B.exp()), ridge=0.01), 1),
        (lambda B: mean_trace(B.exp()), 1),
    ],
    ids=["F", "W", "trace"],
)
def test_gradient_of_penalty_equals_finite_differences(problem, penalty, which):
    assert gradcheck(penalty, (problem[which],))


def test_volumes_do_not_depend_on_the_order_of_anything(problem):
    log_f, log_B = problem
    rng = np.random.default_rng(0)
    classes = rng.permutation(log_f.shape[1])
    items, annotators = rng.permutation(N_ITEMS), rng.permutation(N_ANNOTATORS)
    permuted = log_B[annotators][:, classes][:, :, classes]
    for volume, value, other in [
        (posterior_log_volume, log_f, log_f[items][:, classes]),
        (lambda B: log_volume(confusion_second_moment(B.exp())), log_B, permuted),
    ]:
        assert volume(other).item() == pytest.approx(volume(value).item())
    torch.testing.assert_close(mean_trace(permuted.exp()), mean_trace(log_B.exp()))


def test_f_is_largest_for_confident_balanced_posteriors(problem):
    log_f, _ = problem
    n_classes = log_f.shape[1]
    best = posterior_log_volume(torch.eye(n_classes).log())
    assert best.item() == pytest.approx(-n_classes * np.log(n_classes), abs=1e-3)
    assert posterior_log_volume(log_f) < best


def test_w_is_largest_for_annotators_who_make_no_mistakes(problem):
    _, log_B = problem
    perfect = torch.eye(log_B.shape[1]).log().expand_as(log_B)
    best = log_volume(confusion_second_moment(perfect.exp()))
    assert best.item() == pytest.approx(0, abs=1e-4)
    assert log_volume(confusion_second_moment(log_B.exp())) < best


def _one_hot(n_items, n_classes, classes, size):
    logits = torch.full((n_items, n_classes), -size)
    logits[torch.arange(n_items), torch.arange(n_items) % classes] = size
    return logits


DEGENERATE_LOGITS = {
    "one item": torch.randn(1, 10, generator=torch.Generator().manual_seed(0)),
    "fewer items than classes": _one_hot(4, 10, 10, 1.0),
    "absent classes": _one_hot(50, 10, 3, 5.0),
    "saturated": _one_hot(50, 10, 10, 1e4),
    "saturated, all of one class": _one_hot(50, 10, 1, 1e4),
    "all items the same": torch.ones(50, 10),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", DEGENERATE_LOGITS)
def test_f_is_finite_with_finite_gradients_where_posteriors_are_degenerate(case, dtype):
    logits = DEGENERATE_LOGITS[case].to(dtype).requires_grad_()
    value = posterior_log_volume(torch.log_softmax(logits, dim=1))
    (grad,) = gradients(value, logits)
    assert torch.isfinite(value)
    assert torch.isfinite(grad).all()
    assert grad.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
@pytest.mark.parametrize(
    "logits",
    [
        torch.zeros(3, 5, 5),
        10 * torch.eye(5).expand(3, 5, 5),
        1e4 * torch.eye(5).expand(3, 5, 5),
        1e4 * torch.eye(5)[:1].expand(1, 5, 5),
    ],
    ids=["uniform", "identical", "identity", "one answer only"],
)
def test_w_is_finite_with_finite_gradients_where_matrices_are_degenerate(logits, dtype):
    logits = logits.to(dtype).clone().requires_grad_()
    value = log_volume(confusion_second_moment(torch.softmax(logits, dim=1)))
    (grad,) = gradients(value, logits)
    assert torch.isfinite(value)
    assert torch.isfinite(grad).all()

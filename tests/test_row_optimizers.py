import numpy as np
import pytest
import torch

from skccem._row_optimizers import RowAdam, RowAdamW, can_catch_up, put_rows, take_rows

N_ROWS, N_CLASSES = 40, 3


def steps_by_both(kind, scale=1.0, decay=1.0, n_steps=600, cycle=None, **settings):
    """A table after steps of whole ones and of rows, and where it started.

    Each step has a gradient for three rows; the last third of the rows is left alone
    in the second half. After `cycle` steps each, the first beta is another.
    """
    rng = np.random.default_rng(0)
    start = torch.from_numpy(rng.normal(size=(N_ROWS, N_CLASSES, N_CLASSES)))
    whole, by_rows = (torch.nn.Parameter(start.clone()) for _ in range(2))
    plain = kind.__mro__[2]([whole], lr=0.02, **settings)
    optimizer = kind([by_rows], lr=0.02, fused=True, **settings)
    for step in range(n_steps):
        among = N_ROWS if step < n_steps // 2 else 2 * N_ROWS // 3
        rows = np.sort(rng.choice(among, size=3, replace=False))
        grad = torch.from_numpy(rng.normal(scale=scale, size=(3, *start.shape[1:])))
        leaf = optimizer.fetch(by_rows, torch.from_numpy(rows))
        whole.grad = torch.zeros_like(start)
        whole.grad[rows] = leaf.grad = grad
        for one in (plain, optimizer):
            one.step()
            one.param_groups[0]["lr"] *= decay
            if cycle is not None and step % cycle == cycle - 1:
                beta = 0.9 + 0.05 * np.cos(step / 100)
                one.param_groups[0]["betas"] = (beta, 0.999)
    optimizer.catch_up(by_rows)
    return whole.detach(), by_rows.detach(), start


@pytest.mark.parametrize("kind", [RowAdam, RowAdamW])
@pytest.mark.parametrize("decay", [1.0, 0.999])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.0, 0.99), (0.9, 0.9)])
def test_rows_end_where_steps_of_the_whole_table_would_have_moved_them(
    kind, decay, betas
):
    settings = {"betas": betas, "weight_decay": 0.0}
    whole, by_rows, start = steps_by_both(kind, decay=decay, **settings)
    assert abs(whole - start).max() > 0.3
    torch.testing.assert_close(by_rows, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cycle", [1, 50])
def test_a_scheduler_may_change_the_betas(cycle):
    whole, by_rows, start = steps_by_both(RowAdam, cycle=cycle)
    assert abs(whole - start).max() > 0.3
    torch.testing.assert_close(by_rows, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("betas", [(0.9, 0.8), (0.95, 0.9)])
def test_where_the_square_of_a_gradient_fades_first_no_row_stays_behind(betas):
    assert not can_catch_up(betas)
    whole, by_rows, start = steps_by_both(RowAdam, betas=betas)
    assert abs(by_rows - whole).max() < 0.01 * abs(whole - start).max()


def test_where_gradients_are_as_small_as_eps_the_difference_is_below_a_tenth():
    whole, by_rows, start = steps_by_both(RowAdam, scale=1e-8)
    moved = abs(whole - start).max()
    assert abs(by_rows - whole).max() < 0.1 * moved


@pytest.mark.parametrize("kind", [RowAdam, RowAdamW])
@pytest.mark.parametrize("settings", [{"fused": True}, {"amsgrad": True}, {}])
def test_without_fetched_rows_it_is_adam(kind, settings):
    rng = np.random.default_rng(0)
    start = torch.from_numpy(rng.normal(size=(4, 5)))
    one, two = (torch.nn.Parameter(start.clone()) for _ in range(2))
    adam = kind.__mro__[2]([one], lr=0.1, weight_decay=0.3, **settings)
    optimizer = kind([two], lr=0.1, weight_decay=0.3, **settings)
    for _ in range(20):
        one.grad = torch.from_numpy(rng.normal(size=(4, 5)))
        two.grad = one.grad.clone()
        adam.step()
        optimizer.step()
    torch.testing.assert_close(two, one, rtol=1e-12, atol=1e-12)


def test_rows_that_are_fetched_but_not_learned_from_stay():
    table = torch.nn.Parameter(torch.arange(6.0).view(3, 2))
    before, optimizer = table.detach().clone(), RowAdam([table], lr=0.1, fused=True)
    leaf = optimizer.fetch(table, torch.tensor([2, 0]))
    assert torch.equal(leaf, before[[2, 0]])
    optimizer.step()
    optimizer.catch_up(table)
    assert torch.equal(table, before)


def test_rows_are_taken_and_put_back():
    table, rows = torch.arange(12.0).view(4, 3), torch.tensor([3, 1])
    taken = take_rows(table, rows)
    assert torch.equal(taken, table[rows])
    put_rows(table, rows, -taken)
    assert torch.equal(table[:, 0], torch.tensor([0.0, -3.0, 6.0, -9.0]))

"""What an optimiser remembers, taken over by the one of another network."""

import torch

from ._row_optimizers import RowAdam, RowAdamW

# What torch's optimisers call the direction in which they go on without a gradient.
_MOMENTUM = {"exp_avg", "momentum_buffer"}


def take_over(old, new, rows, at_rest):
    """Let the optimiser of a net go on where that of another one ended.

    Parameters
    ----------
    old : CrowdNet
        Trained; left as it is.
    new : CrowdNet
        Initialised, with the parameters of the old one, but for its matrices. An
        optimiser of another class begins anew.
    rows : int ndarray of shape (n_annotators,)
        For each matrix of the new net its row in the old one, or -1.
    at_rest : bool ndarray of shape (n_annotators,)
        Which of the matrices have no momentum. It would go on for some hundred steps
        without a label: at the beginning of a training far away.
    """
    if type(old.optimizer_) is not type(new.optimizer_):
        return
    before = dict(old.module_.named_parameters())
    for name, parameter in new.module_.named_parameters():
        if name not in before:
            continue
        state = state_of(old.optimizer_, before[name])
        if name == "answer_logits":
            state = {
                key: _take_rows(value, rows, at_rest if key in _MOMENTUM else None)
                if _is_by_row(value, before[name])
                else value
                for key, value in state.items()
            }
        if state:
            new.optimizer_.state[parameter] = {
                key: value.clone() if isinstance(value, torch.Tensor) else value
                for key, value in state.items()
            }


def state_of(optimizer, parameter):
    """What an optimiser remembers of a parameter.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    parameter : Tensor
        With rows that are all as of now.

    Returns
    -------
    dict
    """
    if isinstance(optimizer, RowAdam | RowAdamW):
        return optimizer.whole_state(parameter)
    return optimizer.state.get(parameter, {})


def on_device_of(parameter, state, group):
    """What is remembered of a parameter, where the optimiser expects it.

    Parameters
    ----------
    parameter : Tensor
    state : dict
        From a file, and so on the CPU.
    group : dict
        Of the parameter, as in `optimizer.param_groups`.

    Returns
    -------
    dict
    """
    # torch has the number of steps on the CPU, but for these.
    moves = group.get("fused") or group.get("capturable")
    return {
        name: value.to(parameter.device)
        if isinstance(value, torch.Tensor) and (value.ndim or moves)
        else value
        for name, value in state.items()
    }


def _is_by_row(value, matrices):
    """Whether something is remembered for each of the matrices."""
    n_rows = matrices.shape[:1]
    return isinstance(value, torch.Tensor) and value.shape[:1] == n_rows


def _take_rows(value, rows, at_rest=None):
    """Rows of what is remembered; new ones have the mean of the old."""
    rows = torch.from_numpy(rows).to(value.device)
    taken = value.index_select(0, rows.clamp(min=0))
    # Without a second moment, the first steps would be several times too large.
    taken[rows < 0] = value.mean(dim=0)
    if at_rest is not None:
        taken[torch.from_numpy(at_rest).to(value.device)] = 0
    return taken

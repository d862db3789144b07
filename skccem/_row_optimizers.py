"""Adam that works on some rows of a table at a time.

A batch has labels of few of many annotators, and the gradient of all other matrices is
zero. Adam moves these nevertheless: what it remembers of their last gradients fades
over some fifty steps. torch's ``SparseAdam`` leaves them where they are, which is
another algorithm. Here a row that is needed again is first brought to where Adam would
have moved it meanwhile, in one step for all those missed.

After ``g`` steps without gradient the moments are ``b1 ** g * m`` and ``b2 ** g * v``,
and the row has moved by the sum over these steps of

    lr_t * sqrt(1 - b2 ** t) / (1 - b1 ** t) * r ** s * m / (sqrt(v) + eps_t),

with ``t`` the number of a step, ``s`` how long ago the gradient was, and
``r = b1 / sqrt(b2)``. So it is ``m / (sqrt(v) + eps)`` times a number that depends on
when the last gradient was and on the time alone. ``eps``, which Adam does not let fade
with ``v``, is taken as of the present: the only difference to Adam beside rounding, of
up to a tenth of the movement where gradients are as small as ``eps``. That needs ``b1``
not to exceed ``b2``: else ``v`` fades to ``eps`` before the movement does.
"""

import math

import numpy as np
import torch
from torch.optim.adam import adam

# Where torch has a fused implementation of Adam.
FUSED_DEVICES = ("cpu", "cuda")

# What both `adam` and the code here take; with others the steps are torch's.
_PLAIN = {"amsgrad": False, "maximize": False, "capturable": False}
_PLAIN |= {"differentiable": False, "fused": True}

# torch's fused step without the bookkeeping that takes several times as long where
# tensors are small; absent from versions that may come.
_fused_adam = getattr(torch, "_fused_adam_", None)

# What Adam remembers of gradients.
_MOMENTS = ("exp_avg", "exp_avg_sq")

# Numbers of a table that are caught up with at a time.
_NUMBERS_AT_ONCE = 2**22

# Terms of the sum that are smaller than this share of the first are left out.
_NEGLIGIBLE = 1e-9


def can_catch_up(betas):
    """Whether rows that miss steps of Adam can be brought to where it would move them.

    Parameters
    ----------
    betas : (float, float)
        Decays of the gradient and of its square.

    Returns
    -------
    bool
    """
    return bool(betas[1] > 0 and betas[0] <= betas[1])


class MissedSteps:
    """How far Adam moves rows in the steps that they miss.

    Parameters
    ----------
    group : dict
        Of parameters; its betas and eps are used.
    n_rows : int
    n_steps : int, default=0
        Those that were made before, of whole tables.
    """

    def __init__(self, group, n_rows, n_steps=0):
        self.betas = tuple(group["betas"])
        self.n_steps = n_steps
        self._first = n_steps
        self._eps = group["eps"]
        # The step as of which each row is known, counted from the first one here.
        self._known = np.zeros(n_rows, dtype=np.int64)
        ratio = self.betas[0] / math.sqrt(self.betas[1])
        # All that is needed where rows are caught up with at each step.
        n_terms = 1
        if 0 < ratio < 1:
            n_terms = math.ceil(math.log(_NEGLIGIBLE) / math.log(ratio))
        # Falling, so that the end belongs to the latest step.
        self._powers = ratio ** np.arange(n_terms, 0, -1.0)
        # For each step, how far a row known as of then has moved since, and for each
        # number of missed steps, what the moments are to be multiplied with.
        self._moved = np.zeros(1024)
        self._decays = self._make_decays()

    @property
    def eps(self):
        """What is added to the root of the second moment of a row."""
        # Never zero, as it is before the first step.
        return self._eps * math.sqrt(1 - self.betas[1] ** max(self.n_steps, 1))

    def advance(self, lr):
        """Take note of a step with this learning rate."""
        beta1, beta2 = self.betas
        self.n_steps += 1
        step = self.n_steps - self._first
        if step >= len(self._moved):
            self._moved = np.concatenate([self._moved, np.zeros_like(self._moved)])
            self._decays = self._make_decays()
        rate = lr * math.sqrt(1 - beta2**self.n_steps) / (1 - beta1**self.n_steps)
        n_terms = min(step, len(self._powers))
        self._moved[step - n_terms : step] += rate * self._powers[-n_terms:]

    def is_known(self, rows):
        """Take note of rows that are known as of now."""
        self._known[rows] = self.n_steps - self._first

    def since_known(self, rows):
        """What rows missed.

        Parameters
        ----------
        rows : int ndarray of shape (n,)

        Returns
        -------
        moved, first, second : ndarrays of shape (n,)
            How far a row has moved in units of ``m / (sqrt(v) + eps)``, and what its
            moments are to be multiplied with.
        """
        known = self._known[rows]
        missed = self.n_steps - self._first - known
        first, second = (decay[missed] for decay in self._decays)
        return self._moved[known], first, second

    def to_data(self):
        """What `from_data` makes the same of: a dict of numbers and arrays."""
        data = vars(self).copy()
        # A function of the others, and larger.
        del data["_decays"]
        return data

    @classmethod
    def from_data(cls, data):
        """What `to_data` was asked of."""
        missed = cls.__new__(cls)
        vars(missed).update(data)
        missed._decays = missed._make_decays()
        return missed

    def _make_decays(self):
        return [beta ** np.arange(len(self._moved), dtype=float) for beta in self.betas]


class _RowSteps:
    """Mixin of Adam: steps of some rows of a table, with the results of whole ones.

    What `fetch` returns takes the place of the table in the loss, and the next step
    is one of these rows, for which the table itself must have no gradient.
    """

    @torch.no_grad()
    def step(self, closure=None):
        """One step; of the rows that were fetched, and of what has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        plain = all(_is_plain(group) for group in self.param_groups)
        if not plain:
            super().step()
        for group in self.param_groups:
            if plain:
                self._step_whole(group)
            for parameter in group["params"]:
                state = self.state.get(parameter, {})
                fetched = state.pop("fetched", None)
                if fetched is not None and fetched[2].grad is not None:
                    self._step_rows(parameter, state, fetched, group)
        return loss

    @torch.no_grad()
    def fetch(self, parameter, rows, numbers=None):
        """Rows of a table, to where the steps that they missed would have moved them.

        Parameters
        ----------
        parameter : Tensor of shape (n_rows, ...)
        rows : int64 Tensor of shape (n,)
            Distinct.
        numbers : int64 ndarray of shape (n,), optional
            The same, so that no device has to be waited for.

        Returns
        -------
        Tensor of shape (n, ...)
            A leaf, whose gradient the next step follows.
        """
        state, group = self.state[parameter], self._group_of(parameter)
        if "missed" not in state:
            _begin_rows(parameter, state, group)
        betas = tuple(group["betas"])
        if betas != state["missed"].betas or not can_catch_up(betas):
            # A scheduler may change them. The steps so far were with the old ones.
            self.catch_up(parameter)
            n_steps = state["missed"].n_steps
            state["missed"] = MissedSteps(group, len(parameter), n_steps)
        if numbers is None:
            numbers = rows.cpu().numpy()
        return self._fetch(parameter, rows, numbers)

    def _fetch(self, parameter, rows, numbers):
        state = self.state[parameter]
        missed, table = state["missed"], parameter.view(len(parameter), -1)
        tables = table, *(state[name] for name in _MOMENTS)
        values, average, square = (take_rows(part, rows) for part in tables)
        moved, first, second = (
            torch.from_numpy(part[:, np.newaxis]).to(values)
            for part in missed.since_known(numbers)
        )
        # Infinite for rows that have not moved.
        root = square.sqrt().add_(missed.eps).div_(moved)
        values.addcdiv_(average, root, value=-1)
        average.mul_(first)
        square.mul_(second)
        leaf = values.view(len(values), *parameter.shape[1:]).requires_grad_()
        state["fetched"] = rows, numbers, leaf, average, square
        return leaf

    @torch.no_grad()
    def catch_up(self, parameter):
        """Bring all rows to where the steps that they missed would have moved them.

        Parameters
        ----------
        parameter : Tensor of shape (n_rows, ...)
            Nothing is done unless rows of it were fetched.
        """
        state = self.state.get(parameter, {})
        if "missed" not in state:
            return
        size = max(_NUMBERS_AT_ONCE // parameter[0].numel(), 1)
        for rows in torch.arange(len(parameter), device=parameter.device).split(size):
            self._fetch(parameter, rows, rows.cpu().numpy())
            self._put_back(parameter, state, state.pop("fetched"))

    def whole_state(self, parameter):
        """What is remembered of a parameter, as steps of the whole of it would have it.

        Parameters
        ----------
        parameter : Tensor
            Caught up with.

        Returns
        -------
        dict
        """
        state = dict(self.state.get(parameter, {}))
        if "missed" in state:
            n_steps = float(state.pop("missed").n_steps)
            state["step"] = torch.tensor(n_steps, device=parameter.device)
            for name in _MOMENTS:
                state[name] = state[name].view_as(parameter)
        return state

    def _group_of(self, parameter):
        (group,) = (
            group
            for group in self.param_groups
            if any(member is parameter for member in group["params"])
        )
        return group

    def _step_whole(self, group):
        params, grads, averages, squares, steps = [], [], [], [], []
        self._init_group(group, params, grads, averages, squares, [], steps)
        if params:
            _adam(params, grads, averages, squares, steps, group)

    def _step_rows(self, parameter, state, fetched, group):
        """Adam's step of rows that are caught up with."""
        _, _, leaf, average, square = fetched
        missed, shape = state["missed"], average.shape
        # Counted up in the call.
        step = torch.tensor(float(missed.n_steps), device=average.device)
        values, grad = leaf.detach().view(shape), leaf.grad.reshape(shape)
        _adam([values], [grad], [average], [square], [step], group, 0.0)
        missed.advance(group["lr"])
        self._put_back(parameter, state, fetched)

    def _put_back(self, parameter, state, fetched):
        rows, numbers, leaf, average, square = fetched
        table = parameter.view(len(parameter), -1)
        put_rows(table, rows, leaf.detach().view(average.shape))
        put_rows(state["exp_avg"], rows, average)
        put_rows(state["exp_avg_sq"], rows, square)
        state["missed"].is_known(numbers)


class RowAdam(_RowSteps, torch.optim.Adam):
    """``torch.optim.Adam`` that can also work on some rows of a parameter."""


class RowAdamW(_RowSteps, torch.optim.AdamW):
    """``torch.optim.AdamW`` that can also work on some rows of a parameter."""


def _begin_rows(parameter, state, group):
    n_steps = int(state.pop("step", 0))
    state["missed"] = MissedSteps(group, len(parameter), n_steps)
    for name in _MOMENTS:
        moment = state.get(name, torch.zeros_like(parameter))
        state[name] = moment.view(len(parameter), -1)


def _is_plain(group):
    # Older versions of torch do not say which kind of weight decay it is.
    known = not group["weight_decay"] or "decoupled_weight_decay" in group
    return known and all(group[name] is value for name, value in _PLAIN.items())


def _adam(params, grads, averages, squares, steps, group, weight_decay=None):
    """Adam's step of some tensors, in place."""
    if weight_decay is None:
        weight_decay = group["weight_decay"]
    settings = {
        "amsgrad": False,
        "maximize": False,
        "beta1": group["betas"][0],
        "beta2": group["betas"][1],
        "lr": group["lr"],
        "weight_decay": weight_decay,
        "eps": group["eps"],
    }
    if weight_decay and group.get("decoupled_weight_decay"):
        settings["decoupled_weight_decay"] = True
    device = params[0].device.type
    coupled = "decoupled_weight_decay" not in settings
    if device == "cpu" and coupled and _fused_adam is not None:
        torch._foreach_add_(steps, 1)
        _fused_adam(params, grads, averages, squares, [], steps, **settings)
        return
    adam(
        params,
        grads,
        averages,
        squares,
        [],
        steps,
        fused=device in FUSED_DEVICES,
        **settings,
    )


def take_rows(table, rows):
    """``table[rows]``, without a gradient.

    Parameters
    ----------
    table : Tensor of shape (n_rows, ...)
    rows : int64 Tensor of shape (n,)

    Returns
    -------
    Tensor of shape (n, ...)
    """
    if table.device.type == "cpu":
        # NumPy is faster at both, and the memory is the same.
        return torch.from_numpy(table.detach().numpy().take(rows.numpy(), axis=0))
    return table.detach().index_select(0, rows)


def put_rows(table, rows, values):
    """``table[rows] = values``, in place and without a gradient.

    Parameters
    ----------
    table : Tensor of shape (n_rows, ...)
    rows : int64 Tensor of shape (n,)
    values : Tensor of shape (n, ...)
    """
    if table.device.type == "cpu":
        table.detach().numpy()[rows.numpy()] = values.numpy()
    else:
        table.detach().index_copy_(0, rows, values)

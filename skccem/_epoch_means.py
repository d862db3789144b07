"""What an epoch records: means over labels, not over batches."""

import torch


class SumsOverLabels:
    """Sums of what steps return, without waiting for a device at each step.

    A step is a dict with `loss`, the mean over the labels of a batch, and the sums
    `log_likelihood` and `n_labels`.
    """

    # Steps after which what they returned is added up.
    _most = 1000

    def __init__(self):
        self._sums = torch.zeros(3, dtype=torch.float64)
        self._steps = []

    def add(self, step):
        """Take note of a step."""
        loss = step["loss"].detach()
        self._steps.append((loss, step["log_likelihood"], step["n_labels"]))
        if len(self._steps) == self._most:
            self._add_up()

    def means(self, processes):
        """Loss and log-likelihood per label, of all processes."""
        self._add_up()
        sums = processes.sum(self._sums)
        return (sums[:2] / sums[2]).tolist()

    def _add_up(self):
        if not self._steps:
            return
        loss, log_likelihood, n_labels = (
            torch.stack([torch.as_tensor(number) for number in numbers]).cpu().double()
            for numbers in zip(*self._steps, strict=True)
        )
        sums = loss * n_labels, log_likelihood, n_labels
        self._sums += torch.stack([values.sum() for values in sums])
        self._steps = []

"""The processes of one training, each of which has a part of the items."""

import joblib
import numpy as np
import torch


class Processes:
    """Numbers that the processes of a training agree on; by default there is one.

    Every process must call the same methods in the same order.

    Parameters
    ----------
    accelerator : accelerate.Accelerator, optional
    """

    def __init__(self, accelerator=None):
        self._accelerator = accelerator
        self.count = 1 if accelerator is None else accelerator.num_processes
        self.index = 0 if accelerator is None else accelerator.process_index

    def sum(self, values):
        """The sum over processes of a tensor, an array or a number.

        Parameters
        ----------
        values : Tensor, ndarray or float

        Returns
        -------
        Tensor on the same device, or ndarray or float64 number
        """
        if self.count == 1:
            return values
        if isinstance(values, torch.Tensor):
            moved = values.detach().to(self._accelerator.device)
            return self._accelerator.reduce(moved, "sum").to(values.device)
        array = np.asarray(values)
        return (
            self.sum(torch.from_numpy(np.array(array, ndmin=1)))
            .numpy()
            .reshape(array.shape)[()]
        )

    def any(self, mask):
        """Where a mask is true in any process.

        Parameters
        ----------
        mask : bool ndarray

        Returns
        -------
        bool ndarray
        """
        return mask if self.count == 1 else self.sum(mask.astype(np.int32)) > 0

    def each(self, value):
        """A number of every process.

        Parameters
        ----------
        value : int or float

        Returns
        -------
        ndarray of shape (count,)
        """
        values = np.zeros(self.count, dtype=np.asarray(value).dtype)
        values[self.index] = value
        return self.sum(values)

    def check_same(self, what, value):
        """Raise in all processes unless a value is the same in each.

        Parameters
        ----------
        what : str
            What an error calls it.
        value : picklable

        Raises
        ------
        ValueError
        """
        if self.count == 1:
            return
        mark = int(joblib.hash(value)[:12], 16)
        if len(set(self.each(np.int64(mark)).tolist())) > 1:
            raise ValueError(
                f"Every process must have the same {what}, but they differ: give each "
                "a part of one CrowdLabels, labels[index::count], and its rows of X."
            )

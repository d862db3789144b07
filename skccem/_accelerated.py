"""The skorch net that is trained in several processes by Hugging Face Accelerate."""

import torch
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from skorch.hf import AccelerateMixin

from ._processes import Processes
from ._training import CrowdNet


class AcceleratedCrowdNet(AccelerateMixin, CrowdNet):
    """A ``CrowdNet`` whose steps are those of all processes together.

    Each process has items of its own, so it is module and optimiser that the
    accelerator prepares, but not the loader. When training has ended, the net is one
    like any other.

    Parameters
    ----------
    module : CrowdNetwork
    seed : int
    accelerator : accelerate.Accelerator
    **kwargs
        As for ``CrowdNet``. The matrices are updated whole: what the processes average
        are gradients of parameters.
    """

    def __init__(self, module, *, seed, accelerator, **kwargs):
        kwargs["device"] = None
        self.processes = Processes(accelerator)
        super().__init__(
            module,
            seed=seed,
            accelerator=accelerator,
            unwrap_after_train=False,
            **kwargs,
        )

    @property
    def network(self):
        if self.accelerator is None:
            return self.module_
        return self.accelerator.unwrap_model(self.module_, keep_fp32_wrapper=True)

    @property
    def training_device(self):
        return self.device or _device_of(self.accelerator)

    def _initialize_accelerator(self):
        if self._wrapped_with_accelerator:
            return self
        with self._current_init_context("module"):
            self.module_ = self.accelerator.prepare(self.module_)
        with self._current_init_context("optimizer"):
            self.optimizer_ = self.accelerator.prepare(self.optimizer_)
        for _, callback in self.callbacks_:
            if isinstance(callback, LRScheduler):
                callback.policy_ = self.accelerator.prepare(callback.policy_)
        self.criterion_.processes = self.processes
        self._wrapped_with_accelerator = True
        return self

    # Not the mixin's: it would cut each process's own items into parts again.
    get_iterator = CrowdNet.get_iterator
    train_step_single = CrowdNet.train_step_single

    def train_step(self, batch, **fit_params):
        with self.accelerator.accumulate(self.module_):
            step = self.train_step_single(batch)
            self._notify_of_gradients(batch)
            self.optimizer_.step()
            self.optimizer_.zero_grad()
        return step

    def _backward(self, loss):
        self.accelerator.backward(loss)
        if self.criterion_.burn_in and self.network.outlier_logits is not None:
            # Zero, for the sake of the other processes; Adam would count the step.
            self.network.outlier_logits.grad = None

    def train(self, *args, **kwargs):
        super().train(*args, **kwargs)
        self.accelerator.wait_for_everyone()
        self.module_ = self.accelerator.unwrap_model(
            self.module_, keep_fp32_wrapper=False
        )
        self.optimizer_ = self.optimizer_.optimizer
        self.criterion_.processes = None
        self._wrapped_with_accelerator = False
        self.device = self.training_device
        # A process group can't be pickled, nor is there one where the net is used.
        self.accelerator, self.processes = None, Processes()

    def on_train_end(self, net, X=None, y=None, **kwargs):
        NeuralNet.on_train_end(self, net, X, y, **kwargs)
        return self

    def save_params(self, *args, **kwargs):
        """As of skorch; the first process saves, for all."""
        if self.accelerator is None:
            NeuralNet.save_params(self, *args, **kwargs)
            return
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return
        wrapped = self.module_, self.optimizer_
        try:
            self.module_ = self.network
            self.optimizer_ = self.optimizer_.optimizer
            NeuralNet.save_params(self, *args, **kwargs)
        finally:
            self.module_, self.optimizer_ = wrapped


def accelerated_device(estimator):
    """The device of this process.

    Parameters
    ----------
    estimator : CrowdClassifier
        With an `accelerator`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If `device` says something else.
    """
    device = _device_of(estimator.accelerator)
    if str(estimator.device) not in ("auto", device):
        raise ValueError(
            f"device={str(estimator.device)!r}, but the accelerator places this "
            f"process on {device!r}: leave device='auto'."
        )
    return device


def _device_of(accelerator):
    device = torch.device(accelerator.device)
    # There is one CPU, also for those who number it.
    return "cpu" if device.type == "cpu" else str(device)

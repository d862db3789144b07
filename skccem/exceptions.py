"""Warnings and errors of their own category, so that they can be filtered or caught."""

__all__ = [
    "InconsistentVersionWarning",
    "InterruptedFitWarning",
    "NonFiniteLossError",
    "UnusedDataWarning",
]


class UnusedDataWarning(UserWarning):
    """Some items have no labels, or some annotators gave none; both are counted."""


class InconsistentVersionWarning(UserWarning):
    """An estimator was pickled by another version of the package."""


class InterruptedFitWarning(UserWarning):
    """Ctrl-C ended a fit early, and what it had learned by then was kept."""


class NonFiniteLossError(ArithmeticError):
    """Training diverged: the loss or a parameter is NaN or infinite."""

"""Arguments of estimators from text."""

import json
from inspect import signature

# What text cannot say, or what commands decide.
_NOT_FROM_TEXT = {
    *("module", "module_params", "callbacks", "accelerator", "net_params", "classes"),
    *("warm_start", "replay_size", "verbose"),
}


def parse_settings(pairs):
    """Arguments from texts such as "lr=0.01".

    Parameters
    ----------
    pairs : sequence of str
        A name, an equals sign and a value in JSON; what is no JSON is text.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If there is no equals sign, or a name occurs twice.

    Examples
    --------
    >>> from skccem._estimator_settings import parse_settings
    >>> parse_settings(["lr=0.01", "regularizer=W", "hidden_layer_sizes=[64, 64]"])
    {'lr': 0.01, 'regularizer': 'W', 'hidden_layer_sizes': [64, 64]}
    """
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ValueError(f"Expected NAME=VALUE, got {pair!r}.")
        if name in settings:
            raise ValueError(f"Expected {name!r} once, got it again in {pair!r}.")
        try:
            settings[name] = json.loads(value)
        except json.JSONDecodeError:
            settings[name] = value
    return settings


def make_estimator(kind, settings):
    """An estimator with these arguments.

    Parameters
    ----------
    kind : class
    settings : dict

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If it has no such argument, or the argument does not fit.
    """
    allowed = set(signature(kind).parameters) - _NOT_FROM_TEXT
    unknown = [name for name in settings if name not in allowed]
    if unknown:
        raise ValueError(
            f"Expected settings of {kind.__name__}, got {unknown[0]!r}. It has "
            f"{', '.join(sorted(allowed))}."
        )
    estimator = kind(**settings)
    estimator._validate_params()
    return estimator

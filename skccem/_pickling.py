"""Pickles of estimators know by which version of the package they were written."""

import warnings

from .exceptions import InconsistentVersionWarning

# scikit-learn does the same for its own estimators, and for no others.
_KEY = "_skccem_version"


class PickleMethods:
    """Mixin: warns where an estimator was pickled by another version of the package."""

    def __getstate__(self):
        from . import __version__

        return super().__getstate__() | {_KEY: __version__}

    def __setstate__(self, state):
        from . import __version__

        state = dict(state)
        version = state.pop(_KEY, "an unknown version")
        if version != __version__:
            warnings.warn(
                f"This {type(self).__name__} was pickled by {version} of skccem, and "
                f"is read by {__version__}. It may fail, or predict otherwise, since "
                "pickles hold what is private too. Load it where that version is "
                "installed and call `save`, whose files every later version reads; or "
                "fit again.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skccem import CrowdClassifier, CrowdClassifierCV
from skccem._refitting import PosteriorDataset
from skccem.exceptions import InterruptedFitWarning


class Interrupts(Callback):
    """Ctrl-C in the step of a batch, counted over all epochs."""

    def __init__(self, n_batches):
        self.n_batches = n_batches

    def on_batch_end(self, net, **kwargs):
        self.n_batches -= 1
        if self.n_batches == 0:
            raise KeyboardInterrupt


def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    Y = np.where(rng.random((40, 4)) < 0.8, (X[:, [0]] > 0).astype(int), 0)
    return X, Y


def classifier(n_batches=None, **params):
    callbacks = None if n_batches is None else [Interrupts(n_batches)]
    small = {"hidden_layer_sizes": (6,), "max_epochs": 5, "batch_size": 10}
    params = small | {"n_init": 1, "random_state": 0} | params
    return CrowdClassifier(callbacks=callbacks, **params)


def test_ctrl_c_is_raised_and_leaves_the_estimator_as_it_was():
    X, Y = problem()
    clf = classifier().fit(X, Y)
    before = vars(clf).copy()
    clf.set_params(callbacks=[Interrupts(10)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    del before["callbacks"]
    assert all(vars(clf)[name] is value for name, value in before.items())


@pytest.mark.parametrize("kind", [GridSearchCV, CrowdClassifierCV])
def test_ctrl_c_ends_a_search(kind):
    X, Y = problem()
    grid = {"reg_strength": [0.0, 0.1]}
    if kind is GridSearchCV:
        search = GridSearchCV(classifier(10), grid, cv=2)
    else:
        search = CrowdClassifierCV(classifier(10), reg_strengths=[0.0, 0.1], cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert not hasattr(search, "cv_results_")


def test_an_interrupted_fit_can_be_kept():
    X, Y = problem()
    clf = classifier(10, on_interrupt="keep")
    with pytest.warns(InterruptedFitWarning, match="after 2 of at most 5 epochs: it"):
        clf.fit(X, Y)
    assert clf.n_iter_ == len(clf.history_) == 2
    assert all("train_log_likelihood" in epoch for epoch in clf.history_)
    assert np.isfinite(clf.predict_proba(X)).all()
    np.testing.assert_allclose(clf.confusion_matrices_.sum(axis=2), 1)
    pickle.loads(pickle.dumps(clf)).predict(X)
    clf.set_params(callbacks=None).partial_fit(X, Y)


def test_the_best_weights_so_far_are_kept():
    X, Y = problem()
    early = {"early_stopping": True, "n_iter_no_change": 4, "lr": 0.5, "burn_in": 0}
    clf = classifier(19, on_interrupt="keep", max_epochs=9, **early)
    with pytest.warns(InterruptedFitWarning):
        clf.fit(X, Y)
    scores = [epoch["valid_log_likelihood"] for epoch in clf.history_]
    best = int(np.argmax(scores))
    assert best < len(scores) - 1
    whole = classifier(max_epochs=best + 1, **early).fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X), whole.predict_proba(X))


def test_ctrl_c_in_the_first_epoch_is_raised_all_the_same():
    X, Y = problem()
    clf = classifier(3, on_interrupt="keep")
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    assert not hasattr(clf, "net_")


def interrupt_once(monkeypatch, kind):
    """Ctrl-C at the first batch of a data set."""
    whole = kind.__getitems__

    def getitems(self, index):
        monkeypatch.setattr(kind, "__getitems__", whole)
        raise KeyboardInterrupt

    monkeypatch.setattr(kind, "__getitems__", getitems)


def test_ctrl_c_after_the_coupled_network_keeps_that(monkeypatch, tmp_path):
    X, Y = problem()
    interrupt_once(monkeypatch, PosteriorDataset)
    params = {"n_init": 2, "checkpoint_dir": tmp_path}
    clf = classifier(on_interrupt="keep", **params)
    message = r"after 5 of at most 5 epochs, and is the coupled network alone.*goes on"
    with pytest.warns(InterruptedFitWarning, match=message):
        clf.fit(X, Y)
    alone = classifier().fit(X, Y)
    assert len(clf.nets_) == 1
    np.testing.assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_array_equal(clf.confusion_matrices_, alone.confusion_matrices_)
    # And the same fit goes on from where it was.
    whole = classifier(n_init=2).fit(X, Y)
    again = classifier(on_interrupt="keep", **params).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), whole.predict_proba(X))


def test_ctrl_c_after_the_coupled_network_is_raised_by_default(monkeypatch):
    X, Y = problem()
    interrupt_once(monkeypatch, PosteriorDataset)
    with pytest.raises(KeyboardInterrupt):
        classifier(n_init=2).fit(X, Y)


def test_partial_fit_raises_it_and_goes_on_from_before():
    X, Y = problem()
    clf = classifier(on_interrupt="keep").partial_fit(X, Y, classes=[0, 1])
    before = clf.predict_proba(X)
    clf.set_params(callbacks=[Interrupts(15)])
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)

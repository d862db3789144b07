import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skccem import CrowdClassifier, DawidSkene
from skccem.plotting import TrainingCurvesDisplay


def fitted(crowd, **settings):
    X, labels, _ = crowd
    settings = {"hidden_layer_sizes": (4,), "n_init": 1, "random_state": 0} | settings
    return CrowdClassifier(**settings).fit(X, labels)


def curve(display, name):
    line = display.lines_[name]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def test_curves_are_the_history_and_break_off_where_the_likelihood_changes(
    pyplot, crowd
):
    clf = fitted(crowd, max_epochs=10, burn_in=4)
    display = TrainingCurvesDisplay.from_estimator(clf)
    values = [epoch["train_log_likelihood"] for epoch in clf.history_]
    assert curve(display, "training, marginal") == ([1, 2, 3, 4], values[:4])
    assert curve(display, "training, joint") == ([*range(5, 11)], values[4:])
    assert len(display.lines_) == 2
    assert display.best_epoch_ is None
    left, right = display.burn_in_.get_x(), display.burn_in_.get_width()
    assert (left, left + right) == (0.5, 4.5)
    display.figure_.canvas.draw()


def test_where_the_likelihood_stays_the_curve_is_one(pyplot, crowd):
    clf = fitted(crowd, max_epochs=5, burn_in=2, likelihood="marginal")
    display = TrainingCurvesDisplay.from_estimator(clf)
    assert list(display.lines_) == ["training, marginal"]
    assert curve(display, "training, marginal")[0] == [1, 2, 3, 4, 5]
    assert display.burn_in == 2


def test_the_star_is_where_early_stopping_returned_to(pyplot, crowd):
    clf = fitted(crowd, max_epochs=60, lr=0.05, early_stopping=True, n_iter_no_change=5)
    display = TrainingCurvesDisplay.from_estimator(clf)
    stopping = dict(clf.net_.callbacks_)["early_stopping"]
    assert display.best_epoch_ == stopping.best_epoch_ < len(clf.history_)
    valid = [epoch["valid_log_likelihood"] for epoch in clf.history_]
    assert curve(display, "held out, marginal")[1] == valid
    star = display.ax_.lines[-1]
    assert star.get_ydata() == [max(valid[display.burn_in :])]


def test_better_epochs_of_the_burn_in_have_no_star(pyplot):
    valid = [-0.1, -0.9, -0.8, -0.85]
    history = [
        {"train_log_likelihood": value, "valid_log_likelihood": value}
        for value in valid
    ]
    assert TrainingCurvesDisplay(history, burn_in=1).plot().best_epoch_ == 3
    assert TrainingCurvesDisplay(history[:1], burn_in=1).plot().best_epoch_ is None


def test_the_last_fit_is_drawn_whatever_the_settings_are_by_now(pyplot, crowd):
    X, labels, truth = crowd
    clf = fitted(crowd, max_epochs=5, burn_in=2, warm_start=True)
    clf.set_params(likelihood="marginal", burn_in=0.9)
    display = TrainingCurvesDisplay.from_estimator(clf)
    assert (display.burn_in, display.likelihood) == (2, "joint")
    clf.set_params(likelihood="joint").fit(X, labels)
    assert TrainingCurvesDisplay.from_estimator(clf).burn_in_ is None
    alone = CrowdClassifier(hidden_layer_sizes=(4,), max_epochs=2, random_state=0)
    display = TrainingCurvesDisplay.from_estimator(alone.fit(X, truth))
    assert display.burn_in_ is None


def test_a_pipeline_is_drawn_into_given_axes(pyplot, crowd):
    X, labels, _ = crowd
    clf = CrowdClassifier(hidden_layer_sizes=(4,), max_epochs=1, n_init=1)
    pipeline = make_pipeline(StandardScaler(), clf)
    with pytest.raises(NotFittedError):
        TrainingCurvesDisplay.from_estimator(pipeline)
    _, ax = pyplot.subplots()
    pipeline.fit(X, labels)
    display = TrainingCurvesDisplay.from_estimator(pipeline, ax=ax)
    assert display.ax_ is ax
    # One epoch is a point.
    (line,) = display.lines_.values()
    assert line.get_marker() == "o"


def test_what_trains_no_network_has_no_curves(pyplot):
    model = DawidSkene().fit(np.eye(2, dtype=int))
    with pytest.raises(AttributeError, match="trains no network"):
        TrainingCurvesDisplay.from_estimator(model)
    for history in ([], [{"train_loss": 1.0}]):
        with pytest.raises(ValueError, match="history of one epoch or more"):
            TrainingCurvesDisplay(history).plot()
    assert pyplot.get_fignums() == []


def test_an_estimator_that_was_loaded_has_the_same_curves(pyplot, crowd, tmp_path):
    clf = fitted(crowd, max_epochs=10)
    clf.save(tmp_path / "model.safetensors")
    loaded = CrowdClassifier.load(tmp_path / "model.safetensors")
    before, after = map(TrainingCurvesDisplay.from_estimator, (clf, loaded))
    assert before.burn_in == after.burn_in > 0
    assert list(before.lines_) == list(after.lines_)

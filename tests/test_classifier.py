"""``CrowdClassifier`` as a user meets it."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import InvalidParameterError
from skorch.callbacks import Callback, Checkpoint, EpochScoring
from skorch.helper import SliceDataset, SliceDict
from torch import nn
from torch.utils.data import Dataset

from skccem import CrowdClassifier, CrowdLabels
from skccem._crowd_loss import LIKELIHOODS, REGULARIZERS
from skccem._probability import joint_log_likelihood
from skccem.exceptions import UnusedDataWarning
from skccem.metrics import confusion_matrix_error
from skccem.simulation import make_confusion_matrices, make_crowd_labels

SMALL = {
    "hidden_layer_sizes": (16,),
    "dropout": 0.5,
    "batch_size": 40,
    "max_epochs": 15,
    "lr": 1e-2,
    # What is beside the coupled network has tests of its own.
    "n_init": 1,
    "random_state": 0,
}


def small(**params):
    return CrowdClassifier(**{**SMALL, **params})


class Items(Dataset):
    """A torch Dataset whose items are x alone."""

    def __init__(self, X):
        self.X = torch.as_tensor(X, dtype=torch.float32)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index]


class Pairs(Items):
    """A torch Dataset whose items are (x, target)."""

    def __getitem__(self, index):
        return self.X[index], 0


class TwoInputs(nn.Module):
    """A module that takes a dict of arrays."""

    def __init__(self, n_classes=3):
        super().__init__()
        self.layer = nn.Linear(5, n_classes)

    def forward(self, left, right):
        return self.layer(torch.cat([left, right], dim=1))


def linear(n_features, n_classes):
    return nn.Linear(n_features, n_classes)


def linear_of_five(n_features, n_classes):
    return nn.Linear(5, n_classes)


# What is learned


@pytest.mark.parametrize(
    "n_init", [1, pytest.param(4, marks=pytest.mark.slow, id="averaged")]
)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("regularizer", [None, *REGULARIZERS])
def test_recovers_classes_and_annotators_without_truth(likelihood, regularizer, n_init):
    accuracy, error = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth = rng.integers(3, size=600)
        X = rng.normal(size=(600, 5)) + 4.0 * np.eye(5)[truth]
        matrices = make_confusion_matrices(
            8, 3, kind="diagonally_dominant", accuracy=(0.5, 0.95), random_state=seed
        )
        Y = make_crowd_labels(truth, matrices, labels_per_item=4, random_state=seed)
        clf = CrowdClassifier(
            likelihood=likelihood,
            regularizer=regularizer,
            reg_strength=0.003,
            max_epochs=60,
            lr=3e-3,
            n_init=n_init,
            random_state=seed,
        ).fit(X, Y)
        accuracy.append(clf.score(X, truth))
        error.append(confusion_matrix_error(clf.confusion_matrices_, matrices))
    assert np.mean(accuracy) > 0.97
    # Each row is seen about 100 times: a sampling error of 0.03 or so.
    assert np.mean(error) < 0.06


@pytest.mark.slow
def test_beats_the_majority_where_most_annotators_guess():
    gains = []
    for seed in range(3):
        X, truth = load_digits(return_X_y=True)
        matrices = make_confusion_matrices(
            10, 10, kind="hammer_spammer", hammer_fraction=0.3, random_state=seed
        )
        Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=seed)
        clf = CrowdClassifier(random_state=seed, max_epochs=30).fit(X / 16, Y)
        votes = np.stack([(np.asarray(Y) == k).sum(axis=1) for k in range(10)], axis=1)
        majority = np.mean(votes.argmax(axis=1) == truth)
        gains.append(np.mean(clf.aggregate(X / 16, Y) == truth) - majority)
    assert min(gains) > 0.2


def test_shapes_and_types_of_what_is_learned(crowd):
    X, Y, _ = crowd
    clf = small().fit(X, Y)
    assert_array_equal(clf.classes_, [0, 1, 2])
    assert_array_equal(clf.annotators_, np.arange(6))
    assert clf.n_annotators_ == 6
    assert clf.confusion_matrices_.shape == (6, 3, 3)
    assert_allclose(clf.confusion_matrices_.sum(axis=2), 1, rtol=1e-12)
    assert_allclose(clf.class_prior_.sum(), 1)
    assert_array_equal(clf.n_labels_per_annotator_, Y.labels_per_annotator)
    assert clf.n_iter_ == len(clf.history_) == 15
    assert {"epoch", "train_loss", "train_log_likelihood"} <= set(clf.history_[-1])
    assert clf.n_features_in_ == 5
    assert clf.predict_proba(X).shape == (240, 3)
    assert clf.predict_annotator_proba(X).shape == (240, 6, 3)


def test_history_is_the_likelihood_of_the_training_labels(crowd):
    X, Y, _ = crowd
    clf = small(dropout=0, batch_size=None, max_epochs=1, lr=1e-12, confusion_lr=0)
    clf.fit(X, Y)
    expected = joint_log_likelihood(
        Y, clf.predict_log_proba(X), np.log(clf.confusion_matrices_)
    )
    assert_allclose(
        clf.history_[0]["train_log_likelihood"], expected.sum() / Y.n_labels, rtol=1e-9
    )


# Predictions and scores


def test_probabilities_agree_with_each_other(crowd):
    X, Y, _ = crowd
    clf = small().fit(X, Y)
    proba = clf.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)
    assert_allclose(np.exp(clf.predict_log_proba(X)), proba)
    assert_array_equal(clf.predict(X), clf.classes_[proba.argmax(axis=1)])
    by_annotator = np.stack([proba @ B for B in clf.confusion_matrices_], axis=1)
    assert_allclose(clf.predict_annotator_proba(X), by_annotator)


def test_aggregate_is_bayes_rule_on_classifier_and_matrices(crowd):
    X, Y, _ = crowd
    clf = small().fit(X, Y)
    expected = clf.predict_proba(X).copy()
    for i, row in enumerate(np.asarray(Y)):
        for m in np.flatnonzero(row >= 0):
            expected[i] *= clf.confusion_matrices_[m, :, row[m]]
    expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(clf.aggregate_proba(X, Y), expected)
    assert_array_equal(clf.aggregate(X, Y), expected.argmax(axis=1))


def test_score_of_a_crowd_is_the_mean_log_likelihood_of_a_label(crowd):
    X, Y, _ = crowd
    clf = small().fit(X, Y)
    rows, columns = np.nonzero(np.asarray(Y) >= 0)
    said = np.asarray(Y)[rows, columns]
    each = np.log(clf.predict_annotator_proba(X)[rows, columns, said])
    assert_allclose(clf.score(X, Y), each.mean())
    assert_allclose(clf.score(X, np.asarray(Y)), each.mean())
    weight = np.arange(240)
    expected = np.average(each, weights=weight[rows])
    assert_allclose(clf.score(X, Y, sample_weight=weight), expected)


@pytest.mark.parametrize("one_axis", [False, True])
def test_weights_of_scores_matter_by_their_ratios(crowd, one_axis):
    X, Y, truth = crowd
    clf, y = small(max_epochs=2).fit(X, Y), truth if one_axis else Y
    weight = np.linspace(0.1, 1, 240)
    expected = clf.score(X, y, sample_weight=weight)
    assert_allclose(clf.score(X, y, sample_weight=1e308 * weight), expected)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        clf.score(X, y, sample_weight=-weight)
    with pytest.raises(ValueError, match=r"non-zero|none of positive"):
        clf.score(X, y, sample_weight=0 * weight)


def test_score_of_truth_is_accuracy(crowd):
    X, Y, truth = crowd
    clf = small().fit(X, Y)
    assert clf.score(X, truth) == np.mean(clf.predict(X) == truth)


def test_labels_are_returned_as_they_were_given(crowd):
    X, Y, _ = crowd
    names = np.array(["bird", "cat", "dog"])
    plain = small().fit(X, Y)
    table = np.where(np.asarray(Y) < 0, None, names[np.asarray(Y)])
    named = small().fit(X, table)
    assert_array_equal(named.classes_, names)
    assert_array_equal(named.predict(X), names[plain.predict(X)])
    assert_array_equal(named.aggregate(X, table), names[plain.aggregate(X, Y)])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_predicting_before_fit_says_so(crowd, method):
    with pytest.raises(NotFittedError):
        getattr(CrowdClassifier(), method)(crowd[0])


# Items and annotators without labels


def test_what_is_left_out_is_counted_in_one_warning(crowd):
    X, Y, _ = crowd
    table = np.array(Y)
    table[:7] = -1
    table[:, 2] = -1
    n_empty = np.sum((table < 0).all(axis=1))
    with pytest.warns(UnusedDataWarning) as caught:
        clf = small().fit(X, table)
    assert len(caught) == 1
    assert f"{n_empty} of 240 items have no labels" in str(caught[0].message)
    assert "1 of 6 annotators gave no labels" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert clf.n_labels_per_annotator_[2] == 0


def test_items_without_labels_change_nothing(crowd):
    X, Y, _ = crowd
    table = np.array(Y)
    table[100:] = -1
    with pytest.warns(UnusedDataWarning):
        padded = small().fit(X, table)
    alone = small().fit(X[:100], table[:100])
    assert_allclose(padded.predict_proba(X), alone.predict_proba(X))


def test_an_idle_annotator_gets_the_pooled_matrix(crowd):
    X, Y, _ = crowd
    table = np.insert(np.array(Y), 3, -1, axis=1)
    with pytest.warns(UnusedDataWarning):
        clf = small().fit(X, table)
    whole = small().fit(X, Y)
    others = np.delete(clf.confusion_matrices_, 3, axis=0)
    assert_allclose(others, whole.confusion_matrices_)
    posterior = whole.aggregate_proba(X, Y)
    given = np.stack([posterior[column >= 0].sum(axis=0) for column in np.array(Y).T])
    pooled = np.einsum("mk,mkl->kl", given, others) / given.sum(axis=0)[:, None]
    assert_allclose(clf.confusion_matrices_[3], pooled)


# One label an item


def test_one_dimensional_y_is_one_annotator_who_is_always_right(crowd):
    X, _, truth = crowd
    clf = small().fit(X, truth)
    assert_array_equal(clf.confusion_matrices_, np.eye(3)[None])
    assert_array_equal(clf.aggregate(X, truth), truth)
    other = LogisticRegression().fit(X, truth).score(X, truth)
    assert clf.score(X, truth) > other - 0.03


def test_minus_one_is_a_class_of_one_dimensional_y(crowd):
    X, _, truth = crowd
    clf = small().fit(X, truth - 1)
    assert_array_equal(clf.classes_, [-1, 0, 1])


def test_a_plain_column_is_one_dimensional_and_crowd_labels_are_not(crowd):
    X, _, truth = crowd
    with pytest.warns(DataConversionWarning):
        column = small().fit(X, truth[:, None])
    flat = small().fit(X, truth)
    assert_array_equal(column.predict_proba(X), flat.predict_proba(X))
    crowd_of_one = small().fit(X, CrowdLabels.from_matrix(truth[:, None]))
    assert not np.array_equal(crowd_of_one.confusion_matrices_[0], np.eye(3))


# Randomness


def test_a_seed_makes_fits_bit_identical_here_and_in_workers(crowd):
    X, Y, _ = crowd

    def bits(n_jobs):
        fits = Parallel(n_jobs=n_jobs)(
            delayed(CrowdClassifier.fit)(small(early_stopping=True), X, Y)
            for _ in range(2)
        )
        return [fit.predict_proba(X).tobytes() for fit in fits]

    assert len({*bits(1), *bits(2)}) == 1


def test_the_perceptron_is_bit_identical_whatever_the_number_of_threads():
    # Enough numbers that torch would divide a sum among threads.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(1000, 512)), rng.integers(-1, 5, (1000, 6))
    before, bits = torch.get_num_threads(), set()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            clf = CrowdClassifier(max_epochs=2, random_state=0).fit(X, Y)
            bits.add(clf.predict_proba(X).tobytes() + bytes(clf.confusion_matrices_))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert len(bits) == 1


def test_different_seeds_and_no_seed_differ(crowd):
    X, Y, _ = crowd
    fits = [small(random_state=seed).fit(X, Y) for seed in (0, 1, None, None)]
    assert len({fit.predict_proba(X).tobytes() for fit in fits}) == 4


def legacy_state():
    return np.random.get_state()[1]  # noqa: NPY002 - it is what must not change


@pytest.mark.parametrize("random_state", [0, None])
def test_global_random_states_are_left_alone(crowd, random_state):
    X, Y, truth = crowd
    numpy_state, torch_state = legacy_state(), torch.get_rng_state()
    clf = small(random_state=random_state).fit(X, Y)
    clf.predict(X)
    clf.score(X, Y)
    clf.score(X, truth)
    assert_array_equal(legacy_state(), numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)


class Noisy(Items):
    """Items that draw from both global generators."""

    def __getitem__(self, index):
        noise = torch.rand(5) + np.random.random()  # noqa: NPY002
        return self.X[index] + noise


class NoisyModule(nn.Linear):
    def forward(self, batch):
        return super().forward(batch + torch.rand_like(batch))


def test_data_and_modules_that_draw_are_reproducible_and_leave_global_states(crowd):
    X, Y, _ = crowd
    clf = small(max_epochs=2, module=NoisyModule(5, 3))
    numpy_state, torch_state = legacy_state(), torch.get_rng_state()
    fits = [clone(clf).fit(Noisy(X), Y) for _ in range(2)]
    first, second = (fit.predict_proba(Noisy(X)) for fit in fits)
    assert_array_equal(first, second)
    fits[0].score(Noisy(X), Y)
    assert_array_equal(legacy_state(), numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_threads_side_by_side_learn_correctly(crowd):
    X, Y, truth = crowd
    fits = Parallel(n_jobs=4, backend="threading")(
        delayed(small(max_epochs=30).fit)(X, Y) for _ in range(4)
    )
    alone = small(max_epochs=30).fit(X, Y).score(X, truth)
    assert all(abs(fit.score(X, truth) - alone) < 0.1 for fit in fits)


# Forms of X


def test_sparse_rows_give_what_dense_rows_give(crowd):
    X, Y, _ = crowd
    X = np.where(np.abs(X) < 0.5, 0, X)
    dense = small().fit(X, Y)
    for form in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        thin = small().fit(form(X), Y)
        assert_array_equal(thin.predict_proba(form(X)), dense.predict_proba(X))


def test_a_dict_is_passed_as_keyword_arguments(crowd):
    X, Y, truth = crowd
    parts = {"left": X[:, :2], "right": X[:, 2:]}
    clf = small(module=TwoInputs, max_epochs=40).fit(parts, Y)
    wrapped = small(module=TwoInputs, max_epochs=40).fit(SliceDict(**parts), Y)
    assert clf.score(parts, truth) > 0.8
    assert_array_equal(wrapped.predict_proba(parts), clf.predict_proba(parts))


def test_a_dataset_gives_what_the_array_gives(crowd):
    X, Y, _ = crowd
    array = small(module=linear).fit(X.astype(np.float32), Y)
    expected = array.predict_proba(X)
    for module in (nn.Linear(5, 3), nn.Linear):
        params = {"in_features": 5, "out_features": 3}
        module_params = params if module is nn.Linear else None
        clf = small(module=module, module_params=module_params)
        clf.fit(Items(X), Y)
        if module is nn.Linear:
            assert_array_equal(clf.predict_proba(Items(X)), expected)
    for form in (SliceDataset(Items(X)), SliceDataset(Pairs(X))):
        clf = small(module=nn.Linear, module_params=params).fit(form, Y)
        assert_array_equal(clf.predict_proba(form), expected)


@pytest.mark.parametrize("dtype", ["float32", np.float32, float, object])
def test_a_dataset_may_have_a_dtype_of_its_own(crowd, dtype):
    X, Y, _ = crowd
    data = Items(X)
    data.dtype = dtype
    clf = small(module=linear_of_five, max_epochs=1)
    expected = clone(clf).fit(Items(X), Y).confusion_matrices_
    assert_array_equal(clf.fit(data, Y).confusion_matrices_, expected)


def test_images_train_a_convolutional_network():
    X, truth = load_digits(return_X_y=True)
    images = (X[:600] / 16).reshape(-1, 1, 8, 8)
    matrices = make_confusion_matrices(5, 10, kind="symmetric", random_state=0)
    Y = make_crowd_labels(truth[:600], matrices, labels_per_item=3, random_state=0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)
    )
    clf = small(module=network, max_epochs=30).fit(images, Y)
    assert clf.score(images, truth[:600]) > 0.85


def test_a_module_that_takes_any_size_predicts_other_sizes_than_it_was_trained_on(
    crowd,
):
    X, Y, _ = crowd
    network = nn.Sequential(nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(4, 3))
    clf = small(module=network, max_epochs=1).fit(X[:, None], Y)
    assert not hasattr(clf, "n_features_in_")
    assert clf.predict_proba(X[:, None, :4]).shape == (240, 3)


def test_items_of_a_shape_that_fit_did_not_see_are_an_error(crowd):
    X, Y, _ = crowd
    network = nn.Sequential(nn.Flatten(), nn.Linear(5, 3))
    clf = small(module=network, max_epochs=1, warm_start=True).fit(X[:, None], Y)
    match = (
        r"fit saw items of shape \(1, 5\), but X has items of shape \(1, 4\).*failed"
    )
    for call in (clf.predict, lambda other: clf.fit(other, Y)):
        with pytest.raises(ValueError, match=match):
            call(X[:, None, :4])
    with pytest.raises(
        ValueError, match=r"but X has items of .*in the form of the fit"
    ):
        clf.predict({"left": X})


def test_a_dict_has_the_names_of_the_fit(crowd):
    X, Y, _ = crowd
    clf = small(module=TwoInputs, max_epochs=1).fit(
        {"left": X[:, :2], "right": X[:, 2:]}, Y
    )
    for other in ({"left": X[:, :2], "wrong": X[:, 2:]}, {"left": X}, X):
        with pytest.raises(ValueError, match=r"'right': \(3,\).*the same names"):
            clf.predict(other)


def test_a_factory_gets_no_number_of_features_unless_there_are_columns(crowd):
    X, Y, _ = crowd
    got = []

    def factory(n_features, n_classes):
        got.append(n_features)
        return nn.Sequential(nn.Flatten(), nn.Linear(5, n_classes))

    for form in (X, X[:, None], Items(X)):
        small(module=factory, max_epochs=1).fit(form, Y)
    assert got == [5, None, None]


# Modules


def test_an_instance_is_a_starting_point_and_stays_as_it_was(crowd):
    X, Y, _ = crowd
    module = nn.Linear(5, 3)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first, second = (small(module=module).fit(X, Y) for _ in range(2))
    assert all(torch.equal(module.state_dict()[name], before[name]) for name in before)
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    still = small(module=module, lr=1e-12).fit(X, Y)
    start = nn.functional.softmax(module(torch.tensor(X).float()), dim=1)
    assert_allclose(still.predict_proba(X), start.detach().numpy(), atol=1e-5)


def test_a_module_of_the_wrong_width_is_an_error_before_training(crowd):
    X, Y, _ = crowd
    with pytest.raises(ValueError, match=r"its last layer 3 outputs"):
        small(module=nn.Linear(5, 4)).fit(X, Y)
    with pytest.raises(ValueError, match=r"failed on a batch of shape \(2, 5\)"):
        small(module=nn.Linear(7, 3)).fit(X, Y)
    with pytest.raises(ValueError, match=r"float32: call \.float\(\)"):
        small(module=nn.Linear(5, 3).double()).fit(X, Y)


def test_a_module_may_compute_in_double_precision_inside(crowd):
    X, Y, _ = crowd

    class Double(nn.Linear):
        def forward(self, batch):
            assert batch.dtype == torch.float32
            return super().forward(batch.double())

    clf = small(module=Double(5, 3, dtype=torch.float64)).fit(X, Y)
    assert_allclose(clf.predict_proba(X).sum(axis=1), 1)


def test_what_only_a_module_can_read_is_an_error_without_one(crowd):
    X, Y, _ = crowd
    for form in ({"x": X}, SliceDict(x=X), Items(X), SliceDataset(Items(X))):
        with pytest.raises(TypeError, match="pass a network as module="):
            small().fit(form, Y)


# Training


def test_early_stopping_stops_and_keeps_the_best_weights(crowd):
    X, Y, _ = crowd
    clf = small(
        early_stopping=True, validation_fraction=0.3, n_iter_no_change=3, max_epochs=500
    ).fit(X, Y)
    assert clf.n_iter_ < 500
    held_out = [epoch["valid_log_likelihood"] for epoch in clf.history_]
    assert np.argmax(held_out) < clf.n_iter_ - 1


@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_the_burn_in_is_ccem_alone(crowd, regularizer):
    X, Y, _ = crowd
    ccem = small(likelihood="marginal", regularizer=None).fit(X, Y)
    clf = small(regularizer=regularizer, burn_in=10).fit(X, Y)
    loss, full = (
        np.array([epoch["train_loss"] for epoch in fitted.history_])
        for fitted in (ccem, clf)
    )
    assert_array_equal(full[:10], loss[:10])
    assert (full[10:] != loss[10:]).all()
    shorter = small(regularizer=regularizer, burn_in=10, max_epochs=11).fit(X, Y)
    assert_array_equal([epoch["train_loss"] for epoch in shorter.history_], full[:11])


def test_a_continued_fit_has_no_burn_in(crowd):
    X, Y, _ = crowd
    clf = small(warm_start=True, burn_in=14).fit(X, Y)
    losses = [
        clf.set_params(burn_in=burn_in, max_epochs=2, lr=1e-12, confusion_lr=0)
        .fit(X, Y)
        .history_[0]["train_loss"]
        for burn_in in (0, 1)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_checkpoints_of_skorch_and_callbacks_of_ones_own_work(crowd, tmp_path):
    X, Y, _ = crowd

    class Mine(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("mine", 1)

    checkpoint = Checkpoint(dirname=tmp_path)
    clf = small(early_stopping=True, callbacks=[checkpoint, Mine]).fit(X, Y)
    assert (tmp_path / "params.pt").exists()
    documented = {"train_loss", "train_log_likelihood", "valid_loss"}
    documented |= {"valid_log_likelihood", "dur", "epoch", "burn_in"}
    assert set(clf.history_[0]) == documented | {"mine", "event_cp"}


def test_warm_start_goes_on_from_the_last_solution(crowd):
    X, Y, _ = crowd
    clf = small(warm_start=True, dropout=0).fit(X, Y)
    likelihood, start = clf.score(X, Y), clf.confusion_matrices_
    clf.set_params(max_epochs=1, lr=1e-12, confusion_lr=0).fit(X, Y)
    assert_allclose(clf.score(X, Y), likelihood, rtol=1e-6)
    assert_allclose(clf.confusion_matrices_, start, rtol=1e-6)
    with pytest.raises(ValueError, match="warm_start continues with the annotators"):
        clf.fit(X, np.asarray(Y)[:, :5])


def test_warm_start_from_one_label_an_item_learns_a_crowd_of_one(crowd):
    X, _, truth = crowd
    clf = small(warm_start=True).fit(X, truth)
    one = CrowdLabels.from_matrix(truth[:, np.newaxis])
    clf.set_params(max_epochs=2).fit(X, one)
    assert np.isfinite(clf.history_[-1]["train_loss"])
    assert (clf.confusion_matrices_ < 1).all()
    assert clf.score(X, truth) > 0.8
    assert_array_equal(clf.fit(X, truth).confusion_matrices_[0], np.eye(3))


@pytest.mark.parametrize(("first", "then"), [("f4", "f8"), ("f8", "f4")])
def test_a_continued_fit_keeps_its_precision(crowd, first, then):
    X, Y, _ = crowd
    clf = small(warm_start=True, max_epochs=2).fit(X.astype(first), Y)
    clf.fit(X.astype(then), Y, sample_weight=np.ones(240))
    assert clf.predict_proba(X.astype(then)).dtype == np.dtype(first)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_precision_is_that_of_items_whatever_torchs_default(crowd, dtype):
    X, Y, _ = crowd
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        clf = small(max_epochs=2).fit(X.astype(dtype), Y)
        proba = clf.predict_proba(X.astype(dtype))
    finally:
        torch.set_default_dtype(before)
    assert proba.dtype == np.dtype(dtype)


class Fails(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise RuntimeError("on purpose, with weights that were already changed")


def state(clf):
    """Everything that a fit sets, as bytes or text."""
    return {
        name: pickle.dumps(value) if isinstance(value, np.ndarray) else repr(value)
        for name, value in vars(clf).items()
        if name.endswith("_") and name != "net_"
    } | {name: value.clone() for name, value in clf.net_.module_.state_dict().items()}


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_that_fails_leaves_the_last_one(crowd, warm_start):
    X, Y, _ = crowd
    clf = small(max_epochs=3, warm_start=warm_start).fit(X, Y)
    before, proba = state(clf), clf.predict_proba(X)
    columns = X if warm_start else X[:, :4]
    clf.set_params(callbacks=[Fails()], reg_strength=0.3)
    with pytest.raises(RuntimeError, match="on purpose"):
        clf.fit(columns, Y)
    after = state(clf)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert np.array_equal(value, after[name]), name
    assert_array_equal(clf.predict_proba(X), proba)


def test_a_first_fit_that_fails_leaves_an_unfitted_estimator(crowd):
    X, Y, _ = crowd
    clf = small(callbacks=[Fails()])
    before = vars(clf).copy()
    with pytest.raises(RuntimeError, match="on purpose"):
        clf.fit(X, Y)
    assert vars(clf) == before


def test_annotators_all_of_whose_labels_weigh_nothing_are_idle(crowd):
    X, Y, _ = crowd
    table = np.asarray(Y).copy()
    table[:200, 2] = -1
    weight = np.where(np.arange(240) < 200, 1.0, 0.0)
    with pytest.warns(UnusedDataWarning, match="1 of 6 annotators"):
        clf = small().fit(X, table, sample_weight=weight)
    pooled = clf.confusion_matrices_[2]
    others = np.delete(clf.confusion_matrices_, 2, axis=0)
    assert (pooled >= others.min(axis=0) - 1e-9).all()
    assert (pooled <= others.max(axis=0) + 1e-9).all()


@pytest.mark.parametrize("precision", ["f4", "f8"])
def test_weights_that_round_to_zero_train_no_annotator(crowd, precision):
    X, Y, _ = crowd
    table = np.insert(np.asarray(Y), 0, -1, axis=1)
    table[:3] = -1
    table[:3, 0] = [0, 1, 2]
    weight = np.where(np.arange(240) < 3, 1e-60, 1.0)
    zero = np.where(weight < 1, 0.0, 1.0)
    X = X.astype(precision)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = small().fit(X, table, sample_weight=weight)
    assert len(caught) == (precision == "f4")
    if precision == "f4":
        with pytest.warns(UnusedDataWarning, match="1 of 7 annotators"):
            without = small().fit(X, table, sample_weight=zero)
        assert_array_equal(clf.confusion_matrices_, without.confusion_matrices_)


def test_annotators_who_are_held_out_whole_get_the_pooled_matrix(crowd):
    X, Y, _ = crowd
    alone = CrowdLabels.from_matrix(np.where(np.eye(240) > 0, 1, -1), classes=range(3))
    table = np.hstack([np.asarray(Y), np.asarray(alone)[:, :40]])
    with pytest.warns(UnusedDataWarning, match=r"\d+ of 46 .* early_stopping holds"):
        clf = small(early_stopping=True, validation_fraction=0.5).fit(X, table)
    same = [
        (B == clf.confusion_matrices_[6:]).all((1, 2)).sum()
        for B in clf.confusion_matrices_[6:]
    ]
    assert max(same) > 5
    start = 0.7 * np.eye(3) + 0.1
    assert not any(np.allclose(B, start, atol=1e-3) for B in clf.confusion_matrices_)


def test_initial_matrices_may_be_given_with_an_idle_annotator(crowd):
    X, Y, _ = crowd
    table = np.asarray(Y).copy()
    table[:, 1] = -1
    init = np.stack([np.roll(np.eye(3), m, axis=1) for m in range(6)])
    with pytest.warns(UnusedDataWarning, match="1 of 6 annotators"):
        clf = small(init=init, confusion_lr=0).fit(X, table)
    expected = 0.98 * init + 0.02 / 3
    active = [0, 2, 3, 4, 5]
    assert_allclose(clf.confusion_matrices_[active], expected[active], atol=1e-9)


@pytest.mark.parametrize("scale", [1e-50, 1e50, 5e307])
def test_the_scale_of_weights_changes_nothing(crowd, scale):
    X, Y, _ = crowd
    for form in (X, X.astype("f4")):
        weight = np.linspace(0.5, 2, 240)
        plain = small().fit(form, Y, sample_weight=weight)
        scaled = small().fit(form, Y, sample_weight=scale * weight)
        assert_allclose(scaled.predict_proba(form), plain.predict_proba(form), 1e-3)
        assert_allclose(scaled.class_prior_, plain.class_prior_, 1e-3)


def test_verbose_prints_a_bar_or_lines(crowd, capsys):
    X, Y, _ = crowd
    small(verbose=1, early_stopping=True).fit(X, Y)
    assert "held-out log-likelihood" in capsys.readouterr().err
    small(verbose=2).fit(X, Y)
    assert "train_log_likelihood" in capsys.readouterr().out
    small().fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_reaches_the_user(crowd):
    X, Y, _ = crowd

    class Interrupted(nn.Linear):
        def forward(self, batch):
            if self.training:
                raise KeyboardInterrupt
            return super().forward(batch)

    with pytest.raises(KeyboardInterrupt):
        small(module=Interrupted(5, 3)).fit(X, Y)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.RMSprop])
def test_optimizers_by_name_or_class(crowd, optimizer):
    X, Y, _ = crowd
    clf = small(optimizer=optimizer, weight_decay=1e-4).fit(X, Y)
    assert np.isfinite(clf.score(X, Y))


def test_sample_weights_are_repetitions_in_full_batches_without_dropout(crowd):
    X, Y, _ = crowd
    params = {"dropout": 0, "batch_size": None, "init": "dawid_skene"}
    weight = np.arange(240) % 3
    weighted = small(**params).fit(X, Y, sample_weight=weight)
    rows = np.repeat(np.arange(240), weight)
    repeated = small(**params).fit(X[rows], Y[rows])
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)
    assert_allclose(
        weighted.confusion_matrices_, repeated.confusion_matrices_, rtol=1e-7
    )
    assert_allclose(weighted.class_prior_, repeated.class_prior_)


def test_annotators_in_another_order_change_nothing_but_their_order(crowd):
    X, Y, _ = crowd
    order = [3, 0, 5, 1, 4, 2]
    straight = small().fit(X, Y)
    permuted = small().fit(X, np.asarray(Y)[:, order])
    assert_allclose(permuted.predict_proba(X), straight.predict_proba(X), atol=1e-4)
    assert_allclose(
        permuted.confusion_matrices_, straight.confusion_matrices_[order], atol=1e-4
    )


def test_survives_pickle_and_clone(crowd):
    X, Y, _ = crowd
    clf = small(verbose=1, early_stopping=True).fit(X, Y)
    copy = pickle.loads(pickle.dumps(clf))
    assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
    assert copy.score(X, Y) == clf.score(X, Y)
    assert not hasattr(clone(clf), "net_")


# Errors before any work


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"regularizer": "G"}, "'regularizer' parameter"),
        ({"reg_strength": -0.1}, "'reg_strength' parameter"),
        ({"likelihood": "full"}, "'likelihood' parameter"),
        ({"max_epochs": 0}, "'max_epochs' parameter"),
    ],
)
def test_parameters_out_of_range_are_named(crowd, params, match):
    with pytest.raises(InvalidParameterError, match=match):
        small(**params).fit(*crowd[:2])


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": (0,)},
        {"callbacks": [EpochScoring("accuracy")]},
        {"optimizer": torch.optim.LBFGS},
        {"device": "cuda:99"},
        {"init": [["a"]]},
        {"init": np.eye(4)},
        {"module": nn.Linear(9, 3)},
    ],
)
def test_errors_come_before_warnings_and_work(crowd, params):
    X, Y, _ = crowd
    table = np.insert(np.asarray(Y), 0, -1, axis=1)
    clf = small(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"must|machine|learning|score"):
            clf.fit(X, table)
    assert not hasattr(clf, "n_features_in_")


def test_net_params_must_not_repeat_arguments(crowd):
    with pytest.raises(ValueError, match=r"net_params must not hold \['lr'\]"):
        small(net_params={"lr": 1}).fit(*crowd[:2])


def test_bad_input_is_an_error_that_says_what_to_do(crowd):
    X, Y, _ = crowd
    table = np.asarray(Y)
    with pytest.raises(ValueError, match="X has 239 items, but y has 240"):
        small().fit(X[1:], Y)
    with pytest.raises(ValueError, match="no labels at all among 240 items"):
        small().fit(X, np.full_like(table, -1))
    with pytest.raises(ValueError, match="one class, 1"):
        small().fit(X, np.where(table < 0, -1, 1))
    for bad in (np.nan, np.inf):
        X_bad = X.copy()
        X_bad[3, 2] = bad
        with pytest.raises(ValueError, match="Input X contains"):
            small().fit(X_bad, Y)
    with pytest.raises(ValueError, match="7"):
        small(classes=[0, 1, 2]).fit(X, np.where(table == 2, 7, table))


def test_matrices_too_large_for_memory_are_refused_before_allocation():
    K = 2000
    Y = CrowdLabels.from_matrix(
        sparse.csr_array((np.arange(K), (np.arange(K), np.arange(K)))),
    )
    Y = Y.align(annotators=np.arange(100_000))
    with pytest.raises(MemoryError, match=r"100,000 annotators and 2,000 classes"):
        CrowdClassifier().fit(np.zeros((K, 1)), Y)


def test_other_annotators_or_classes_than_in_fit_are_errors(crowd):
    X, Y, _ = crowd
    table = np.asarray(Y)
    clf = small().fit(X, Y)
    with pytest.raises(ValueError, match="Y has 5 columns"):
        clf.score(X, table[:, :5])
    renamed = CrowdLabels.from_matrix(table, annotators=list("abcdef"))
    with pytest.raises(ValueError, match=r"Y\.align\(annotators=clf\.annotators_\)"):
        clf.aggregate(X, renamed)
    with pytest.raises(ValueError, match=r"classes \[9\].*classes=.*CrowdLabels"):
        clf.score(X, np.where(table == 0, 9, table))
    with pytest.raises(ValueError, match="no labels among the items"):
        clf.score(X[:1], np.full((1, 6), -1))


def test_classes_that_do_not_occur_can_be_named_beforehand(crowd):
    X, Y, _ = crowd
    clf = small(classes=[0, 1, 2, 9]).fit(X, Y)
    assert_array_equal(clf.classes_, [0, 1, 2, 9])
    assert clf.predict_proba(X).shape == (240, 4)
    assert np.isfinite(clf.score(X, np.where(np.asarray(Y) == 0, 9, np.asarray(Y))))


def test_no_warning_where_everything_is_used(crowd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small().fit(*crowd[:2])

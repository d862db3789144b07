"""Training in two processes against training in one."""

import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skccem import CrowdClassifier
from skccem._batches import EvenBatches
from skccem.exceptions import UnusedDataWarning

sys.path.append(str(Path(__file__).parent / "programs"))
import data_parallel

accelerate = pytest.importorskip("accelerate")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Where the program put what two processes learned."""
    out = tmp_path_factory.mktemp("processes")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", data_parallel.__file__, out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def found(out):
    return [pickle.loads((out / f"{index}.pickle").read_bytes()) for index in range(2)]


@pytest.mark.parametrize("case", data_parallel.CASES)
def test_two_processes_with_half_the_batch_are_one_with_the_whole(
    found, case, monkeypatch
):
    monkeypatch.setattr(EvenBatches, "_order", lambda self: np.arange(self.n))
    first, second = (of_process[case] for of_process in found)
    for name, value in first.items():
        assert_array_equal(second[name], value)
    if case == "stopping":
        # Which items are held out depends on the parts.
        assert first["n_iter"] < 100
        return
    with pytest.warns(UnusedDataWarning, match="1 of 8 annotators"):
        clf = data_parallel.fit(case, np.arange(data_parallel.N), data_parallel.BATCH)
    expected = data_parallel.learned(clf)
    assert np.ptp(expected["loss"]) > 0.02
    for name, value in expected.items():
        assert_allclose(first[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_matrix_of_who_gave_no_labels_is_pooled_over_all_items(found):
    matrices, n_labels = (found[0]["F"][name] for name in ("matrices", "n_labels"))
    assert n_labels[7] == 0
    assert n_labels.sum() == data_parallel.crowd()[1].n_labels
    assert_allclose(matrices[7].sum(axis=1), 1)
    assert (matrices[7] > matrices[:7].min(axis=0)).all()
    assert (matrices[7] < matrices[:7].max(axis=0)).all()


def test_the_first_process_saves_an_estimator_like_any_other(out, found):
    clf = joblib.load(out / "classifier.joblib")
    X, _, truth, _ = data_parallel.crowd()
    assert_array_equal(clf.predict_proba(X), found[0]["again"]["proba"])
    assert clf.score(X, truth) > 0.6
    assert found[0]["n_nets"] == 1


def test_what_one_process_cannot_do_is_an_error_in_all(found):
    messages = {
        "annotators": "Every process must have the same annotators",
        "classes": "Every process must have the same classes",
        "sizes": r"give them parts of like size",
        "divergence": "Training diverged",
        "stream": "partial_fit learns in one process",
        "device": "leave device='auto'",
    }
    for of_process in found:
        assert set(of_process["errors"]) == set(messages)
        for name, message in messages.items():
            assert message in of_process["errors"][name], name


def test_one_process_with_an_accelerator_is_as_one_without(crowd):
    X, labels, _ = crowd
    settings = {"max_epochs": 3, "n_init": 1, "random_state": 0}
    plain = CrowdClassifier(**settings).fit(X, labels)
    accelerator = accelerate.Accelerator(cpu=True)
    clf = CrowdClassifier(accelerator=accelerator, **settings).fit(X, labels)
    assert_allclose(clf.predict_proba(X), plain.predict_proba(X), atol=1e-5)
    copy = pickle.loads(pickle.dumps(clf))
    assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))

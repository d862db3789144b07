"""Files of a simulated crowd."""

import numpy as np
import pytest

from skccem._feature_files import FeatureSource
from skccem._label_files import LabelSource
from skccem._simulated_files import simulate_files, simulated_paths
from skccem._table_files import read_table, text_column

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")


def test_labels_err_as_the_matrices_say(tmp_path):
    counts = simulate_files(
        tmp_path, n_items=4000, n_new=5, n_annotators=3, labels_per_item=3, seed=1
    )
    assert counts["labels"] == 12000
    paths = simulated_paths(tmp_path)
    labels = LabelSource(paths["labels"]).read().frame
    truth = read_table(paths["truth"]).frame.set_index("task")["label"]
    table = read_table(paths["matrices"]).frame
    matrices = table["probability"].to_numpy(dtype=float).reshape(3, 3, 3)
    counted = np.zeros((3, 3, 3))
    who = labels["annotator"].str[-1].astype(int) - 1
    true = truth[labels["item"]].astype(int).to_numpy()
    np.add.at(counted, (who, true, labels["label"].astype(int)), 1)
    counted /= counted.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(counted, matrices, atol=0.05)


@pytest.mark.parametrize("dataset", ["blobs", "digits"])
def test_features_truth_and_labels_are_of_the_same_items(tmp_path, dataset):
    counts = simulate_files(tmp_path, dataset=dataset, n_items=60, n_new=40)
    paths = simulated_paths(tmp_path)
    old = FeatureSource(paths["features"]).read()
    new = FeatureSource(paths["new_features"]).read()
    assert old.values.shape == (60, counts["features"])
    assert new.values.shape == (40, counts["features"])
    assert old.names == new.names
    for name, ids in (("truth", old.ids), ("new_truth", new.ids)):
        found = text_column(read_table(paths[name]), "task", "--id")
        assert found.tolist() == ids.tolist()
    assert not set(old.ids) & set(new.ids)
    assert set(LabelSource(paths["labels"]).read().frame["item"]) == set(old.ids)


def test_the_same_seed_writes_the_same_files(tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate_files(tmp_path / folder, n_items=30, n_new=10, seed=seed)
    labels = [(tmp_path / folder / "labels.csv").read_bytes() for folder in "abc"]
    assert labels[0] == labels[1] != labels[2]


def test_there_are_no_more_digits_than_there_are(tmp_path):
    with pytest.raises(ValueError, match="at most 1797 items"):
        simulate_files(tmp_path, dataset="digits", n_items=1500, n_new=298)

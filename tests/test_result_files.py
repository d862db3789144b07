"""Tables that commands write, and how right they are."""

import numpy as np
import pytest

from skccem._result_files import (
    accuracy_by_truth,
    check_result_path,
    class_table,
    table_writer,
)
from skccem._table_files import read_table, text_column

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

CLASSES = np.array(["1", "10", "2"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    proba = np.random.default_rng(0).dirichlet(np.ones(3), size=4)
    ids, labels = np.array(["007", "7", "ö", 'a,"b']), CLASSES[proba.argmax(axis=1)]
    table = class_table("item", ids, CLASSES, labels, proba, all_classes=True)
    path = tmp_path / f"results{suffix}"
    table_writer(table)(path)
    found = read_table(path)
    assert text_column(found, "item", "--item").tolist() == ids.tolist()
    assert text_column(found, "label", "--label").tolist() == labels.tolist()
    columns = ["probability", "p(1)", "p(10)", "p(2)"]
    numbers = found.frame[columns].to_numpy(dtype=np.float64)
    np.testing.assert_allclose(numbers[:, 0], proba.max(axis=1), rtol=1e-14)
    np.testing.assert_allclose(numbers[:, 1:], proba, rtol=1e-14)


def test_the_probability_is_that_of_the_label_also_in_a_tie():
    proba = np.array([[0.2, 0.4, 0.4]])
    table = class_table("item", ["a"], CLASSES, ["2"], proba, all_classes=False)
    assert table.to_numpy().tolist() == [["a", "2", 0.4]]


def test_accuracy_is_of_the_items_whose_truth_is_known(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("task,label\n007,1\n8,2\n9,2\n")
    found = accuracy_by_truth(path, "task", ["8", "007", "7"], ["2", "10", "1"])
    assert found == {"accuracy": 0.5, "items_with_truth": 2}
    with pytest.raises(ValueError, match="none of them, but '007'"):
        accuracy_by_truth(path, "task", ["7"], ["1"])
    path.write_text("task,label\n007,1\n007,2\n")
    with pytest.raises(ValueError, match=r"'007' again in .* row 2"):
        accuracy_by_truth(path, "task", ["007"], ["1"])


def test_paths_that_say_no_format_and_names_that_clash_are_refused(tmp_path):
    check_result_path(tmp_path / "results.CSV", "task")
    with pytest.raises(ValueError, match=r"suffix \.csv, \.parquet, \.jsonl"):
        check_result_path(tmp_path / "results.xlsx", "task")
    with pytest.raises(ValueError, match="another name than 'label'"):
        check_result_path(tmp_path / "results.csv", "label")

"""Labels of a file, and what becomes of them on the way to `CrowdLabels`."""

import numpy as np
import pytest

from skccem import CrowdLabels
from skccem._label_table import LabelTable, crowd_labels, match_labels

pandas = pytest.importorskip("pandas")


def make_table(rows):
    frame = pandas.DataFrame(rows, columns=["item", "annotator", "label"])
    return LabelTable("l.csv", frame, lambda row: f"l.csv, row {row + 1}", {})


def random_table(seed, n_labels=300):
    rng = np.random.default_rng(seed)
    cells = rng.choice(40 * 9, size=n_labels, replace=False)
    columns = cells // 9, cells % 9, rng.integers(3, size=n_labels)
    rows = zip(*columns, strict=True)
    return make_table([(f"i{i:03}", f"a{a}", f"c{c}") for i, a, c in rows])


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_those_of_from_long(seed):
    frame = random_table(seed).frame
    names = {"item": "item", "annotator": "annotator", "label": "label"}
    columns = {name: frame[name].tolist() for name in names}
    assert crowd_labels(frame) == CrowdLabels.from_long(columns, **names)
    items = [f"i{i:03}" for i in np.random.default_rng(seed).permutation(50)]
    given = {"items": items, "annotators": [f"a{a}" for a in range(10)]}
    given["classes"] = ["c0", "c1", "c2", "c3"]
    expected = CrowdLabels.from_long(columns, **names, **given)
    found = crowd_labels(frame, **given)
    assert found == expected
    assert found.items.tolist() == items
    assert found.classes.tolist() == given["classes"]


def test_the_same_label_twice_is_counted_and_kept_once():
    table = make_table([("1", "A", "x"), ("1", "B", "x"), ("1", "A", "x")])
    found = table.without_repeats()
    assert found.frame.index.tolist() == [0, 1]
    assert found.skipped == {"repeats of the same label": 1}
    assert found.without_repeats() is found


def test_labels_that_contradict_each_other_are_an_error_that_names_both():
    rows = [("1", "A", "x"), ("1", "A", "x"), ("2", "A", "x"), ("1", "A", "y")]
    with pytest.raises(
        ValueError, match=r"'x' in l\.csv, row 1 and 'y' in l\.csv, row 4"
    ):
        make_table(rows).without_repeats()


def test_of_conflicts_the_first_or_the_last_can_be_kept():
    rows = [("1", "A", "x"), ("1", "A", "x"), ("1", "A", "y")]
    first = make_table(rows).without_repeats("first")
    assert first.frame["label"].tolist() == ["x"]
    last = make_table(rows).without_repeats("last")
    assert last.frame["label"].tolist() == ["y"]
    replaced = "labels that another of the same annotator replaces"
    assert first.skipped == {"repeats of the same label": 1, replaced: 1}
    assert last.skipped == {replaced: 2}


def test_labels_and_features_without_partners_are_counted():
    table = make_table([("1", "A", "x"), ("9", "A", "y"), ("9", "B", "y")])
    found = match_labels(table, np.array(["2", "1", "3"], dtype=object), "f.csv")
    assert found.labels.items.tolist() == ["2", "1", "3"]
    assert found.labels.labels_per_item.tolist() == [0, 1, 0]
    counts = found.n_labels_left_out, found.n_items_left_out, found.n_unlabelled
    assert counts == (2, 1, 2)


def test_seven_is_not_double_o_seven():
    table = make_table([("007", "A", "x")])
    with pytest.raises(ValueError, match=r"labels are of '007', features of '7', '8'"):
        match_labels(table, np.array(["7", "8"], dtype=object), "f.csv")


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"classes": ["x"]}, "each label .* 1 others with 2 labels, such as 'y'"),
        (
            {"annotators": ["A"]},
            "each annotator .* 1 others with 1 labels, such as 'B'",
        ),
    ],
)
def test_a_model_does_not_know_others_than_those_of_its_fit(known, message):
    table = make_table([("1", "A", "x"), ("2", "A", "y"), ("1", "B", "y")])
    with pytest.raises(ValueError, match=message):
        match_labels(table, np.array(["1", "2"], dtype=object), "f.csv", **known)

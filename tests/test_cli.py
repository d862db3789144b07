"""The command line, from files to files."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from click.testing import CliRunner

from skccem import CrowdClassifier, CrowdLabels, DawidSkene
from skccem._file_jobs import METHODS
from skccem._simulated_files import simulate_files
from skccem.cli import commands
from skccem.diagnostics import identifiability_report
from skccem.reports import annotator_report, consensus, label_quality

README = Path(__file__).parents[1] / "README.md"

QUICK = ["--set", "n_init=1", "--set", "max_epochs=20", "--set", "lr=0.01"]
QUICK += ["--set", "hidden_layer_sizes=[32]", "--set", "dropout=0"]
SETTINGS = {"n_init": 1, "max_epochs": 20, "lr": 0.01, "hidden_layer_sizes": [32]}
SETTINGS |= {"dropout": 0, "random_state": 0}


def run(*arguments, code=0):
    """What a command shows, which must end with an exit code."""
    shown = CliRunner().invoke(commands, [str(argument) for argument in arguments])
    assert shown.exit_code == code, shown.output
    return shown


def summary(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


def error(*arguments, code=1):
    """The error of a command, on one line."""
    shown = run(*arguments, code=code)
    assert shown.stdout == ""
    return " ".join(shown.stderr.split())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Files of a simulated crowd, and a model that is fitted to them."""
    folder = tmp_path_factory.mktemp("cli")
    simulate_files(folder, n_items=300, n_new=100, n_annotators=6, seed=5)
    told = ["--labels", folder / "labels.csv"]
    told += ["--features", folder / "features.parquet"]
    run("fit", *told, "--out", folder / "model", *QUICK, "--quiet")
    return folder


@pytest.fixture(scope="module")
def known(home):
    """The same in Python."""
    frame = pandas.read_parquet(home / "features.parquet")
    table = pandas.read_csv(home / "labels.csv", dtype=str)
    X, ids = frame.drop(columns="task").to_numpy(), frame["task"].to_numpy()
    return X, CrowdLabels.from_long(table, items=ids)


def test_fit_and_predict_say_what_python_says(home, known, tmp_path):
    X, Y = known
    clf = CrowdClassifier(**SETTINGS).fit(X, Y)
    out = tmp_path / "predictions.parquet"
    features = ["--features", home / "new_features.parquet"]
    truth = ["--truth", home / "new_truth.csv"]
    model = ["--model", home / "model"]
    found = summary("predict", *model, *features, "--out", out, "--proba", *truth)
    new = pandas.read_parquet(home / "new_features.parquet")
    expected = clf.predict_proba(new.drop(columns="task").to_numpy())
    table = pandas.read_parquet(out)
    assert table["task"].tolist() == new["task"].tolist()
    np.testing.assert_array_equal(table[["p(0)", "p(1)", "p(2)"]], expected)
    assert table["label"].tolist() == clf.classes_[expected.argmax(axis=1)].tolist()
    true = pandas.read_csv(home / "new_truth.csv", dtype=str)["label"]
    assert found["accuracy"] == (table["label"] == true).mean() > 0.8
    assert (found["items"], found["items_with_truth"]) == (100, 100)


def test_the_model_is_one_for_python_too(home, known):
    X, Y = known
    loaded = CrowdClassifier.load(home / "model" / "model.safetensors")
    assert loaded.annotators_.tolist() == Y.annotators.tolist()
    assert loaded.score(X, Y) > -1.5
    settings = json.loads((home / "model" / "skccem.json").read_text())
    assert settings["classes"] == ["0", "1", "2"]
    assert settings["features"] == ["x1", "x2", "x3", "x4", "x5"]
    assert settings["id"] == "task"
    assert settings["options"]["settings"] == SETTINGS
    assert {"python", "skccem", "numpy", "torch"} <= settings["versions"].keys()


@pytest.mark.parametrize("method", ["dawidskene", "MajorityVote", "OneCoin", "GLAD"])
def test_aggregate_says_what_python_says(home, known, tmp_path, method):
    kind = {name.lower(): kind for name, kind in METHODS.items()}[method.lower()]
    Y = CrowdLabels.from_long(pandas.read_csv(home / "labels.csv", dtype=str))
    out = tmp_path / "classes.jsonl"
    told = ["--labels", home / "labels.csv", "--out", out, "--method", method]
    found = summary("aggregate", *told, "--truth", home / "truth.csv")
    table = pandas.read_json(out, lines=True, dtype=str)
    model = kind(random_state=0).fit(Y)
    assert table["task"].tolist() == Y.items.tolist()
    assert table["label"].tolist() == model.predict(Y).tolist()
    assert found["accuracy"] > 0.5
    assert found["labels"] == Y.n_labels == 600


def test_mace_and_settings_of_methods_are_passed_on(home, tmp_path):
    told = ["--labels", home / "labels.csv", "--out", tmp_path / "c.csv"]
    few = ["--set", "n_init=2", "--set", "max_iter=3"]
    shown = run("aggregate", *told, "--method", "MACE", *few)
    assert "Note: Expected EM to gain less" in shown.stderr
    assert "method: MACE" in shown.stdout


def test_a_report_by_a_model_has_the_tables_of_reports(home, known, tmp_path):
    X, Y = known
    clf = CrowdClassifier(**SETTINGS).fit(X, Y)
    told = ["--labels", home / "labels.csv", "--features", home / "features.parquet"]
    run("report", *told, "--model", home / "model", "--out", tmp_path)
    tables = annotator_report(clf, X, Y), consensus(clf, X, Y), label_quality(clf, X, Y)
    for name, table in zip(("annotators", "items", "labels"), tables, strict=True):
        found = pandas.read_csv(
            tmp_path / f"{name}.csv", dtype={"item": str, "label": str}
        )
        expected = table if name == "labels" else table.reset_index()
        assert found.columns.tolist() == expected.columns.tolist()
        key = found.columns[: 2 if name == "labels" else 1].tolist()
        assert found[key].astype(str).equals(expected[key].astype(str))
        probability = "accuracy" if name == "annotators" else "probability"
        np.testing.assert_allclose(found[probability], expected[probability])


def test_a_report_needs_no_features(home, tmp_path):
    told = ["--labels", home / "labels.csv", "--out", tmp_path]
    found = summary("report", *told)
    Y = CrowdLabels.from_long(pandas.read_csv(home / "labels.csv", dtype=str))
    expected = annotator_report(DawidSkene(random_state=0).fit(Y), None, Y)
    table = pandas.read_csv(tmp_path / "annotators.csv", index_col="annotator")
    np.testing.assert_allclose(table["accuracy"], expected["accuracy"])
    assert found["method"] == "DawidSkene"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("annotators.csv", "items.csv", "labels.csv", "report.html")
    ]
    page = (tmp_path / "report.html").read_text("utf-8")
    assert all(f">{name}<" in page for name in Y.annotators)
    assert "Diagnostics" not in page


def test_gold_labels_are_certain_in_a_fit_and_judge_a_report(home, tmp_path):
    labels, features = home / "labels.csv", home / "features.parquet"
    truth = pandas.read_csv(home / "truth.csv", dtype=str)
    told, held_out = truth.iloc[:20], truth.iloc[20:60]
    told.assign(label=told["label"].iloc[0]).to_csv(tmp_path / "told.csv", index=False)
    held_out.to_csv(tmp_path / "held_out.csv", index=False)
    files = ["--labels", labels, "--features", features]
    gold = ["--gold", tmp_path / "told.csv"]
    model = tmp_path / "model"
    found = summary("fit", *files, *gold, "--out", model, *QUICK)
    assert found["items_with_gold"] == 20
    table = pandas.read_csv(model / "aggregated.csv", dtype=str).set_index("task")
    named = table.loc[told["task"], "label"]
    assert (named == told["label"].iloc[0]).all()
    gold = ["--gold", tmp_path / "held_out.csv"]
    out = ["--model", model, "--out", tmp_path / "report"]
    assert summary("report", *files, *gold, *out)["items_with_gold"] == 40
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert '<th>majority vote</th><td class="n">40</td>' in page


def test_without_what_a_report_needs_the_error_names_the_extra(
    home, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    shown = error("report", "--labels", home / "labels.csv", "--out", tmp_path / "r")
    assert shown.endswith("pip install skccem[report]")


def test_a_report_says_whether_the_labels_identify_anything_if_asked(home, tmp_path):
    summary("report", "--labels", home / "labels.csv", "--out", tmp_path, "--diagnose")
    page = (tmp_path / "report.html").read_text("utf-8")
    Y = CrowdLabels.from_long(pandas.read_csv(home / "labels.csv", dtype=str))
    expected = identifiability_report(DawidSkene(random_state=0).fit(Y), None, Y)
    assert f"say anything about the classes: {expected.verdict}." in page
    assert all(f"<th>{name}" in page for name in expected.checks.index)


def test_a_report_of_the_fit_counts_no_label_twice(home, known, tmp_path):
    told = ["--labels", home / "labels.csv", "--features", home / "features.parquet"]
    several = [*QUICK, "--set", "n_init=2", "--set", "max_epochs=3"][4:]
    run("fit", *told, "--out", tmp_path / "m", *several, "--quiet")
    run("report", *told, "--model", tmp_path / "m", "--out", tmp_path / "r", "--quiet")
    items = pandas.read_csv(tmp_path / "r" / "items.csv", dtype={"item": str})
    aggregated = pandas.read_csv(tmp_path / "m" / "aggregated.csv", dtype={"task": str})
    found = items.set_index("item")["probability"]
    expected = aggregated.set_index("task")["probability"]
    np.testing.assert_allclose(found[expected.index], expected)


def test_labels_and_features_without_partner_are_said_and_counted(home, tmp_path):
    labels = pandas.read_csv(home / "labels.csv", dtype=str)
    features = pandas.read_parquet(home / "features.parquet")
    kept = features[features["task"] > "010"]
    extra = kept.iloc[:3].assign(task=["x", "y", "z"])
    path = tmp_path / "features.csv"
    pandas.concat([kept, extra]).to_csv(path, index=False)
    told = ["--labels", home / "labels.csv", "--features", path]
    shown = run("fit", *told, "--out", tmp_path / "m", *QUICK, "--json")
    found = json.loads(shown.stdout)
    n_left_out = int((labels["task"] <= "010").sum())
    assert found["labels_without_features"] == n_left_out == 20
    assert found["items_without_features"] == 10
    assert found["items_without_labels"] == 3
    assert "20 labels of 10 items" in shown.stderr
    assert "3 of 293 items" in shown.stderr


def test_quiet_shows_nothing_and_json_only_itself(home, tmp_path):
    told = ["--labels", home / "labels.csv", "--features", home / "features.parquet"]
    told += ["--out", tmp_path / "m", *QUICK]
    assert run("fit", *told, "--quiet").output == ""
    shown = run("fit", *told, "--json")
    assert json.loads(shown.stdout)["labels"] == 600
    assert "CrowdClassifier: 100%" in shown.stderr


def test_features_of_an_array_are_those_of_a_table(home, tmp_path):
    frame = pandas.read_parquet(home / "features.parquet")
    np.save(tmp_path / "f.npy", frame.drop(columns="task").to_numpy())
    (tmp_path / "ids.txt").write_text("\n".join(frame["task"]) + "\n")
    told = ["--features", tmp_path / "f.npy", "--ids", tmp_path / "ids.txt"]
    out = tmp_path / "m"
    run("fit", "--labels", home / "labels.csv", *told, "--out", out, *QUICK, "--quiet")
    tables = [
        (folder / "aggregated.csv").read_bytes() for folder in (out, home / "model")
    ]
    assert tables[0] == tables[1]


def test_features_on_other_scales_are_said_and_can_be_standardised(home, tmp_path):
    frame = pandas.read_parquet(home / "features.parquet").set_index("task")
    new = pandas.read_parquet(home / "new_features.parquet").set_index("task")
    (frame * 1000 + 5).reset_index().to_csv(tmp_path / "f.csv", index=False)
    (new * 1000 + 5).reset_index().to_csv(tmp_path / "new.csv", index=False)
    told = ["--labels", home / "labels.csv", "--features", tmp_path / "f.csv"]
    told += ["--out", tmp_path / "m", *QUICK]
    assert "Try --standardize." in run("fit", *told).stderr
    assert "Try --standardize." not in run("fit", *told, "--standardize").stderr
    told = ["--model", tmp_path / "m", "--features", tmp_path / "new.csv"]
    told += ["--truth", home / "new_truth.csv", "--out", tmp_path / "p.csv"]
    assert summary("predict", *told)["accuracy"] > 0.8


def test_an_error_leaves_the_old_output_untouched(home, tmp_path):
    out = tmp_path / "classes.csv"
    out.write_text("old")
    labels = tmp_path / "labels.csv"
    labels.write_text("task,worker,label\n1,A,x\n1,A,y\n")
    message = error("aggregate", "--labels", labels, "--out", out)
    assert "labels.csv, row 1 and 'y' in" in message
    assert "labels.csv, row 2" in message
    assert out.read_text() == "old"
    truth = tmp_path / "truth.csv"
    truth.write_text("task,label\nnone,x\n")
    told = ["--labels", home / "labels.csv", "--truth", truth]
    assert "got none of them" in error("aggregate", *told, "--out", out)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("classes.csv", "labels.csv", "truth.csv")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header and rows in .*labels.csv, got an empty file"),
        ("a,b,c\n1,2,3\n", "column 'task' in .*labels.csv, got the columns 'a', 'b'"),
        ("task,worker,label\n1,A,\n", "labels.csv, row 1, column 'label', got none"),
        ("task,worker,label\n1,A,x\n2,A,x\n", "class"),
    ],
)
def test_malformed_labels_are_data_errors_that_name_the_place(tmp_path, text, message):
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    found = error("aggregate", "--labels", labels, "--out", tmp_path / "out.csv")
    assert re.search(message, found), found


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit"],
        ["sing"],
        ["aggregate", "--labels", "no_such_file.csv", "--out", "c.csv"],
        ["demo", "--set", "lr"],
        ["simulate", "--out", "x", "--kind", "perfect"],
    ],
)
def test_wrong_commands_are_usage_errors(arguments):
    assert "Usage:" in error(*arguments, code=2)


def test_a_report_takes_a_model_and_features_or_none(home):
    told = ["report", "--labels", home / "labels.csv", "--out", "r"]
    model, features = home / "model", home / "features.parquet"
    assert "go together" in error(*told, "--model", model, code=2)
    assert "go together" in error(*told, "--features", features, code=2)
    told += ["--model", model, "--features", features]
    assert "without --model" in error(*told, "--seed", "0", code=2)


def test_outputs_that_cannot_be_written_are_refused_before_the_work(home, tmp_path):
    told = ["aggregate", "--labels", home / "labels.csv", "--out"]
    assert "suffix .csv" in error(*told, tmp_path / "out.txt")
    told = ["--labels", home / "labels.csv", "--features", home / "features.parquet"]
    (tmp_path / "m" / "skccem.json").mkdir(parents=True)
    assert "is a directory" in error("fit", *told, "--out", tmp_path / "m")


def test_the_demo_goes_all_the_way_to_a_report(tmp_path):
    found = summary("demo", "--out", tmp_path, *QUICK, "--set", "random_state=3")
    shares = [
        found[f"accuracy_of_{name}"]
        for name in ("items_by_dawid_skene", "items_by_fit", "new_items")
    ]
    assert 0.7 < shares[0] < shares[1]
    assert shares[2] > 0.85
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert {
        *("data/labels.csv", "data/features.parquet", "data/truth.csv"),
        *("model/model.safetensors", "model/skccem.json", "model/aggregated.csv"),
        *("predictions.csv", "dawid_skene.csv"),
        *("report/annotators.csv", "report/items.csv", "report/labels.csv"),
        "report/report.html",
    } <= files
    # As in fit, what is set counts more than the seed of all else.
    told = json.loads((tmp_path / "model" / "skccem.json").read_text())["options"]
    assert told["settings"]["random_state"] == 3


def test_the_commands_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```sh\n(skccem.*?)```", README.read_text(), re.DOTALL)
    lines = block.replace("\\\n", " ").splitlines()
    names = []
    for line in lines:
        script, *arguments = shlex.split(line, comments=True)
        assert script == "skccem"
        names.append(arguments[0])
        # What they show does not depend on how long networks are trained.
        quick = ["--set", "n_init=1", "--set", "max_epochs=2"]
        run(*arguments, *(quick if arguments[0] == "fit" else []))
    assert {"simulate", "aggregate", "fit", "predict", "report"} <= set(names)


def test_python_dash_m_ends_with_the_exit_code_and_no_traceback(tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("task,worker\n")
    command = [sys.executable, "-W", "error", "-m", "skccem", "aggregate", "--json"]
    command += ["--labels", labels, "--out", tmp_path / "c.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: Expected rows in {labels}, got none")
    assert "Traceback" not in done.stderr

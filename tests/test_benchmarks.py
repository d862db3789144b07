"""The scripts behind the tables, in miniature."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skccem import CrowdClassifier, CrowdClassifierCV, CrowdLabels
from skccem._counts import confusion_from_counts, expected_counts
from skccem.simulation import make_confusion_matrices, make_crowd_labels

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import aggregation_speed
import cases
import common
import cost_model
import held_out
import jobs
import methods
import searches
import selection
import speed
import streaming
import study
import suggestions
import synthetic
import variants
import warm_path
import wrong_labels

BENCHMARKS = Path(synthetic.__file__).parent


def square(number, power):
    return {"value": number**power}


JOBS = [{"number": n, "power": 2} for n in range(5)]


def test_a_study_gives_the_results_in_the_order_of_its_jobs(tmp_path):
    runs = study.run_study(square, JOBS, tmp_path / "new" / "study.jsonl", versions="1")
    assert [run["job"] for run in runs] == JOBS
    assert [run["result"]["value"] for run in runs] == [0, 1, 4, 9, 16]


def test_a_study_goes_on_where_it_was_interrupted(tmp_path):
    path = tmp_path / "study.jsonl"
    study.run_study(square, JOBS[:3], path, versions="1")
    text = path.read_text()
    # The last run was cut short in the middle of its line.
    path.write_text(text[:-10])
    calls = []

    def spy(number, power):
        calls.append(number)
        return square(number, power)

    runs = study.run_study(spy, JOBS, path, versions="1")
    assert calls == [2, 3, 4]
    assert [run["result"]["value"] for run in runs] == [0, 1, 4, 9, 16]
    assert len(path.read_text().splitlines()) == 5
    assert study.run_study(None, JOBS, path, versions="1") == runs


def test_a_study_ignores_lines_that_are_no_runs(tmp_path):
    path = tmp_path / "study.jsonl"
    path.write_text('7\n[1]\n"job"\nnull\n{"job": 1}\n{"job"\n')
    runs = study.run_study(square, JOBS, path, versions="1")
    assert [run["job"] for run in runs] == JOBS


def test_a_study_counts_the_runs_of_other_versions_that_it_uses(tmp_path, capsys):
    path = tmp_path / "study.jsonl"
    # Files from before versions were stored have none.
    path.write_text(json.dumps({"job": JOBS[0], "result": square(**JOBS[0])}) + "\n")
    study.run_study(square, JOBS[:2], path, versions="torch 1")
    assert "1 of the 1 runs" in capsys.readouterr().err
    runs = study.run_study(square, JOBS[:3], path, versions="torch 2")
    assert "2 of the 2 runs" in capsys.readouterr().err
    assert [run.get("versions") for run in runs] == [None, "torch 1", "torch 2"]
    assert study.provenance(runs[2:], "torch 2") == "torch 2"
    assert "2 of 3 runs are of other versions" in study.provenance(runs, "torch 2")


def test_the_recorded_command_has_the_options_that_results_depend_on():
    options = argparse.Namespace(
        full=True,
        quick=False,
        data_home="/home/me",
        data=["labelme", "music"],
        seeds=3,
        path=None,
        n_jobs=2,
        out=Path("out"),
    )
    assert common.command_of("study.py", options) == (
        "python benchmarks/study.py --full --data-home DIR --data labelme music "
        "--seeds 3"
    )


def test_quick_changes_the_numbers_that_are_not_given():
    def parse(*argv):
        numbers = {
            "full": {"seeds": 5, "epochs": 100},
            "quick": {"seeds": 1, "epochs": 9},
        }
        return common.parse_study(argparse.ArgumentParser(), argv, **numbers)

    assert (parse().seeds, parse().epochs) == (5, 100)
    assert (parse("--quick").seeds, parse("--quick").epochs) == (1, 9)
    assert parse("--quick", "--seeds", "2").seeds == 2


def test_versions_name_the_packages_that_took_part():
    assert common.versions("joblib").endswith(f", joblib {joblib.__version__}")
    assert "joblib" not in common.versions()


def test_means_leave_out_what_was_not_measured():
    assert study.mean_and_std([0.5, None, 1.5]) == "1.000 ± 0.500"
    assert study.mean_and_std([None, np.nan]) == ""


def test_a_third_of_the_cases_has_every_level_of_every_kind_once():
    third = [case for case, default in cases.all_cases() if default]
    machines = [case for case in third if case["kind"] == "machine"]
    assert len(machines) == 3
    assert len(third) - 3 == (len(cases.all_cases()) - 3) / 3 == 24
    for kind in cases.KINDS:
        mine = [case for case in third if case["kind"] == kind]
        assert sorted(case["labels_per_item"] for case in mine) == [1, 3, 5]
        assert sorted(case["n_annotators"] for case in mine) == [5, 10, 25]


@pytest.fixture(scope="module")
def problem():
    return cases.simulate(cases.all_cases()[10][0], 0, None, 200)


SEE_NO_TRUTH = {**methods.METHODS, **methods.FURTHER_METHODS}
SHARE_THE_NETWORK = [name for name in SEE_NO_TRUTH if "defaults" not in name]


def network_of(problem, name):
    """What a method makes of the arguments that `NETWORK` has, in an epoch."""
    fitted = methods.fit_method(problem, SEE_NO_TRUTH[name], 0, max_epochs=1)
    clf = fitted.estimator
    if isinstance(clf, methods.Averaged):
        assert len(clf.classifiers) == methods.N_NETWORKS
        clf = clf.classifiers[-1]
    params = clf.get_params()
    prefix = "classifier__" if "classifier" in params else ""
    return {key: params[prefix + key] for key in methods.NETWORK}


@pytest.mark.parametrize("name", SHARE_THE_NETWORK)
def test_every_method_but_the_defaults_has_the_shared_network(problem, name):
    expected = {**methods.NETWORK, "max_epochs": 1}
    if "one learning rate" in name:
        expected["confusion_lr"] = 1e-3
    if "wide" in name:
        expected |= methods.WIDE
    assert network_of(problem, name) == expected


def test_the_defaults_and_the_wide_network_differ_from_the_plain_one_alike(problem):
    default = network_of(problem, "skccem's defaults, n_init=1")
    plain = network_of(problem, "skccem's defaults, n_init=1, plain network")
    assert {key: default[key] for key in methods.WIDE} == methods.WIDE
    assert {key: methods.NETWORK[key] for key in methods.WIDE}.items() <= plain.items()
    same = set(plain) - set(methods.WIDE)
    assert {key: plain[key] for key in same} == {key: default[key] for key in same}


def test_the_strength_is_the_one_that_explains_held_out_labels_best(
    problem, monkeypatch
):
    scores = {0.001: -2.0, 0.01: -3.0, 0.1: -1.0}
    monkeypatch.setattr(
        methods,
        "held_out_scores",
        lambda problem, params, seed, **_: {"held_out": scores[params["reg_strength"]]},
    )
    method = methods.FURTHER_METHODS["CCEM + F, strength by held-out likelihood"]
    fitted = methods.fit_method(problem, method, 0, max_epochs=1)
    assert fitted.estimator.reg_strength == 0.1


@pytest.fixture(scope="module")
def runs():
    todo = [
        {"case": cases.all_cases()[n][0], "seed": 0, "method": method}
        for n in (10, -1)
        for method in [*jobs.COUPLED, *jobs.OTHERS]
    ]
    done = [
        {
            "job": job,
            "result": jobs.measure_simulated(
                **job, path=None, n_items=240, max_epochs=2
            ),
        }
        for job in todo
    ]
    return synthetic.by_problem(done)


def test_every_method_is_measured_on_every_case(runs):
    for run in runs:
        assert list(run["result"]) == [*jobs.COUPLED, *jobs.OTHERS]
        for method, measured in run["result"].items():
            with_strength = method in jobs.COUPLED and len(measured) > 1
            assert len(measured) == (len(methods.STRENGTHS) if with_strength else 1)
            for values in measured:
                assert 0 <= values["accuracy"] <= 1
                assert values["seconds"] > 0
                if method in jobs.COUPLED:
                    assert values["held_out"] < 0


def test_the_summary_has_a_row_for_each_case_and_method(runs):
    text = synthetic.summary(runs)
    for name in ("1 of 10", "machine, 90% missing"):
        assert text.count(name) == 4
    for method in (*jobs.COUPLED, *jobs.OTHERS):
        assert text.count(f"| {method} |") >= 1


def test_the_defaults_are_compared_with_the_best_of_the_others_seed_by_seed():
    accuracies = {name: [0.5, 0.5] for name in [*jobs.COUPLED, *jobs.OTHERS]}
    accuracies |= {"W": [0.7, 0.8], "skccem's defaults": [0.8, 0.92]}
    results = [
        {
            method: [{"strength": None, "accuracy": values[seed]}]
            for method, values in accuracies.items()
        }
        for seed in range(2)
    ]
    tables = synthetic.against_best({"a": results})
    assert "| a | W | 0.750 | +11.00 ± 1.00 | -25.00 ± 5.00 |" in tables
    assert "| ahead in, of 1 |  |  | 1 | 0 | 0 |" in tables


def test_the_picture_is_drawn(runs, tmp_path):
    synthetic.draw_synthetic(runs, jobs.COUPLED, jobs.OTHERS, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def save(path, n_items, n_classes=3, **arrays):
    """A file of sorted classes; what is given replaces its arrays, or adds some."""
    X = np.arange(n_items * 4.0).reshape(n_items, 4)
    y = np.arange(n_items) * n_classes // n_items
    np.savez(path, **{"X": X, "y": y, **arrays})
    return path


@pytest.mark.parametrize("tested_apart", [False, True])
def test_each_seed_draws_its_items_of_a_file_in_the_proportions_of_the_classes(
    tmp_path, tested_apart
):
    apart = {"X_test": np.ones((9, 4)), "y_test": np.arange(9) % 3}
    path = save(tmp_path / "data.npz", 90, **(apart if tested_apart else {}))
    case, _ = cases.all_cases()[0]
    first, again, other = (cases.simulate(case, seed, path, 60) for seed in (0, 0, 1))
    for drawn in (first, other):
        assert drawn.X.shape == (60, 4)
        assert np.bincount(drawn.truth).tolist() == [20, 20, 20]
        assert drawn.labels.n_classes == 3
        assert len(drawn.X_test) == (9 if tested_apart else 30)
        # The first feature tells which item it is.
        np.testing.assert_array_equal(drawn.X[:, 0] // 120, drawn.truth)
    np.testing.assert_array_equal(first.X, again.X)
    assert set(first.X[:, 0]) != set(other.X[:, 0])


@pytest.mark.parametrize("n_classes", [2, 20])
def test_every_case_can_be_simulated_with_few_classes_and_with_many(
    tmp_path, n_classes
):
    path = save(tmp_path / "data.npz", 300, n_classes)
    for case, _ in cases.all_cases():
        problem = cases.simulate(case, 0, path, 200)
        assert problem.labels.n_classes == n_classes


def test_a_file_with_test_items_may_give_all_its_items(tmp_path):
    apart = {"X_test": np.ones((9, 4)), "y_test": np.arange(9) % 3}
    path = save(tmp_path / "data.npz", 90, **apart)
    X, _, _, _ = cases.load_arrays(path, 90, 0)
    assert len(set(X[:, 0])) == 90


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, r"Expected 3 to 27 training items, got 28.*--items"),
        ({"X_test": np.ones((9, 4))}, r"Add y_test"),
        ({"y": np.zeros(29)}, r"X of shape \(n_items, n_features\)"),
        ({"X": np.ones((30, 2, 2))}, r"Flatten items"),
        (
            {"X_test": np.ones((2, 4)), "y_test": np.array([0, 7])},
            r"among those of y.*\[7\.?0?\]",
        ),
        ({"y": np.r_[np.zeros(29), 1]}, r"two items or more of each class"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, arrays, message):
    path = save(tmp_path / "data.npz", 30, **arrays)
    with pytest.raises(ValueError, match=message):
        cases.load_arrays(path, 28, 0)


def run_script(name, *argv, out):
    """Run a study as users do: what its workers need must not live in the script."""
    command = [sys.executable, BENCHMARKS / name, "--quick", "--n-jobs", "2", *argv]
    return subprocess.run(
        [*command, "--out", out], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_study_of_simulated_annotators_runs_from_the_command_line(tmp_path):
    argv = ["--items", "200", "--epochs", "1"]
    done = run_script("synthetic.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "synthetic_quick.md").read_text(encoding="utf-8")
    assert "--quick --seeds 1 --items 200 --epochs 1`; skccem" in text
    assert "other versions" not in text
    lines = (tmp_path / "synthetic_quick.jsonl").read_text().splitlines()
    assert len(lines) == 2 * len([*jobs.COUPLED, *jobs.OTHERS])
    assert all("skccem" in json.loads(line)["versions"] for line in lines)
    assert (tmp_path / "synthetic_quick.png").exists()


@pytest.mark.slow
def test_the_study_of_the_defaults_runs_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.delenv("SKCCEM_DATA", raising=False)
    argv = ["--items", "60", "--epochs", "1", "--seeds", "1"]
    done = run_script("ablation.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "ablation_quick.md").read_text(encoding="utf-8")
    for variant in jobs.ABLATIONS:
        assert text.count(f"| {variant} |") == 1
    assert "labelme" not in text


@pytest.mark.slow
def test_the_study_of_choosing_runs_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.delenv("SKCCEM_DATA", raising=False)
    argv = ["--items", "80", "--epochs", "3"]
    done = run_script("selection.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "selection_quick.md").read_text(encoding="utf-8")
    assert text.count("| calibrated joint | nearest |") == 3
    assert text.count("| truth of held-out items | best |") == 3
    # Machines alone have several labels an item here.
    assert "Folds of labels, joint likelihood: 1 runs, 1 crowds" in text
    lines = (tmp_path / "selection_quick.jsonl").read_text().splitlines()
    runs = [json.loads(line) for line in lines]
    assert len(runs) == 5
    files = {run["result"].get("file") for run in runs} - {None}
    assert files == {path.name for path in (tmp_path / "selection_quick").iterdir()}


def test_the_search_of_a_study_is_that_of_the_estimator(tmp_path):
    case, numbers = cases.all_cases()[13][0], {"n_items": 100, "max_epochs": 5}
    job = {"problem": case, "splitter": "items", "likelihoods": ["joint"], "seed": 3}
    shared = {**numbers, "data_home": None, "arrays": tmp_path}
    runs = [
        {"job": {**job, **numbers, **changes}} for changes in ({}, {"splitter": None})
    ]
    for run in runs:
        run["result"] = searches.measure_search(**{**run["job"], **shared})
    (search,) = selection.searches_of(runs, tmp_path, None)
    problem = cases.simulate(case, 3, None, 100)
    for scoring, name in [
        ("marginal", "marginal"),
        ("calibrated_joint", "calibrated joint"),
    ]:
        expected = CrowdClassifierCV(
            CrowdClassifier(max_epochs=5, n_init=1, random_state=3),
            cv=searches.SPLITTERS["items"](3),
            scoring=scoring,
        ).fit(problem.X, problem.labels)
        found = search["scores"][name].mean(axis=0)
        # What candidates say is kept in single precision.
        np.testing.assert_allclose(
            found, expected.cv_results_["mean_test_score"], rtol=1e-4
        )
    at = search["candidates"].index(expected.best_params_)
    accuracy = expected.score(problem.X_test, problem.y_test)
    assert search["accuracy"][at] == accuracy
    assert set(search["scores"]) == {*held_out.WITHOUT_TRUTH, held_out.WITH_TRUTH}


def search_with(scores, accuracy, problem="a", seed=0):
    strengths = np.array([0.0, 0.02, 0.05])
    return {
        "problem": problem,
        "seed": seed,
        "strengths": strengths,
        "scores": {
            name: np.array(scores)
            for name in [*held_out.WITHOUT_TRUTH, held_out.WITH_TRUTH]
        },
        "accuracy": np.array(accuracy),
    }


def test_a_rule_takes_among_those_within_one_standard_error_of_the_best():
    # The first and the second are level, the third is far behind.
    scores = np.array([[-1.0, -1.2, -3.0], [-1.0, -0.9, -3.0], [-1.0, -1.0, -3.0]])
    strengths = np.array([0.0, 0.02, 0.05])
    taken = {
        rule: selection.choose(scores, strengths, rule) for rule in selection.RULES
    }
    assert taken == {
        "best": 0,
        "one_standard_error": 0,
        selection.STRONGEST: 1,
        "nearest": 1,
    }


def test_regret_is_of_the_mean_over_seeds_against_the_best_of_it():
    scores = [[-1.0, -2, -3]] * 2
    found = [
        search_with(scores, [0.5, 0.6, 0.7], seed=0),
        search_with(scores, [0.7, 0.6, 0.5], seed=1),
        search_with(scores, [0.5, 0.5, 0.9], problem="b"),
    ]
    choices = selection.choices_of(found)
    regrets = selection.regrets_of(found, choices["marginal", "best"])
    assert regrets == pytest.approx({"a": 0, "b": 40})
    # Of both crowds, the other one names the strength.
    assert choices["always", "the best of the other crowds"][:2] == [2, 2]
    assert "| marginal | best | 20.00 | 40.0 (b) | 20.00 | 3 | 0 | 0 |" in (
        selection.table(found)
    )


@pytest.mark.slow
def test_a_shared_burn_in_is_compared_with_a_search_without(tmp_path):
    done = run_script("warm_path.py", "--items", "80", "--epochs", "5", out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "warm_path_quick.md").read_text(encoding="utf-8")
    assert "diagonally dominant, 1 of 10" in text
    same = {"scores": [[-1.0, -2.0], [-1.5, -2.0]], "seconds": 2.0}
    result = {"strengths": [0.0, 0.02], "warm": same, "plain": same}
    run = {"job": {"problem": "music"}, "result": result}
    row = warm_path.row_of(run)
    assert row[3:6] == ["1.00", "+0.0000 ± 0.0000", "0.0000 ± 0.0000"]
    assert row[-1] == "0 and 0"


@pytest.mark.slow
def test_the_study_of_outliers_runs_from_the_command_line(tmp_path):
    argv = ["--items", "60", "--epochs", "1", "--seeds", "1"]
    done = run_script("outliers.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "outliers_quick.md").read_text(encoding="utf-8")
    assert text.count("| auto |") == len(jobs.OUTLIER_CASES) + 2
    assert "20% same answer" in text


@pytest.mark.slow
def test_the_study_of_intervals_runs_from_the_command_line(tmp_path):
    argv = ["--items", "60", "--epochs", "1"]
    done = run_script("interval_coverage.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "interval_coverage_quick.md").read_text(encoding="utf-8")
    assert text.count("| all |") == 3
    assert text.count("| hammer spammer |") == 1
    assert "CrowdClassifier: 4 classes, 20 annotators, 60 items, 1 an item" in text


def test_labels_saved_are_counted_where_the_accuracy_of_random_ones_is_reached():
    random = {"labels": [10, 20, 30, 40], "accuracy": [0.5, 0.6, 0.8, 0.8]}
    assert suggestions.labels_until(random, 0.7) == pytest.approx(25)
    assert suggestions.labels_until(random, 0.4) == 10
    assert suggestions.labels_until(random, 0.9) is None
    # Random labels had their last accuracy with 30.
    quick = {"labels": [10, 20], "accuracy": [0.5, 1.0]}
    saved, reached = suggestions.share_saved(quick, random)
    assert reached
    assert saved == pytest.approx(1 - 16 / 30)
    never = {"labels": [10, 20], "accuracy": [0.5, 0.6]}
    assert suggestions.share_saved(never, random) == (1 - 80 / 30, False)
    assert suggestions.share_saved(random, random) == (0, True)


@pytest.mark.slow
def test_the_study_of_suggestions_runs_from_the_command_line(tmp_path):
    argv = ["--items", "30", "--epochs", "1"]
    done = run_script("suggestions.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "suggestions_quick.md").read_text(encoding="utf-8")
    assert "| mixed, long tail |" in text
    assert text.count("| mean |") == 3


@pytest.mark.slow
def test_the_study_of_identifiability_runs_from_the_command_line(tmp_path):
    # Workers would take longer to start than the runs.
    argv = ["--items", "60", "--epochs", "1", "--n-jobs", "1"]
    done = run_script("identifiability.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "identifiability_quick.md").read_text(encoding="utf-8")
    assert text.count("| hammer spammer | 2 |") == 2
    assert "| DawidSkene, all | 2 |" in text
    assert "| CrowdClassifier | recovery probability | " in text


@pytest.mark.slow
def test_the_study_of_wrong_labels_runs_from_the_command_line(tmp_path, data_home):
    pytest.importorskip("cleanlab", reason="cleanlab is not installed: .[bench]")
    argv = ["--data-home", data_home, "--epochs", "1"]
    done = run_script("wrong_labels.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "wrong_labels_quick.md").read_text(encoding="utf-8")
    assert "| cleanlab, crowdlab | 0." in text


def test_the_study_of_wrong_labels_says_where_the_data_should_be(monkeypatch):
    monkeypatch.delenv("SKCCEM_DATA", raising=False)
    with pytest.raises(SystemExit, match="--data-home"):
        wrong_labels.main([])


@pytest.mark.slow
def test_other_packages_and_ours_agree_from_the_command_line(tmp_path):
    for package in ("crowdkit", "cleanlab", "skactiveml"):
        pytest.importorskip(package, reason=f"{package} is not installed: .[bench]")
    done = run_script("coming_from.py", "--items", "40", out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "coming_from_quick.md").read_text(encoding="utf-8")
    for package in ("crowd-kit", "cleanlab", "scikit-activeml"):
        assert f"\n## {package}\n" in text
    assert ("## peerannot" in text) != ("Without peerannot" in done.stderr)


def test_the_comparison_with_other_packages_names_the_extra(monkeypatch):
    import coming_from

    monkeypatch.setitem(coming_from.import_peer.__globals__["MODULES"], "cleanlab", "-")
    with pytest.raises(SystemExit, match=r"pip install \.\[bench\]"):
        coming_from.main(["--quick"])


def test_the_study_of_gold_labels_tells_paired_gains(tmp_path, data_home):
    import gold_labels

    argv = ["--quick", "--epochs", "1", "--n-jobs", "1", "--data-home", str(data_home)]
    gold_labels.main([*argv, "--seeds", "1", "--out", str(tmp_path)])
    text = (tmp_path / "gold_labels_quick.md").read_text("utf-8")
    assert "| DawidSkene, the other items by labels | 0." in text
    runs = [
        {"result": {key: [0.5, 0.5 + gain] for key in gold_labels.MEASURES}}
        for gain in (0.1, 0.3)
    ]
    assert "+0.2000 ± 0.1000 | 2 of 2" in gold_labels.summary(runs)


def test_the_page_of_a_report_is_timed_in_a_browser(tmp_path):
    if not shutil.which("chromedriver"):
        pytest.skip("needs chromium and chromedriver on the path")
    import report_page

    report_page.main(["--quick", "--out", str(tmp_path)])
    text = (tmp_path / "report_page_quick.md").read_text("utf-8")
    assert "20 annotators, 200 items, 1,000 labels" in text
    assert "| seconds to be ready | " in text


@pytest.mark.slow
def test_what_made_fits_faster_is_undone_from_the_command_line(tmp_path):
    done = run_script("speed_changes.py", out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "speed_changes_quick.md").read_text(encoding="utf-8")
    assert "| as it is | 1.00 | 1.00 | 1.00 | 1.00 |" in text


@pytest.mark.slow
def test_the_study_of_streams_runs_from_the_command_line(tmp_path):
    argv = ["--epochs", "1"]
    done = run_script("streaming.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "streaming_quick.md").read_text(encoding="utf-8")
    assert text.count("in rounds, no sample") == len(streaming.KINDS)


@pytest.mark.slow
def test_the_program_of_several_processes_trains_one_network(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", BENCHMARKS / "data_parallel.py", "--cpu"]
    command += ["--epochs", "3", "--out", tmp_path / "classifier.joblib"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stdout
    assert joblib.load(tmp_path / "classifier.joblib").n_annotators_ == 10


def test_changes_of_the_defaults_are_changes():
    defaults = CrowdClassifier(n_init=1).get_params()
    for variant, changes in jobs.ABLATIONS.items():
        assert all(defaults[name] != value for name, value in changes.items()), variant


def test_mixup_gives_each_label_the_part_of_its_item():
    X = torch.eye(4)
    target = {
        "item": torch.tensor([0, 0, 2, 3]),
        "annotator": torch.tensor([0, 1, 1, 0]),
        "label": torch.tensor([2, 1, 0, 1]),
    }
    batch = {"X": X}, dict(target)
    variants.Mixup().on_batch_begin(None, batch=batch, training=True)
    mixed, found = batch[0]["X"], batch[1]
    assert mixed.shape == (8, 4)
    items = torch.cat([target["item"], target["item"]])
    for row, item in zip(found["item"].tolist(), items.tolist(), strict=True):
        # An item that is mixed with itself stays whole.
        part = mixed[row, item].item()
        assert part == 1 or found["weight"][row].item() == pytest.approx(part)
    assert found["label"].tolist() == 2 * target["label"].tolist()
    untouched = {"X": X}, dict(target)
    variants.Mixup().on_batch_begin(None, batch=untouched, training=False)
    assert untouched[0]["X"] is X


def test_matrices_are_counted_and_weights_averaged_after_epochs(problem):
    count = variants.CountMatrices(smoothing=0.5)
    clf = CrowdClassifier(
        hidden_layer_sizes=(8,),
        max_epochs=2,
        confusion_lr=0,
        n_init=1,
        callbacks=[count],
        random_state=0,
    ).fit(problem.X, problem.labels)
    before = clf.confusion_matrices_
    count.on_epoch_end(clf.net_)
    counts = expected_counts(
        problem.labels, clf.aggregate_proba(problem.X, problem.labels)
    )
    after = clf.net_.module_.log_confusion().exp().detach().numpy()
    expected = 0.98 * confusion_from_counts(counts, smoothing=0.5) + 0.002
    np.testing.assert_allclose(after, expected, rtol=1e-4)
    assert not np.allclose(before, after, rtol=1e-3)

    weights = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            weights.append(net.module_.backbone[0].weight.detach().clone())

    average = variants.AverageWeights(2)
    clf.set_params(callbacks=[Watch(), average], max_epochs=3)
    clf.fit(problem.X, problem.labels)
    mean = (weights[1] + weights[2]) / 2
    torch.testing.assert_close(clf.net_.module_.backbone[0].weight, mean)


def test_a_study_of_a_file_that_is_too_small_ends_with_a_sentence(tmp_path):
    path = save(tmp_path / "data.npz", 30)
    with pytest.raises(SystemExit, match="Expected 3 to 27 training items, got 1000"):
        synthetic.main(["--data", str(path), "--out", str(tmp_path)])


@pytest.mark.slow
def test_the_study_of_real_crowds_runs_from_the_command_line(tmp_path, data_home):
    argv = ["--data-home", data_home, "--data", "music", "--epochs", "1"]
    done = run_script("real_labels.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "real_labels_quick.md").read_text(encoding="utf-8")
    assert "--data-home DIR --data music --quick --seeds 1 --epochs 1`; skccem" in text
    for method in [*methods.METHODS, *methods.FURTHER_METHODS, *jobs.WITH_TRUTH]:
        assert text.count(f"| {method} |") == 1
    if "Without peers" not in done.stderr:
        assert "crowd-kit 1" in text
        assert text.count("scikit-activeml Annot-Mix") == 2


@pytest.mark.slow
def test_the_study_of_real_crowds_may_have_the_defaults_alone(tmp_path, data_home):
    argv = ["--data-home", data_home, "--data", "music", "--epochs", "1", "--defaults"]
    done = run_script("real_labels.py", *argv, out=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "real_labels_defaults_quick.md").read_text(encoding="utf-8")
    assert "--data music --defaults --quick" in text
    assert text.count("| skccem's defaults") == 3
    assert "majority vote" not in text
    assert "true validation labels" not in text


@pytest.mark.parametrize("task", aggregation_speed.TASKS)
def test_each_task_at_scale_is_measured(task):
    labels = aggregation_speed.large_crowd(2000)
    assert labels.shape == (400, 20)
    assert CrowdLabels.from_matrix(labels.to_sparse()) == labels
    run = aggregation_speed.measure(task, labels, iterations=2, repeats=3)
    assert run["n_labels"] == 2000
    assert min(run["seconds_each"]) <= run["seconds"] <= max(run["seconds_each"])
    assert 0 < run["mb_before"] <= run["mb"]


def test_the_overview_is_timed_in_each_order(pyplot, tmp_path, monkeypatch):
    import overview_speed

    monkeypatch.setattr(overview_speed, "PICTURES", overview_speed.PICTURES[-1:])
    overview_speed.main(["--quick", "--out", str(tmp_path)])
    text = (tmp_path / "overview_speed_quick.md").read_text("utf-8")
    assert text.count("| 2,000 | 50 | 10,000 |") == 1
    found = overview_speed.measure(
        aggregation_speed.large_crowd(1000), "class", "class"
    )
    assert 0 < found["made"] < found["drawn"]
    assert pyplot.get_fignums() == []


def test_predictions_of_one_item_are_timed(tmp_path):
    import latency

    latency.main(["--quick", "--out", str(tmp_path)])
    text = (tmp_path / "latency_quick.md").read_text("utf-8")
    assert "| n_init=1 |" in text
    assert "| n_init=4 |" in text
    clf, X = latency.fitted(1, 1)
    assert latency.measure(clf, X, 20).shape == (20,)


def test_dawid_skene_on_dask_is_compared_with_that_on_one_machine():
    dask = pytest.importorskip("dask")
    import distributed_aggregation

    labels = aggregation_speed.large_crowd(2000)
    with dask.config.set(scheduler="synchronous"):
        found = distributed_aggregation.compare(labels, n_parts=3, iterations=4)
    assert found["iterations"] == {"one machine": 4, "Dask": 4}
    assert found["difference"] < 1e-9


def test_time_in_proportion_to_labels_has_the_exponent_one():
    run = {"task": "fit", "n_samples": 1, "n_annotators": 1, "mb_before": 1, "mb": 2}
    runs = [run | {"n_labels": n, "seconds": n / 1000} for n in (100, 1000, 10000)]
    text = aggregation_speed.fit_table(runs, 4)
    assert "labels ** 1.00" in text
    assert text.count("| 250000 | 1.00 |") == 3


@pytest.fixture(scope="module")
def against_crowdkit():
    pytest.importorskip("crowdkit", reason="crowd-kit is not installed: .[bench]")
    import against_crowdkit

    return against_crowdkit


def assert_equal_to_crowd_kit(found):
    assert found["predictions"] == 0
    assert found["proba"] < 1e-6
    assert found["matrices"] < 1e-6


@pytest.mark.parametrize("n_iter", [1, 5, 60])
def test_dawid_skene_with_its_floor_is_that_of_crowd_kit(against_crowdkit, n_iter):
    matrices = make_confusion_matrices(12, 4, kind="mixed", random_state=0)
    truth = np.random.default_rng(0).integers(4, size=200)
    labels = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)
    assert_equal_to_crowd_kit(against_crowdkit.agreement(labels, n_iter))


@pytest.mark.parametrize("name", ["labelme", "music"])
def test_dawid_skene_is_that_of_crowd_kit_on_real_labels_when_converged(
    data_home, against_crowdkit, name
):
    labels = common.load_real(name, data_home).labels
    labels = labels[labels.labels_per_item > 0]
    found = against_crowdkit.agreement(labels, 300)
    assert_equal_to_crowd_kit(found)
    assert found["last_change"] < 1e-3


def test_the_cost_of_a_fit_is_measured(tmp_path):
    threads = torch.get_num_threads()
    try:
        options = "--quick --repeats 1 --parts epochs fit --out"
        speed.main([*options.split(), str(tmp_path)])
    finally:
        torch.set_num_threads(threads)
    text = (tmp_path / "speed.md").read_text()
    for method in speed.METHODS:
        assert method in text
    assert "predict_proba of 500 items" in text


def test_coefficients_of_costs_are_found_and_never_negative():
    rng = np.random.default_rng(0)
    settings = cost_model.random_settings(30, rng)
    for what in cost_model.WHAT:
        names = cost_model.terms(what, settings[0])
        true = dict(zip(names, rng.uniform(1, 2, size=len(names)), strict=True))
        runs = [(s, cost_model.predict({what: true}, what, s)) for s in settings]
        found = {what: cost_model.fit_coefficients(what, runs)}
        assert min(found[what].values()) >= 0
        for setting, cost in runs:
            assert cost_model.predict(found, what, setting) == pytest.approx(cost, 0.01)


def test_a_batch_has_annotators_as_counted():
    setting = {"items": 4000, "annotators": 60, "per_item": 3, "batch": 20}
    labels = make_crowd_labels(
        np.zeros(4000, dtype=int),
        make_confusion_matrices(60, 2, kind="symmetric", random_state=0),
        labels_per_item=3,
        random_state=0,
    )
    counted = [len(set(labels[i : i + 20].indices)) for i in range(0, 4000, 20)]
    expected = cost_model.distinct_annotators(setting)
    assert np.mean(counted) == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_model_of_costs_is_measured_and_worked_out(tmp_path, capsys, monkeypatch):
    threads = torch.get_num_threads()
    try:
        cost_model.main(["--quick", "--out", str(tmp_path)])
    finally:
        torch.set_num_threads(threads)
    text = (tmp_path / "cost_model_quick.md").read_text()
    assert "--quick --settings 3 --held 2 --repeats 1`; skccem" in text
    assert text.count("held-out runs") == len(cost_model.WHAT)
    (tmp_path / "cost_model_quick.json").rename(tmp_path / "cost_model.json")
    monkeypatch.setattr(cost_model, "RESULTS", tmp_path)
    capsys.readouterr()
    numbers = "--labels 1e9 --items 2e8 --annotators 1e6 --classes 10 --features 50"
    cost_model.main(numbers.split())
    printed = capsys.readouterr().out
    assert "1,000,000,000 labels, 200,000,000 items" in printed
    assert "| X in float32, in a file or in memory | 40.0 GB |" in printed
    assert "| class probabilities of the items | 16.0 GB |" in printed
    with pytest.raises(SystemExit, match="--items --annotators"):
        cost_model.main(["--labels", "1e9"])

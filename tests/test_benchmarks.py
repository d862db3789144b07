"""The scripts behind the tables, in miniature."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import cases
import study
import synthetic


def square(number, power):
    return {"value": number**power}


JOBS = [{"number": n, "power": 2} for n in range(5)]


def test_a_study_gives_the_results_in_the_order_of_its_jobs(tmp_path):
    runs = study.run_study(square, JOBS, tmp_path / "new" / "study.jsonl")
    assert [run["job"] for run in runs] == JOBS
    assert [run["result"]["value"] for run in runs] == [0, 1, 4, 9, 16]


def test_a_study_goes_on_where_it_was_interrupted(tmp_path):
    path = tmp_path / "study.jsonl"
    study.run_study(square, JOBS[:3], path)
    text = path.read_text()
    # The last run was cut short in the middle of its line.
    path.write_text(text[:-10])
    calls = []

    def spy(number, power):
        calls.append(number)
        return square(number, power)

    runs = study.run_study(spy, JOBS, path)
    assert calls == [2, 3, 4]
    assert [run["result"]["value"] for run in runs] == [0, 1, 4, 9, 16]
    assert len(path.read_text().splitlines()) == 5
    assert study.run_study(None, JOBS, path) == runs


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
def runs():
    jobs = [
        {"case": cases.all_cases()[n][0], "seed": 0, "method": method}
        for n in (10, -1)
        for method in [*synthetic.COUPLED, *synthetic.OTHERS]
    ]
    done = [
        {
            "job": job,
            "result": synthetic.run_method(**job, path=None, n_items=240, max_epochs=2),
        }
        for job in jobs
    ]
    return synthetic.by_problem(done)


def test_every_method_is_measured_on_every_case(runs):
    for run in runs:
        assert list(run["result"]) == [*synthetic.COUPLED, *synthetic.OTHERS]
        for method, measured in run["result"].items():
            with_strength = method in synthetic.COUPLED and len(measured) > 1
            assert len(measured) == (len(synthetic.STRENGTHS) if with_strength else 1)
            for values in measured:
                assert 0 <= values["accuracy"] <= 1
                assert values["seconds"] > 0
                if method in synthetic.COUPLED:
                    assert values["held_out"] < 0


def test_the_summary_has_a_row_for_each_case_and_method(runs):
    text = synthetic.summary(runs)
    for name in ("1 of 10", "machine, 90% missing"):
        assert text.count(name) == 3
    for method in (*synthetic.COUPLED, *synthetic.OTHERS):
        assert text.count(f"| {method} |") >= 1


def test_the_picture_is_drawn(runs, tmp_path):
    synthetic.draw_synthetic(
        runs, synthetic.COUPLED, synthetic.OTHERS, tmp_path / "picture.png"
    )
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_arrays_of_a_file_replace_digits(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 4)), np.arange(90) % 3
    np.savez(tmp_path / "data.npz", X=X, y=y, X_test=X[:9], y_test=y[:9])
    case, _ = cases.all_cases()[0]
    problem = cases.simulate(case, 0, tmp_path / "data.npz", 60)
    assert problem.X.shape == (60, 4)
    assert problem.X_test.shape == (9, 4)
    assert problem.labels.n_classes == 3

"""The worked examples, in miniature."""

import runpy
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def test_judges_of_texts_are_told_apart(tmp_path, capsys):
    llm_judges = runpy.run_path(str(EXAMPLES / "llm_judges.py"))
    argv = ["--messages", "150", "--epochs", "10", "--out", str(tmp_path)]
    llm_judges["main"](argv)
    printed = capsys.readouterr().out
    shares = [
        float(line.split()[-1])
        for line in printed.splitlines()
        if line.startswith(("  majority", "  Dawid", "  Crowd"))
    ]
    assert shares[0] < shares[2]
    assert shares[2] > 0.9
    (broken,) = [line for line in printed.splitlines() if "broken parser" in line][:1]
    assert "reliable" not in broken
    assert "broken parser" in (tmp_path / "report.html").read_text("utf-8")


def test_a_judge_who_reads_nothing_guesses_and_one_who_reads_all_is_right():
    llm_judges = runpy.run_path(str(EXAMPLES / "llm_judges.py"))
    rng = np.random.default_rng(0)
    texts, topics = llm_judges["write_messages"](200, rng)

    def accuracy(judge):
        answers = [llm_judges["ask"](judge, text, rng) for text in texts]
        return np.mean(np.array(answers) == topics)

    assert accuracy("large") > 0.9
    assert 0.15 < accuracy("broken parser") < 0.35

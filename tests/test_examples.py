"""The worked examples, in miniature."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.fixture(scope="module")
def llm_judges(tmp_path_factory):
    """What the page has at its end, with fewer messages and epochs."""
    source = (EXAMPLES / "plot_llm_judges.py").read_text("utf-8")
    for full, small in [
        ("n_messages = 600", "n_messages = 150"),
        ("epochs=30", "epochs=10"),
    ]:
        assert full in source
        source = source.replace(full, small)
    page = tmp_path_factory.mktemp("examples") / "plot_llm_judges.py"
    page.write_text(source, "utf-8")
    return runpy.run_path(str(page))


def test_judges_of_texts_are_told_apart(llm_judges):
    shares = llm_judges["shares"]
    assert shares["majority vote"] < shares["CrowdClassifier"]
    assert shares["CrowdClassifier"] > 0.9
    verdicts = llm_judges["judged"]["verdict"]
    assert verdicts["large"] == "reliable"
    assert verdicts["broken parser"] != "reliable"
    assert "broken parser" in llm_judges["html"]


def test_a_judge_who_reads_nothing_guesses_and_one_who_reads_all_is_right(llm_judges):
    rng = np.random.default_rng(0)
    texts, topics = llm_judges["write_messages"](200, rng)

    def accuracy(judge):
        answers = [llm_judges["ask"](judge, text, rng) for text in texts]
        return np.mean(np.array(answers) == topics)

    assert accuracy("large") > 0.9
    assert 0.15 < accuracy("broken parser") < 0.35

"""The page on contributing has all of CONTRIBUTING.md, and code that works."""

import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from skccem import (
    OneCoinDawidSkene,
    _crowd_loss,
    _losses,
    _one_coin,
    _published,
    _volumes,
)
from skccem import datasets as public
from skccem._counts import counts_from_indicator
from skccem.simulation import make_crowd_labels

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "contributing.rst").read_text(encoding="utf-8")


def code(caption):
    """The block of code under a caption of the page; `first` words of it."""
    found = re.findall(
        rf"^ +\.\. code-block:: python\n +:caption: {re.escape(caption)}.*\n\n"
        r"((?: {6}.*\n|\n)+)",
        PAGE,
        re.MULTILINE,
    )
    return [textwrap.dedent(block) for block in found]


def run(block, module, **names):
    """The names after a block was added to a copy of a module."""
    names = vars(module) | names
    exec(block, names)
    return names


@pytest.fixture
def batch():
    """Log-posteriors, logits of answers, and the target of a batch of four items."""
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(3), size=4)
    logits = torch.from_numpy(rng.normal(size=(2, 3, 3)))
    target = {"item": [0, 0, 1, 3], "annotator": [0, 1, 1, 0], "label": [2, 0, 1, 1]}
    target = {key: torch.tensor(value) for key, value in target.items()}
    return torch.from_numpy(posterior).log(), logits, target


def test_the_page_has_every_section_of_the_file(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    from contributing import sections_of

    sections = sections_of((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    shown = re.findall(r"^\.\. contributing::(.*)$", PAGE, re.MULTILINE)
    # This one has the link to the page.
    assert {"Step by step", *map(str.strip, shown)} == set(sections)


def test_files_and_functions_that_the_page_names_exist():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("*.py")]
    for name in re.findall(r"``(test_\w+)``", PAGE):
        assert any(f"def {name}(" in text for text in texts), name
    new = {"skccem/_class_coin.py", "tests/test_class_coin.py"}
    for name in set(re.findall(r"(?:skccem|tests|docs)/[\w/]+\.\w+", PAGE)) - new:
        assert (ROOT / name).exists(), name
    for name in set(re.findall(r"``(_\w+\.py)``", PAGE)):
        assert (ROOT / "skccem" / name).exists(), name


def test_the_likelihood_of_the_page_is_that_of_its_formula(batch, monkeypatch):
    log_posterior, logits, target = batch
    (function,) = code("skccem/_losses.py")
    names = run(function, _losses)
    (entry,) = code("skccem/_crowd_loss.py, in LIKELIHOODS")
    entries = eval(f"{{{entry}}}", vars(_crowd_loss) | names)
    monkeypatch.setattr(_crowd_loss, "LIKELIHOODS", _crowd_loss.LIKELIHOODS | entries)
    loss = _crowd_loss.CrowdLoss("half")
    _, log_likelihood, n_labels = loss((log_posterior, logits), target)
    B = torch.softmax(logits, dim=1).sqrt()
    expected = log_posterior.exp()
    for i, m, y in zip(*target.values(), strict=True):
        expected[i] *= B[m, y]
    assert n_labels == 4
    torch.testing.assert_close(log_likelihood, expected.sum(dim=1).log().sum())


def test_the_regulariser_of_the_page_is_that_of_its_formula(batch, monkeypatch):
    log_posterior, logits, target = batch
    (function,) = code("skccem/_volumes.py")
    (penalty,) = code("skccem/_crowd_loss.py, after _trace")
    (entry,) = code("skccem/_crowd_loss.py, in REGULARIZERS")
    names = run(penalty, _crowd_loss, **run(function, _volumes))
    entries = eval(f"{{{entry}}}", names)
    regularizers = _crowd_loss.REGULARIZERS | entries
    monkeypatch.setattr(_crowd_loss, "REGULARIZERS", regularizers)
    plain, penalised = (
        _crowd_loss.CrowdLoss("joint", name, 0.3)((log_posterior, logits), target)[0]
        for name in (None, "distance")
    )
    distance = (torch.softmax(logits, dim=1) - torch.eye(3)).square().sum() / 2
    torch.testing.assert_close(penalised - plain, 0.3 * distance)


def test_the_baseline_of_the_page_recovers_accuracies_of_classes():
    (block,) = code("skccem/_class_coin.py")
    # Which has the constructor that the page leaves out.
    names = {"EMAggregator": OneCoinDawidSkene}
    names |= {"counts_from_indicator": counts_from_indicator}
    names = run(block, _one_coin, **names)
    accuracy = np.random.default_rng(0).uniform(0.5, 0.95, size=(5, 3))
    truth = np.random.default_rng(1).integers(3, size=5000)
    Y = make_crowd_labels(
        truth, names["class_coin_confusion"](accuracy), p=0.9, random_state=0
    )
    model = names["ClassCoinDawidSkene"](random_state=0).fit(Y)
    np.testing.assert_allclose(model.class_accuracies_, accuracy, atol=0.06)
    assert (np.diff(model.history_) > -1e-9).all()


def test_the_data_set_of_the_page_is_read(tmp_path):
    (published,) = code("skccem/_published.py")
    (block,) = code("skccem/datasets.py")
    fetch = run(block, public, **run(published, _published))["fetch_birds"]
    (tmp_path / "birds").mkdir()
    tables = {
        "features": "id,red,blue,class\na,1,2,robin\nb,3,4,jay\n",
        "answers": "photo,worker,bird\nb,ann,jay\na,ben,robin\na,ann,jay\n",
    }
    for name, table in tables.items():
        (tmp_path / "birds" / f"{name}.csv").write_text(table, encoding="utf-8")
    bunch = fetch(data_home=tmp_path, download_if_missing=False)
    assert bunch.data.tolist() == [[1, 2], [3, 4]]
    assert bunch.target.tolist() == [1, 0]
    assert np.asarray(bunch.labels).tolist() == [[0, 1], [0, -1]]
    for word in ("Source: https://", "Licence: ", "Citation: ", "Sizes: "):
        assert word in bunch.DESCR


def test_lists_and_bold_words_are_shown_as_such(monkeypatch):
    nodes = pytest.importorskip("docutils.nodes")
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    from tables import markdown_nodes

    (made,) = markdown_nodes("- one `a`\n  and **two**\n- three")
    assert [item.astext() for item in made] == ["one a and two", "three"]
    assert [node.astext() for node in made.findall(nodes.strong)] == ["two"]
    sys.modules.pop("tables")

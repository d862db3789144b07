import numpy as np
import pytest
import torch

from skccem._epoch_means import SumsOverLabels
from skccem._processes import Processes


@pytest.mark.parametrize("n_steps", [1, 999, 1000, 2001])
def test_means_are_over_labels_whatever_the_batches(n_steps):
    rng = np.random.default_rng(0)
    loss, log_likelihood = rng.normal(size=(2, n_steps))
    n_labels = rng.integers(1, 9, size=n_steps)
    sums = SumsOverLabels()
    for values in zip(loss, log_likelihood, n_labels, strict=True):
        names = "loss", "log_likelihood", "n_labels"
        sums.add(dict(zip(names, map(torch.tensor, values), strict=True)))
    expected = loss @ n_labels / n_labels.sum(), log_likelihood.sum() / n_labels.sum()
    np.testing.assert_allclose(sums.means(Processes()), expected)

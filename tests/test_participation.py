"""Who labels what, of simulated annotators."""

import numpy as np
import pytest

from skccem._participation import participation_rates, participation_weights


def test_long_tailed_weights_are_zipfs_and_in_random_order():
    rng = np.random.RandomState(0)
    weights = participation_weights("long_tail", 100, rng)
    np.testing.assert_allclose(
        np.sort(weights)[::-1] / weights.max(), 1 / np.arange(1, 101)
    )
    assert weights.sum() == pytest.approx(1)
    # What the docstring of make_crowd_labels says.
    assert np.sort(weights)[-10:].sum() == pytest.approx(0.56, abs=0.005)
    assert np.argmax(weights) not in (0, 99)
    assert participation_weights("even", 5, rng) is None


@pytest.mark.parametrize("p", [1e-6, 0.01, 0.3, 0.9, 1.0])
def test_rates_have_the_mean_and_are_proportional_where_not_cut(p):
    for seed in range(20):
        rng = np.random.RandomState(seed)
        weights = rng.exponential(size=rng.randint(1, 30)) ** 3
        rates = participation_rates(weights, p)
        assert rates.mean() == pytest.approx(p, rel=1e-9)
        assert rates.max() <= 1
        free = rates < 1 - 1e-9
        if free.any():
            factors = rates[free] / weights[free]
            np.testing.assert_allclose(factors, factors[0])
            assert np.all(weights[~free] * factors[0] >= 1 - 1e-9)

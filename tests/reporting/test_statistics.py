"""Statistics of accuracies, compared with values by hand and with simulated ones."""

import math

import numpy as np
import pytest

from fmnist_pl.reporting.statistics import (
    binomial_tail,
    difference_error,
    mean_and_sd,
    paired_difference,
    wilson_interval,
)


def test_mean_and_standard_deviation() -> None:
    assert mean_and_sd([0.9]) == "0.9000"
    assert mean_and_sd([1.0, 2.0, 3.0], ".1f") == "2.0 ± 1.0"
    assert mean_and_sd([0.001, 0.003], "+.4f") == "+0.0020 ± 0.0014"


def test_the_wilson_interval_at_its_ends() -> None:
    assert wilson_interval(0.0, 10)[0] == pytest.approx(0)
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1)


def test_the_error_of_a_difference() -> None:
    assert difference_error(np.ones(10, bool), np.ones(10, bool)) > 0
    expected = math.sqrt(0.9 * 0.1 / 4000 + 0.8 * 0.2 / 1000)
    found = difference_error(np.arange(4000) < 3600, np.arange(1000) < 800)
    assert found == pytest.approx(expected, rel=0.01)


def test_the_tail_of_a_binomial_distribution() -> None:
    from scipy.stats import binom

    assert binomial_tail(7, 100, 1 / 45) == pytest.approx(binom.sf(6, 100, 1 / 45))


def answers(*counts: int) -> tuple[np.ndarray, np.ndarray]:
    """One run each of two recipes: numbers of images where both, only the first, only the second, none is right."""
    first = np.repeat([True, True, False, False], counts)
    second = np.repeat([True, False, True, False], counts)
    return first[None], second[None]


def test_two_runs_are_compared_by_their_discordant_images() -> None:
    found = paired_difference(*answers(900, 60, 20, 20))
    assert found.mean == pytest.approx(0.04)
    centre = 40 / 1002
    half = 1.959964 * math.sqrt((81 / 1002 - centre**2) / 1002)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))
    assert found.is_significant
    assert not paired_difference(*answers(900, 41, 39, 20)).is_significant
    assert paired_difference(*answers(0, 0, 0, 5)).low < 0 < paired_difference(*answers(5, 0, 0, 0)).high


def test_seeds_widen_the_interval_of_a_difference() -> None:
    random = np.random.default_rng(1)
    steady = random.random((4, 2000)) < 0.9
    found = paired_difference(steady, random.random((4, 2000)) < 0.85)
    assert found.low < found.mean < found.high
    assert found.is_significant
    # images alone: var = (0.9 * 0.1 + 0.85 * 0.15) / 4 seeds / 2000 images
    assert found.high - found.low > 2 * 1.96 * math.sqrt((0.09 + 0.1275) / 8000) * 0.9
    spread = np.stack([random.random(2000) < accuracy for accuracy in (0.80, 0.86, 0.92, 0.98)])
    wide = paired_difference(spread, steady)
    assert wide.high - wide.low > 2 * (found.high - found.low)
    assert paired_difference(spread, steady) == wide, "the random numbers are fixed"

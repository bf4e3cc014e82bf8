"""The statistics of repeated runs, against SciPy, NumPy, closed forms and simulations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from aibench.analysis.spread import (
    Spread,
    bonett_interval,
    corrected,
    least_cv,
    quantum_floor,
    runs_needed,
    vangel_interval,
)

positive = st.lists(st.floats(0.01, 1e4), min_size=2, max_size=12)


def exact_interval(cv: float, count: int) -> tuple[float, float]:
    """By the distribution of sqrt(n) mean / std, which is Student's t with non-centrality sqrt(n) / (true CV)."""
    observed = math.sqrt(count) / cv
    ends = (
        optimize.brentq(lambda shift, tail=tail: stats.nct.cdf(observed, count - 1, shift) - tail, 1e-3, 10 * observed)
        for tail in (0.025, 0.975)
    )
    low, high = sorted(math.sqrt(count) / end for end in ends)
    return low, high


@given(positive)
def test_mean_deviation_and_coefficient_are_numpys(values):
    spread = Spread.of(values)
    assert spread.mean == pytest.approx(np.mean(values))
    assert spread.std == pytest.approx(np.std(values, ddof=1), abs=1e-9 * max(values))
    assert spread.cv == pytest.approx(stats.variation(values, ddof=1), abs=1e-9)


def test_the_interval_of_the_mean_is_scipys():
    values = [3.0, 4.5, 4.0, 3.25, 5.0]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    spread = Spread.of(values)
    assert (spread.mean - spread.mean_half_width, spread.mean + spread.mean_half_width) == pytest.approx((low, high))


@given(positive, st.floats(0.01, 100))
def test_a_change_of_unit_leaves_the_coefficient(values, factor):
    one, other = Spread.of(values), Spread.of([factor * value for value in values])
    assert other.cv == pytest.approx(one.cv, abs=1e-9)
    assert other.mean == pytest.approx(factor * one.mean)


@given(positive, st.randoms())
def test_the_order_of_the_runs_does_not_matter(values, random):
    shuffled = random.sample(values, len(values))
    assert Spread.of(shuffled) == Spread.of(values)


def test_one_run_has_a_mean_and_no_variation():
    spread = Spread.of([4.0])
    assert (spread.mean, spread.std, spread.cv, spread.cv_corrected) == (4.0, None, None, None)
    assert spread.reason == "one run"


def test_no_run_has_nothing():
    assert Spread.of([]).mean is None
    assert Spread.of([]).reason == "no run reached the target"


def test_the_interval_is_that_of_the_reference_implementation_in_r():
    # confint.cv (K. Wright, R-help, 2007) prints 0.03617573 and 0.09632067 for these ten values.
    values = [3.8, 3.9, 3.9, 3.8, 4.1, 4.0, 3.4, 3.6, 3.8, 3.7]
    assert vangel_interval(Spread.of(values).cv, 10) == pytest.approx((0.03617573, 0.09632067), abs=5e-9)


def test_the_interval_is_within_half_a_percent_of_a_published_exact_one():
    # The manual of the R package statpsych, ci.cv(.05, 24.5, 3.65, 40): 0.1214381 to 0.1926778.
    assert vangel_interval(3.65 / 24.5, 40) == pytest.approx((0.1214381, 0.1926778), rel=5e-3)


@pytest.mark.parametrize("count", [3, 4, 5, 10, 30])
@pytest.mark.parametrize("cv", [0.01, 0.05, 0.1])
def test_the_interval_is_close_to_the_exact_one(cv, count):
    assert vangel_interval(cv, count) == pytest.approx(exact_interval(cv, count), rel=0.02)


@pytest.mark.parametrize("count", [4, 5, 7, 10])
@pytest.mark.parametrize("cv", [0.02, 0.1, 0.2, 0.33])
def test_the_interval_covers_the_true_coefficient_in_95_of_100_samples(cv, count):
    samples = np.random.default_rng(count).normal(1, cv, (4000, count))
    intervals = np.array([vangel_interval(one, count) for one in stats.variation(samples, axis=1, ddof=1)])
    covered = np.mean((intervals[:, 0] <= cv) & (cv <= intervals[:, 1]))
    assert 0.935 < covered < 0.975


@pytest.mark.parametrize("count", [4, 5, 10])
def test_the_correction_takes_away_most_of_the_bias(count):
    samples = np.random.default_rng(count).normal(1, 0.1, (20000, count))
    observed = stats.variation(samples, axis=1, ddof=1)
    bias = np.mean(observed) / 0.1 - 1
    rest = np.mean([corrected(one, count) for one in observed]) / 0.1 - 1
    assert bias < -0.02
    assert abs(rest) < 0.4 * abs(bias)


def test_four_widely_scattered_runs_bound_the_coefficient_from_below_only():
    low, high = vangel_interval(0.5, 4)
    assert 0.2 < low < 0.5
    assert high == math.inf


def test_the_interval_of_any_shape_is_bonetts_with_the_error_of_the_mean():
    """Bonett's formula as in his article, of NumPy and SciPy alone; without the mean's error it is that of the SD."""
    values = np.random.default_rng(2).exponential(1, 12) + 3
    count, z = 12, stats.norm.ppf(0.975)
    centre = stats.trim_mean(values, 1 / (2 * math.sqrt(count - 4)))
    kurtosis = count * np.sum((values - centre) ** 4) / np.sum((values - values.mean()) ** 2) ** 2
    scale, cv = count / (count - z), stats.variation(values, ddof=1)
    error = math.sqrt((scale / 2) ** 2 * (kurtosis - (count - 3) / count) / (count - 1) + cv**2 / count)
    expected = [math.exp(math.log(scale * cv**2) / 2 + sign * z * error) for sign in (-1, 1)]
    assert bonett_interval(list(values)) == pytest.approx(expected)
    assert bonett_interval(list(values[:7])) is None


@pytest.mark.parametrize("count", [8, 12])
def test_the_interval_of_any_shape_covers_where_vangels_does_not(count):
    samples = 1 + 0.1 * (np.random.default_rng(count).exponential(1, (1500, count)) - 1)
    ours = [bonett_interval(sample.tolist()) for sample in samples]
    vangels = [vangel_interval(one, count) for one in stats.variation(samples, axis=1, ddof=1)]
    covered, narrow = (np.mean([low <= 0.1 <= high for low, high in found]) for found in (ours, vangels))
    assert narrow < 0.85
    assert covered > 0.87
    normal = np.random.default_rng(count).normal(1, 0.1, (1500, count))
    assert np.mean([low <= 0.1 <= high for low, high in (bonett_interval(one.tolist()) for one in normal)]) > 0.94


@given(st.floats(0.001, 2))
def test_the_runs_needed_give_the_precision_and_one_fewer_does_not(cv):
    def relative_half_width(count):
        return stats.t.ppf(0.975, count - 1) * cv / math.sqrt(count)

    count = runs_needed(cv)
    assert relative_half_width(count) <= 0.05 * (1 + 1e-9)
    assert count == 2 or relative_half_width(count - 1) > 0.05 * (1 - 1e-9)


def test_the_floor_is_the_coefficient_of_values_rounded_to_the_grid():
    true = np.random.default_rng(0).uniform(3, 5, 100_000)  # far wider than the quantum: its rounding error is uniform
    error = np.ceil(true / 0.25) * 0.25 - true
    assert quantum_floor(0.25, 4.0) == pytest.approx(np.std(error) / 4.0, rel=0.01)


def test_values_within_one_quantum_may_all_have_been_equal():
    assert least_cv([4.0, 4.25, 4.25, 4.0], 0.25) == 0
    assert least_cv([6.1, 6.2], 0.1) == 0  # which differ by a little more than 0.1 in floating point


@given(st.lists(st.integers(10, 30), min_size=2, max_size=6))
def test_the_least_scattered_values_are_those_that_a_general_optimiser_finds(evaluations):
    quantum = 0.5
    values = [quantum * number for number in evaluations]
    assume(max(values) - min(values) > quantum)
    found = optimize.minimize(
        lambda true: np.var(true, ddof=1),
        np.array(values) - quantum / 2,
        bounds=[(value - quantum, value) for value in values],
        options={"ftol": 1e-14},
    )
    assert least_cv(values, quantum) == pytest.approx(math.sqrt(found.fun) / np.mean(found.x), rel=1e-3)


def test_evaluating_more_often_hides_less():
    values = [4.0, 4.5, 5.0, 6.0]
    hidden = [least_cv(values, quantum) for quantum in (0.5, 0.25, 0.1, 0.001)]
    assert all(coarse < fine for coarse, fine in itertools.pairwise(hidden))
    assert hidden[-1] == pytest.approx(Spread.of(values).cv, rel=1e-2)

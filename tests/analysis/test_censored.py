"""Statistics of runs that missed their target, against SciPy, closed forms and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from aibench.analysis.variation.censored import censored, olympic_mean, restricted_mean, survival, wilson_interval

epochs = st.lists(st.integers(1, 20).map(float), min_size=1, max_size=10)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # of SciPy's import, on a busy machine
@given(epochs, epochs)
def test_the_survival_curve_is_scipys(reached, missed):
    steps = survival(reached, missed)
    expected = stats.ecdf(
        stats.CensoredData.right_censored([*reached, *missed], [False] * len(reached) + [True] * len(missed))
    )
    for value, share in steps:
        assert share == pytest.approx(expected.sf.evaluate(value), abs=1e-12)


def test_with_nothing_missed_the_restricted_mean_is_the_mean():
    values = [3.0, 4.0, 4.0, 7.0]
    assert restricted_mean(survival(values, []), 7.0) == pytest.approx(np.mean(values))


def test_with_one_budget_the_restricted_mean_is_that_of_the_cut_values():
    found = censored([3.0, 4.0, 6.0], [10.0, 10.0])
    assert found.limit == 10
    assert found.restricted_mean == pytest.approx(np.mean([3, 4, 6, 10, 10]))
    assert found.median == 6.0
    assert found.with_restarts == pytest.approx(found.restricted_mean / 0.6)


def test_the_restricted_mean_has_no_bias_where_the_mean_of_those_that_reached_has():
    random = np.random.default_rng(0)
    true = random.lognormal(math.log(10) - 0.045, 0.3, (1500, 5))
    budget = 12.0
    restricted, dropped = [], []
    for row in true:
        reached, missed = row[row <= budget].tolist(), [budget] * int(np.sum(row > budget))
        if missed and reached:
            restricted.append(censored(reached, missed).restricted_mean)
        else:
            restricted.append(float(np.minimum(row, budget).mean()))
        dropped.append(np.mean(reached) if reached else np.nan)
    expected = np.minimum(true, budget).mean()
    assert np.mean(restricted) == pytest.approx(expected, rel=1e-9)
    assert np.nanmean(dropped) < 0.95 * expected


def test_no_median_where_fewer_than_half_reached_the_target():
    assert censored([3.0], [5.0, 5.0]).median is None


def test_a_run_that_can_never_reach_it_is_at_risk_for_ever():
    found = censored([3.0, 4.0], [math.inf])
    assert found.limit == 4.0
    assert found.restricted_mean == pytest.approx((3 + 4 + 4) / 3)


def test_restarts_take_the_expected_time_of_a_simulation():
    random = np.random.default_rng(1)
    values, budget = np.array([2.0, 3.0, np.inf, np.inf]), 5.0
    totals = []
    for _ in range(4000):
        total = 0.0
        while True:
            drawn = random.choice(values)
            total += min(drawn, budget)
            if drawn <= budget:
                break
        totals.append(total)
    assert censored([2.0, 3.0], [budget, budget]).with_restarts == pytest.approx(np.mean(totals), rel=0.05)


@pytest.mark.parametrize(("successes", "count"), [(0, 4), (3, 4), (4, 4), (7, 10)])
def test_the_share_has_scipys_wilson_interval(successes, count):
    expected = stats.binomtest(successes, count).proportion_ci(method="wilson")
    assert wilson_interval(successes, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_olympic_mean_leaves_out_the_best_and_the_worst():
    assert olympic_mean([36, 37, 38, 36, 37, 38, 36, 37, 38, 39]) == 37.125
    assert olympic_mean([1.0, 2.0]) is None
    assert olympic_mean([1.0, 2.0, math.inf]) == 2.0
    assert olympic_mean([1.0, 2.0, math.inf, math.inf]) == math.inf
    assert olympic_mean([3, 1, 2, 9, 8, 7, 0, 5, 4, 6], rejected=4) == 4.5

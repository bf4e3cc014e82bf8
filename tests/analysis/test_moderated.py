"""Comparisons with few runs: what pairs and shared scatter can show, by simulation with known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aibench.analysis.comparison.comparison import (
    FASTER,
    SLOWER,
    UNDECIDED,
    Comparison,
    Row,
    judged,
    share_scatter,
)
from aibench.analysis.comparison.moderated import moderated, prior
from aibench.analysis.comparison.ratio import paired_ratio, ratio
from aibench.analysis.comparison.score import score
from aibench.analysis.runs.compared import CONVERGENCE, SPEED, TIME

TASKS = 17
LEVEL = 0.01


def suite(random, runs, noise, slowdown=1.0, paired=True, epochs=0.15, heavy=False):
    """The rows of two sides of one machine; the first task's sample takes `slowdown` times as long on the second."""
    rows = []
    for task in range(TASKS):
        seeds = random.lognormal(0, epochs, runs)
        if heavy:  # one run in five needs twice the epochs
            seeds = seeds * np.where(random.random(runs) < 0.2, 2, 1)
        others = seeds if paired else random.permutation(random.lognormal(0, epochs, runs))
        factor = slowdown if task == 0 else 1.0
        speed = [random.lognormal(0, noise, runs), factor * random.lognormal(0, noise, runs)]
        sides = {SPEED: speed, CONVERGENCE: [seeds, others], TIME: [seeds * speed[0], others * speed[1]]}
        quantum = 0.02
        for quantity, (a, b) in sides.items():
            grid = quantum if quantity is CONVERGENCE else 0.0
            found = (paired_ratio if paired and quantity.to_quality else ratio)(a, b, grid, grid)
            rows.append(Row((f"task{task}", "mini", "entire"), quantity, runs, runs, found))
    return judged(share_scatter(rows), LEVEL)


def test_a_slowdown_of_a_tenth_in_one_task_is_found_with_four_seeds_a_side():
    random = np.random.default_rng(1)
    found = [suite(random, 4, 0.02, 1.1)[0].verdict for _ in range(60)]
    assert found.count(SLOWER) >= 0.8 * len(found)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_a_sixfold_slowdown_is_always_found_on_noisy_machines_too(noise):
    random = np.random.default_rng(2)
    assert {suite(random, 4, noise, 6.4)[0].verdict for _ in range(40)} == {SLOWER}


@pytest.mark.parametrize(("noise", "heavy"), [(0.02, False), (0.1, False), (0.1, True)])
def test_a_machine_compared_with_itself_is_silent_at_the_level(noise, heavy):
    random = np.random.default_rng(3)
    alarms = sum(
        any(row.verdict in (SLOWER, FASTER) for row in suite(random, 8, noise, paired=paired, heavy=heavy))
        for paired in (True, False)
        for _ in range(50)
    )
    assert alarms <= 4  # of 100 at half a per cent: four or more come once in 500 series


def test_the_intervals_cover_the_truth_with_scatter_that_differs_between_tasks():
    random = np.random.default_rng(4)
    covered, count = 0, 0
    for _ in range(40):
        noises = random.lognormal(math.log(0.05), 0.7, TASKS)
        rows = [
            Row((f"{task}", "", ""), SPEED, 4, 4, paired_ratio(*random.lognormal(0, noise, (2, 4))))
            for task, noise in enumerate(noises)
        ]
        for row in share_scatter(rows):
            covered += row.ratio.low <= 1 <= row.ratio.high
            count += 1
    assert 0.93 < covered / count < 0.975


def test_the_interval_of_a_score_of_three_tasks_covers_the_truth():
    """They share one variance: three times its degrees of freedom would make the interval too narrow."""
    random = np.random.default_rng(8)
    covered, degrees = 0, set()
    for _ in range(400):
        sides = random.lognormal(0, 0.1, (3, 2, 2))
        rows = share_scatter([Row((f"{task}", "", ""), SPEED, 2, 2, ratio(*of)) for task, of in enumerate(sides)])
        found = score(Comparison({}, rows, []), SPEED).ratio
        covered += found.low <= 1 <= found.high
        degrees.add(found.degrees)
    assert max(degrees) <= 6
    assert covered / 400 > 0.925


def test_the_fitted_prior_is_that_of_the_simulated_variances():
    random = np.random.default_rng(5)
    truth = 0.04 * 6 / random.chisquare(6, 20_000)
    variances = truth * random.chisquare(3, 20_000) / 3
    common, degrees = prior(variances, [3.0] * 20_000)
    assert common == pytest.approx(0.04, rel=0.05)
    assert degrees == pytest.approx(6, rel=0.1)


def test_variances_that_agree_become_one_and_few_stay_as_they_are():
    random = np.random.default_rng(6)
    equal = random.chisquare(3, 17) / 3
    drawn = moderated(list(equal), [3.0] * 17)
    assert {degrees for _, degrees in drawn} <= {51.0} or min(degrees for _, degrees in drawn) > 12
    assert np.ptp([variance for variance, _ in drawn]) < np.ptp(equal) / 3
    assert moderated([1.0, 2.0], [3.0, 3.0]) == [(1.0, 3.0), (2.0, 3.0)]
    assert moderated([0.0] * 5, [3.0] * 5) == [(0.0, 3.0)] * 5


def test_a_pair_leaves_out_what_the_seed_adds():
    random = np.random.default_rng(7)
    seeds = random.lognormal(0, 0.3, 6)
    a, b = seeds * random.lognormal(0, 0.01, 6), 1.05 * seeds * random.lognormal(0, 0.01, 6)
    assert paired_ratio(a, b).p < 0.01
    assert ratio(a, b).p > 0.5
    assert paired_ratio(a, b).value == pytest.approx(ratio(a, b).value)
    assert paired_ratio([2.0, 3.0], [2.0, 3.0]).p == 1.0
    assert paired_ratio([2.0, 3.0], [2.0, 3.0], 0.5, 0.5).error > 0


def test_rows_without_a_test_stay_undecided():
    alone = Row(("t", "mini", "entire"), SPEED, 1, 1, ratio([1.0], [2.0]))
    assert [row.verdict for row in judged(share_scatter([alone]), LEVEL)] == [UNDECIDED]

"""Simulates the runs of one task: how often each statistic of repeated runs covers or meets the known truth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from aibench.analysis.comparison.ratio import fisher, paired_ratio, ratio
from aibench.analysis.spread import (
    Spread,
    bonett_interval,
    least_cv,
    quantum_floor,
    runs_needed,
    t_quantile,
    vangel_interval,
)
from aibench.analysis.variation.censored import censored, olympic_mean, wilson_interval

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, float], Values]

COUNTS = (4, 8, 12)
CV = 0.1  # of the epochs; of `one run in five at twice`, that of the others
LEAST = 0.3  # times the mean: what takes no time is no run
QUANTUM = 0.1  # of the mean: an evaluation a tenth of the way
REACH = 0.8  # share of the runs within the budget
MOST_RUNS = 5000  # that a simulated study makes, whatever its pilot asks for


def normal(random: np.random.Generator, count: int, cv: float) -> Values:
    return random.normal(1, cv, count)


def log_normal(random: np.random.Generator, count: int, cv: float) -> Values:
    width = math.sqrt(math.log1p(cv**2))
    return random.lognormal(-(width**2) / 2, width, count)


def heavy_tailed(random: np.random.Generator, count: int, cv: float) -> Values:
    return 1 + cv * random.standard_t(3, count) / math.sqrt(3)


def shifted_exponential(random: np.random.Generator, count: int, cv: float) -> Values:
    return 1 - cv + cv * random.exponential(1, count)


def one_in_five_at_twice(random: np.random.Generator, count: int, cv: float) -> Values:
    return random.normal(1, cv, count) * np.where(random.random(count) < 0.2, 2, 1)


SHAPES: dict[str, Draw] = {
    "normal": normal,
    "log-normal": log_normal,
    "Student's t3": heavy_tailed,
    "shifted exponential": shifted_exponential,
    "one run in five at twice": one_in_five_at_twice,
}


def drawn(random: np.random.Generator, shape: str, count: int, cv: float = CV) -> Values:
    """Return `count` values with the mean 1 or, of the last shape, 1.2; none below `LEAST`."""
    return np.maximum(SHAPES[shape](random, count, cv), LEAST)


@dataclass(frozen=True, slots=True)
class Truth:
    """Holds the numbers of a distribution that the statistics estimate."""

    mean: float
    cv: float
    budget: float
    median: float
    restricted_mean: float


@cache
def truth(shape: str) -> Truth:
    """Return the numbers of a shape, of two million draws."""
    values = drawn(np.random.default_rng(0), shape, 2_000_000)
    budget = float(np.quantile(values, REACH))
    mean = float(values.mean())
    return Truth(
        mean, float(values.std() / mean), budget, float(np.median(values)), float(values.clip(max=budget).mean())
    )


def covers(low: float | None, high: float | None, value: float) -> float:
    return float(low is not None and high is not None and low <= value <= high)


def of_one_sample(random: np.random.Generator, shape: str, count: int) -> Iterator[tuple[str, float]]:
    """Yield for a sample the name of each statistic and whether it covers the truth, or its value over the truth."""
    true = truth(shape)
    values = drawn(random, shape, count).tolist()
    spread = Spread.of(values)
    assert spread.mean is not None
    assert spread.cv is not None
    assert spread.cv_corrected is not None
    half = t_quantile(count - 1) * (spread.std or 0.0) / math.sqrt(count)
    yield "mean: t interval covers", covers(spread.mean - half, spread.mean + half, true.mean)
    yield "olympic mean / mean", (olympic_mean(values) or math.nan) / true.mean
    yield "CV / true", spread.cv / true.cv
    yield "corrected CV / true", spread.cv_corrected / true.cv
    yield "CV: Vangel's interval covers", covers(*vangel_interval(spread.cv, count), true.cv)
    shaped = bonett_interval(values)
    if shaped is not None:
        yield "CV: any shape (Bonett) covers", covers(*shaped, true.cv)
    yield "CV on a grid: widened interval covers", covers(*_on_a_grid(values, count), true.cv)
    needed = min(runs_needed(spread.cv_corrected), MOST_RUNS)
    new = drawn(random, shape, needed).mean()
    yield "runs needed: their mean is within 5 %", float(abs(new / true.mean - 1) <= 0.05)
    yield from _of_those_that_missed(values, true)


def _on_a_grid(values: list[float], count: int) -> tuple[float, float]:
    """Return Vangel's interval for runs that are evaluated every `QUANTUM`, as the variation table widens it."""
    seen = [math.ceil(value / QUANTUM) * QUANTUM for value in values]
    cv, mean = statistics.stdev(seen) / statistics.fmean(seen), statistics.fmean(seen)
    most = max(cv, quantum_floor(QUANTUM, mean))
    return vangel_interval(least_cv(seen, QUANTUM), count)[0], vangel_interval(most, count)[1]


def _of_those_that_missed(values: list[float], true: Truth) -> Iterator[tuple[str, float]]:
    """Yield what is said of runs with a budget that one in five does not keep."""
    reached = [value for value in values if value <= true.budget]
    missed = [true.budget] * (len(values) - len(reached))
    yield "share: Wilson's interval covers", covers(*wilson_interval(len(reached), len(values)), REACH)
    if not reached:
        return
    found = censored(reached, missed)
    if found.median is not None:
        yield "Kaplan-Meier median / true", found.median / true.median
    mean = found.restricted_mean if missed else statistics.fmean(reached)
    yield "restricted mean / true", mean / true.restricted_mean
    share = len(reached) / len(values)
    yield "total with restarts / true", mean / share / (true.restricted_mean / REACH)


def of_two_samples(random: np.random.Generator, shape: str, count: int) -> Iterator[tuple[str, float]]:
    """Yield whether the intervals of a ratio cover that of two equal systems, and whether Fisher's test is silent."""
    a, b = drawn(random, shape, count), drawn(random, shape, count)
    found = ratio(a.tolist(), b.tolist())
    yield "ratio: Welch's interval covers", covers(found.low, found.high, 1.0)
    noise = [drawn(random, shape, count, 0.02) for _ in range(2)]
    paired = paired_ratio((a * noise[0]).tolist(), (a * noise[1]).tolist())
    yield "ratio of pairs: interval covers", covers(paired.low, paired.high, 1.0)
    reached = [int(np.sum(side <= truth(shape).budget)) for side in (a, b)]
    p = fisher(reached[0], count - reached[0], reached[1], count - reached[1])
    yield "misses: Fisher's test silent at 5 %", float(p > 0.05)

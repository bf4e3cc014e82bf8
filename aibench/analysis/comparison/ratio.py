"""Computes the ratio of two means from a few runs each: its interval, its test, and what it could have shown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aibench.analysis.spread import t_quantile

POWER = 0.8


@dataclass(frozen=True, slots=True)
class Ratio:
    """Holds the geometric mean of B over that of A, by Student's t on the logarithms.

    Attributes:
        value: The ratio.
        low, high: Its 95 % interval; None where a side has one run.
        p: Two-sided probability of a ratio as far from 1 if there is no difference; None where a side has one run.
        error: Standard error of the ratio's logarithm; None where a side has one run.
        degrees: Degrees of freedom of that error.
        size: Number of runs in the error: `error**2 * size` is the variance of one run, or of one pair's ratio.
        pairs: Number of pairs of runs with one seed; None where the sides are compared as two samples.
    """

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    error: float | None = None
    degrees: float | None = None
    size: float = 0.0
    pairs: int | None = None

    @property
    def variance(self) -> float:
        """Return the variance that one run, or one pair, contributes."""
        return 0.0 if self.error is None else self.error**2 * self.size

    def of_error(self, error: float, degrees: float) -> Ratio:
        """Return the same ratio with the interval and the probability of another error."""
        centre = math.log(self.value)
        if error == 0:
            return replace(self, low=self.value, high=self.value, p=float(centre == 0), error=0.0, degrees=degrees)
        reach = t_quantile(degrees) * error
        low, high, p = math.exp(centre - reach), math.exp(centre + reach), two_sided(centre / error, degrees)
        return replace(self, low=low, high=high, p=p, error=error, degrees=degrees)


def ratio(a: Sequence[float], b: Sequence[float], quantum_a: float = 0.0, quantum_b: float = 0.0) -> Ratio:
    """Return the ratio of `b` to `a`, all positive, as of two samples (Welch).

    Args:
        a: Values of one side, at least one.
        b: Values of the other side.
        quantum_a: Grid on which the values of `a` lie. A value's rounding error, uniform and as wide as the grid, is
            added to its variance: runs that all passed at one evaluation did not vary by 0.
        quantum_b: Grid of the values of `b`.
    """
    logs_a, logs_b = [math.log(value) for value in a], [math.log(value) for value in b]
    found = Ratio(math.exp(statistics.fmean(logs_b) - statistics.fmean(logs_a)))
    if min(len(a), len(b)) < 2:
        return found
    part_a, part_b = _variance(logs_a, a, quantum_a) / len(a), _variance(logs_b, b, quantum_b) / len(b)
    error = math.sqrt(part_a + part_b)
    count = len(a) + len(b) - 2
    degrees = (part_a + part_b) ** 2 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1)) if error else count
    return replace(found, size=1 / (1 / len(a) + 1 / len(b))).of_error(error, degrees)


def paired_ratio(a: Sequence[float], b: Sequence[float], quantum_a: float = 0.0, quantum_b: float = 0.0) -> Ratio:
    """Return the ratio of `b` to `a` as of pairs, the values of one seed in one place: what a seed adds falls out.

    Args:
        a: Values of one side, at least two.
        b: Values of the other side, in the same order of seeds.
        quantum_a: Grid on which the values of `a` lie, as in `ratio`.
        quantum_b: Grid of the values of `b`.
    """
    logs = [math.log(after / before) for before, after in zip(a, b, strict=True)]
    rounding = sum((grid / statistics.fmean(side)) ** 2 / 12 for grid, side in ((quantum_a, a), (quantum_b, b)))
    found = Ratio(math.exp(statistics.fmean(logs)), size=len(logs), pairs=len(logs))
    return found.of_error(math.sqrt((_scatter(logs) + rounding) / len(logs)), len(logs) - 1)


def _variance(logs: Sequence[float], values: Sequence[float], quantum: float) -> float:
    return _scatter(logs) + (quantum / statistics.fmean(values)) ** 2 / 12


def _scatter(values: Sequence[float]) -> float:
    """Return the sample variance, in a tenth of the time of `statistics.variance`, whose fractions are exact."""
    mean = statistics.fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def two_sided(t: float, degrees: float) -> float:
    """Return the probability that Student's t with `degrees` of freedom is as far from 0 as `t`."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(t)))


def smallest_detectable(found: Ratio, level: float) -> float | None:
    """Return the least ratio above 1 that such runs, tested at `level`, show in 80 of 100 repetitions.

    It is None without an error. The non-central t distribution gives it: the shift at which it passes the test's limit
    with that probability.
    """
    if not found.error or found.degrees is None:
        return None
    from scipy.special import nctdtrinc

    limit = t_quantile(found.degrees, 1 - level)
    exponent = float(nctdtrinc(found.degrees, 1 - POWER, limit)) * found.error
    return math.exp(exponent) if exponent < 700 else math.inf


def holm(probabilities: Sequence[float]) -> list[float]:
    """Return each probability adjusted for all of them having been tested (Holm, Scand. J. Stat. 6, 1979, 65-70)."""
    order = sorted(range(len(probabilities)), key=lambda place: probabilities[place])
    adjusted, highest = [0.0] * len(probabilities), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(probabilities) - rank) * probabilities[place]))
        adjusted[place] = highest
    return adjusted


def tested(ratios: Sequence[Ratio | None], level: float) -> list[tuple[float | None, float | None]]:
    """Return for each ratio its probability after Holm and the least ratio that would be shown, at `level` for all.

    Ratios without a probability, and None, are not tested: they count for nothing and have neither.
    """
    chosen = [one for one in ratios if one is not None and one.p is not None]
    adjusted = iter(holm([one.p for one in chosen if one.p is not None]))
    return [
        (None, None)
        if one is None or one.p is None
        else (next(adjusted), smallest_detectable(one, level / len(chosen)))
        for one in ratios
    ]


def fisher(reached_a: int, missed_a: int, reached_b: int, missed_b: int) -> float:
    """Return the two-sided probability of Fisher's exact test of two shares: all tables no likelier than this one."""
    total, wins, drawn = reached_a + missed_a + reached_b + missed_b, reached_a + reached_b, reached_a + missed_a

    def probability(hits: int) -> float:
        return math.comb(wins, hits) * math.comb(total - wins, drawn - hits) / math.comb(total, drawn)

    possible = range(max(0, drawn + wins - total), min(drawn, wins) + 1)
    limit = probability(reached_a) * (1 + 1e-7)
    return min(1.0, math.fsum(value for value in map(probability, possible) if value <= limit))

"""Computes how far repeated measurements differ: coefficient of variation, its interval, runs needed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
FEWEST_FOR_SHAPE = 8  # values from which an interval may follow the shape of their distribution
PRECISION = 0.05  # wanted half-width of the mean's interval, relative to the mean


@dataclass(frozen=True, slots=True)
class Spread:
    """Holds mean and scatter of some values.

    Attributes:
        values: The values, ascending.
        mean: Their mean; None without a value.
        std: Sample standard deviation (divisor n - 1); None below two values.
        cv: Coefficient of variation, `std / mean`, a ratio: 0.0112 for 1.12 %.
        cv_corrected: `cv` without most of its small-sample bias.
        mean_half_width: The 95 % interval of the mean is `mean` plus and minus this (Student's t).
        reason: Why there is no coefficient of variation.
    """

    values: tuple[float, ...]
    mean: float | None = None
    std: float | None = None
    cv: float | None = None
    cv_corrected: float | None = None
    mean_half_width: float | None = None
    reason: str | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of positive `values`, one of each run."""
        ordered = tuple(sorted(values))
        count = len(ordered)
        if count == 0:
            return cls(ordered, reason="no run reached the target")
        mean = statistics.fmean(ordered)
        if count == 1:
            return cls(ordered, mean, reason="one run")
        std = statistics.stdev(ordered)
        cv = std / mean
        half_width = t_quantile(count - 1) * std / math.sqrt(count)
        return cls(ordered, mean, std, cv, corrected(cv, count), half_width)


def corrected(cv: float, count: int) -> float:
    """Return `cv` of `count` values times 1 + 1 / (4 count) (Sokal and Rohlf, Biometry, 1995).

    A sample's coefficient is too small on average, by 8 % with four normal values; so corrected, by 2 %.
    """
    return cv * (1 + 1 / (4 * count))


def vangel_interval(cv: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of the coefficient of variation of normal values.

    Vangel's modification of McKay's approximation (The American Statistician 50, 1996, 21-26). It is meant for a
    coefficient below 1/3.

    Args:
        cv: Coefficient of variation of the sample, uncorrected.
        count: Size of the sample, at least 2.

    Returns:
        Lower and upper end; the upper is infinite where the sample bounds it by nothing.
    """
    from scipy.special import chdtri  # half a second less than scipy.stats

    def end(tail: float) -> float:
        quantile = float(chdtri(count - 1, tail))
        square = ((quantile + 2) / count - 1) * cv**2 + quantile / (count - 1)
        return cv / math.sqrt(square) if square > 0 else math.inf

    return end((1 - CONFIDENCE) / 2), end((1 + CONFIDENCE) / 2)


def bonett_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the coefficient of variation of values whose distribution need not be normal.

    Bonett's interval of a standard deviation (Computational Statistics & Data Analysis 50, 2006, 775-782), which is as
    wide as the kurtosis of the sample asks for; the error of the mean is added to its variance, so that it is one of
    the coefficient of variation. It needs values enough to see their tails: None below `FEWEST_FOR_SHAPE`.
    """
    count = len(values)
    if count < FEWEST_FOR_SHAPE:
        return None
    mean, std, z = statistics.fmean(values), statistics.stdev(values), normal_quantile()
    cut = int(count / (2 * math.sqrt(count - 4)))
    centre = statistics.fmean(sorted(values)[cut : count - cut])
    kurtosis = 3.0
    if std > 0:
        kurtosis = sum((value - centre) ** 4 for value in values) / (count * ((count - 1) / count * std**2) ** 2)
    cv, scale = std / mean, count / (count - z)
    variance = scale**2 * (kurtosis - (count - 3) / count) / (4 * (count - 1)) + cv**2 / count
    middle, reach = math.sqrt(scale) * cv, z * math.sqrt(variance)
    return middle * math.exp(-reach), middle * math.exp(reach)


def quantum_floor(quantum: float, mean: float) -> float:
    """Return the coefficient of variation that rounding to multiples of `quantum` alone gives values about `mean`.

    A uniform error as wide as the quantum has the standard deviation quantum / sqrt(12).
    """
    return quantum / math.sqrt(12) / mean


def least_cv(values: Sequence[float], quantum: float) -> float:
    """Return the coefficient of variation of the least scattered numbers that, rounded up to the grid, give `values`.

    Each of those numbers lies in [value - quantum, value]. Their variance is least where each is the point of its
    interval that is nearest to their mean: a convex problem, solved by moving them there until they rest.

    Args:
        values: At least two.
        quantum: Distance of the grid's points.
    """
    nearest, moved = list(values), math.inf
    if max(values) - min(values) <= quantum * (1 + 1e-9):
        return 0.0
    while moved > 1e-6 * quantum:
        mean = statistics.fmean(nearest)
        before, nearest = nearest, [min(max(mean, value - quantum), value) for value in values]
        moved = max(abs(old - new) for old, new in zip(before, nearest, strict=True))
    return statistics.stdev(nearest) / statistics.fmean(nearest)


def runs_needed(cv: float, precision: float = PRECISION) -> int:
    """Return how many runs have a mean with a 95 % interval of plus and minus `precision` of itself.

    The smallest n >= 2 with n >= (t * cv / precision)^2, t the 97.5 % quantile of Student's t with n - 1 degrees of
    freedom, which depends on n: found by counting up from the normal distribution's answer, which is below it.
    """
    count = max(2, math.ceil((normal_quantile() * cv / precision) ** 2))
    while count < (t_quantile(count - 1) * cv / precision) ** 2:
        count += 1
    return count


def normal_quantile(confidence: float = CONFIDENCE) -> float:
    """Return the half-width of the two-sided interval of a standard normal value."""
    return statistics.NormalDist().inv_cdf((1 + confidence) / 2)


def t_quantile(degrees: float, confidence: float = CONFIDENCE) -> float:
    """Return the half-width of the two-sided interval of Student's t with `degrees` of freedom, whole or not."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))

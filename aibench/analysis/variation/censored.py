"""Computes statistics of runs of which some missed their target, so that what these needed is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aibench.analysis.spread import normal_quantile


@dataclass(frozen=True, slots=True)
class Censored:
    """Holds what can be said of a quantity of which some values are only known to lie above a limit.

    Attributes:
        share_low, share_high: 95 % interval of the share that reaches the target (Wilson).
        median: What half of the runs need at most, by Kaplan-Meier; None where fewer than half reached the target.
        restricted_mean: What a run takes on average if it is stopped at `limit` (area under the Kaplan-Meier curve).
        limit: The budget of the restricted mean.
        with_restarts: Expected total if a run that missed is started anew until one succeeds: `restricted_mean` over
            the share; None where none reached it.
    """

    share_low: float
    share_high: float
    median: float | None
    restricted_mean: float
    limit: float
    with_restarts: float | None


def censored(reached: Sequence[float], missed: Sequence[float]) -> Censored:
    """Return the statistics of runs that needed `reached`, and of others that were stopped at `missed` without success.

    Args:
        reached: One value of each run that reached the target.
        missed: Where the others ended; infinite for one that can never reach it. With `reached` at least one finite.
    """
    limit = max((value for value in missed if math.isfinite(value)), default=max(reached, default=math.nan))
    steps = survival(reached, missed)
    median = next((value for value, share in steps if share <= 0.5 + 1e-12), None)
    mean = restricted_mean(steps, limit)
    low, high = wilson_interval(len(reached), len(reached) + len(missed))
    share = 1 - _at(steps, limit)
    return Censored(low, high, median, mean, limit, mean / share if share > 0 else None)


def survival(reached: Sequence[float], missed: Sequence[float]) -> list[tuple[float, float]]:
    """Return the Kaplan-Meier estimate: at each value that was reached, the share of runs that need more.

    At one value those that reached it come before those that were stopped there, as is usual.
    """
    steps: list[tuple[float, float]] = []
    share = 1.0
    for value in sorted(set(reached)):
        still = sum(other >= value for other in (*reached, *missed))
        share *= 1 - sum(other == value for other in reached) / still
        steps.append((value, share))
    return steps


def restricted_mean(steps: Sequence[tuple[float, float]], limit: float) -> float:
    """Return the area under the survival curve `steps` from 0 to `limit`."""
    area, before, share = 0.0, 0.0, 1.0
    for value, after in steps:
        if value >= limit:
            break
        area += share * (value - before)
        before, share = value, after
    return area + share * (limit - before)


def _at(steps: Sequence[tuple[float, float]], value: float) -> float:
    return min((share for place, share in steps if place <= value), default=1.0)


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of which `successes` of `count` were seen (Wilson, JASA 22, 1927)."""
    z = normal_quantile()
    centre = (successes + z**2 / 2) / (count + z**2)
    reach = z / (count + z**2) * math.sqrt(successes * (count - successes) / count + z**2 / 4)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def olympic_mean(values: Sequence[float], rejected: int = 1) -> float | None:
    """Return the mean without the `rejected` smallest and as many largest, as MLPerf scores; None where none is left.

    A run that missed is infinite: the mean is infinite if more missed than are rejected.
    """
    kept = sorted(values)[rejected : len(values) - rejected]
    return math.fsum(kept) / len(kept) if kept else None

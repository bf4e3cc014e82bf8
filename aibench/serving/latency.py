"""Computes percentiles of latencies, and what the number of requests can say of them. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from aibench.results.inference import Percentile

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
CONFIDENCE = 0.99


def percentiles(latencies: Sequence[float], percents: Sequence[float] = PERCENTILES) -> list[Percentile]:
    """Return the percentiles of `latencies`, in seconds.

    Validity is MLPerf Inference's early-stopping test: of n requests, h within a bound and t beyond it, the bound
    holds for the true percentile p with confidence c where I_p(h, t + 1) <= 1 - c, I the regularised incomplete beta
    function. The bound is the largest latency once the t largest are left out, for the greatest such t.
    """
    ordered = np.sort(np.asarray(latencies, dtype=float))
    rows = []
    for percent in percents:
        share = percent / 100
        beyond = most_beyond(len(ordered), share)
        place = max(0, int(np.ceil(share * len(ordered) - 1e-9)) - 1)
        rows.append(
            Percentile(
                percent,
                float(ordered[place]),
                None if beyond is None else float(ordered[len(ordered) - 1 - beyond]),
                beyond is not None,
                fewest(share),
            )
        )
    return rows


@cache
def most_beyond(count: int, share: float, confidence: float = CONFIDENCE) -> int | None:
    """Return how many of `count` requests may exceed a bound that holds for the percentile `share`, or None."""
    from scipy.special import betainc

    def holds(beyond: int) -> bool:
        return bool(betainc(count - beyond, beyond + 1, share) <= 1 - confidence)

    if count < 1 or not holds(0):
        return None
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


@cache
def fewest(share: float, confidence: float = CONFIDENCE) -> int:
    """Return the least number of requests with which a bound exists: none beyond it, share^n <= 1 - confidence."""
    return int(np.ceil(np.log(1 - confidence) / np.log(share)))

"""Ways of asking: one after the other, in batches, and as requests arrive. Imports no torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Answer = Callable[[int], object]  # answers request number i
WORST_QUEUE = 1000  # requests; a server this far behind is saturated


@dataclass
class Asked:
    """What a way of asking took.

    Attributes:
        latencies: Of each request, in seconds, from its arrival to its answer.
        seconds: From the first arrival to the last answer.
        saturated: Whether it was given up because the queue grew past its bound.
        longest_queue: Requests that had arrived and waited, at worst.
    """

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    saturated: bool = False
    longest_queue: int = 0


def one_after_the_other(answer: Answer, requests: int, seconds: float) -> Asked:
    """The next request follows the last answer; ends after `requests`, or `seconds` where they pass first."""
    asked, start = Asked(), time.perf_counter()
    before = start
    for number in range(requests):
        answer(number)
        now = time.perf_counter()
        asked.latencies.append(now - before)
        before = now
        if now - start > seconds:
            break
    asked.seconds = before - start
    return asked


def as_they_arrive(
    answer: Answer,
    qps: float,
    requests: int,
    seconds: float,
    seed: int,
    *,
    worst_queue: int = WORST_QUEUE,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Asked:
    """Requests arrive by a Poisson process whether earlier ones are answered or not; one server answers in turn.

    A latency counts from the arrival. (A client that waits for an answer before it asks again leaves out the very
    waiting that a slow answer causes: coordinated omission.)
    """
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / qps, requests))
    asked, start = Asked(), clock()
    for number, arrival in enumerate(arrivals):
        now = clock() - start
        if now < arrival:
            sleep(arrival - now)
        queue = int(np.searchsorted(arrivals, clock() - start, side="right")) - number - 1
        asked.longest_queue = max(asked.longest_queue, queue)
        if queue > worst_queue:
            asked.saturated = True
            break
        answer(number)
        asked.latencies.append(clock() - start - arrival)
        if clock() - start > seconds:
            break
    asked.seconds = clock() - start
    # Behind by more than a tenth of all that arrived, it falls behind without end.
    asked.saturated = asked.saturated or asked.longest_queue > max(10, 0.1 * len(asked.latencies))
    return asked


def highest_rate(
    try_rate: Callable[[float], bool], first: float, *, tries: int = 8, tolerance: float = 0.05
) -> float | None:
    """The highest rate that `try_rate` accepts, to within `tolerance`: doubled or halved, then bisected.

    Args:
        try_rate: Whether a rate of arrivals can be served.
        first: Where to begin.
        tries: How often `try_rate` is called at most.
        tolerance: Relative.

    Returns:
        None where no rate was accepted.
    """
    good, bad, rate = 0.0, float("inf"), first
    for _ in range(tries):
        if try_rate(rate):
            good = rate
        else:
            bad = rate
        if good and bad < float("inf") and bad / good <= 1 + tolerance:
            break
        rate = 2 * good if bad == float("inf") else bad / 2 if good == 0 else (good + bad) / 2
    return good or None

"""Asks for answers in three ways: one after the other, in batches, and as requests arrive. Imports no torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Answer = Callable[[int], object]  # answers request number i
WORST_QUEUE = 1000  # requests; a server this far behind is saturated


@dataclass
class Asked:
    """Holds what a way of asking took.

    Attributes:
        latencies: Seconds of each request, from its arrival to its answer.
        seconds: Seconds from the start to the last answer.
        saturated: Whether more arrived than can be answered.
        longest_queue: Requests that had arrived and waited, at worst.
        busy: Seconds in which a request was being answered.
    """

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    saturated: bool = False
    longest_queue: int = 0
    busy: float = 0.0


def one_after_the_other(answer: Answer, requests: int, seconds: float) -> Asked:
    """Ask for the next answer when the last one is there; end after `requests`, or `seconds` if earlier."""
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
    """Ask as requests arrive by a Poisson process, whether earlier ones are answered or not; one server answers.

    After `seconds` none arrives any more, and all that have arrived are answered. A latency counts from the arrival.
    (A client that waits for an answer before it asks again leaves out the very waiting that a slow answer causes:
    coordinated omission.) With more than `worst_queue` waiting it is given up.
    """
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / qps, requests))
    arrivals = arrivals[arrivals <= seconds]
    asked, start = Asked(), clock()
    for number, arrival in enumerate(arrivals):
        if (now := clock() - start) < arrival:
            sleep(arrival - now)
        begun = clock() - start
        queue = int(np.searchsorted(arrivals, begun, side="right")) - number - 1
        asked.longest_queue = max(asked.longest_queue, queue)
        if queue > worst_queue:
            asked.saturated = True
            break
        answer(number)
        done = clock() - start
        asked.busy += done - begun
        asked.latencies.append(done - arrival)
    asked.seconds = clock() - start
    asked.saturated = asked.saturated or _falls_behind(asked, qps)
    return asked


def _falls_behind(asked: Asked, qps: float) -> bool:
    """Tell whether the server cannot keep up: it answers fewer than arrive, or a tenth of all waited at once."""
    count = len(asked.latencies)
    return asked.busy * qps >= count > 0 or asked.longest_queue > max(10, 0.1 * count)


def highest_rate(
    try_rate: Callable[[float], bool], first: float, *, tries: int = 8, tolerance: float = 0.05
) -> float | None:
    """Return the highest rate that `try_rate` accepts, to within `tolerance`: doubled or halved, then bisected.

    Args:
        try_rate: Returns whether a rate of arrivals can be served.
        first: The rate to begin with.
        tries: How often `try_rate` is called at most.
        tolerance: Relative error of the rate that is found.

    Returns:
        The rate; None where no rate was accepted.
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

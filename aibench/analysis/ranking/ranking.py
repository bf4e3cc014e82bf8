"""Ranks systems by a suite's score: geometric means over tasks, the test of each place, performance profiles."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from aibench.analysis.comparison.comparison import DECIDES_THE_WORK, Family, Pools, by_family, compare
from aibench.analysis.comparison.ratio import Ratio, tested
from aibench.analysis.comparison.score import score
from aibench.analysis.runs.compared import Quantity, reason, values
from aibench.analysis.runs.pooling import varying_keys
from aibench.analysis.runs.runs import Run
from aibench.analysis.variation.rows import without_copies

LEVEL = 0.01  # of all places together: of a hundred rankings of equal systems one may call a place decided


@dataclass(frozen=True, slots=True)
class Place:
    """Holds a system's place.

    Attributes:
        system: Its name.
        score: The best system's time over its own, a geometric mean over the tasks: 1 for the best, 0.5 for one that
            takes twice as long. With the interval against the best.
        ahead: By how much it is ahead of the next system, tested; None for the last, or without a test.
        smallest: The least lead that such runs detect in 80 of 100 repetitions, a ratio above 1.
        adjusted: The probability of such a lead between equal systems, after Holm over all places.
        decided: Whether the data decide that it is ahead of the next.
        missed: By task, how many of its runs missed the target.
    """

    system: str
    score: Ratio
    ahead: Ratio | None
    smallest: float | None
    adjusted: float | None
    decided: bool
    missed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Holds the order of several systems.

    Attributes:
        quantity: The quantity that they are ranked by.
        places: The systems, the best first.
        tasks: The tasks that all of them have in one configuration.
        left_out: A line for each task that is not in the ranking.
        costs: By system and task, its mean over the best system's; infinite where half of the runs missed the target.
    """

    quantity: Quantity
    places: list[Place]
    tasks: list[Family]
    left_out: list[str]
    costs: dict[str, dict[Family, float]]

    def profile(self, system: str, factor: float) -> float:
        """Return the share of tasks in which `system` needs at most `factor` times what the best one needs."""
        return statistics.fmean(cost <= factor * (1 + 1e-12) for cost in self.costs[system].values())


def rank(systems: Mapping[str, Sequence[Run]], quantity: Quantity, level: float = LEVEL) -> Ranking:
    """Put `systems`, the runs of each by its name, in order.

    Only tasks that all systems have in one configuration count, so that the order does not depend on what one lacks.

    Raises:
        ValueError: No task can be ranked; the message says why, a line each.
    """
    left_out: list[str] = []
    pools = {name: by_family(runs, name, left_out) for name, runs in systems.items()}
    tasks = []
    for family in sorted({family for of in pools.values() for family in of}):
        why = _hindrance(family, pools, quantity)
        if why is None:
            tasks.append(family)
        elif why:
            left_out.append(f"{' '.join(family)}: {why}")
    if not tasks:
        raise ValueError("\n".join(left_out) or "the systems have no run")
    kept = {name: {task: pool.runs for task in tasks if (pool := of[task])} for name, of in pools.items()}
    runs = {name: [run for group in of.values() for run in group] for name, of in kept.items()}

    def lead(ahead: str, behind: str) -> Ratio:
        found = score(compare(runs[behind], runs[ahead], level, (quantity,)), quantity).ratio
        assert found is not None, "every task that is left has values on all sides"
        return found

    order, scores, leads, tests = in_order(list(runs), lead, level)
    missed = {name: _missed(of, quantity) for name, of in kept.items()}
    places = [
        Place(system, found, ahead, smallest, p, p is not None and p <= level, missed[system])
        for system, found, ahead, (p, smallest) in zip(order, scores, [*leads, None], tests, strict=True)
    ]
    return Ranking(quantity, places, tasks, left_out, _costs(kept, quantity))


Lead = Callable[[str, str], Ratio]
Tests = list[tuple[float | None, float | None]]


def in_order(systems: Sequence[str], lead: Lead, level: float) -> tuple[list[str], list[Ratio], list[Ratio], Tests]:
    """Return the systems in order, their scores, how far each is ahead of the next, and the tests of these leads.

    Args:
        systems: Their names, in any order.
        lead: Returns how many times as fast the first of two systems is, with its interval.
        level: The level of all tests together.
    """
    order = sorted(systems, key=lambda name: -lead(name, systems[0]).value)
    leads = [lead(ahead, behind) for ahead, behind in pairwise(order)]
    scores = [Ratio(1.0), *(lead(name, order[0]) for name in order[1:])]
    return order, scores, leads, [*tested(leads, level), (None, None)]


def _hindrance(family: Family, pools: Mapping[str, Pools], quantity: Quantity) -> str | None:
    """Return why a task cannot be ranked; empty where that is told already, None where it can."""
    lacking = [name for name, of in pools.items() if family not in of]
    if lacking:
        return f"{', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no run of it."
    found = [pool for of in pools.values() if (pool := of[family]) is not None]
    if len(found) < len(pools):
        return ""  # several configurations: by_family has told
    for name, pool in zip(pools, found, strict=True):
        if not values(pool.runs, quantity):
            return f"{name}: {reason(pool.runs, quantity)}."
    keys = [key for key in varying_keys([pool.traits for pool in found]) if key in DECIDES_THE_WORK]
    return f"the systems differ in {', '.join(keys)}." if keys and quantity.to_quality else None


def _costs(systems: Mapping[str, Mapping[Family, list[Run]]], quantity: Quantity) -> dict[str, dict[Family, float]]:
    means = {
        name: {task: _mean(without_copies(runs), quantity) for task, runs in of.items()} for name, of in systems.items()
    }
    best = {task: min(of[task] for of in means.values()) for task in next(iter(means.values()))}
    return {name: {task: value / best[task] for task, value in of.items()} for name, of in means.items()}


def _mean(runs: list[Run], quantity: Quantity) -> float:
    """Return the geometric mean of the runs' values; infinite where as many missed the target as reached it."""
    found, ended = values(runs, quantity), _ended(runs)
    if quantity.to_quality and 2 * sum(run.reached for run in ended) <= len(ended):
        return math.inf
    return statistics.geometric_mean(found)


def _ended(runs: list[Run]) -> list[Run]:
    return [run for run in runs if run.status.finished and run.watched is not None]


def _missed(of: Mapping[Family, list[Run]], quantity: Quantity) -> dict[str, int]:
    """Return by task how many runs missed the target, where any did and it matters."""
    counts = {task[0]: sum(not run.reached for run in _ended(without_copies(runs))) for task, runs in of.items()}
    return {task: count for task, count in counts.items() if count and quantity.to_quality}

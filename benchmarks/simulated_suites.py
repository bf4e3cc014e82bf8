"""Simulates whole suites: how often a comparison or a ranking of seventeen tasks is right, and what it shows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

import numpy as np
from simulated_tasks import Values, covers, drawn

from aibench.analysis.comparison.comparison import LEVEL, SLOWER, UNDECIDED, Comparison, Row, judged, share_scatter
from aibench.analysis.comparison.ratio import Ratio, paired_ratio, ratio
from aibench.analysis.comparison.score import judged as judged_scores
from aibench.analysis.comparison.score import score
from aibench.analysis.ranking.ranking import Lead, in_order
from aibench.analysis.runs.compared import CONVERGENCE, SPEED, TIME, Quantity

TASKS = 17
NOISE = 0.02  # of the seconds a sample
SEED_EFFECT = 0.15  # of the epochs
QUANTUM = 0.05  # of the epochs
SYSTEMS = 5
STEP = 1.03  # by which each system is slower than the one before
SLOWDOWNS = (1.1, 6.4)
FAMILIES = [(f"task{number:02d}", "mini", "entire") for number in range(TASKS)]

Sides = dict[Quantity, tuple[Values, Values]]


def sides(random: np.random.Generator, shape: str, count: int, slowdown: float, paired: bool) -> Sides:
    """Return the values of one task on two systems, the second `slowdown` times as slow."""
    epochs = drawn(random, shape, count, SEED_EFFECT)
    others = epochs if paired else drawn(random, shape, count, SEED_EFFECT)
    speed = drawn(random, shape, count, NOISE), slowdown * drawn(random, shape, count, NOISE)
    seen = tuple(np.ceil(one / QUANTUM) * QUANTUM for one in (epochs, others))
    return {SPEED: speed, CONVERGENCE: (seen[0], seen[1]), TIME: (epochs * speed[0], others * speed[1])}


def suite(random: np.random.Generator, shape: str, count: int, slowdown: float = 1.0, paired: bool = True) -> list[Row]:
    """Return the rows of a comparison in which the first task alone is slower."""
    rows = []
    for number, family in enumerate(FAMILIES):
        for quantity, (a, b) in sides(random, shape, count, slowdown if number == 0 else 1.0, paired).items():
            grid = QUANTUM if quantity is CONVERGENCE else 0.0
            test = paired_ratio if paired and quantity.to_quality else ratio
            rows.append(Row(family, quantity, count, count, test(a.tolist(), b.tolist(), grid, grid)))
    return judged(share_scatter(rows), LEVEL)


def of_one_machine(random: np.random.Generator, shape: str, count: int) -> Iterator[tuple[str, float]]:
    """Yield what a comparison of a machine with itself says, with the same seeds on both sides and with others."""
    for paired, which in ((True, "same seeds"), (False, "other seeds")):
        rows = suite(random, shape, count, paired=paired)
        yield f"A/A, {which}: no row raises an alarm", float(all(row.verdict == UNDECIDED for row in rows))
        found = [score(Comparison({}, rows, []), quantity) for quantity in (SPEED, TIME)]
        verdicts = judged_scores(found, LEVEL / 2)
        yield f"A/A, {which}: no score raises an alarm", float(all(one.verdict == UNDECIDED for one in verdicts))
        for one in found:
            assert one.ratio is not None
            yield f"score, {which}: interval covers", covers(one.ratio.low, one.ratio.high, 1.0)
        ratios = [row.ratio for row in rows if row.quantity is not CONVERGENCE and row.ratio is not None]
        inside = [covers(one.low, one.high, 1.0) for one in ratios]
        yield f"rows, {which}, shared scatter: interval covers", statistics.fmean(inside)


def of_a_slower_machine(
    random: np.random.Generator, shape: str, count: int, shown: float
) -> Iterator[tuple[str, float]]:
    """Yield whether one task's slowdown is found: given ones, and `shown`, which should be in 80 of 100 cases."""
    for slowdown, name in [*((factor, f"{factor:g}-fold") for factor in SLOWDOWNS), (shown, "`can show`")]:
        row = suite(random, shape, count, slowdown)[0]
        yield f"one task slower, {name}: found", float(row.verdict == SLOWER)


def can_show(random: np.random.Generator, shape: str, count: int, trials: int = 40) -> float:
    """Return the median of what the rows of seconds a sample say that they can show, a ratio."""
    rows = [row for _ in range(trials) for row in suite(random, shape, count) if row.quantity is SPEED]
    return statistics.median(row.smallest for row in rows if row.smallest is not None)


def of_a_ranking(random: np.random.Generator, shape: str, count: int) -> Iterator[tuple[str, float]]:
    """Yield what a ranking of equal systems decides, and one of systems that are 3 % apart."""
    for step, which in ((1.0, "equal systems"), (STEP, "3 % apart")):
        speeds = {
            str(place): [step**place * drawn(random, shape, count, NOISE) for _ in FAMILIES] for place in range(SYSTEMS)
        }
        order, scores, leads, tests = in_order(list(speeds), _lead(speeds), LEVEL)
        decided = [p is not None and p <= LEVEL for p, _ in tests]
        if step == 1.0:
            yield "ranking, equal systems: no place is decided", float(not any(decided))
        else:
            wrong = [p for p, a, b in zip(decided, order, order[1:], strict=False) if int(a) > int(b)]
            yield "ranking, 3 % apart: a place is decided", statistics.fmean(decided[:-1])
            yield "ranking, 3 % apart: no place is decided wrongly", float(not any(wrong))
        best = int(order[0])
        inside = [
            covers(one.low, one.high, step ** (best - int(name)))
            for name, one in zip(order[1:], scores[1:], strict=True)
        ]
        yield f"ranking, {which}: interval of the score covers", statistics.fmean(inside)
        assert len(leads) == SYSTEMS - 1


def _lead(speeds: dict[str, list[Values]]) -> Lead:
    def lead(ahead: str, behind: str) -> Ratio:
        rows = [
            Row(family, SPEED, len(a), len(b), ratio(a.tolist(), b.tolist()))
            for family, a, b in zip(FAMILIES, speeds[behind], speeds[ahead], strict=True)
        ]
        found = score(Comparison({}, share_scatter(rows), []), SPEED).ratio
        assert found is not None
        assert math.isfinite(found.value)
        return found

    return lead

"""Compares two sets of results: what differs between them, and which is faster, task by task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from aibench.analysis.comparison.moderated import moderated
from aibench.analysis.comparison.ratio import Ratio, fisher, paired_ratio, ratio, tested
from aibench.analysis.comparison.reference_points import Convergence, check
from aibench.analysis.runs.compared import CONVERGENCE, QUANTITIES, Quantity, reason, values
from aibench.analysis.runs.pooling import UNKNOWN, Pool, pools, varying_keys
from aibench.analysis.runs.runs import Run
from aibench.analysis.variation.rows import without_copies
from aibench.results.result import Result

LEVEL = 0.01  # of a verdict, over all rows: one comparison in a hundred of a machine with itself may raise an alarm
DECIDES_THE_WORK = ("quality", "target.metric", "target.mode", "data.fingerprint", "scale")
SHARE = Quantity("runs that miss", "runs", CONVERGENCE.of, to_quality=True)
FASTER, SLOWER, UNDECIDED, NOT_COMPARABLE, NO_VALUE = "faster", "slower", "undecided", "not comparable", "no value"

Family = tuple[str, str, str]
Pools = dict[Family, Pool | None]


@dataclass(frozen=True, slots=True)
class Row:
    """Holds the comparison of one quantity of one task.

    Attributes:
        family: The task, the scale and the session.
        quantity: The quantity that was compared; smaller is better.
        runs_a, runs_b: How many runs of A and of B have a value.
        ratio: B over A; above 1 where B needs more. None where a side has no value.
        smallest: The least ratio above 1 that this many runs with this scatter detect in 80 of 100 repetitions.
        adjusted: The test's probability after Holm, over all rows.
        verdict: What holds for B: `faster` (needs less), `slower`, `undecided`, `not comparable` or `no value`.
        why: The reason where there is no verdict.
    """

    family: Family
    quantity: Quantity
    runs_a: int
    runs_b: int
    ratio: Ratio | None
    smallest: float | None = None
    adjusted: float | None = None
    verdict: str = UNDECIDED
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holds all that two sets of results say about each other.

    Attributes:
        differs: By key and its value on either side, the tasks for which that holds.
        rows: The quantities, by task.
        alone: A line for each task that only one side has, or of which a side has several configurations.
        convergence: By task, what MLPerf's check says, or why it says nothing.
    """

    differs: dict[tuple[str, str, str], list[str]]
    rows: list[Row]
    alone: list[str]
    convergence: dict[Family, Convergence | str] = field(default_factory=dict)

    @property
    def regressions(self) -> list[Row]:
        """Return the rows in which B is slower."""
        return [row for row in self.rows if row.verdict == SLOWER]


def compare(
    a: Iterable[Result | Run],
    b: Iterable[Result | Run],
    level: float = LEVEL,
    quantities: Sequence[Quantity] = QUANTITIES,
) -> Comparison:
    """Compare B with A for every task, scale and session that both have in one configuration."""
    alone: list[str] = []
    side_a, side_b = by_family(a, "A", alone), by_family(b, "B", alone)
    differs: dict[tuple[str, str, str], list[str]] = {}
    rows: list[Row] = []
    convergence: dict[Family, Convergence | str] = {}
    for family in sorted(set(side_a) | set(side_b)):
        pool_a, pool_b = side_a.get(family), side_b.get(family)
        if pool_a is None or pool_b is None:
            alone.append(f"{' '.join(family)}: only {'A' if pool_b is None else 'B'} has it.")
        if not pool_a or not pool_b:
            continue
        for difference in differences(pool_a, pool_b):
            differs.setdefault(difference, []).append(family[0])
        blocked = [key for key, _, _ in differences(pool_a, pool_b) if key in DECIDES_THE_WORK]
        rows += _rows(family, pool_a, pool_b, blocked, quantities)
        convergence[family] = _checked(pool_a, pool_b)
    return Comparison(differs, judged(share_scatter(rows), level), alone, convergence)


def by_family(results: Iterable[Result | Run], side: str, faults: list[str]) -> Pools:
    """Return the one pool of each family; None, and a line in `faults`, where there are several."""
    found: dict[Family, list[Pool]] = {}
    for pool in pools(results):
        found.setdefault(pool.family, []).append(pool)
    for family, several in found.items():
        if len(several) > 1:
            keys = ", ".join(varying_keys([pool.traits for pool in several]))
            faults.append(
                f"{' '.join(family)}: {side} holds {len(several)} sets of runs that differ in {keys}. Give one."
            )
    return {family: several[0] if len(several) == 1 else None for family, several in found.items()}


def differences(a: Pool, b: Pool) -> Iterator[tuple[str, str, str]]:
    """Yield each key, but the seeds, in which two pools differ, with its value in A and its value in B."""
    for key in varying_keys([a.traits, b.traits]):
        yield key, a.traits.get(key, UNKNOWN), b.traits.get(key, UNKNOWN)
    for name, of in (("division", _division), ("trust", _trust)):
        one, other = ("|".join(sorted({of(run) for run in pool.runs})) for pool in (a, b))
        if one != other:
            yield name, one, other


def _division(run: Run) -> str:
    return run.division.name if run.division else UNKNOWN


def _trust(run: Run) -> str:
    return (run.trust.level if run.trust else None) or "not judged"


def _rows(family: Family, a: Pool, b: Pool, blocked: list[str], quantities: Sequence[Quantity]) -> Iterator[Row]:
    runs_a, runs_b = without_copies(a.runs), without_copies(b.runs)
    for quantity in quantities:
        values_a, values_b = values(runs_a, quantity), values(runs_b, quantity)
        row = Row(family, quantity, len(values_a), len(values_b), None)
        if not values_a or not values_b:
            side = runs_a if not values_a else runs_b
            yield replace(row, verdict=NO_VALUE, why=reason(side, quantity))
            continue
        quanta = [_quantum(runs) if quantity is CONVERGENCE else 0.0 for runs in (runs_a, runs_b)]
        found = _ratio(runs_a, runs_b, quantity, quanta)
        if blocked and quantity.to_quality:
            yield replace(row, ratio=found, verdict=NOT_COMPARABLE, why=f"they differ in {', '.join(blocked)}")
        else:
            why = "one run a side tells nothing of the spread" if found.p is None else None
            yield replace(row, ratio=found, why=why)
    yield from _shares(family, runs_a, runs_b, blocked)


def _ratio(runs_a: list[Run], runs_b: list[Run], quantity: Quantity, quanta: list[float]) -> Ratio:
    """Return the ratio of B to A, of pairs where every run of the smaller side has one of its seed on the other.

    A seed decides how far a run has to go, so what a target took is compared in pairs. It does not decide how long a
    sample takes: two samples have twice the degrees of freedom there.
    """
    by_seed_a, by_seed_b = _by_seed(runs_a, quantity), _by_seed(runs_b, quantity)
    if quantity.to_quality and by_seed_a and by_seed_b:
        seeds = sorted(by_seed_a.keys() & by_seed_b.keys())
        if len(seeds) > 1 and len(seeds) == min(len(by_seed_a), len(by_seed_b)):
            return paired_ratio([by_seed_a[seed] for seed in seeds], [by_seed_b[seed] for seed in seeds], *quanta)
    return ratio(values(runs_a, quantity), values(runs_b, quantity), *quanta)


def _by_seed(runs: list[Run], quantity: Quantity) -> dict[int, float] | None:
    """Return the value of each seed; None where a seed ran twice or is not known, so that no pair is the pair."""
    found: dict[int, float] = {}
    for run in runs:
        value = quantity.of(run).value
        if value and (run.seed is None or run.seed in found):
            return None
        if value and run.seed is not None:
            found[run.seed] = value
    return found


def _quantum(runs: list[Run]) -> float:
    return max((run.to_quality.quantum for run in runs if run.to_quality.quantum), default=0.0)


def _shares(family: Family, runs_a: list[Run], runs_b: list[Run], blocked: list[str]) -> Iterator[Row]:
    """Yield a row that tests whether one side misses the target more often, where any run missed it."""
    ended_a, ended_b = (
        [run.reached for run in runs if run.status.finished and run.watched is not None] for runs in (runs_a, runs_b)
    )
    missed_a, missed_b = ended_a.count(False), ended_b.count(False)
    if missed_a + missed_b == 0 or not ended_a or not ended_b:
        return
    row = Row(family, SHARE, len(ended_a), len(ended_b), None, why=f"A {missed_a}, B {missed_b}")
    if blocked:
        yield replace(row, verdict=NOT_COMPARABLE)
        return
    p = fisher(ended_a.count(True), missed_a, ended_b.count(True), missed_b)
    of_a, of_b = missed_a / len(ended_a), missed_b / len(ended_b)
    value = math.inf if of_a == 0 else of_b / of_a
    yield replace(row, ratio=Ratio(value, p=p))


def share_scatter(rows: Sequence[Row]) -> list[Row]:
    """Return `rows` with their errors moderated across the tasks, for each quantity and kind of comparison apart."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for place, row in enumerate(rows):
        if row.ratio is not None and row.ratio.error is not None:
            groups.setdefault((row.quantity.name, row.ratio.pairs is None), []).append(place)
    shared = list(rows)
    for places in groups.values():
        found = [one.ratio for one in (rows[place] for place in places) if one.ratio is not None]
        drawn = moderated([one.variance for one in found], [one.degrees or 0.0 for one in found])
        for place, one, (variance, degrees) in zip(places, found, drawn, strict=True):
            shared[place] = replace(rows[place], ratio=one.of_error(math.sqrt(variance / one.size), degrees))
    return shared


def judged(rows: Sequence[Row], level: float) -> list[Row]:
    """Return `rows` with their probabilities adjusted by Holm's method and their verdicts.

    Half of `level` is the rows'; the other half is the suite scores', which are tested first.
    """
    ratios = [row.ratio if row.verdict == UNDECIDED else None for row in rows]
    found = []
    for row, one, (p, smallest) in zip(rows, ratios, tested(ratios, level / 2), strict=True):
        if one is None or p is None:
            found.append(row)
            continue
        verdict = UNDECIDED if p > level / 2 else SLOWER if one.value > 1 else FASTER
        found.append(replace(row, adjusted=p, verdict=verdict, smallest=smallest))
    return found


def _checked(a: Pool, b: Pool) -> Convergence | str:
    """Return the outcome of MLPerf's check of B with A as the reference, or why it cannot be made."""
    try:
        return check(_epochs(a), _epochs(b))
    except ValueError as error:
        return f"not checked: {error}"


def _epochs(pool: Pool) -> list[float]:
    runs = [run for run in without_copies(pool.runs) if run.status.finished and run.watched is not None]
    return [run.to_quality.epochs if run.reached and run.to_quality.epochs else math.inf for run in runs]

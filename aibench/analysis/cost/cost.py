"""Computes what a benchmark costs (paper, 5.3.2): one run, and as many runs as its variation asks for."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aibench.analysis.runs.compared import ENERGY, reason, values
from aibench.analysis.runs.pooling import Pool, differences, pools
from aibench.analysis.runs.runs import Run
from aibench.analysis.spread import PRECISION, runs_needed
from aibench.analysis.variation.rows import VariationRow, row_of, without_copies
from aibench.results.result import Result

SECONDS_AN_HOUR = 3600
JOULES_A_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Tariff:
    """Holds the prices of time and energy.

    Attributes:
        hour: Price of an hour of the machine.
        kwh: Price of a kilowatt-hour.
        currency: The prices' unit.
    """

    hour: float = 0.0
    kwh: float = 0.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Cost:
    """Holds what one set of runs that differ in nothing but the seed costs.

    Attributes:
        variation: The variation of these runs; it names them.
        epoch: Seconds of an epoch, evaluations and checkpoints included, set-up not.
        preparation: Seconds of reading, making and caching the data, which are in no other of these times.
        setup: Seconds from then to the first step.
        seconds: Mean seconds to quality; if some runs missed it, expected with restarts until one succeeds; None if
            all did.
        joules: Mean joules to quality; None where not measured.
        why: The reason where `joules` is None.
        runs: Runs needed for a 95 % interval of +-`precision` on the mean; None where the variation is not known.
        price: Price of one run to quality: of its time, and of its energy where that is known too; None where nothing
            that is known has a price.
        biased: Whether `seconds` includes restarts.
    """

    variation: VariationRow
    epoch: float | None
    preparation: float | None
    setup: float | None
    seconds: float | None
    joules: float | None
    why: str | None
    runs: int | None
    price: float | None
    biased: bool

    def of(self, what: str) -> float | None:
        """Return `seconds`, `joules` or `price` of one run."""
        value: float | None = getattr(self, what)
        return value

    def of_all_runs(self, what: str) -> float | None:
        """Return `seconds`, `joules` or `price` of as many runs as the precision asks for."""
        value = self.of(what)
        return None if value is None or self.runs is None else value * self.runs


def costs(results: Iterable[Result | Run], tariff: Tariff, precision: float = PRECISION) -> list[Cost]:
    """Return the cost of each set of runs that differ only in their seed, in order of task, scale and session."""
    grouped = pools(results)
    return [
        _cost(pool, differs, tariff, precision) for pool, differs in zip(grouped, differences(grouped), strict=True)
    ]


def _cost(pool: Pool, differs: dict[str, str], tariff: Tariff, precision: float) -> Cost:
    runs, row = without_copies(pool.runs), row_of(pool, differs)
    cv = row.epochs.cv_corrected
    if cv is not None and row.cv_floor is not None:
        cv = max(cv, row.cv_floor)  # as the variation table counts: the quantum hides what is smaller
    seconds, biased = _seconds(row)
    joules = _mean(values(runs, ENERGY))
    return Cost(
        variation=row,
        epoch=_mean(list(filter(None, map(_epoch, runs)))),
        preparation=_part(runs, "preparation"),
        setup=_part(runs, "setup"),
        seconds=seconds,
        joules=joules,
        why=None if joules is not None else reason(runs, ENERGY),
        runs=None if cv is None else runs_needed(cv, precision),
        price=_price(seconds, joules, tariff),
        biased=biased,
    )


def _price(seconds: float | None, joules: float | None, tariff: Tariff) -> float | None:
    """Return the price of what is known and has one; None where nothing is."""
    parts = []
    if seconds is not None and tariff.hour:
        parts.append(seconds / SECONDS_AN_HOUR * tariff.hour)
    if joules is not None and tariff.kwh:
        parts.append(joules / JOULES_A_KWH * tariff.kwh)
    return sum(parts) if parts else None


def _seconds(row: VariationRow) -> tuple[float | None, bool]:
    """Return mean seconds to quality, and whether they include restarts because some runs missed the quality."""
    mean, missed = row.seconds.mean, row.censored
    if mean is None or missed is None or missed.with_restarts is None or not row.epochs.mean:
        return mean, False
    return mean * missed.with_restarts / row.epochs.mean, True


def _epoch(run: Run) -> float | None:
    if not run.trained_epochs:
        return None
    return (run.trained_seconds - run.times.get("setup", 0.0)) / run.trained_epochs


def _part(runs: Sequence[Run], part: str) -> float | None:
    return _mean([run.times[part] for run in runs if part in run.times])


def _mean(found: Sequence[float]) -> float | None:
    return statistics.fmean(found) if found else None


@dataclass(frozen=True, slots=True)
class Total:
    """Holds the sums over the tasks of one scale and session.

    Attributes:
        scale, session: The scale and the session of all runs in the sums.
        tasks: The tasks in the sum.
        single: `seconds`, `joules`, `price` of one run each; None where a task has none.
        repeated: The same for as many runs as each task needs.
        saving: How much cheaper the subset is, for `single` and `repeated` seconds: 0.41 for 41 %; None where a
            task of the subset is not there, or a value is not known.
        left_out: Tasks that are not in the sum, with the reason.
    """

    scale: str
    session: str
    tasks: list[str]
    single: dict[str, float | None]
    repeated: dict[str, float | None]
    saving: tuple[float | None, float | None]
    left_out: dict[str, str] = field(default_factory=dict)


MEASURES = ("seconds", "joules", "price")


def totals(found: Sequence[Cost], subset: Sequence[str]) -> list[Total]:
    """Return the sums of each scale and session, and what `subset` saves of them."""
    families: dict[tuple[str, str], dict[str, list[Cost]]] = {}
    for cost in found:
        row = cost.variation
        families.setdefault((row.scale, row.session), {}).setdefault(row.task, []).append(cost)
    return [_total(scale, session, tasks, subset) for (scale, session), tasks in families.items()]


def _total(scale: str, session: str, tasks: dict[str, list[Cost]], subset: Sequence[str]) -> Total:
    left_out = {task: f"{len(several)} configurations" for task, several in tasks.items() if len(several) > 1}
    left_out |= {task: "no run reached the target" for task, (one, *_) in tasks.items() if one.seconds is None}
    summed = {task: several[0] for task, several in tasks.items() if task not in left_out}
    return Total(
        scale,
        session,
        list(summed),
        {what: _sum(cost.of(what) for cost in summed.values()) for what in MEASURES},
        {what: _sum(cost.of_all_runs(what) for cost in summed.values()) for what in MEASURES},
        (
            saving({task: cost.seconds for task, cost in summed.items()}, subset),
            saving({task: cost.of_all_runs("seconds") for task, cost in summed.items()}, subset),
        ),
        left_out,
    )


def _sum(found: Iterable[float | None]) -> float | None:
    values = list(found)
    known = [value for value in values if value is not None]
    return math.fsum(known) if known and len(known) == len(values) else None


def saving(cost: dict[str, float | None], subset: Sequence[str]) -> float | None:
    """Return 1 less the subset's share of the sum; None where a cost is not known or a task is missing."""
    whole, part = _sum(cost.values()), _sum(cost.get(task) for task in subset)
    return None if not whole or part is None else 1 - part / whole

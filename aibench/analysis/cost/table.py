"""Writes the costs as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aibench.analysis.cost.cost import MEASURES, Cost, Tariff, Total
from aibench.analysis.grid import Grid, number, percent
from aibench.analysis.variation.table import labels

SHORT, LONG = 600, 36_000  # seconds: up to here printed as such; up to there as minutes


def duration(seconds: float | None) -> str:
    """Return `seconds` as text in the unit that suits them."""
    if seconds is None or seconds < SHORT:
        return f"{number(seconds)} s" if seconds is not None else "-"
    return f"{number(seconds / 60)} min" if seconds < LONG else f"{number(seconds / 3600)} h"


def costs(found: Sequence[Cost], tariff: Tariff, precision: float) -> Grid:
    """Return a table with a row for each set of runs."""
    named = labels([cost.variation for cost in found])
    return Grid(
        title="Cost of a run to quality, and of as many runs as its variation asks for",
        heads=(
            "task",
            "runs",
            "an epoch",
            "preparation",
            "set-up",
            "to quality",
            "kJ",
            tariff.currency,
            "needs",
            "all runs",
        ),
        rows=[[name, *_cells(cost)] for name, cost in zip(named, found, strict=True)],
        legend=(
            "an epoch: evaluations and checkpoints included, set-up not. preparation: reading, making and caching the "
            "data, in no other column. to quality: mean wall time, from when the data were there. needs: runs for a "
            "95 % interval of "
            f"+-{100 * precision:g} % on the mean of the epochs. all runs: needs x to quality. {_of(tariff)}"
        ),
        notes=list(_notes(named, found, tariff)),
        records=[_record(cost) for cost in found],
        dispensable=("preparation", "set-up", "an epoch"),
    )


def _of(tariff: Tariff) -> str:
    """Return what the column of prices is of."""
    if not tariff.hour and not tariff.kwh:
        return f"{tariff.currency}: none without --price-per-hour or --price-per-kwh."
    return f"{tariff.currency}: of one run, at {tariff.hour:g} an hour and {tariff.kwh:g} a kWh."


def _cells(cost: Cost) -> list[str]:
    row = cost.variation
    return [
        f"{row.converged}/{row.runs}",
        duration(cost.epoch),
        duration(cost.preparation),
        duration(cost.setup),
        duration(cost.seconds),
        number(None if cost.joules is None else cost.joules / 1000),
        number(cost.price),
        "-" if cost.runs is None else str(cost.runs),
        duration(cost.of_all_runs("seconds")),
    ]


def _notes(named: Sequence[str], found: Sequence[Cost], tariff: Tariff) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, cost in zip(named, found, strict=True):
        if cost.why:
            reasons.setdefault(cost.why, []).append(name)
        if cost.biased:
            yield f"{name}: runs missed the target: its time is the expected one with restarts until one succeeds."
        if cost.runs is None:
            yield f"{name}: how many runs it needs is not known: {cost.variation.epochs.reason}."
    for why, tasks in reasons.items():
        of = "" if len(tasks) == len(found) else f" ({', '.join(tasks)})"
        alone = f" {tariff.currency} is of the time alone." if tariff.hour and tariff.kwh else ""
        yield f"no energy: {why}{of}.{alone}"


def totals(found: Sequence[Total], subset: Sequence[str], tariff: Tariff) -> Grid:
    """Return a table of the sums, and what the subset saves."""
    return Grid(
        title="Sums over the tasks",
        heads=(
            "scale",
            "session",
            "tasks",
            "one run each",
            "kJ",
            tariff.currency,
            "all runs",
            "saves",
            "saves, all runs",
        ),
        rows=[_sums(one) for one in found],
        names=2,
        legend=(
            f"saves: % by which the subset {', '.join(subset)} is cheaper than all tasks in seconds, with one run each "
            "and with as many runs as each needs. The paper: 41 % (its own machines, models and number of runs)."
        ),
        notes=[f"{one.scale} {one.session}: not in the sum: {_left_out(one)}." for one in found if one.left_out],
    )


def _left_out(one: Total) -> str:
    return "; ".join(f"{task} ({why})" for task, why in one.left_out.items())


def _sums(one: Total) -> list[str]:
    joules = one.single["joules"]
    return [
        one.scale,
        one.session,
        str(len(one.tasks)),
        duration(one.single["seconds"]),
        number(None if joules is None else joules / 1000),
        number(one.single["price"]),
        duration(one.repeated["seconds"]),
        *map(percent, one.saving),
    ]


def _record(cost: Cost) -> dict[str, Any]:
    row = cost.variation
    return {
        "task": row.task,
        "scale": row.scale,
        "session": row.session,
        "differs": " ".join(f"{key}={value}" for key, value in row.differs.items()),
        "runs": row.runs,
        "converged": row.converged,
        "epoch_seconds": cost.epoch,
        "preparation_seconds": cost.preparation,
        "setup_seconds": cost.setup,
        **{f"{what}_to_quality": cost.of(what) for what in MEASURES},
        "runs_needed": cost.runs,
        **{f"{what}_of_all_runs": cost.of_all_runs(what) for what in MEASURES},
        "no_energy": cost.why,
    }

"""Computes how the variation of the epochs to a target depends on chance in the held-out samples."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aibench.analysis.grid import NONE, Grid
from aibench.analysis.runs.aimed import crossed
from aibench.analysis.runs.pooling import Pool, pools
from aibench.analysis.runs.runs import Run
from aibench.analysis.spread import Spread
from aibench.analysis.variation.rows import without_copies
from aibench.analysis.variation.table import percent

MOST_CHANGE = 0.5  # of the coefficient of variation itself

LEGEND = (
    "error: standard error of the metric over the held-out samples, at the target. CV % of the epochs to the target, "
    "and to one that is a standard error easier or harder; in brackets the runs that reached it, where not all did. "
    "interpolated: CV % of the crossings on the line between two evaluations. sustained: CV % of the first evaluation "
    "after which the next one reaches the target too. steady: whether neither shift changes the CV by half of itself."
)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Holds how the variation of one set of runs answers to a target that moves by one standard error.

    Attributes:
        task, scale: The configured task and scale.
        metric: The quality.
        quality: The target.
        error: Standard error of the metric there, the median over the runs; None where no run has one.
        quantum: Epochs between two evaluations.
        runs: How many runs.
        easier, at, harder: Spread of the epochs to the target, moved by an error and as it is.
        interpolated, sustained: Spread of the epochs by the two other rules.
    """

    task: str
    scale: str
    metric: str
    quality: float
    error: float | None
    quantum: float | None
    runs: int
    easier: Spread | None
    at: Spread
    harder: Spread | None
    interpolated: Spread
    sustained: Spread

    @property
    def is_steady(self) -> bool | None:
        """Return whether neither shift changes the coefficient by half of itself; None where that is not known."""
        shifted = [one.cv if one is not None else None for one in (self.easier, self.harder)]
        if self.at.cv is None or None in shifted:
            return None
        return all(abs(cv - self.at.cv) < MOST_CHANGE * self.at.cv for cv in shifted if cv is not None)


def sensitivities(runs: Iterable[Run]) -> list[Sensitivity]:
    """Return a row for each set of runs that differ only in their seed, and that have a target.

    Args:
        runs: Runs that keep their records. Only those of whole budgets (`session=epochs`) show harder targets.
    """
    found = (_sensitivity(pool) for pool in pools(runs))
    return [one for one in found if one is not None]


def _sensitivity(pool: Pool) -> Sensitivity | None:
    runs = [run for run in without_copies(pool.runs) if run.status.usable]
    quality = runs[0].watched if runs else None
    if quality is None:
        return None
    error = _error(runs)
    sign = 1.0 if runs[0].target.mode == "max" else -1.0
    whole = all(run.session == "epochs" for run in runs)
    found = [crossed(run, quality) for run in runs]
    return Sensitivity(
        task=runs[0].task,
        scale=runs[0].scale,
        metric=runs[0].target.metric,
        quality=quality,
        error=error,
        quantum=max((run.to_quality.quantum for run in runs if run.to_quality.quantum), default=None),
        runs=len(runs),
        easier=_first(runs, quality - sign * error) if error is not None else None,
        at=_first(runs, quality),
        harder=_first(runs, quality + sign * error) if error is not None and whole else None,
        interpolated=_spread([one.interpolated for one in found]),
        sustained=_spread([one.sustained for one in found] if whole else []),
    )


def _error(runs: Sequence[Run]) -> float | None:
    errors = []
    for run in runs:
        told = ((run.record.held_out if run.record else None) or {}).get("standard_error") or {}
        value = told.get("value")
        if isinstance(value, int | float) and value > 0:
            errors.append(float(value))
    return statistics.median(errors) if errors else None


def _first(runs: Sequence[Run], quality: float) -> Spread:
    return _spread([crossed(run, quality).first for run in runs])


def _spread(epochs: Sequence[float | None]) -> Spread:
    return Spread.of([value for value in epochs if value])


def table(rows: Sequence[Sensitivity]) -> Grid:
    """Return the rows as a table, with how many of them are steady."""
    known = [row.is_steady for row in rows if row.is_steady is not None]
    heads = ["task", "target", "error", "quantum", "runs"]
    heads += ["CV % easier", "CV %", "CV % harder", "interpolated", "sustained", "steady"]
    return Grid(
        title="How the variation answers to a target that moves by one standard error",
        heads=heads,
        rows=[_cells(row) for row in rows],
        legend=LEGEND,
        notes=[f"{sum(known)} of {len(known)} are steady"] if known else [],
        records=[_record(row) for row in rows],
    )


def _cells(row: Sensitivity) -> list[str]:
    steady = NONE if row.is_steady is None else "yes" if row.is_steady else "no"
    error = NONE if row.error is None else f"{row.error:.2g}"
    quantum = NONE if row.quantum is None else f"{row.quantum:.3g}"
    spreads = [row.easier, row.at, row.harder, row.interpolated, row.sustained]
    cells = [_cell(one, row.runs) for one in spreads]
    return [row.task, f"{row.metric} {row.quality:g}", error, quantum, str(row.runs), *cells, steady]


def _cell(spread: Spread | None, runs: int) -> str:
    if spread is None or spread.cv is None:
        return NONE
    count = len(spread.values)
    return percent(spread.cv) + (f" ({count}/{runs})" if count < runs else "")


def _record(row: Sensitivity) -> dict[str, object]:
    spreads = {"easier": row.easier, "at": row.at, "harder": row.harder}
    spreads |= {"interpolated": row.interpolated, "sustained": row.sustained}
    record: dict[str, object] = {"task": row.task, "scale": row.scale, "metric": row.metric, "quality": row.quality}
    record |= {"standard_error": row.error, "quantum": row.quantum, "runs": row.runs}
    for name, spread in spreads.items():
        record[f"cv_{name}"] = spread.cv if spread is not None else None
        record[f"reached_{name}"] = len(spread.values) if spread is not None else None
    return record | {"steady": row.is_steady}

"""Computes for each reference whether it reached the quality that the paper prints, how soon, and on which data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aibench.analysis.grid import NONE, Grid
from aibench.analysis.runs.pooling import pools
from aibench.analysis.runs.runs import Run
from aibench.analysis.spread import Spread
from aibench.analysis.variation.rows import VariationRow, row_of
from aibench.analysis.variation.table import percent

PAPER = "paper"  # the origin of a target that the paper has

LEGEND = (
    "reached: runs that reached the paper's quality (Table 3), of all that ended. ours: mean of the best quality of "
    "each run, with the half-width of its 95 % interval (Student's t). epochs: mean over the runs that reached it; "
    "where some missed, the mean restricted to the budget (Kaplan-Meier), which counts them too. CV %: of the epochs, "
    "of the runs that reached it; the paper's beside it where its text has one. data: whether they are the published "
    "files."
)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Holds what runs of one reference say about the paper's quality.

    Attributes:
        row: Their variation.
        best: The best quality of each run.
        data: Name of the published data; None where the files are others.
        division: `closed` or `open`; both where runs differ.
    """

    row: VariationRow
    best: Spread
    data: str | None
    division: str


def reproductions(runs: Iterable[Run]) -> list[Reproduction]:
    """Return what runs towards a quality of the paper say, a line for each set that differs in the seed alone.

    Args:
        runs: Runs that keep their records; others than those of references towards the paper's quality are passed over.
    """
    grouped = pools(run for run in runs if run.target.origin == PAPER and run.watched is not None)
    return [_reproduction(pool.runs, row_of(pool, {})) for pool in grouped]


def _reproduction(runs: Sequence[Run], row: VariationRow) -> Reproduction:
    best = [run.record.best_quality for run in runs if run.record is not None and run.status.usable]
    divisions = sorted({run.division.name for run in runs if run.division is not None})
    return Reproduction(row, Spread.of([value for value in best if value]), _published(runs), " and ".join(divisions))


def _published(runs: Sequence[Run]) -> str | None:
    """Return the name of the published data set that all runs read; None where one read others."""
    names = set()
    for run in runs:
        told = ((run.record.data if run.record else None) or {}).get("published") or {}
        names.add(told.get("name") if told and not told.get("differences") else None)
    return names.pop() if len(names) == 1 else None


def reached(found: Sequence[Reproduction]) -> list[str]:
    """Return the tasks of which all runs reached the paper's quality, on the published data, in the closed division."""
    good = {
        one.row.task
        for one in found
        if one.row.converged == one.row.runs and one.data is not None and one.division == "closed"
    }
    return sorted(good)


def table(found: Sequence[Reproduction]) -> Grid:
    """Return the lines as a table."""
    heads = ["task", "data", "reached", "paper", "ours", "epochs", "CV %", "paper's CV %", "seconds", "division"]
    tasks = reached(found)
    return Grid(
        title="The paper's qualities, by references trained here",
        heads=heads,
        rows=[_cells(one) for one in found],
        names=2,
        legend=LEGEND,
        notes=[f"{len(tasks)} of the paper's 17 qualities reproduced by every run: {', '.join(tasks) or 'none'}"],
        records=[_record(one) for one in found],
    )


def _cells(one: Reproduction) -> list[str]:
    row, best = one.row, one.best
    half = "" if best.mean_half_width is None else f" +- {best.mean_half_width:.2g}"
    return [
        row.task,
        one.data or "other files",
        f"{row.converged}/{row.runs}",
        f"{row.quality:g}",
        NONE if best.mean is None else f"{best.mean:.4g}{half}",
        _mean(row),
        percent(row.epochs.cv),
        NONE if row.paper is None or row.paper.cv is None else percent(row.paper.cv),
        NONE if row.seconds.mean is None else f"{row.seconds.mean:.0f}",
        one.division or NONE,
    ]


def _mean(row: VariationRow) -> str:
    if row.censored is not None:
        return f"{row.censored.restricted_mean:.3g} (to {row.censored.limit:.3g})"
    return NONE if row.epochs.mean is None else f"{row.epochs.mean:.3g}"


def _record(one: Reproduction) -> dict[str, object]:
    row = one.row
    return {
        "task": row.task,
        "data": one.data,
        "metric": row.metric,
        "paper": row.quality,
        "runs": row.runs,
        "reached": row.converged,
        "best_mean": one.best.mean,
        "best_half_width": one.best.mean_half_width,
        "epochs_mean": row.epochs.mean,
        "epochs_restricted_mean": row.censored.restricted_mean if row.censored else None,
        "cv": row.epochs.cv,
        "paper_cv": row.paper.cv if row.paper else None,
        "seconds_mean": row.seconds.mean,
        "division": one.division,
    }

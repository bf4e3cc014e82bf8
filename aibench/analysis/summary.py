"""Summarises a sweep's run folders: the variation table, the runs that failed, the files that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.cost.cost import Tariff
from aibench.analysis.report.speed import throughput_table
from aibench.analysis.report.suite import entries
from aibench.analysis.runs.aimed import aimed
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.variation import table
from aibench.analysis.variation.figure import plot
from aibench.analysis.variation.rows import VariationRow, variation
from aibench.choices import Session
from aibench.results.result import Status
from aibench.results.shown import shown

if TYPE_CHECKING:
    from rich.console import Console


def summarise(
    folders: Path | Sequence[Path],
    console: Console,
    *,
    csv: Path | None = None,
    markdown: Path | None = None,
    figure: Path | None = None,
    at: str | None = None,
) -> int:
    """Print the variation of the runs at or below `folders`, and write it to the files asked for.

    Of runs that aim at no quality (`session=steps`) the throughput is printed, and nothing is written.

    Args:
        folders: Where the runs lie.
        console: Where the tables go.
        csv: File to write the table to.
        markdown: File to write the table to.
        figure: File to draw the runs in, as PNG.
        at: `entire` or `quasi_entire`: count what each history took to this quality, whatever the session was.

    Returns:
        The exit status: 1 where a run failed or diverged, a file could not be read or written, or there is no
        result; else 0.
    """
    found = read_runs([folders] if isinstance(folders, Path) else folders, keep=at is not None)
    faults = found.faults
    timed = [Path(run.path) for run in found.runs if run.session == Session.steps]
    if timed:
        speed = throughput_table(entries(read_runs(timed, keep=True).runs, Tariff()))
        if speed is not None:
            speed.show(console)
    untimed = [run for run in found.runs if run.session != Session.steps]
    if at is not None:
        untimed = [seen for run in untimed if (seen := aimed(run, at)) is not None]
        faults += [] if untimed else [f"--at={at}: no run has such a quality in its configuration."]
    rows = variation(untimed)
    if rows:
        table.show(rows, console)
        writers = ((csv, table.write_csv), (markdown, table.write_markdown), (figure, plot))
        faults += [fault for path, writer in writers if path is not None and (fault := _written(rows, path, writer))]
    broken = [run for run in found.runs if run.status in (Status.failed, Status.diverged)]
    faults += [f"{Path(run.path).parent}: {run.status}: {run.message or 'no message'}" for run in broken]
    for fault in faults:
        console.print(shown(fault), markup=False, emoji=False, highlight=False, soft_wrap=True)
    return 1 if faults else 0


def _written(rows: list[VariationRow], path: Path, writer: Callable[[list[VariationRow], Path], None]) -> str | None:
    """Return what kept `writer` from writing `path`; None where nothing did."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(rows, path)
    except (OSError, ValueError) as error:  # ValueError: a suffix that matplotlib does not know
        return f"{path}: not written: {error}."
    return None

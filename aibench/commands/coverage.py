"""Runs `aibench coverage`: shows what AIBench and MLPerf span."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import runs_below
from aibench.commands.console import console, refuse, say, tell
from aibench.commands.outputs import FOLDER
from aibench.commands.records import usable

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.results.record import Record


def coverage(
    records: Annotated[
        list[Path], typer.Argument(help="Records, or folders that hold some: of both suites.", show_default=False)
    ],
    alternatives: Annotated[
        list[Path] | None, typer.Option(help="Folders of records of other configurations, for the printed numbers.")
    ] = None,
    studies: Annotated[list[Path] | None, typer.Option(help="Results, for the epochs to quality.")] = None,
    scale: Annotated[str, typer.Option(help="Scale of the figures and of the coverage.")] = "reference",
    output: Annotated[Path | None, typer.Option(help="Folder for the tables and figures.", **FOLDER)] = None,
) -> None:
    """Show what AIBench and MLPerf span (paper, Figures 1(a), 2), Tables 1, 3, 4, and what its printed numbers mean."""
    from aibench.analysis.workloads import coverage as analysis
    from aibench.analysis.workloads import coverage_figures, models_table, paper_sizes

    def characteristics(some: list[Record]) -> object:
        compared = paper_sizes.comparison([one for one in some if one.scale == "reference"])
        return analysis.points(some), compared, models_table.models(some, {}), models_table.uncounted(some)

    found, faults = usable(records, "characteristics", characteristics)
    others: list[Record] = []
    for folder in alternatives or []:
        more, wrong = usable([folder], "characteristics", characteristics)
        others, faults = [*others, *more], [*faults, *wrong]
    runs = runs_below(studies)[0] if studies else []
    points = [point for point in analysis.points(found, runs) if point.scale == scale]
    if not points:
        refuse(f"--scale={scale}: no record of that scale has characteristics. Run `aibench characterize` first.")
    epochs = analysis.epochs_to_quality(runs)
    grids = {
        "coverage": analysis.coverage(points),
        "printed_numbers": paper_sizes.comparison([one for one in [*found, *others] if one.scale == "reference"]),
        "characteristics": models_table.models(found, epochs),
        "uncounted": models_table.uncounted(found),
    }
    for name in ("coverage", "printed_numbers"):
        grids[name].show(console())
    if output is not None:
        grids |= _suite_tables(found)
        _write(output, grids)
        coverage_figures.spans(points, output / "figure1.png")
        coverage_figures.bars(points, output / "figure2.png")
        say(f"{output}: {len(grids)} tables as .md and .csv, figure1.png, figure2.png")
    tell(faults)
    raise typer.Exit(1 if faults else 0)


def _suite_tables(found: list[Record]) -> dict[str, Grid]:
    from aibench.characterization.mlperf.catalogue import BENCHMARKS
    from aibench.commands import suite_tables

    return {
        "table1": suite_tables.components([(one.task, one.model, one.not_reported) for one in BENCHMARKS]),
        "models": suite_tables.models(found),
        "table3": suite_tables.targets(),
        "table4": suite_tables.system(found[0].system),
    }


def _write(folder: Path, grids: dict[str, Grid]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, grid in grids.items():
            (folder / f"{name}.md").write_text(grid.markdown().rstrip() + "\n", encoding="utf-8")
            grid.write_csv(folder / f"{name}.csv")
    except OSError as error:
        refuse(f"{error.filename}: not written: {error.strerror}.")

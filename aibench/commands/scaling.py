"""Runs `aibench scaling`: shows what several devices gain over one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Folders, Markdown, runs_below
from aibench.commands.console import publish, tell
from aibench.commands.outputs import FILE


def scaling(
    folders: Folders,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the speed-up here, as PNG.", **FILE)] = None,
) -> None:
    """Show speed-up, efficiency and time to quality over the number of devices, from files."""
    from aibench.analysis.scaling import table
    from aibench.analysis.scaling.scaling import lines

    runs, faults = runs_below(folders, keep=True)
    found = lines(runs)
    grids = [grid for grid in (table.speed(found), table.quality(found)) if grid is not None]
    publish(grids, csv, markdown)
    if figure is not None:
        table.plot(found, figure)
    tell(faults)
    raise typer.Exit(1 if faults else 0)

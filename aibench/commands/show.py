"""Runs `aibench show`: prints the closing table of a finished run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Folder
from aibench.commands.console import console, print_line, print_result, refuse

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.results.result import Result


def show(
    folder: Folder,
    history: Annotated[bool, typer.Option("--history", help="Print every evaluation too.")] = False,
) -> None:
    """Print what a run printed at its end; of a sweep, a line for each run."""
    from aibench.results.result import ResultError, files_at, read_result

    paths = [Path(path) for path in files_at(folder)]
    if not paths:
        refuse(f"{folder}: {'holds no result' if folder.exists() else 'no such folder'}. Give the folder of a run.")
    try:
        found = [read_result(path) for path in paths]
    except ResultError as error:
        refuse(str(error))
    for path, result in zip(paths, found, strict=True):
        if len(found) == 1:
            print_result(result, path.parent, path.name)
        else:
            print_line(result, path)
        if history:
            evaluations(result).show(console())


def evaluations(result: Result) -> Grid:
    """Return a table with a row for each evaluation."""
    from aibench.analysis.grid import Grid, number

    names = list(dict.fromkeys(name for point in result.history for name in point.metrics))
    return Grid(
        title=f"Evaluations of {result.task}, seed {result.seed}",
        heads=("epochs", "samples", "seconds", *names),
        rows=[
            [
                *(f"{point.epochs:.3g}", f"{point.samples or 0:,}", f"{point.seconds:,.1f}"),
                *(number(point.metrics.get(name)) for name in names),
            ]
            for point in result.history
        ],
        names=0,
    )

"""Runs `aibench rank`: puts several systems in order, with what the data decide."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Markdown, short_names, sides, within
from aibench.commands.console import publish, refuse, say, tell
from aibench.commands.outputs import FILE


class By(enum.StrEnum):
    """Lists the quantities that systems can be ranked by."""

    time = enum.auto()
    speed = enum.auto()


def rank(
    systems: Annotated[
        list[Path],
        typer.Argument(
            help="Two systems or more: each a sweep, a folder of result files, or a file.", show_default=False
        ),
    ],
    by: Annotated[By, typer.Option(help="time: seconds to quality. speed: seconds a sample.")] = By.time,
    level: Annotated[
        float, typer.Option(help="Share of rankings of equal systems that may call a place decided.")
    ] = 0.01,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the performance profiles here, as PNG.", **FILE)] = None,
) -> None:
    """Rank systems: scores with intervals, which places the data decide, and performance profiles."""
    from aibench.analysis.ranking import ranking
    from aibench.analysis.ranking import table as tables
    from aibench.analysis.runs.compared import SPEED, TIME

    within("--level", level, 0, 1)
    if len(systems) < 2:
        refuse(f"{systems[0]}: one system. Give two or more.")
    readings, faults = sides(systems)
    named = {name: reading.runs for name, reading in zip(short_names(systems), readings, strict=True)}
    try:
        found = ranking.rank(named, TIME if by is By.time else SPEED, level)
    except ValueError as error:
        *others, last = str(error).splitlines()
        tell(others)
        refuse(last)
    publish([tables.places(found, level), tables.profiles(found)], csv, markdown)
    if figure is not None:
        try:
            tables.plot(found, figure)
        except (OSError, ValueError) as error:
            refuse(f"--figure={figure}: not written: {error}.")
        say(str(figure))
    tell(faults)
    raise typer.Exit(1 if faults else 0)

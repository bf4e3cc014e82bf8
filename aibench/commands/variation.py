"""Runs `aibench variation`: shows the run-to-run variation of the epochs to quality."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Folders, Markdown, refuse_missing
from aibench.commands.console import console
from aibench.commands.outputs import FILE


class At(enum.StrEnum):
    """Lists the qualities that a history can be asked for."""

    entire = enum.auto()
    quasi_entire = enum.auto()


def variation(
    folders: Folders,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the runs here, as PNG.", **FILE)] = None,
    at: Annotated[
        At | None, typer.Option(help="Count the epochs to this quality in each history, whatever the session was.")
    ] = None,
) -> None:
    """Show the coefficient of variation of the epochs to quality, from files."""
    from aibench.analysis.summary import summarise

    refuse_missing(folders)
    raise typer.Exit(
        summarise(
            folders, console(), csv=csv, markdown=markdown, figure=figure, at=at.value if at is not None else None
        )
    )

"""Runs `aibench variation`: shows the run-to-run variation of the epochs to quality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Folders, Markdown
from aibench.commands.console import console


def variation(
    folders: Folders,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the runs here, as PNG.")] = None,
) -> None:
    """Show the coefficient of variation of the epochs to quality, from files."""
    from aibench.analysis.summary import summarise

    raise typer.Exit(summarise(folders, console(), csv=csv, markdown=markdown, figure=figure))

"""Runs `aibench sensitivity`: shows whether chance in the held-out samples decides the variation."""

from __future__ import annotations

import typer

from aibench.commands.arguments import Csv, Folders, Markdown, runs_below
from aibench.commands.console import publish, refuse, tell


def sensitivity(folders: Folders, csv: Csv = None, markdown: Markdown = None) -> None:
    """Show the variation to a target one standard error easier and harder, from runs of session=epochs."""
    from aibench.analysis.variation.sensitivity import sensitivities, table

    runs, faults = runs_below(folders, keep=True)
    rows = sensitivities(runs)
    if not rows:
        refuse(f"{folders[0]}: no run has a target. Give runs of session=epochs.")
    publish([table(rows)], csv, markdown)
    tell(faults)
    raise typer.Exit(1 if faults else 0)

"""Runs `aibench paper`: sets what references reached beside the paper's qualities."""

from __future__ import annotations

import typer

from aibench.commands.arguments import Csv, Folders, Markdown, runs_below
from aibench.commands.console import publish, refuse, tell


def paper(folders: Folders, csv: Csv = None, markdown: Markdown = None) -> None:
    """Show which of the paper's qualities (Table 3) references reached, after how long, on which data."""
    from aibench.analysis.reproduction.reproduction import reproductions, table

    runs, faults = runs_below(folders, keep=True)
    found = reproductions(runs)
    if not found:
        refuse(f"{folders[0]}: no run of a reference towards a quality of the paper. See `train.py experiment=paper`.")
    publish([table(found)], csv, markdown)
    tell(faults)
    raise typer.Exit(1 if faults else 0)

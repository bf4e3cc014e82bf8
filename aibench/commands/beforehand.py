"""Handles the options before a verb: the version, and tables of any width."""

from __future__ import annotations

import typer

from aibench.commands.console import console, say

ANY_WIDTH = 10_000  # columns


def tell_version(wanted: bool) -> None:
    """Print the version of AIBench and end, where that is wanted."""
    from aibench import __version__

    if wanted:
        say(f"aibench {__version__}")
        raise typer.Exit


def widen(wanted: bool) -> None:
    """Print tables with all their columns, where that is wanted."""
    if wanted:
        console().width = ANY_WIDTH

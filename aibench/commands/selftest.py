"""Runs `aibench selftest`: tests the meters against what is known."""

from __future__ import annotations

import typer

from aibench.commands.console import console


def selftest() -> None:
    """Test the meters against sleeps, energies and layers that are known."""
    from rich.table import Table

    from aibench.meters.selftest import checks

    table = Table()
    for column in ("measured", "known", "found", "error", "limit", ""):
        table.add_column(column)
    failed = False
    for check in checks():
        failed = failed or not check.passed
        table.add_row(
            check.name,
            check.expected,
            check.found,
            f"{check.error:.3%}",
            f"{check.limit:.1%}",
            "ok" if check.passed else "FAILED",
        )
    console().print(table)
    raise typer.Exit(1 if failed else 0)

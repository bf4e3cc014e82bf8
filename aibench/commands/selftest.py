"""Runs `aibench selftest`: tests the meters against what is known."""

from __future__ import annotations

import typer

from aibench.commands.console import console


def selftest() -> None:
    """Test the meters against sleeps, energies and layers that are known."""
    from aibench.analysis.grid import Grid
    from aibench.meters.selftest import checks

    found = list(checks())
    rows = [
        [
            *(check.name, check.expected, check.found, f"{check.error:.3%}", f"{check.limit:.1%}"),
            "ok" if check.passed else "FAILED",
        ]
        for check in found
    ]
    heads = ("measured", "known", "found", "error", "limit", "verdict")
    Grid("The meters against what is known", heads, rows, names=3, dispensable=("limit",)).show(console())
    raise typer.Exit(0 if all(check.passed for check in found) else 1)

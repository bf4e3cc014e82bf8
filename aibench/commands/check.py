"""Runs `aibench check`: tells the division of a run, and whether its numbers follow from its history."""

from __future__ import annotations

import typer

from aibench.commands.arguments import OneRun
from aibench.commands.console import refuse, say


def check(run: OneRun) -> None:
    """Tell the division of a run (paper, 4.2.2), and whether its numbers follow from its history."""
    from aibench.analysis.checking import faults
    from aibench.composition.compose import suite_config
    from aibench.config import ConfigError, plain
    from aibench.results.division import division, on_data
    from aibench.results.result import ResultError, read_result

    try:
        result = read_result(run)
    except ResultError as error:
        refuse(str(error))
    say(f"{run}: {result.task}, scale {result.scale}, seed {result.seed}: {result.status}")
    found = result.division
    try:
        published = result.data.published if result.data else None
        found = on_data(division(result.config, plain(suite_config(result.task, result.scale))), published)
        say(f"division: {found.name}")
    except ConfigError as error:
        say(f"division: {found.name if found else 'unknown'}, by the file alone: {error}")
    for key in found.left if found else ():
        say(f"  left by {key}")
    problems = faults(result)
    for problem in problems:
        say(f"fault: {problem}")
    raise typer.Exit(1 if problems else 0)

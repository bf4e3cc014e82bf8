"""Runs `aibench check`: tells the division of a run, and whether its numbers follow from its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from aibench.commands.arguments import OneRun
from aibench.commands.console import refuse, say

if TYPE_CHECKING:
    from aibench.results.result import Division, Result


def check(run: OneRun) -> None:
    """Tell the division of a run (paper, 4.2.2), and whether its numbers follow from its history."""
    from aibench.analysis.checking import beside, faults
    from aibench.results.result import RESULT, ResultError, read_result

    try:
        result = read_result(run)
    except ResultError as error:
        refuse(str(error))
    said = f"{result.task}, scale {result.scale}, seed {'unknown' if result.seed is None else result.seed}"
    say(f"{run}: {said}: {result.status}")
    found, why = _division(result)
    say(f"division: {found.name if found else 'unknown'}{why}")
    for key in found.left if found else ():
        say(f"  left by {key}")
    problems = [*_division_faults(result, found), *faults(result)]
    if run.is_dir() or run.name == RESULT:  # other names are of studies, which keep the result alone
        problems += beside(result, run if run.is_dir() else run.parent)
    for problem in problems:
        say(f"fault: {problem}")
    raise typer.Exit(1 if problems else 0)


def _division(result: Result) -> tuple[Division | None, str]:
    """Return the division that the configuration gives, or the file's own where the task is not this suite's."""
    from aibench.composition.compose import suite_config
    from aibench.config import ConfigError, plain
    from aibench.results.division import division, on_data

    try:
        published = result.data.published if result.data else None
        return on_data(division(result.config, plain(suite_config(result.task, result.scale))), published), ""
    except ConfigError as error:
        return result.division, f", by the file alone: {error}"


def _division_faults(result: Result, found: Division | None) -> Iterator[str]:
    if result.division is not None and found is not None and found.name != result.division.name:
        yield f"division: the file says {result.division.name}, and its configuration gives {found.name}."

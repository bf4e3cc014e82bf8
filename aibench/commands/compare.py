"""Runs `aibench compare`: tells whether one side is faster than the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Folder, Markdown, sides, within
from aibench.commands.console import complain, publish, refuse, say, tell


def compare(
    a: Folder,
    b: Folder,
    reference: Annotated[
        Path | None, typer.Option(help="Results of the machine that the suite scores are relative to; else A.")
    ] = None,
    rcp: Annotated[bool, typer.Option("--rcp", help="MLPerf's check of the epochs, A as the reference.")] = False,
    level: Annotated[
        float, typer.Option(help="Share of comparisons of equal machines that may raise an alarm.")
    ] = 0.01,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit with 1 where B is slower in anything.")
    ] = False,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Tell whether B is faster than A: task by task, with intervals; two machines, versions or precisions."""
    from aibench.analysis.comparison import table as tables
    from aibench.analysis.comparison.comparison import compare as compared
    from aibench.analysis.comparison.score import judged, score
    from aibench.analysis.runs.compared import SPEED, TIME

    within("--level", level, 0, 1)
    (one, other), faults = sides([a, b])
    found = compared(one.runs, other.runs, level)
    _print_differences(tables.differences(found, len({row.family for row in found.rows})))
    if not found.rows:
        for line in found.alone:
            say(line)
        refuse(f"{a} and {b}: no task that both have in one configuration.")
    named, more = {"B": found}, list[str]()
    if reference is not None:
        (base,), more = sides([reference])
        named = {side: compared(base.runs, runs.runs, level) for side, runs in (("A", one), ("B", other))}
    scores = {side: judged([score(of, SPEED), score(of, TIME)], level / 2) for side, of in named.items()}
    grids = [tables.scores(scores), tables.rows(found, level)]
    if rcp:
        grids.append(tables.convergence(found))
    publish(grids, csv, markdown)
    tell([*faults, *more])
    failed = fail_on_regression and bool(found.regressions)
    if failed:
        worse = ", ".join(f"{row.family[0]} ({row.quantity.name})" for row in found.regressions)
        complain(f"--fail-on-regression: B is slower: {worse}.")
    raise typer.Exit(1 if failed or faults or more else 0)


def _print_differences(lines: Sequence[str]) -> None:
    say("A and B differ in" if lines else "A and B differ in nothing but their runs.")
    for line in lines:
        say(f"  {line}")
    say("")

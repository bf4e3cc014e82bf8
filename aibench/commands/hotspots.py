"""Runs `aibench hotspots`: lists the functions that take most of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish
from aibench.commands.profiles import Records, Scale, bars, end

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.analysis.workloads.breakdown import Bar


def hotspots(
    records: Records,
    scale: Scale = None,
    top: Annotated[int, typer.Option(min=1, max=10**6, help="Functions of each category, and of each workload.")] = 3,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """List the functions that take most of the time, by category and by workload (paper, Table 7): from records."""
    from aibench.analysis.workloads import hotspots as analysis

    def tables(some: list[Bar]) -> list[Grid]:
        return [analysis.over_all(some, top), analysis.of_each(some, top)]

    found, faults = bars(records, scale, tables)
    publish(tables(found), csv, markdown)
    end(faults)

"""Runs `aibench hotspots`: lists the functions that take most of the time."""

from __future__ import annotations

from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish
from aibench.commands.profiles import Records, Scale, bars


def hotspots(
    records: Records,
    scale: Scale = None,
    top: Annotated[int, typer.Option(min=1, help="Functions of each category, and of each workload.")] = 3,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """List the functions that take most of the time, by category and by workload (paper, Table 7): from records."""
    from aibench.analysis.workloads import hotspots as analysis

    found = bars(records, scale)
    publish([analysis.over_all(found, top), analysis.of_each(found, top)], csv, markdown)

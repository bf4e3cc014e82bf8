"""Runs `aibench cost`: computes what runs to quality cost."""

from __future__ import annotations

from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Currency, Folders, Markdown, PricePerHour, PricePerKwh, runs_below, within
from aibench.commands.console import publish, tell


def cost(
    folders: Folders,
    price_per_hour: PricePerHour = 0.0,
    price_per_kwh: PricePerKwh = 0.0,
    currency: Currency = "USD",
    precision: Annotated[
        float, typer.Option(help="Wanted half-width of the mean's 95 % interval: 0.05 is 5 %.")
    ] = 0.05,
    subset: Annotated[str | None, typer.Option(help="Tasks of a subset, with commas; else the paper's three.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Compute what runs to quality cost (paper, 5.3.2): time, energy, price; the suite's total; a subset's saving."""
    from aibench.analysis.cost import table as tables
    from aibench.analysis.cost.cost import Tariff, costs, totals
    from aibench.analysis.paper import SUBSET

    within("--precision", precision, 0, 1)
    runs, faults = runs_below(folders)
    tariff, tasks = Tariff(price_per_hour, price_per_kwh, currency), subset.split(",") if subset else SUBSET
    found = costs(runs, tariff, precision)
    publish([tables.costs(found, tariff, precision), tables.totals(totals(found, tasks), tasks, tariff)], csv, markdown)
    tell(faults)
    raise typer.Exit(1 if faults else 0)

"""`aibench cost`: what runs to quality cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Csv, Folders, Markdown, runs_below, within
from aibench.commands.console import publish, tell

if TYPE_CHECKING:
    pass


def cost(
    folders: Folders,
    price_per_hour: Annotated[float, typer.Option(min=0, help="Price of an hour of the machine.")] = 0.0,
    price_per_kwh: Annotated[float, typer.Option(min=0, help="Price of a kilowatt-hour.")] = 0.0,
    currency: Annotated[str, typer.Option(help="Unit of the prices.")] = "USD",
    precision: Annotated[
        float, typer.Option(help="Wanted half-width of the mean's 95 % interval: 0.05 is 5 %.")
    ] = 0.05,
    subset: Annotated[str | None, typer.Option(help="Tasks of a subset, with commas; else the paper's three.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """What runs to quality cost (paper, 5.3.2): time, energy, price; the suite's total; the saving of a subset."""
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

"""The page: one HTML file that refers to nothing outside itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aibench import __version__
from aibench.analysis.cost import table as cost_table
from aibench.analysis.cost.cost import Tariff, totals
from aibench.analysis.grid import Grid
from aibench.analysis.paper import SUBSET
from aibench.analysis.report import charts
from aibench.analysis.report.details import Detail, details, energy_table, estimates, split_table, trust_table
from aibench.analysis.report.inference import characterisation, serving
from aibench.analysis.report.speed import throughput_table
from aibench.analysis.report.suite import Entry, entries, suite
from aibench.analysis.runs.reader import Reading
from aibench.analysis.spread import PRECISION
from aibench.analysis.variation import table
from aibench.analysis.variation.rows import VariationRow

NOT_AIMED = "Every session here is of a number of steps, and aims at no quality."
Overrides = Callable[[dict[str, Any], str, str], list[str] | None]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: Its id.
        title: Its heading.
        grids: Its tables.
        chart: Its drawing, SVG.
        empty: What stands there where it has nothing to show.
    """

    anchor: str
    title: str
    grids: list[Grid] = field(default_factory=list)
    chart: str | None = None
    empty: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What results say, for a page, Markdown or CSV.

    Attributes:
        title: Of the page.
        made: When, UTC.
        found: The results.
        entries: The sets of runs.
        sections: The parts about all of them.
    """

    title: str
    made: str
    found: Reading
    entries: list[Entry]
    sections: list[Section]


def report(
    found: Reading, title: str, tariff: Tariff, characteristics: dict[str, dict[str, float]] | None = None
) -> Report:
    """The report of `found`, whose runs kept their records; `characteristics` are by task."""
    rows = entries(found.runs, tariff)
    aimed = [entry for entry in rows if entry.aimed]
    variations, costs = [entry.variation for entry in aimed], [entry.cost for entry in aimed]
    served, characterised = serving(rows), characterisation(characteristics or {})
    sections = [
        Section("suite", "Suite", [suite(rows)]),
        Section(
            "variation",
            "Run-to-run variation",
            [variation_grid(variations)] if aimed else [],
            charts.variation(variations) if aimed else None,
            empty=NOT_AIMED,
        ),
        Section(
            "cost",
            "Cost",
            [
                cost_table.costs(costs, tariff, PRECISION),
                cost_table.totals(totals(costs, SUBSET), SUBSET, tariff),
            ]
            if aimed
            else [],
            charts.cost([(entry.label, entry.cost) for entry in aimed]) if aimed else None,
            empty=NOT_AIMED,
        ),
        Section("speed", "Throughput", _some(throughput_table(rows)), empty="No result holds a throughput."),
        Section("time", "Where the time went", [split_table(rows)], charts.time_split(rows)),
        Section("energy", "Energy", [energy_table(rows)]),
        Section("estimate", "Estimated and measured", _some(estimates(rows)), empty="No result holds an estimate."),
        Section("characterisation", "Characterisation", _some(characterised), empty="No characteristics were given."),
        Section("inference", "Inference", _some(served), empty="No inference.json lies beside the results."),
        Section("trust", "Trust", [trust_table(rows)]),
    ]
    made = datetime.now(UTC).isoformat(" ", "minutes").removesuffix("+00:00")
    return Report(title, made, found, rows, sections)


def _some(grid: Grid | None) -> list[Grid]:
    return [] if grid is None else [grid]


def variation_grid(rows: Sequence[VariationRow]) -> Grid:
    """The variation table, as the other tables are."""
    heads = ["task", *(header.replace("-\n", "").replace("\n", " ") for header, _ in table.COLUMNS)]
    cells = [
        ["\n".join(lines), *(cell(row) for _, cell in table.COLUMNS)]
        for lines, row in zip(table.names(rows), rows, strict=True)
    ]
    records = [{name: value(row) for name, value in table.CSV_COLUMNS.items()} for row in rows]
    return Grid(table.title(rows), heads, cells, legend=table.LEGEND, notes=table.notes(rows), records=records)


def html(of: Report, overrides: Overrides | None = None) -> str:
    """The page.

    Args:
        of: What it shows.
        overrides: For a configuration, its task and its scale the words of the command line that give it; None where
            this suite cannot tell.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("aibench.analysis.report", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown: list[Detail] = details(of.entries, overrides)
    page = environment.get_template("page.html.j2").render(report=of, details=shown, version=__version__)
    return page


def markdown(of: Report) -> str:
    """The tables as Markdown."""
    lines = [f"# {of.title}", "", f"{len(of.found.runs)} results, {of.made} UTC, AIBench {__version__}.", ""]
    for section in of.sections:
        lines += [f"## {section.title}", ""]
        lines += [grid.markdown() for grid in section.grids] or [section.empty or "", ""]
    lines += [*(f"- {fault}" for fault in of.found.faults), ""] if of.found.faults else []
    return "\n".join(lines).rstrip() + "\n"

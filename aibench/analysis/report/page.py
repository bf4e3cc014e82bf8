"""Writes the page: one HTML file that refers to nothing outside itself."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aibench import __version__
from aibench.analysis.cost import table as cost_table
from aibench.analysis.cost.cost import Tariff, totals
from aibench.analysis.grid import Grid, marked
from aibench.analysis.paper import SUBSET
from aibench.analysis.report import charts
from aibench.analysis.report.details import (
    Detail,
    Overrides,
    details,
    energy_table,
    estimates,
    split_table,
    trust_table,
)
from aibench.analysis.report.inference import characterisation, serving
from aibench.analysis.report.speed import throughput_table
from aibench.analysis.report.suite import Entry, entries, suite
from aibench.analysis.runs.reader import Reading
from aibench.analysis.spread import PRECISION
from aibench.analysis.variation import table
from aibench.results.shown import shown

if TYPE_CHECKING:
    from jinja2 import Environment

NOT_AIMED = "Every session here is of a number of steps, and aims at no quality."


@dataclass(frozen=True, slots=True)
class Section:
    """Holds a part of the page.

    Attributes:
        anchor: Its id.
        title: Its heading.
        grids: Its tables.
        chart: Its drawing, SVG.
        empty: The text that stands there where it has nothing to show.
    """

    anchor: str
    title: str
    grids: list[Grid] = field(default_factory=list)
    chart: str | None = None
    empty: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Holds what results say, for a page, Markdown or CSV.

    Attributes:
        title: Title of the page.
        made: Time at which it was made, UTC.
        found: The runs and faults that were found.
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
    """Return the report of `found`, whose runs kept their records; `characteristics` are by task."""
    rows = entries(found.runs, tariff)
    aimed = [entry for entry in rows if entry.aimed]
    variations, costs = [entry.variation for entry in aimed], [entry.cost for entry in aimed]
    served, characterised = serving(rows, found.faults), characterisation(characteristics or {})
    sections = [
        Section("suite", "Suite", [suite(rows)]),
        Section(
            "variation",
            "Run-to-run variation",
            [table.grid(variations)] if aimed else [],
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


def html(of: Report, overrides: Overrides | None = None) -> str:
    """Return the page.

    Args:
        of: The report that it shows.
        overrides: For a configuration, its task and its scale the words of the command line that give it, or why this
            suite cannot tell them.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("aibench.analysis.report", ".")
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown_details: list[Detail] = details(of.entries, overrides, of.found.faults)
    template = environment.get_template("page.html.j2")
    return template.render(report=of, details=shown_details, version=__version__, script=_script_digest(environment))


def _visible(value: Any) -> Any:
    """Return what others wrote, with what acts written out; what this suite drew stays as it is."""
    return shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _script_digest(environment: Environment) -> str:
    """Return the digest of the page's own script, the only one that a browser may run."""
    source, _, _ = environment.loader.get_source(environment, "page.html.j2")  # type: ignore[union-attr]
    text = source[source.rindex("<script>") + len("<script>") : source.rindex("</script>")]
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def markdown(of: Report) -> str:
    """Return the tables as Markdown."""
    lines = [f"# {marked(of.title)}", "", f"{len(of.found.runs)} results, {of.made} UTC, AIBench {__version__}.", ""]
    for section in of.sections:
        lines += [f"## {section.title}", ""]
        lines += [grid.markdown() for grid in section.grids] or [section.empty or "", ""]
    lines += [*(f"- {marked(fault)}" for fault in of.found.faults), ""] if of.found.faults else []
    return "\n".join(lines).rstrip() + "\n"

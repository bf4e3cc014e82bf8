"""Writes the page: one HTML file that refers to nothing outside itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    no_energy,
    split_table,
    trust_table,
)
from aibench.analysis.report.inference import characterisation, serving
from aibench.analysis.report.speed import throughput_table
from aibench.analysis.report.suite import Entry, entries, suite
from aibench.analysis.report.systems import systems
from aibench.analysis.report.verdict import Heat, verdict
from aibench.analysis.runs.reader import Reading
from aibench.analysis.scaling import table as scaling_table
from aibench.analysis.scaling.scaling import lines as scaling_lines
from aibench.analysis.scaling.scaling import of_several_devices
from aibench.analysis.spread import PRECISION
from aibench.analysis.variation import table
from aibench.analysis.variation.table import BETWEEN
from aibench.results.shown import shown

if TYPE_CHECKING:
    from jinja2 import Environment

ONE_RUN_EACH = "Each task has one run, so nothing tells how much runs differ: repeat it with other seeds."
UNDISTURBED = "No run was disturbed: the trust of all of them is ok."
ONE_DEVICE = "Every run trained on one device, so nothing tells what several gain."
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
        sentences: What it says before its tables.
        heat: A table whose cells have a colour.
    """

    anchor: str
    title: str
    grids: list[Grid] = field(default_factory=list)
    chart: str | None = None
    empty: str | None = None
    sentences: list[str] = field(default_factory=list)
    heat: Heat | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether it has nothing to show."""
        return not (self.grids or self.chart or self.sentences)


@dataclass(frozen=True, slots=True)
class Report:
    """Holds what results say, for a page, Markdown or CSV.

    Attributes:
        title: Title of the page.
        made: Time at which it was made, UTC.
        found: The runs and faults that were found.
        entries: The sets of runs.
        sections: The parts about all of them that have something to show.
        missing: What the parts that have nothing say, a sentence each.
    """

    title: str
    made: str
    found: Reading
    entries: list[Entry]
    sections: list[Section]
    missing: list[str]


def report(
    found: Reading,
    title: str,
    tariff: Tariff,
    characteristics: dict[str, dict[str, float]] | None = None,
    names: Sequence[str] = (),
    given: Mapping[str, str] | None = None,
) -> Report:
    """Return the report of `found`, whose runs kept their records.

    Args:
        found: The runs, and what could not be read.
        title: Title of the page.
        tariff: Prices.
        characteristics: What was measured of the models, by task.
        names: Names for the systems, in order of appearance.
        given: By result file the system that it is of, where the user says so.
    """
    told = systems(found.runs, names, given)
    rows = entries([run for system in told for run in system.runs], tariff)
    first = verdict(told, rows, tariff)
    sections = [
        Section("verdict", "Verdict", first.tables, sentences=first.sentences, heat=first.heat),
        *_sections(found, rows, tariff, characteristics or {}),
    ]
    sections = [_by_system(section) for section in sections] if len(told) > 1 else sections
    made = datetime.now(UTC).isoformat(" ", "minutes").removesuffix("+00:00")
    missing = [section.empty or "" for section in sections if section.is_empty]
    shown = [section for section in sections if not section.is_empty]
    return Report(title, made, found, rows, shown, list(dict.fromkeys(missing)))


def _by_system(section: Section) -> Section:
    """Return `section` with the system in a column of its own, and without columns that say the same in all rows."""
    if section.anchor == "verdict":
        return section
    return replace(section, grids=[_without_repetition(_split(grid)) for grid in section.grids])


def _without_repetition(grid: Grid) -> Grid:
    """Return `grid` with the scale and the session in its title, where all rows have the same."""
    same = [
        place
        for place, head in enumerate(grid.heads[: grid.names])
        if head in ("scale", "session") and len(grid.rows) > 1 and len({row[place] for row in grid.rows}) == 1
    ]
    if not same:
        return grid
    kept = [place for place in range(len(grid.heads)) if place not in same]
    return replace(
        grid,
        title=", ".join([grid.title, *(f"{grid.heads[place]} {grid.rows[0][place]}" for place in same)]),
        heads=[grid.heads[place] for place in kept],
        rows=[[row[place] for place in kept] for row in grid.rows],
        names=grid.names - len(same),
    )


def _split(grid: Grid) -> Grid:
    """Return `grid` with what follows the task in its first column in a second one."""
    cells = [row[0].rpartition(BETWEEN) for row in grid.rows]
    if not all(task for task, _, _ in cells):
        return grid
    rows = [[task, system, *row[1:]] for (task, _, system), row in zip(cells, grid.rows, strict=True)]
    heads = [grid.heads[0], "system", *grid.heads[1:]]
    return replace(grid, heads=heads, rows=rows, names=grid.names + 1)


def _sections(
    found: Reading, rows: list[Entry], tariff: Tariff, characteristics: dict[str, dict[str, float]]
) -> list[Section]:
    """Return all parts about all runs, the empty ones too."""
    aimed = [entry for entry in rows if entry.aimed]
    variations, costs = [entry.variation for entry in aimed], [entry.cost for entry in aimed]
    served, characterised = serving(rows, found.faults), characterisation(characteristics)
    repeated = any(row.runs > 1 for row in variations)
    no_joules = no_energy(rows)
    return [
        Section("suite", "All tasks", [suite(rows)]),
        Section(
            "variation",
            "Run-to-run variation",
            [table.grid(variations)] if repeated else [],
            charts.variation(variations) if repeated else None,
            empty=ONE_RUN_EACH if aimed else NOT_AIMED,
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
        _scaling(found),
        Section("time", "Where the time went", [split_table(rows)], charts.time_split(rows)),
        Section("energy", "Energy", [energy_table(rows)] if no_joules is None else [], empty=no_joules),
        Section("estimate", "Estimated and measured", _some(estimates(rows)), empty="No result holds an estimate."),
        Section("characterisation", "Characterisation", _some(characterised), empty="No characteristics were given."),
        Section("inference", "Inference", _some(served), empty="No inference.json lies beside the results."),
        Section("trust", "Trust", [trust_table(rows)] if not _undisturbed(rows) else [], empty=UNDISTURBED),
    ]


def _scaling(found: Reading) -> Section:
    """Return what several devices gain over one, of the tasks that were trained on several."""
    lines = of_several_devices(scaling_lines(found.runs))
    grids = [scaling_table.speed(lines), *_some(scaling_table.quality(lines))] if lines else []
    chart = charts.scaling(lines) if lines else None
    return Section("scaling", "Several devices", grids, chart, empty=ONE_DEVICE)


def _undisturbed(rows: list[Entry]) -> bool:
    return all(run.trust is not None and run.trust.level == "ok" for entry in rows for run in entry.runs)


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
        lines += [*(f"{marked(sentence)}\n" for sentence in section.sentences)]
        lines += [grid.markdown() for grid in section.grids]
    lines += [*(f"- {marked(sentence)}" for sentence in of.missing), ""] if of.missing else []
    lines += [*(f"- {marked(fault)}" for fault in of.found.faults), ""] if of.found.faults else []
    return "\n".join(lines).rstrip() + "\n"

"""The verbs that read profiles, and run what they found hottest: `breakdown`, `hotspots`, `micro`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.commands.results import Csv, Markdown, publish, refuse

if TYPE_CHECKING:
    from aibench.analysis.workloads.breakdown import Bar
    from aibench.results.micro_suite import Case

Records = Annotated[
    list[Path],
    typer.Argument(help="Folders with records of `aibench characterize`, or such files.", show_default=False),
]
Figure = Annotated[Path | None, typer.Option(help="Draw it here, as PNG.")]
Scale = Annotated[str | None, typer.Option(help="Only records of this scale.")]


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    for command in (breakdown, hotspots, micro):
        app.command()(command)


def breakdown(
    records: Records, scale: Scale = None, csv: Csv = None, markdown: Markdown = None, figure: Figure = None
) -> None:
    """Where the time of training steps goes, by category of work (paper, 5.5): from records with profiles."""
    from aibench.analysis.workloads import breakdown as analysis

    found = _bars(records, scale)
    publish([analysis.table(found)], csv, markdown)
    if figure is not None:
        from aibench.analysis.workloads.breakdown_figure import plot

        _draw(figure, lambda: plot(found, figure))


def hotspots(
    records: Records,
    scale: Scale = None,
    top: Annotated[int, typer.Option(min=1, help="Functions of each category, and of each workload.")] = 3,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """The functions that take most of the time, by category and by workload (paper, Table 7): from records."""
    from aibench.analysis.workloads import hotspots as analysis

    found = _bars(records, scale)
    publish([analysis.over_all(found, top), analysis.of_each(found, top)], csv, markdown)


def micro(
    places: Annotated[
        list[Path],
        typer.Argument(
            help="Folders with records that have profiles, or such files; or one suite file.", show_default=False
        ),
    ],
    suite: Annotated[Path | None, typer.Option(help="Write the suite here and run nothing.")] = None,
    output: Annotated[Path, typer.Option(help="Where the results go.")] = Path("runs/micro/micro.json"),
    top: Annotated[int, typer.Option(min=1, help="Operators of each workload.")] = 6,
    seconds: Annotated[float, typer.Option(min=0, help="At least, for the timing of each.")] = 0.2,
    hardware: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    scale: Scale = None,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Figure = None,
) -> None:
    """The hottest operators at the very shapes seen in profiles, as micro benchmarks against the machine's ceiling."""
    from aibench.analysis.workloads import micro_table as tables
    from aibench.results.micro_suite import write_suite

    found = _cases(places, top, scale)
    if suite is not None:
        try:
            write_suite(found, suite)
        except OSError as error:
            refuse(f"--suite={suite}: not written: {error.strerror}.")
        print(f"{suite}: {len(found)} cases. Run it by `aibench micro {suite}`.")
        return
    measured = _measured(found, hardware, seconds)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        refuse(f"--output={output}: not written: {error.strerror}.")
    publish([tables.table(measured)], csv, markdown, tables.unsupported(measured))
    print(output)
    if figure is not None:
        _draw(figure, lambda: tables.plot(measured, figure))
    raise typer.Exit(0 if measured["cases"] else 1)


def _measured(found: list[Case], hardware: str, seconds: float) -> dict[str, Any]:
    from aibench.characterization.selection import device_of
    from aibench.config import ConfigError
    from aibench.meters.system import set_arithmetic

    try:
        device = device_of(hardware)
    except ConfigError as error:
        refuse(f"--{error}")
    from aibench.characterization.micro import measure  # whose part of torch warns of a CUDA without a GPU

    set_arithmetic()
    return measure(found, device, seconds=seconds)


def _cases(places: list[Path], top: int, scale: str | None) -> list[Case]:
    from aibench.results.micro_suite import SuiteError, cases, is_suite, read_suite

    suites = [place for place in places if is_suite(place)]
    if suites and len(places) > 1:
        refuse(f"{suites[0]}: a suite, among {len(places)} places. Give it alone.")
    if suites:
        try:
            found = read_suite(suites[0])
        except SuiteError as error:
            refuse(str(error))
    else:
        found = cases([bar.record for bar in _bars(places, scale)], top)
    if not found:
        refuse(f"{places[0]}: no case.")
    return found


def _bars(places: list[Path], scale: str | None) -> list[Bar]:
    from aibench.analysis.workloads.breakdown import bars
    from aibench.results.record import RecordError, read_records

    try:
        records = read_records(places)
        if scale is not None and not any(record.scale == scale for record in records):
            have = ", ".join(sorted({record.scale for record in records}))
            refuse(f"--scale={scale}: no such record. There are: {have}.")
        return bars([record for record in records if scale in (None, record.scale)])
    except RecordError as error:
        refuse(str(error))


def _draw(path: Path, plot: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plot()
    except (OSError, ValueError) as error:
        refuse(f"--figure={path}: not written: {error}.")
    print(path)

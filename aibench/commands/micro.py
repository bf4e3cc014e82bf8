"""Runs `aibench micro`: measures the hottest operators as micro benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish, refuse, say, tell
from aibench.commands.outputs import FILE
from aibench.commands.profiles import Figure, Scale, bars, draw

if TYPE_CHECKING:
    from aibench.results.micro_suite import Case


def micro(
    places: Annotated[
        list[Path],
        typer.Argument(
            help="Folders with records that have profiles, or such files; or one suite file.", show_default=False
        ),
    ],
    suite: Annotated[Path | None, typer.Option(help="Write the suite here and run nothing.", **FILE)] = None,
    output: Annotated[Path, typer.Option(help="File for the results.", **FILE)] = Path("runs/micro/micro.json"),
    top: Annotated[int, typer.Option(min=1, max=10**6, help="Operators of each workload.")] = 6,
    seconds: Annotated[float, typer.Option(min=0, max=3600, help="At least, for the timing of each.")] = 0.2,
    hardware: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    scale: Scale = None,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Figure = None,
) -> None:
    """Measure the hottest operators, at the very shapes in profiles, against the machine's ceiling."""
    from aibench.analysis.workloads import micro_table as tables
    from aibench.results.micro_suite import write_suite

    found = _cases(places, top, scale)
    if suite is not None:
        try:
            write_suite(found, suite)
        except OSError as error:
            refuse(f"--suite={suite}: not written: {error.strerror}.")
        say(f"{suite}: {len(found)} cases. Run it by `aibench micro {suite}`.")
        return
    measured = _measured(found, hardware, seconds)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        refuse(f"--output={output}: not written: {error.strerror}.")
    publish([tables.table(measured)], csv, markdown, tables.unsupported(measured))
    say(output)
    if figure is not None:
        draw(figure, lambda: tables.plot(measured, figure))
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
        profiled, faults = bars(places, scale, lambda some: cases([bar.record for bar in some], top))
        tell(faults)
        found = cases([bar.record for bar in profiled], top)
    if not found:
        refuse(f"{places[0]}: no case.")
    return found

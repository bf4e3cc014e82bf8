"""Runs `aibench counters`: counts what hardware does in a training step."""

from __future__ import annotations

import gc
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.commands.arguments import Markdown
from aibench.commands.console import publish, refuse, say, tell
from aibench.commands.outputs import FILE, FOLDER
from aibench.commands.records import usable
from aibench.config import ConfigError

if TYPE_CHECKING:
    from aibench.results.record import Record

Words = Annotated[
    list[str] | None,
    typer.Argument(
        help="task=NAME, task=A,B, task=all or task=mlperf; scale=mini|reference; hardware=cpu|gpu|gpu_fast; "
        "KEY=VALUE.",
        show_default=False,
    ),
]


def counters(
    words: Words = None,
    recipe: Annotated[bool, typer.Option("--recipe", help="Print Nsight Compute's command line, and stop.")] = False,
    recorded: Annotated[
        Path | None, typer.Option("--ncu-csv", help="Read this CSV file of Nsight Compute's; measure nothing.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Read the records in this folder; measure nothing.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the records, one a workload; runs/characterize_SCALE.", **FOLDER)
    ] = None,
    stalls: Annotated[bool, typer.Option(help="The stall reasons too: seven replays of each kernel, not two.")] = True,
    sample: Annotated[
        bool, typer.Option("--sample", help="Count one launch of each kernel, grid and block, for all like it.")
    ] = False,
    figure: Annotated[Path | None, typer.Option(help="Draw a radar for each workload here, as PNG.", **FILE)] = None,
    csv: Annotated[Path | None, typer.Option("--csv", "--table", help="Write the table here, as CSV.", **FILE)] = None,
    markdown: Markdown = None,
) -> None:
    """Count what hardware does in a training step (paper, 5.5): occupancy, IPC, efficiencies, stalls."""
    from aibench.analysis.workloads.microarchitecture import reasons, tables

    if recorded is not None:
        _show_recorded(recorded, figure, csv, markdown)
        return
    if recipe:
        _print_recipes(words or [], stalls, sample)
        return
    if source is None and not words:
        hint = "" if csv is None else f" To read Nsight Compute's file, write --ncu-csv {csv}."
        refuse(f"no workload to count. Give task=NAME, or --from FOLDER with records.{hint}")
    if source is not None and words:
        refuse(f"{words[0]}: --from reads records and measures nothing. Give one of the two.")
    folder, failed = (source, 0) if source is not None else _measure(words or [], output, stalls, sample)
    found, faults = usable([folder], "counters", lambda some: (tables(some), reasons(some)))
    _show(found, figure, csv, markdown)
    tell(faults)
    raise typer.Exit(1 if failed or faults else 0)


def _measure(words: list[str], output: Path | None, stalls: bool, sample: bool) -> tuple[Path, int]:
    """Measure the section of each workload into its record; the folder, and how many failed."""
    from aibench.characterization.counters import counters as counted
    from aibench.commands.workloads import chosen_by, recorded

    count = partial(counted, stalls=stalls, sample=sample)
    chosen = chosen_by(words)
    folder, failed = output or Path("runs") / f"characterize_{chosen.scale}", 0
    for name in chosen.names:
        done = recorded(chosen, name, "counters", count, folder)
        if done is None:
            failed += 1
        else:
            say(f"{done[0]}: {done[1]['source']}", flush=True)
        gc.collect()
    if failed == len(chosen.names):
        raise typer.Exit(1)
    return folder, failed


def _show(records: list[Record], figure: Path | None, csv: Path | None, markdown: Path | None) -> None:
    from aibench.analysis.workloads.microarchitecture import reasons, tables

    grids = tables(records)
    if not grids:
        refuse("no record has counters. Run `aibench counters task=all --output FOLDER`.")
    publish(grids, csv, markdown, reasons(records))
    _draw(records, figure)


def _draw(records: list[Record], figure: Path | None) -> None:
    from aibench.analysis.workloads.radar import plot

    if figure is not None:
        try:
            say(f"{figure}: {' '.join(plot(records, figure).split())}")
        except OSError as error:
            refuse(f"{error.filename}: not written: {error.strerror}.")


def _print_recipes(words: list[str], stalls: bool, sample: bool) -> None:
    from aibench.characterization.ncu import recipe
    from aibench.characterization.selection import selected

    words = [word for word in words if not word.startswith("hardware=")]  # the command is for a GPU elsewhere
    try:
        chosen = selected([*words, "hardware=cpu"])
        for name in chosen.names:
            said = [f"task={name}", f"scale={chosen.scale}", "hardware=gpu", *chosen.words]
            say(recipe(said, f"{name.replace('/', '-')}-{chosen.scale}.csv", stalls, sample=sample))
    except ConfigError as error:
        refuse(str(error))


def _show_recorded(path: Path, figure: Path | None, csv: Path | None, markdown: Path | None) -> None:
    from aibench.analysis.grid import Grid, percent
    from aibench.analysis.workloads.microarchitecture import FIVE, tables
    from aibench.characterization.ncu_csv import NcuError, read_launches
    from aibench.characterization.ncu_totals import totals
    from aibench.results.record import Record

    try:
        found: dict[str, Any] = totals(read_launches(path))
    except NcuError as error:
        refuse(str(error))
    record = Record(path.stem, "", "-", "cuda", 0, "", {}, counters=found)
    hottest = Grid(
        title="The kernels that took most time, percent",
        heads=["kernel", "launches", "share", *FIVE.values()],
        rows=[
            [one["kernel"][:60], str(one["launches"]), percent(one["share"]), *(percent(one[name]) for name in FIVE)]
            for one in found["kernels"]
        ],
    )
    lines = [f"{found['launches']} launches, {1000 * found['kernel_seconds']:.3g} ms. {found['method']}"]
    reasons = (f"{name}: null: {why}" for name, why in found["reasons"].items())
    publish([*tables([record]), hottest], csv, markdown, [*lines, *reasons])
    _draw([record], figure)

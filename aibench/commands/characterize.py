"""The verbs that say what the models are: `characterize`, `coverage`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.commands.console import complain, console
from aibench.commands.results import kept_in, refuse, runs_below
from aibench.config import ConfigError, DataError

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.characterization.selection import Selection
    from aibench.characterization.workload import Workload
    from aibench.results.record import Record

SECTIONS = ("characteristics", "profile", "counters")
USUAL = ",".join(SECTIONS[:2])  # `aibench counters` has the third, which takes longer on a GPU than the others together
Measure = Callable[["Workload", str], dict[str, Any]]
Words = Annotated[
    list[str],
    typer.Argument(
        help="task=NAME, task=A,B, task=all or task=mlperf; scale=mini|reference; hardware=cpu|gpu; for tasks of "
        "AIBench, KEY=VALUE as for training.",
        show_default=False,
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`, and those that read what `characterize` wrote."""
    from aibench.commands import counters as hardware_counts
    from aibench.commands import profiles

    app.command()(characterize)
    app.command()(coverage)
    profiles.add_commands(app)
    hardware_counts.add_commands(app)


def characterize(
    words: Words,
    only: Annotated[str, typer.Option(help="Sections to measure, with commas; `counters` is the third.")] = USUAL,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the records, one a workload; runs/characterize_SCALE.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="What kind of work operators and kernels do, by this file; for profiles.")
    ] = None,
) -> None:
    """What models are and do, without data: size, operations, bytes, memory; where time goes; what hardware counted."""
    sections = [name.strip() for name in only.split(",")]
    for name in sections:
        if name not in SECTIONS:
            refuse(f"--only={only}: no section {name!r}. Any of: {', '.join(SECTIONS)}.")
    measures = {section: _measure(section, rules) for section in sections}
    chosen = chosen_by(words)
    folder = output or Path("runs") / f"characterize_{chosen.scale}"
    failed = 0
    for name in chosen.names:
        measured = [_told(chosen, name, section, measures[section], folder) for section in sections]
        failed += not all(measured)
        gc.collect()
    raise typer.Exit(1 if failed else 0)


def chosen_by(words: list[str]) -> Selection:
    """The workloads that `words` mean; refuses others. Sets torch's arithmetic as a session does."""
    from aibench.characterization.selection import selected

    try:
        chosen = selected(words)
    except ConfigError as error:
        refuse(str(error))
    from aibench.meters.system import set_arithmetic

    set_arithmetic()
    return chosen


def _told(chosen: Selection, name: str, section: str, measure: Measure, folder: Path) -> bool:
    start = time.perf_counter()
    done = recorded(chosen, name, section, measure, folder)
    if done is not None:
        print(f"{done[0]}: {section}, {time.perf_counter() - start:.1f} s", flush=True)
    return done is not None


def recorded(
    chosen: Selection, name: str, section: str, measure: Measure, folder: Path
) -> tuple[Path, dict[str, Any]] | None:
    """Measure one section of one workload into its record; None where it failed, which is told in one line.

    Returns:
        The record's file, and the section.
    """
    from aibench.characterization.record import RecordError, update_record

    try:
        workload = chosen.workload(name)
        value = measure(workload, chosen.device)
        return update_record(folder, workload, chosen.device, section, value), value
    except (ConfigError, DataError, RecordError) as error:
        complain(str(error))
        return None
    except OSError as error:
        refuse(f"{error.filename or folder}: not written: {error.strerror}.")


def _measure(section: str, rules: Path | None) -> Measure:
    if section == "characteristics":
        from aibench.characterization.characteristics import characteristics

        return characteristics
    if section == "profile":
        from aibench.characterization.classes import RulesError, read_rules
        from aibench.characterization.profiling import profile

        try:
            return partial(profile, rules=read_rules(rules))
        except RulesError as error:
            refuse(f"--rules={error}")
    from aibench.characterization.counters import counters

    return counters


def coverage(
    records: Annotated[
        list[Path], typer.Argument(help="Records, or folders that hold some: of both suites.", show_default=False)
    ],
    alternatives: Annotated[
        list[Path] | None, typer.Option(help="Folders of records of other configurations, for the printed numbers.")
    ] = None,
    studies: Annotated[list[Path] | None, typer.Option(help="Results, for the epochs to quality.")] = None,
    scale: Annotated[str, typer.Option(help="Of the figures and of the coverage.")] = "reference",
    output: Annotated[Path | None, typer.Option(help="Folder for the tables and figures.")] = None,
) -> None:
    """What AIBench and MLPerf span (paper, Figures 1(a) and 2), Tables 1 to 4, and what its printed numbers are of."""
    from aibench.analysis.workloads import coverage as analysis
    from aibench.analysis.workloads import coverage_figures, models_table, paper_sizes
    from aibench.results.record import RecordError, read_records

    try:
        found = read_records(records)
        others = [record for folder in alternatives or [] for record in read_records([folder])]
    except RecordError as error:
        refuse(str(error))
    runs = runs_below(kept_in(studies))[0] if studies else []
    points = [point for point in analysis.points(found, runs) if point.scale == scale]
    if not points:
        refuse(f"--scale={scale}: no record of that scale has characteristics. Run `aibench characterize` first.")
    epochs = analysis.epochs_to_quality(runs)
    grids = {
        "coverage": analysis.coverage(points),
        "printed_numbers": paper_sizes.comparison([one for one in [*found, *others] if one.scale == "reference"]),
        "characteristics": models_table.models(found, epochs),
        "uncounted": models_table.uncounted(found),
        **_suite_tables(found),
    }
    for name in ("coverage", "printed_numbers"):
        grids[name].show(console())
    if output is not None:
        _write(output, grids)
        coverage_figures.spans(points, output / "figure1.png")
        coverage_figures.bars(points, output / "figure2.png")
        print(f"{output}: {len(grids)} tables as .md and .csv, figure1.png, figure2.png")


def _suite_tables(found: list[Record]) -> dict[str, Grid]:
    from aibench.characterization.mlperf.catalogue import BENCHMARKS
    from aibench.commands import suite_tables

    return {
        "table1": suite_tables.components([(one.task, one.model, one.not_reported) for one in BENCHMARKS]),
        "table2": suite_tables.models(found),
        "table3": suite_tables.targets(),
        "table4": suite_tables.system(found[0].system),
    }


def _write(folder: Path, grids: dict[str, Grid]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, grid in grids.items():
            (folder / f"{name}.md").write_text(grid.markdown().rstrip() + "\n", encoding="utf-8")
            grid.write_csv(folder / f"{name}.csv")
    except OSError as error:
        refuse(f"{error.filename}: not written: {error.strerror}.")

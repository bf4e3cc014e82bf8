"""The verbs about what hardware counted, and how alike workloads are: `counters`, `similarity`."""

from __future__ import annotations

import gc
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.commands.results import Markdown, kept_in, publish, refuse, runs_below, tell
from aibench.config import ConfigError

if TYPE_CHECKING:
    from aibench.commands.characterize import Measure
    from aibench.results.record import Record

Words = Annotated[
    list[str] | None,
    typer.Argument(
        help="task=NAME, task=A,B, task=all or task=mlperf; scale=mini|reference; hardware=cpu|gpu; KEY=VALUE.",
        show_default=False,
    ),
]
Records = Annotated[list[Path], typer.Argument(help="Folders with records of `aibench characterize`, or such files.")]


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.command()(counters)
    app.command()(similarity)


def counters(
    words: Words = None,
    recipe: Annotated[bool, typer.Option("--recipe", help="Print Nsight Compute's command line, and stop.")] = False,
    recorded: Annotated[
        Path | None, typer.Option("--csv", help="Read this CSV file of Nsight Compute's; measure nothing.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Read the records in this folder; measure nothing.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the records, one a workload; runs/characterize_SCALE.")
    ] = None,
    stalls: Annotated[bool, typer.Option(help="The stall reasons too: seven replays of each kernel, not two.")] = True,
    sample: Annotated[
        bool, typer.Option("--sample", help="Count one launch of each kernel, grid and block, for all like it.")
    ] = False,
    figure: Annotated[Path | None, typer.Option(help="Draw a radar for each workload here, as PNG.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the table here, as CSV.")] = None,
    markdown: Markdown = None,
) -> None:
    """What hardware counts in a training step (paper, 5.5): occupancy, IPC, efficiencies, stalls; or what else does."""
    from aibench.results.record import RecordError, read_records

    if recorded is not None:
        _show_recorded(recorded, figure, table, markdown)
        return
    if recipe:
        _print_recipes(words or [], stalls, sample)
        return
    failed = 0
    if source is None:
        from aibench.characterization.counters import counters as counted

        folder, failed = _measure(words or [], output, partial(counted, stalls=stalls, sample=sample))
    elif words:
        refuse(f"{words[0]}: --from reads records and measures nothing. Give one of the two.")
    else:
        folder = source
    try:
        found = read_records([folder])
    except RecordError as error:
        refuse(str(error))
    _show(found, figure, table, markdown)
    raise typer.Exit(1 if failed else 0)


def _measure(words: list[str], output: Path | None, count: Measure) -> tuple[Path, int]:
    """Measure the section of each workload into its record; the folder, and how many failed."""
    from aibench.commands.characterize import chosen_by, recorded

    chosen = chosen_by(words)
    folder, failed = output or Path("runs") / f"characterize_{chosen.scale}", 0
    for name in chosen.names:
        done = recorded(chosen, name, "counters", count, folder)
        if done is None:
            failed += 1
        else:
            print(f"{done[0]}: {done[1]['source']}", flush=True)
        gc.collect()
    if failed == len(chosen.names):
        raise typer.Exit(1)
    return folder, failed


def _show(records: list[Record], figure: Path | None, table: Path | None, markdown: Path | None) -> None:
    from aibench.analysis.workloads.microarchitecture import reasons, tables

    grids = tables(records)
    if not grids:
        refuse("no record has counters. Run `aibench counters task=all --output FOLDER`.")
    publish(grids, table, markdown, reasons(records))
    _draw(records, figure)


def _draw(records: list[Record], figure: Path | None) -> None:
    from aibench.analysis.workloads.radar import plot

    if figure is not None:
        try:
            print(f"{figure}: {' '.join(plot(records, figure).split())}")
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
            print(recipe(said, f"{name.replace('/', '-')}-{chosen.scale}.csv", stalls, sample=sample))
    except ConfigError as error:
        refuse(str(error))


def _show_recorded(path: Path, figure: Path | None, table: Path | None, markdown: Path | None) -> None:
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
    publish([*tables([record]), hottest], table, markdown, [*lines, *reasons])
    _draw([record], figure)


def similarity(
    places: Records,
    scale: Annotated[str | None, typer.Option(help="Whose records; else that with the most workloads.")] = None,
    runs: Annotated[
        list[Path] | None, typer.Option(help="Folders with results of training, for the epochs to quality.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Folder to draw pca.png, tree.png and tsne.png in.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write distances and coordinates here, as CSV.")] = None,
    markdown: Markdown = None,
) -> None:
    """How alike workloads are: principal components, clusters and distances of what was measured of them."""
    from aibench.analysis.workloads import similarity_table as tables
    from aibench.analysis.workloads.similarity import TooFewError, compare
    from aibench.analysis.workloads.similarity_figure import plot
    from aibench.results.record import RecordError, read_records

    try:
        records = _of_scale(read_records(places), scale)
        found = compare(records, _epochs(runs or [], records[0].scale))
    except (RecordError, TooFewError) as error:
        refuse(str(error))
    grids, lines = [tables.neighbours(found), tables.components(found)], tables.sentences(found)
    publish(grids, csv, None, lines)
    try:
        if markdown is not None:
            markdown.parent.mkdir(parents=True, exist_ok=True)
            parts = [*(grid.markdown() for grid in (*grids, tables.matrix(found))), *(f"- {line}" for line in lines)]
            markdown.write_text("\n".join(parts) + "\n", encoding="utf-8")
        for path in plot(found, figure) if figure is not None else ():
            print(path)
    except OSError as error:
        refuse(f"{error.filename}: not written: {error.strerror}.")


def _epochs(folders: list[Path], scale: str) -> dict[str, float]:
    """The mean epochs to quality by task, from results below `folders`."""
    if not folders:
        return {}
    from aibench.analysis.workloads.coverage import epochs_to_quality

    runs, faults = runs_below(kept_in(folders))
    tell(faults)
    means = epochs_to_quality(runs).items()
    return {task: mean for (task, of), (mean, _) in means if of == scale and mean is not None}


def _of_scale(records: list[Record], scale: str | None) -> list[Record]:
    counts = Counter(record.scale for record in records)
    chosen = scale or counts.most_common(1)[0][0]
    if chosen not in counts:
        refuse(f"--scale={chosen}: no record of it. One of: {', '.join(sorted(counts))}.")
    return [record for record in records if record.scale == chosen]

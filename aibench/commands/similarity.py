"""Runs `aibench similarity`: shows how alike workloads are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Markdown, runs_below
from aibench.commands.console import publish, refuse, say, tell
from aibench.commands.outputs import FILE, FOLDER
from aibench.commands.records import usable

if TYPE_CHECKING:
    from aibench.results.record import Record

Records = Annotated[list[Path], typer.Argument(help="Folders with records of `aibench characterize`, or such files.")]


def similarity(
    places: Records,
    scale: Annotated[str | None, typer.Option(help="Scale of the records; else that with the most workloads.")] = None,
    runs: Annotated[
        list[Path] | None, typer.Option(help="Folders with results of training, for the epochs to quality.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Folder to draw pca.png, tree.png and tsne.png in.", **FOLDER)
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write distances and coordinates here, as CSV.", **FILE)
    ] = None,
    markdown: Markdown = None,
) -> None:
    """Show how alike workloads are: principal components, clusters and distances of what was measured of them."""
    from aibench.analysis.grid import marked
    from aibench.analysis.workloads import similarity_table as tables
    from aibench.analysis.workloads.similarity import TooFewError, columns, compare
    from aibench.analysis.workloads.similarity_figure import plot

    read, faults = usable(places, "characteristics", columns)
    try:
        records = _of_scale(read, scale)
        found = compare(records, _epochs(runs or [], records[0].scale))
    except TooFewError as error:
        refuse(str(error))
    grids, lines = [tables.neighbours(found), tables.components(found)], tables.sentences(found)
    publish(grids, csv, None, lines)
    try:
        if markdown is not None:
            markdown.parent.mkdir(parents=True, exist_ok=True)
            parts = [grid.markdown() for grid in (*grids, tables.matrix(found))]
            parts += [f"- {marked(line)}" for line in lines]
            markdown.write_text("\n".join(parts) + "\n", encoding="utf-8")
        for path in plot(found, figure) if figure is not None else ():
            say(path)
    except OSError as error:
        refuse(f"{error.filename}: not written: {error.strerror}.")
    tell(faults)
    raise typer.Exit(1 if faults else 0)


def _epochs(folders: list[Path], scale: str) -> dict[str, float]:
    """Return the mean epochs to quality by task, from results below `folders`."""
    if not folders:
        return {}
    from aibench.analysis.workloads.coverage import epochs_to_quality

    runs, faults = runs_below(folders)
    tell(faults)
    means = epochs_to_quality(runs).items()
    return {task: mean for (task, of), (mean, _) in means if of == scale and mean is not None}


def _of_scale(records: list[Record], scale: str | None) -> list[Record]:
    counts = Counter(record.scale for record in records)
    chosen = scale or counts.most_common(1)[0][0]
    if chosen not in counts:
        refuse(f"--scale={chosen}: no record of it. One of: {', '.join(sorted(counts))}.")
    return [record for record in records if record.scale == chosen]

"""The verbs that read results: variation, cost, subset, compare, report, import, dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from aibench.console import complain, console

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.analysis.reading import Reading
    from aibench.analysis.runs import Run

Folders = Annotated[
    list[Path], typer.Argument(help="Folders that hold results, at any depth, or result files.", show_default=False)
]
Folder = Annotated[Path, typer.Argument(help="Folder that holds results, at any depth.", show_default=False)]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the table here, as CSV.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the table here, as Markdown.")]


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    for command in (variation, compare):
        app.command()(command)


def variation(
    folders: Folders,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the runs here, as PNG.")] = None,
) -> None:
    """The coefficient of variation of the epochs to quality, from files."""
    from aibench.analysis.summary import summarise

    raise typer.Exit(summarise(folders, console(), csv=csv, markdown=markdown, figure=figure))


def compare(
    a: Folder,
    b: Folder,
    reference: Annotated[
        Path | None, typer.Option(help="Results of the machine that the suite scores are relative to; else A.")
    ] = None,
    rcp: Annotated[bool, typer.Option("--rcp", help="MLPerf's check of the epochs, A as the reference.")] = False,
    level: Annotated[
        float, typer.Option(help="Share of comparisons of equal machines that may raise an alarm.")
    ] = 0.01,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit with 1 where B is slower in anything.")
    ] = False,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Whether B is faster than A: task by task, with intervals; two machines, versions or precisions."""
    from aibench.analysis import comparison_table as tables
    from aibench.analysis.comparison import compare as compared
    from aibench.analysis.comparison import score
    from aibench.analysis.quantities import SPEED, TIME

    _within("--level", level, 0, 1)
    (one, other), faults = _sides([a, b])
    found = compared(one.runs, other.runs, level)
    _print_differences(tables.differences(found, len({row.family for row in found.rows})))
    grids = [tables.rows(found, level)] if found.rows else []
    if not found.rows:
        for line in found.alone:
            print(line)
        _refuse(f"{a} and {b}: no task that both have in one configuration.")
    named = {"B": found}
    if reference is not None:
        (base_runs,), more = _sides([reference])
        faults += more
        named = {side: compared(base_runs.runs, runs.runs, level) for side, runs in (("A", one), ("B", other))}
    grids.append(tables.scores({side: [score(of, SPEED), score(of, TIME)] for side, of in named.items()}))
    if rcp:
        grids.append(tables.convergence(found))
    _publish(grids, csv, markdown)
    _tell(faults)
    failed = fail_on_regression and bool(found.regressions)
    if failed:
        worse = ", ".join(f"{row.family[0]} ({row.quantity.name})" for row in found.regressions)
        complain(f"--fail-on-regression: B is slower: {worse}.")
    raise typer.Exit(1 if failed or faults else 0)


def _print_differences(lines: Sequence[str]) -> None:
    print("A and B differ in" if lines else "A and B differ in nothing but their runs.")
    for line in lines:
        print(f"  {line}")
    print()


def _sides(folders: Sequence[Path]) -> tuple[list[Reading], list[str]]:
    """What each folder holds; refuses one that holds no run."""
    from aibench.analysis.reading import read_runs

    found = [read_runs([folder]) for folder in folders]
    for reading in found:
        if not reading.runs:
            _refuse(reading.faults[0])
    return found, [fault for reading in found for fault in reading.faults]


def _runs(folders: Sequence[Path], *, keep: bool = False) -> tuple[list[Run], list[str]]:
    """The runs below all `folders`; refuses where there is none."""
    from aibench.analysis.reading import read_runs

    found = read_runs(folders, keep=keep)
    if not found.runs:
        _tell(found.faults[1:])
        _refuse(found.faults[0])
    return found.runs, found.faults


def _publish(grids: Sequence[Grid], csv: Path | None, markdown: Path | None) -> None:
    """Print the tables; write the first as CSV, all as Markdown."""
    for grid in grids:
        grid.show(console())
        print()
    try:
        if csv is not None:
            grids[0].write_csv(csv)
        if markdown is not None:
            markdown.parent.mkdir(parents=True, exist_ok=True)
            markdown.write_text("\n".join(grid.markdown() for grid in grids), encoding="utf-8")
    except OSError as error:
        _refuse(f"{error.filename}: not written: {error.strerror}.")


def _tell(faults: Sequence[str]) -> None:
    for fault in faults:
        complain(fault)


def _within(option: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        _refuse(f"{option}={value:g}: must lie between {low:g} and {high:g}.")


def _refuse(message: str) -> NoReturn:
    complain(message)
    raise typer.Exit(1)

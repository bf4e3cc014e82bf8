"""Defines arguments and options that verbs share, each with one meaning everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.console import refuse, tell
from aibench.commands.outputs import FILE
from aibench.config import RunConfig
from aibench.config.fields import shown

if TYPE_CHECKING:
    from aibench.analysis.runs.reader import Reading
    from aibench.analysis.runs.runs import Run

Folders = Annotated[
    list[Path], typer.Argument(help="Runs, sweeps, folders of result files, or result files.", show_default=False)
]
Folder = Annotated[
    Path, typer.Argument(help="A run, a sweep, a folder of result files, or a result file.", show_default=False)
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the table here, as CSV.", **FILE)]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the table here, as Markdown.", **FILE)]
PricePerHour = Annotated[float, typer.Option(min=0, max=10**6, help="Price of an hour of the machine.")]
PricePerKwh = Annotated[float, typer.Option(min=0, max=10**6, help="Price of a kilowatt-hour.")]
Currency = Annotated[str, typer.Option(help="Unit of the prices.")]
OneRun = Annotated[Path, typer.Argument(help="Folder of a run, or its result.json.", show_default=False)]
Words = Annotated[list[str], typer.Argument(help="task=NAME and KEY=VALUE, as for training.", show_default=False)]


def refuse_missing(places: Sequence[Path]) -> None:
    """Refuse the first of `places` that does not exist, before anything is read or written."""
    for place in places:
        try:
            place.stat()
        except FileNotFoundError:
            refuse(f"{shown(place)}: no such folder or file.")
        except (OSError, ValueError) as error:
            refuse(f"{shown(place)}: {getattr(error, 'strerror', None) or error}.")


def sides(folders: Sequence[Path]) -> tuple[list[Reading], list[str]]:
    """Return what each folder holds, and the faults; refuse a folder that holds no run."""
    from aibench.analysis.runs.reader import read_runs

    refuse_missing(folders)
    found = [read_runs([folder]) for folder in folders]
    for reading in found:
        if not reading.runs:
            refuse(reading.faults[0])
    return found, [fault for reading in found for fault in reading.faults]


def runs_below(folders: Sequence[Path], *, keep: bool = False) -> tuple[list[Run], list[str]]:
    """Return the runs below all `folders`, and the faults; refuse where there is no run."""
    from aibench.analysis.runs.reader import read_runs

    refuse_missing(folders)
    found = read_runs(folders, keep=keep)
    if not found.runs:
        tell(found.faults[1:])
        refuse(found.faults[0])
    return found.runs, found.faults


def within(option: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        refuse(f"{option}={value:g}: must lie between {low:g} and {high:g}.")


def composed(words: list[str]) -> RunConfig:
    from aibench.composition import compose
    from aibench.composition.refusal import REFUSED, refusal

    try:
        return compose.composed(words)
    except REFUSED as error:
        refuse(refusal(error))


def unchecked(words: list[str]) -> RunConfig:
    """Return the run of `words` without asking whether it could run: its data may be missing."""
    from aibench.composition import compose
    from aibench.composition.refusal import REFUSED, refusal

    try:
        return compose.described(words)
    except REFUSED as error:
        refuse(refusal(error))


def short_names(paths: list[Path]) -> list[str]:
    """Return a short name for each path: its last part, or as many more as tell it from the others."""
    parts = [path.absolute().with_suffix("").parts for path in paths]
    if len(set(parts)) < len(parts):
        refuse(f"{next(path for path in paths if paths.count(path) > 1)}: given twice. Give each system once.")
    length = next(
        count for count in range(1, max(map(len, parts)) + 1) if len({one[-count:] for one in parts}) == len(parts)
    )
    return ["/".join(one[-length:]) for one in parts]

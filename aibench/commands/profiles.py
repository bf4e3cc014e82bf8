"""Chooses records with profiles, and draws them, for the verbs that read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from aibench.commands.console import refuse, say, tell
from aibench.commands.outputs import FILE
from aibench.commands.records import usable

if TYPE_CHECKING:
    from aibench.analysis.workloads.breakdown import Bar

Records = Annotated[
    list[Path],
    typer.Argument(help="Folders with records of `aibench characterize`, or such files.", show_default=False),
]
Figure = Annotated[Path | None, typer.Option(help="Draw it here, as PNG.", **FILE)]
Scale = Annotated[str | None, typer.Option(help="Only records of this scale.")]


def bars(places: list[Path], scale: str | None, made: Callable[[list[Bar]], object]) -> tuple[list[Bar], list[str]]:
    """Return the profiles at `places`, and a line for each record that `made`, the verb's tables, cannot be made of."""
    from aibench.analysis.workloads.breakdown import bars
    from aibench.results.record import RecordError

    records, faults = usable(places, "profile", lambda some: made(bars(some)))
    if scale is not None and not any(record.scale == scale for record in records):
        have = ", ".join(sorted({record.scale for record in records}))
        refuse(f"--scale={scale}: no such record. There are: {have}.")
    try:
        return bars([record for record in records if scale in (None, record.scale)]), faults
    except RecordError as error:
        refuse(faults[0] if faults else str(error))


def end(faults: Sequence[str]) -> NoReturn:
    """End the verb: tell what was left out, and exit with 1 where something was."""
    tell(faults)
    raise typer.Exit(1 if faults else 0)


def draw(path: Path, plot: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plot()
    except (OSError, ValueError) as error:
        refuse(f"--figure={path}: not written: {error}.")
    say(path)

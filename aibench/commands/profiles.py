"""Chooses records with profiles, and draws them, for the verbs that read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.commands.console import refuse

if TYPE_CHECKING:
    from aibench.analysis.workloads.breakdown import Bar

Records = Annotated[
    list[Path],
    typer.Argument(help="Folders with records of `aibench characterize`, or such files.", show_default=False),
]
Figure = Annotated[Path | None, typer.Option(help="Draw it here, as PNG.")]
Scale = Annotated[str | None, typer.Option(help="Only records of this scale.")]


def bars(places: list[Path], scale: str | None) -> list[Bar]:
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


def draw(path: Path, plot: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plot()
    except (OSError, ValueError) as error:
        refuse(f"--figure={path}: not written: {error}.")
    print(path)

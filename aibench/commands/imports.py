"""Runs `aibench import`: puts others' published results beside one's own."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish, refuse, tell
from aibench.commands.outputs import FOLDER


class Publisher(enum.StrEnum):
    """Lists the publishers whose results `aibench import` reads."""

    mlperf = enum.auto()
    dawnbench = enum.auto()


def import_results(
    publisher: Annotated[Publisher, typer.Argument(help="Publisher of the files.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="Logs; each attempt in one is a run.", show_default=False)],
    output: Annotated[Path, typer.Option(help="Folder for the results.", **FOLDER)] = Path("imported"),
    version: Annotated[str | None, typer.Option(help="MLPerf's round, as 4.0: the logs do not say.")] = None,
    target: Annotated[float | None, typer.Option(min=0, max=1, help="DAWNBench's quality; else its rules'.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Read what others published (MLPerf's logs, DAWNBench's entries) into result files for the same tables."""
    from aibench.analysis.published import dawnbench, foreign, mlperf

    runs, faults = [], []
    for path in files:
        try:
            runs += mlperf.read_all(path, version) if publisher is Publisher.mlperf else [dawnbench.read(path, target)]
        except foreign.ForeignError as error:
            faults.append(str(error))
    if not runs:
        tell(faults[1:])
        refuse(faults[0])
    try:
        written = foreign.write(runs, output)
    except OSError as error:
        refuse(f"--output={output}: not written: {error.strerror}.")
    publish([foreign.summary(runs)], csv, markdown, [f"{len(written)} results in {output}."])
    tell(faults)
    raise typer.Exit(1 if faults else 0)

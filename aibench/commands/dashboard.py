"""Runs `aibench dashboard`: makes the W&B workspace of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.console import refuse, say
from aibench.commands.outputs import FILE


def dashboard(
    project: Annotated[str, typer.Option(help="The W&B project.")] = "aibench",
    entity: Annotated[str | None, typer.Option(help="Its owner; else the key's own.")] = None,
    output: Annotated[Path, typer.Option(help="File for the definition if there is no API key.", **FILE)] = Path(
        "workspace.json"
    ),
    tasks: Annotated[str | None, typer.Option(help="Tasks with a quality chart, with commas; else all.")] = None,
) -> None:
    """Make the W&B workspace of the project's runs; without an API key, write its definition to a file."""
    from aibench.tracking.dashboard import create

    try:
        say(create(project, entity, output, tasks.split(",") if tasks else None))
    except (ImportError, ValueError, OSError) as error:
        refuse(str(error))

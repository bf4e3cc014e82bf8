"""Runs `aibench mllog-rules`: writes rule files for MLPerf's compliance checker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Words, composed
from aibench.commands.console import say
from aibench.commands.outputs import FOLDER


def mllog_rules(
    words: Words, output: Annotated[Path, typer.Option(help="Folder for the files.", **FOLDER)] = Path("mllog_rules")
) -> None:
    """Write rule files for MLPerf's compliance checker."""
    from aibench.results.mllog_rules import write_rules

    config = composed(["data.source=synthetic", "session=steps", *words] if _at_reference(words) else words)
    say(write_rules(config, output))


def _at_reference(words: list[str]) -> bool:
    return "scale=reference" in words

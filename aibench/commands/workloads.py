"""Chooses workloads by words, and measures a section of each into its record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.commands.console import complain, refuse
from aibench.config import ConfigError, DataError

if TYPE_CHECKING:
    from aibench.characterization.selection import Selection
    from aibench.characterization.workload import Workload

SECTIONS = ("characteristics", "profile", "counters")
USUAL = ",".join(SECTIONS[:2])  # `aibench counters` has the third, which takes longer on a GPU than the others together
Measure = Callable[["Workload", str], dict[str, Any]]
Words = Annotated[
    list[str],
    typer.Argument(
        help="task=NAME, task=A,B, task=all or task=mlperf; scale=mini|reference; hardware=cpu|gpu|gpu_fast; for tasks "
        "of AIBench, KEY=VALUE as for training.",
        show_default=False,
    ),
]


def chosen_by(words: list[str]) -> Selection:
    """Return the workloads that `words` mean; refuse others. Set torch's arithmetic as a session does."""
    from aibench.characterization.selection import selected

    try:
        chosen = selected(words)
    except ConfigError as error:
        refuse(str(error))
    from aibench.meters.system import set_arithmetic

    set_arithmetic()
    return chosen


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

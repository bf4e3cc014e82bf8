"""The verbs that say what the models are: `characterize`, `coverage`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aibench.config import ConfigError, DataError
from aibench.console import complain
from aibench.reading import refuse

if TYPE_CHECKING:
    from aibench.characterization.selection import Selection
    from aibench.characterization.workload import Workload

SECTIONS = ("characteristics", "profile", "counters")
Words = Annotated[
    list[str],
    typer.Argument(
        help="task=NAME, task=A,B, task=all or task=mlperf; scale=mini|reference; hardware=cpu|gpu; for tasks of "
        "AIBench, KEY=VALUE as for training.",
        show_default=False,
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`, and those that read what `characterize` wrote."""
    from aibench import hardware_counts, profiles

    app.command()(characterize)
    profiles.add_commands(app)
    hardware_counts.add_commands(app)


def characterize(
    words: Words,
    only: Annotated[str, typer.Option(help="Sections to measure, with commas.")] = ",".join(SECTIONS),
    output: Annotated[
        Path | None, typer.Option(help="Folder for the records, one a workload; runs/characterize_SCALE.")
    ] = None,
) -> None:
    """What models are and do, without data: size, operations, bytes, memory; where time goes; what hardware counted."""
    sections = [name.strip() for name in only.split(",")]
    for name in sections:
        if name not in SECTIONS:
            refuse(f"--only={only}: no section {name!r}. Any of: {', '.join(SECTIONS)}.")
    chosen = chosen_by(words)
    folder = output or Path("runs") / f"characterize_{chosen.scale}"
    failed = 0
    for name in chosen.names:
        measured = [_measured(chosen, name, section, folder) for section in sections]
        failed += not all(measured)
        gc.collect()
    raise typer.Exit(1 if failed else 0)


def chosen_by(words: list[str]) -> Selection:
    """The workloads that `words` mean; refuses others. Sets torch's threads as a session does."""
    from aibench.characterization.selection import selected

    try:
        chosen = selected(words)
    except ConfigError as error:
        refuse(str(error))
    import torch

    from aibench.meters.system import usable_cores

    torch.set_num_threads(usable_cores())
    return chosen


def _measured(chosen: Selection, name: str, section: str, folder: Path) -> bool:
    """Measure one section of one workload into its record; False where it failed, which is told in one line."""
    from aibench.characterization.record import RecordError, update_record

    start = time.perf_counter()
    try:
        workload = chosen.workload(name)
        value = _measure(section)(workload, chosen.device)
        path = update_record(folder, workload, chosen.device, section, value)
    except (ConfigError, DataError, RecordError) as error:
        complain(str(error))
        return False
    except OSError as error:
        refuse(f"{error.filename or folder}: not written: {error.strerror}.")
    print(f"{path}: {section}, {time.perf_counter() - start:.1f} s", flush=True)
    return True


def _measure(section: str) -> Callable[[Workload, str], dict[str, Any]]:
    if section == "characteristics":
        from aibench.characterization.characteristics import characteristics

        return characteristics
    if section == "profile":
        from aibench.characterization.profiling import profile

        return profile
    from aibench.characterization.counters import counters

    return counters

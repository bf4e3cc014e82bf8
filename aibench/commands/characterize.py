"""Runs `aibench characterize`: measures what models are and do."""

from __future__ import annotations

import gc
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.console import refuse, say
from aibench.commands.outputs import FOLDER
from aibench.commands.workloads import SECTIONS, USUAL, Measure, Words, chosen_by, recorded

if TYPE_CHECKING:
    from aibench.characterization.selection import Selection


def characterize(
    words: Words,
    only: Annotated[str, typer.Option(help="Sections to measure, with commas; `counters` is the third.")] = USUAL,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the records, one a workload; runs/characterize_SCALE.", **FOLDER)
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Sort operators and kernels into kinds of work by this file, in profiles.")
    ] = None,
) -> None:
    """Measure what models are and do: size, operations, bytes, memory; where time goes; what hardware counted."""
    sections = [name.strip() for name in only.split(",")]
    for name in sections:
        if name not in SECTIONS:
            refuse(f"--only={only}: no section {name!r}. Any of: {', '.join(SECTIONS)}.")
    measures = {section: _measure(section, rules) for section in sections}
    chosen = chosen_by(words)
    folder = output or Path("runs") / f"characterize_{chosen.scale}"
    failed = 0
    for name in chosen.names:
        measured = [_told(chosen, name, section, measures[section], folder) for section in sections]
        failed += not all(measured)
        gc.collect()
    raise typer.Exit(1 if failed else 0)


def _told(chosen: Selection, name: str, section: str, measure: Measure, folder: Path) -> bool:
    start = time.perf_counter()
    done = recorded(chosen, name, section, measure, folder)
    if done is not None:
        say(f"{done[0]}: {section}, {time.perf_counter() - start:.1f} s", flush=True)
    return done is not None


def _measure(section: str, rules: Path | None) -> Measure:
    if section == "characteristics":
        from aibench.characterization.characteristics import characteristics

        return characteristics
    if section == "profile":
        from aibench.characterization.classes import RulesError, read_rules
        from aibench.characterization.profiling import profile

        try:
            return partial(profile, rules=read_rules(rules))
        except RulesError as error:
            refuse(f"--rules={error}")
    from aibench.characterization.counters import counters

    return counters

"""Runs `aibench calibrate`: proposes targets for a task."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from aibench.commands.arguments import Words, composed
from aibench.commands.console import refuse, say
from aibench.commands.outputs import FOLDER


def calibrate(
    words: Words,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Runs, with seeds 1 to this.")] = 8,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the runs; runs found there are not repeated.", **FOLDER)
    ] = None,
    digits: Annotated[int, typer.Option(min=1, max=15, help="Significant digits of the targets.")] = 2,
) -> None:
    """Propose a task's targets: every seed trains for the whole budget."""
    from aibench.analysis.calibration import propose, snippet
    from aibench.results.result import read_results

    config = composed(["session=epochs", *words])
    folder = output or Path("runs") / f"calibrate_{config.task}_{config.scale}"
    sweep = [
        *words,
        "session=epochs",
        f"epochs={config.target.max_epochs}",
        f"seed={','.join(str(seed) for seed in range(1, seeds + 1))}",
        f"output={folder}",
        "resume=auto",
    ]
    train_py = [sys.executable, "-c", "from aibench.cli import train; train()", "-m"]
    if subprocess.run([*train_py, *sweep], check=False).returncode != 0:
        refuse(f"{folder}: a run failed; see above.")
    try:
        proposal = propose(sorted(read_results([folder]), key=lambda result: result.seed or 0), digits)
    except ValueError as error:
        refuse(f"{folder}: {error}")
    for row in proposal.needed:
        say(
            f"seed {row.seed}: {proposal.entire:g} after {row.epochs:.2f} epochs, {row.evaluations} evaluations, "
            f"{row.seconds:.1f} s; {row.last:.4f} at the end"
        )
    say(snippet(proposal, date.today().isoformat()))

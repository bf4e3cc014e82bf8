"""The verbs of the command `aibench`, besides `train`."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from aibench import characterizing, measuring
from aibench.config import RunConfig
from aibench.reading import add_commands, refuse

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="AIBench: train tasks to a quality target, and read what came of it. `aibench train -h` tells of training.",
)
data_app = typer.Typer(no_args_is_help=True, help="Data sets.")
app.add_typer(data_app, name="data")
add_commands(app)

Run = Annotated[Path, typer.Argument(help="Folder of a run, or its result.json.", show_default=False)]
Words = Annotated[list[str], typer.Argument(help="task=NAME and KEY=VALUE, as for training.", show_default=False)]


@app.command()
def train() -> None:
    """Train: `aibench train task=NAME ...`; the same as `python train.py`."""


@app.command()
def check(run: Run) -> None:
    """The division of a run (paper, 4.2.2), and whether its numbers follow from its history."""
    from aibench.analysis.checking import faults
    from aibench.compose import suite_config
    from aibench.config import plain
    from aibench.division import division
    from aibench.result import ResultError, read_result

    try:
        result = read_result(run)
    except ResultError as error:
        refuse(str(error))
    found = division(result.config, plain(suite_config(result.task, result.scale)))
    print(f"{run}: {result.task}, scale {result.scale}, seed {result.seed}: {result.status}")
    print(f"division: {found.name}")
    for key in found.left:
        print(f"  left by {key}")
    problems = faults(result)
    for problem in problems:
        print(f"fault: {problem}")
    raise typer.Exit(1 if problems else 0)


@data_app.command()
def verify(words: Words) -> None:
    """Read a data set from end to end: aibench data verify task=NAME data.root=FOLDER."""
    from aibench import registry
    from aibench.contract import DataError

    config = _composed(["scale=reference", "session=epochs", *words])
    try:
        data = registry.data_class(config.task)(config)
        for line in data.verify():
            print(line)
    except DataError as error:
        refuse(str(error))
    print(f"fingerprint: {data.fingerprint()}")


@app.command(context_settings={"ignore_unknown_options": True})
def calibrate(
    words: Words,
    seeds: Annotated[int, typer.Option(help="Runs, with seeds 1 to this.")] = 8,
    output: Annotated[Path | None, typer.Option(help="Folder for the runs; runs found there are not repeated.")] = None,
    digits: Annotated[int, typer.Option(min=1, help="Significant digits of the targets.")] = 2,
) -> None:
    """Propose a task's targets: every seed trains for the whole budget."""
    from aibench.analysis.calibration import propose, snippet
    from aibench.result import read_results

    config = _composed(["session=epochs", *words])
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
        print(
            f"seed {row.seed}: {proposal.entire:g} after {row.epochs:.2f} epochs, {row.evaluations} evaluations, "
            f"{row.seconds:.1f} s; {row.last:.4f} at the end"
        )
    print(snippet(proposal, date.today().isoformat()))


@app.command()
def schema() -> None:
    """The JSON schema of result.json."""
    from aibench.result import schema as result_schema

    print(json.dumps(result_schema(), indent=1))


def _composed(words: list[str]) -> RunConfig:
    from aibench.compose import composed
    from aibench.refusal import REFUSED, refusal

    try:
        return composed(words)
    except REFUSED as error:
        refuse(refusal(error))


measuring.add_commands(app, _composed)
characterizing.add_commands(app)

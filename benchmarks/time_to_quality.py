"""How much sooner a session is at the paper's quality than a plain loop of PyTorch, on the same files.

    python benchmarks/time_to_quality.py [--pairs 3] [--epochs 2] TASK [data.root=FOLDER] [KEY=VALUE ...]

The plain loop (`textbook.py`) is the textbook's: a `Dataset` that returns one sample, a `DataLoader`, the network as
its paper or tutorial writes it, the optimiser with its defaults, an evaluation after each epoch. It shares the first
weights, the order of samples, the drawn negatives and the seeds with the session, so both should have the same
history of quality, which is printed. A pair runs both, in alternating order, each in a process of its own as a user
would start it: the session in the environment that `train.py` sets, the loop in the shell's, with the threads of
`hardware.threads` (1 here unless it is given). Counted is what comes after set-up: training, evaluations, and for the
session its records and checkpoints too. One table has processor seconds, the other wall seconds. `data.train_size`
and `data.val_size` make it short.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from textbook import LOOPS, Course

from aibench.cli import ENVIRONMENT
from aibench.composition.compose import composed
from aibench.config import RunConfig
from aibench.training import session as sessions
from aibench.training.recorder import Recorder
from aibench.training.run import train

SIDES = ("session", "plain")


# The session


def session(config: RunConfig) -> Course:
    """Train as `python train.py` does."""
    course = Course()
    with tempfile.TemporaryDirectory() as folder, _watched(course):
        result = train(config, Path(folder), None, Console(quiet=True))
    course.quality = [row.metrics[config.target.metric] or 0.0 for row in result.history]
    return course


@contextmanager
def _watched(course: Course) -> Iterator[None]:
    """Note the start of the training and the ends of the evaluations, their checkpoints included."""

    class Watched(Recorder):
        def on_train_start(self, *arguments: Any) -> None:
            course.mark()
            super().on_train_start(*arguments)

        def on_validation_end(self, *arguments: Any) -> None:
            super().on_validation_end(*arguments)
            course.mark()

    sessions.Recorder = Watched  # type: ignore[misc]
    try:
        yield
    finally:
        sessions.Recorder = Recorder  # type: ignore[misc]


# Both


def table(unit: str, clock: int, pairs: list[tuple[Course, Course]], goal: float) -> Table:
    made = Table("", "session", "plain loop", "plain / session: median", "lowest", "highest", title=unit)
    epochs = len(pairs[0][0].quality)
    rows = {"an epoch": [[course.seconds(clock) / epochs for course in pair] for pair in pairs]}
    reached = [[next((at for at, q in enumerate(one.quality, 1) if q >= goal), None) for one in pair] for pair in pairs]
    if all(at is not None for row in reached for at in row):
        rows[f"to {goal}"] = [
            [course.seconds(clock, at) for course, at in zip(pair, row, strict=True) if at is not None]
            for pair, row in zip(pairs, reached, strict=True)
        ]
    for name, seconds in rows.items():
        ratios = [theirs / ours for ours, theirs in seconds]
        sides = [f"{statistics.median(side):.2f}" for side in zip(*seconds, strict=True)]
        made.add_row(name, *sides, *(f"{f(ratios):.2f}" for f in (statistics.median, min, max)))
    return made


def run(side: str, words: list[str]) -> None:
    """Train one side, and print its course as JSON in the last line."""
    config, course = composed(words), Course()
    torch.set_num_threads(config.hardware.threads or 1)
    if side == "session":
        course = session(config)
    else:
        LOOPS[config.task](config, course)
    print(json.dumps([course.marks, course.quality]))


def started(side: str, words: list[str]) -> Course:
    """The course of one side, trained in a process of its own."""
    environment = {**os.environ, **ENVIRONMENT} if side == "session" else os.environ
    command = [sys.executable, __file__, "--side", side, *words]
    told = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Course(*json.loads(told.splitlines()[-1]))


def main() -> None:
    if sys.argv[1:2] == ["--side"]:
        run(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=LOOPS)
    parser.add_argument("words", nargs="*", help="keys of the run to change")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    given = parser.parse_args()
    words = [f"task={given.task}", "scale=reference", "hardware=cpu", "hardware.threads=1", "progress=false"]
    words += ["session=epochs", f"epochs={given.epochs}", *given.words]
    target = composed(words).target
    pairs = []
    for pair in range(given.pairs):
        courses = {side: started(side, words) for side in (SIDES if pair % 2 else reversed(SIDES))}
        pairs.append((courses["session"], courses["plain"]))
    for unit, clock in (("processor seconds", 0), ("wall seconds", 1)):
        Console().print(table(unit, clock, pairs, target.entire))
    quality = Table(f"{target.metric} after epoch", "session", "plain loop")
    for epoch, values in enumerate(zip(pairs[0][0].quality, pairs[0][1].quality, strict=True), 1):
        quality.add_row(str(epoch), *(f"{value:.4f}" for value in values))
    Console().print(quality)


if __name__ == "__main__":
    main()

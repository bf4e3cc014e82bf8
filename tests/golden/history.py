"""The first steps of each miniature as numbers that a later version must repeat.

`histories.json` has for each task its `numbers`, by how much of the number each `differs` between kinds of processor
where that is much, and further `words` of the command line, which a person writes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from rich.console import Console

from aibench.composition.compose import composed
from aibench.contract import TaskModule
from aibench.training.run import train

FILE = Path(__file__).with_name("histories.json")
WORDS = (
    "session=epochs",
    "epochs=2",
    "target.evaluations_per_epoch=1",
    "data.train_size=64",
    "data.val_size=32",
    "data.batch_size=16",
    "data.eval_batch_size=24",
    "hardware=cpu",
    "hardware.threads=1",
)


class _Losses(pl.Callback):
    """Keeps the loss of each step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.values.append(float(outputs["loss"] if isinstance(outputs, dict) else outputs))


def history(task: str, words: list[str]) -> dict[str, float | None]:
    """Train the miniature of `task` for two small epochs and return its numbers.

    They are the loss of each step, all that the first evaluation logged, and the target's metric at the end. (What
    later evaluations log besides may be left over from earlier ones.)
    """
    losses = _Losses()
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(TaskModule, "configure_callbacks", lambda _: [losses])  # Lightning's own way to add a callback
        config = composed([f"task={task}", *WORDS, *words])
        result = train(config, Path(folder), None, Console(quiet=True))
    assert result.status.finished, result.message
    first, last = result.history
    numbers: dict[str, float | None] = {f"loss {step}": value for step, value in enumerate(losses.values, start=1)}
    numbers |= dict(sorted(first.metrics.items()))
    return numbers | {f"{config.target.metric} at the end": last.metrics[config.target.metric]}


def kept() -> dict[str, Any]:
    """Return the content of the file."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    print(json.dumps({task: history(task, words) for task, words in json.loads(sys.argv[1]).items()}))

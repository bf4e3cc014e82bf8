"""The first steps of each miniature as numbers that a later version must repeat.

`histories.json` has for each task its `numbers`, by how much of the number each `differs` between kinds of processor
where that is much, and further `words` of the command line, which a person writes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from filelock import FileLock
from rich.console import Console

from aibench.composition.compose import composed
from aibench.contract import TaskModule
from aibench.results.result import Status
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


@dataclass(frozen=True)
class History:
    """Holds what a miniature did in two small epochs.

    Attributes:
        numbers: The loss of each step, all that the first evaluation logged, and the target's metric at the end.
        declared: Names of the metrics that the configuration declares.
        target: Name of the target's metric.
        epochs_to_quality: Epochs after which it reached the target.
        has_figure: Whether it left a figure.
    """

    numbers: dict[str, float | None]
    declared: list[str]
    target: str
    epochs_to_quality: float | None
    has_figure: bool


def history(task: str, more: Sequence[str] = (), **hardware: object) -> History:
    """Train the miniature of `task` for two small epochs.

    Args:
        task: Its name.
        more: Further words of the command line.
        hardware: Keys of the hardware that are set though this machine may lack it.
    """
    words = [*kept().get(task, {}).get("words", []), *more]
    losses = _Losses()
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(TaskModule, "configure_callbacks", lambda _: [losses])  # Lightning's own way to add a callback
        config = composed([f"task={task}", *WORDS, *words])
        for key, value in hardware.items():
            setattr(config.hardware, key, value)
        result = train(config, Path(folder), None, Console(quiet=True))
        has_figure = (Path(folder) / "figure.png").is_file()
    assert result.status is Status.completed, result.message
    first, last = result.history
    numbers: dict[str, float | None] = {f"loss {step}": value for step, value in enumerate(losses.values, start=1)}
    numbers |= dict(sorted(first.metrics.items()))
    target = config.target.metric
    numbers |= {f"{target} at the end": last.metrics[target]}
    return History(numbers, sorted(config.metrics), target, result.to_quality.epochs, has_figure)


def shared_history(task: str, folder: Path) -> History:
    """Return what `history` returned before, in this process or another that keeps it in `folder`; else train now."""
    path = folder / f"history-{task}.json"
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            path.write_text(json.dumps(asdict(history(task))), encoding="utf-8")
    return History(**json.loads(path.read_text(encoding="utf-8")))


def kept() -> dict[str, Any]:
    """Return the content of the file; nothing where there is none."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    return found


if __name__ == "__main__":
    print(json.dumps({task: history(task).numbers for task in sys.argv[1:]}))

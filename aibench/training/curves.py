"""Notes about once a second what training is like: loss, learning rate, speed, the norm of the gradients, the device.

Nothing here waits for the device but the loss, which the session reads anyway, and the norm, which is an option.
"""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch

from aibench.tracking.trackers import Tracking
from aibench.training.recorder import Recorder

SECONDS = 1.0  # between two points of a curve
DEVICE = ("cpu_percent", "gpu_percent")


class Curves(pl.Callback):
    """Hands points of the training's curves to a tracker.

    Args:
        recorder: Counts the steps, and stands before this callback.
        tracker: Gets the points.
        gradient_norm: Whether the norm of all gradients is a curve too.
    """

    def __init__(self, recorder: Recorder, tracker: Tracking, *, gradient_norm: bool) -> None:
        self.recorder, self.tracker, self.gradient_norm = recorder, tracker, gradient_norm
        self.loss: float | None = None
        self._norm: torch.Tensor | None = None
        self._last = time.perf_counter()
        self._units: float | None = None  # counted up to the last point; None where something else came between

    def trained(self, steps: int, loss: float | None) -> None:
        """Take over the loss that the session has read."""
        self.loss = loss if loss is not None else self.loss

    def evaluated(self, evaluation: Any) -> None:
        """Begin to count anew: an evaluation is no training."""
        self._units, self._last = None, time.perf_counter()

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: Any, optimizer: torch.optim.Optimizer) -> None:
        if self.gradient_norm and time.perf_counter() - self._last >= SECONDS:
            found = [one.grad for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
            self._norm = torch.stack(torch._foreach_norm(found)).norm() if found else None

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        now = time.perf_counter()
        if now - self._last < SECONDS:
            return
        record, recorder = self.recorder.record, self.recorder
        samples, units = recorder.batches.after(record.steps)
        position = {"steps": float(record.steps), "samples": float(samples), "seconds": recorder.instruments.seconds()}
        values = {"train/loss": self.loss, "train/lr": _learning_rate(trainer)}
        if self._units is not None:
            values["train/per_second"] = (units - self._units) / (now - self._last)
        if self._norm is not None:
            values["train/gradient_norm"] = float(self._norm)
        columns = recorder.instruments.telemetry.columns
        values |= {f"device/{name}": columns[name].last for name in DEVICE if name in columns}
        self._last, self._units, self._norm = now, units, None
        self.tracker.curve(position, {name: value for name, value in values.items() if value is not None})


def _learning_rate(trainer: pl.Trainer) -> float | None:
    """Return the learning rate of the first optimiser, where it is a number on the host."""
    rate = trainer.optimizers[0].param_groups[0]["lr"] if trainer.optimizers else None
    return float(rate) if isinstance(rate, int | float) else None

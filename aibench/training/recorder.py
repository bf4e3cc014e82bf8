"""Lightning's callback that counts, times, evaluates against the target, stops and checkpoints."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from aibench.contract import TaskModule
from aibench.meters.instruments import WARM_UP, Instruments
from aibench.meters.steps import watched
from aibench.results.result import Evaluation, Phase, ToQuality
from aibench.tracking.trackers import Watcher
from aibench.training import checkpoint
from aibench.training.goal import Goal, Schedule
from aibench.training.loader import TrainBatches

GLANCE_SECONDS = 0.25  # how often the loss is read from the device, for the progress bar and the check against NaN


class Diverged(Exception):  # noqa: N818 - it tells how a session ended, as Interrupted does
    """A loss or the quality became NaN or infinite."""


@dataclass
class Record:
    """All that the session measured so far; what a resumed process goes on from.

    Attributes:
        history: Every evaluation, in order.
        phases: The parts of the training, in order of first appearance.
        to_quality: What it took to reach the goal; None until then.
        best: Best value of the target's metric.
        steps: Training batches.
        samples: Training samples.
        units: What throughput counts of them.
        resumed: How often the run was continued.
    """

    history: list[Evaluation] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    to_quality: ToQuality | None = None
    best: float | None = None
    steps: int = 0
    samples: int = 0
    units: int = 0
    resumed: int = 0

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Record:
        """The record that `asdict` made `state` of."""
        reached = state["to_quality"]
        return cls(
            history=[Evaluation(**row) for row in state["history"]],
            phases=[Phase(**row) for row in state["phases"]],
            to_quality=ToQuality(**reached) if reached else None,
            best=state["best"],
            steps=state["steps"],
            samples=state["samples"],
            units=state["units"],
            resumed=state["resumed"] + 1,
        )


class Recorder(pl.Callback):
    """Counts batches and samples itself: under manual optimisation `global_step` counts something else.

    Args:
        goal: What to reach.
        schedule: When to evaluate and to stop.
        batches: The training batches.
        folder: Of the run, for checkpoints.
        instruments: The session's, running.
        watchers: Told of the progress.
        identity: The run's id and its configuration, which a resumed run must share.
    """

    def __init__(
        self,
        goal: Goal,
        schedule: Schedule,
        batches: TrainBatches,
        folder: Path,
        instruments: Instruments,
        watchers: list[Watcher],
        identity: dict[str, Any],
    ) -> None:
        self.goal = goal
        self.schedule = schedule
        self.batches = batches
        self.folder = folder
        self.instruments = instruments
        self.watchers = watchers
        self.identity = identity
        self.record = Record()
        self._phase: str | None = None
        self._watching = ExitStack()
        batches.clock = instruments.clock
        self._losses: list[Tensor] = []
        self._last_end = self._last_glance = time.perf_counter()
        self._states: dict[str, Any] | None = None

    # Counting and timing

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._states is not None:
            checkpoint.restore_random_states(self._states)
            self._states = None
        assert isinstance(pl_module, TaskModule)
        self._watching.enter_context(watched(pl_module, trainer, self.instruments.clock))
        self._enter(WARM_UP if self.record.steps < self.schedule.warmup else pl_module.phase)
        trainer.should_stop = self._is_over()
        for watcher in self.watchers:
            watcher.trained(self.record.steps, None)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.phase != self._phase and self.record.steps >= self.schedule.warmup:
            self._count(self.record.steps)
            self._phase = pl_module.phase
            self.instruments.change_phase(pl_module.phase, at=self._last_end)
        self.record.steps += 1
        self.instruments.clock.step()
        if self.record.steps == self.schedule.warmup:
            self._leave_training("other")
            self._enter(pl_module.phase)
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._losses.append(loss.detach())
        now = self._last_end = time.perf_counter()
        if now - self._last_glance > GLANCE_SECONDS:
            self._glance(now)
        if self.record.steps == self.schedule.budget:
            trainer.should_stop = True  # which makes Lightning evaluate once more where evaluations are wanted

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._check_losses()
        self._leave_training("other")
        self._watching.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._watching.close()

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self.instruments.train(phase)

    def _leave_training(self, part: str) -> None:
        self.instruments.leave_training(part)
        self._count(self.record.steps)

    def _count(self, steps: int) -> None:
        """Give the batches since the last count to the current phase."""
        assert self._phase is not None
        phases = self.record.phases
        row = next((row for row in phases if row.name == self._phase), None)
        if row is None:
            row = Phase(self._phase, 0, 0, 0.0)
            phases.append(row)
        samples, units = self.batches.after(steps)
        row.steps += steps - sum(other.steps for other in phases)
        row.samples += samples - self.record.samples
        row.units += units - self.record.units
        self.record.samples, self.record.units = samples, units

    # Losses

    def _glance(self, now: float) -> None:
        self._last_glance = now
        loss = self._check_losses()
        for watcher in self.watchers:
            watcher.trained(self.record.steps, loss)

    def _check_losses(self) -> float | None:
        """The last loss. Raises `Diverged` where one since the last check is not finite."""
        if not self._losses:
            return None
        losses = torch.stack(self._losses)
        self._losses.clear()
        if not bool(losses.isfinite().all()):
            first = self.record.steps - len(losses) + int((~losses.isfinite()).nonzero()[0]) + 1
            raise Diverged(f"the loss of step {first} is not finite. A smaller optim.lr may help.")
        return float(losses[-1])

    # Evaluation

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._check_losses()
        self._leave_training("evaluation")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        assert self.goal.metric in values, f"validation logs {sorted(values)}, and not {self.goal.metric}"
        value = values[self.goal.metric]
        assert isinstance(pl_module, TaskModule)
        if not np.isfinite(value) and pl_module.unmeasured is None:
            raise Diverged(f"{self.goal.metric} after step {self.record.steps} is not finite.")
        improved = self._append(values, value)
        if self.goal.stops and self.record.to_quality is not None:
            trainer.should_stop = True
        self.instruments.ledger.switch("checkpoint")
        checkpoint.save(trainer, self.folder, improved)
        for watcher in self.watchers:
            watcher.evaluated(self.record.history[-1])
        self._enter(pl_module.phase)
        self._last_end = self._last_glance = time.perf_counter()

    def _append(self, values: dict[str, float], value: float) -> bool:
        """Add an evaluation to the history. Returns whether it is the best so far."""
        record, instruments = self.record, self.instruments
        evaluation = Evaluation(
            epochs=record.steps / self.schedule.batches,
            steps=record.steps,
            samples=record.samples,
            seconds=instruments.ledger.total(),
            training_seconds=sum(instruments.training_seconds().values()),
            phase=self._phase or "",
            metrics={name: number if np.isfinite(number) else None for name, number in values.items()},
        )
        counts = self.goal.counts(row.metrics[self.goal.metric] for row in record.history)
        record.history.append(evaluation)
        if record.to_quality is None and counts and self.goal.reached(value):
            instruments.reached_quality()
            parts = instruments.ledger.seconds()
            aside = parts.get("evaluation", 0.0) + parts.get("checkpoint", 0.0)
            record.to_quality = ToQuality(
                evaluation.epochs,
                evaluation.samples,
                evaluation.seconds,
                evaluation.seconds - aside,
                self.schedule.quantum,
            )
        improved = counts and self.goal.better(value, record.best)
        record.best = value if improved else record.best
        return improved

    def _is_over(self) -> bool:
        reached = self.goal.stops and self.record.to_quality is not None
        return reached or self.record.steps >= self.schedule.budget

    # Checkpoints

    def state_dict(self) -> dict[str, Any]:
        """What a resumed process goes on from: tensors and plain values, as `weights_only=True` loads them."""
        return {
            "record": asdict(self.record),
            "instruments": self.instruments.state(),
            "random": checkpoint.random_states(),
            "identity": self.identity,
        }

    @staticmethod
    def history_in(content: dict[str, Any]) -> list[Evaluation]:
        """The history in a checkpoint's content."""
        return Record.restored(content["callbacks"]["Recorder"]["record"]).history

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.record = Record.restored(state_dict["record"])
        self.batches.go_to(self.record.steps)
        self.instruments.go_on_from(state_dict["instruments"])
        self._states = state_dict["random"]

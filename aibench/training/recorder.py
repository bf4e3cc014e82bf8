"""Counts, times, evaluates against the target, stops and checkpoints, as Lightning's callback."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl

from aibench.contract import Scores, TaskModule
from aibench.meters.instruments import PREPARATION, WARM_UP, Instruments
from aibench.meters.steps import watched
from aibench.results.result import Evaluation, Part, Phase, ToQuality
from aibench.tracking.trackers import Watcher
from aibench.training import checkpoint
from aibench.training.ending import heed, is_waiting, take_signals_back
from aibench.training.goal import Goal, Schedule
from aibench.training.loader import TrainBatches
from aibench.training.losses import Diverged, Losses
from aibench.training.record import Record

GLANCE_SECONDS = 0.25  # how often the loss is read from the device, for the progress bar and the check against NaN


class Recorder(pl.Callback):
    """Counts batches and samples itself: under manual optimisation `global_step` counts something else.

    Args:
        goal: What to reach.
        schedule: When to evaluate and to stop.
        batches: The training batches.
        folder: The run's folder, for checkpoints.
        instruments: The session's instruments, running.
        watchers: Objects that are told of the progress.
        identity: The run's id, its configuration, samples and machine: what a resumed run is compared with.
        part: What this process begins with.
        processes: How many processes worked on the run before this one.
        minutes: After how many minutes without a checkpoint one is written between evaluations; 0 for never.
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
        part: Part,
        processes: int = 0,
        minutes: float = 0.0,
    ) -> None:
        self.goal = goal
        self.schedule = schedule
        self.batches = batches
        self.folder = folder
        self.instruments = instruments
        self.watchers = watchers
        self.identity = identity
        self.part = part
        self.processes = processes
        self.seconds_between = 60 * minutes
        self.record = Record(resumed=processes, parts=[part])
        self._phase: str | None = None
        self._watching = ExitStack()
        batches.clock = instruments.clock
        self._losses = Losses()
        self._last_end = self._last_glance = time.perf_counter()
        self.scores: Scores | None = None  # of the evaluation that reached the target, else of the last one
        self.was_evaluated = False
        self._states: dict[str, Any] | None = None
        self._at_evaluation: dict[str, Any] | None = None  # the random states at its start, while one is under way
        self._evaluation_is_due = False
        self._saved = self._last_end
        self._has_saved = False

    # Counting and timing

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        take_signals_back()
        if self._states is not None:
            checkpoint.restore_random_states(self._states)
            self._states = None
        assert isinstance(pl_module, TaskModule)
        self._watching.enter_context(watched(pl_module, trainer, self.instruments.clock))
        self._enter(WARM_UP if self.record.steps < self.schedule.warmup else pl_module.phase)
        self._saved = time.perf_counter()
        if self._evaluation_is_due:
            self._evaluate(trainer)
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
        self._losses.add(outputs["loss"] if isinstance(outputs, dict) else outputs)
        now = self._last_end = time.perf_counter()
        if now - self._last_glance > GLANCE_SECONDS:
            self._glance(now)
        if self.record.steps == self.schedule.budget:
            trainer.should_stop = True  # which makes Lightning evaluate once more where evaluations are wanted
        elif is_waiting() or (self._last_glance == now and 0 < self.seconds_between < now - self._saved):
            self._save_between_evaluations(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._losses.check(self.record.steps)
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

    # Between evaluations

    def _save_between_evaluations(self, trainer: pl.Trainer, pl_module: TaskModule) -> None:
        """Write a checkpoint, unless an evaluation or the end of the epoch comes next, and heed a signal that waits."""
        schedule, steps = self.schedule, self.record.steps
        if schedule.interval == 0:
            heed()  # of timed steps alone there is nothing to go on from
            return
        if steps % schedule.interval == 0 or steps % schedule.batches == 0:
            return  # the evaluation's own checkpoint comes, or that of the first batch of the next epoch
        self._leave_training("checkpoint")
        self._losses.check(self.record.steps)
        self._save(trainer, is_best=False)
        heed()
        self._enter(pl_module.phase)
        self._last_end = self._last_glance = time.perf_counter()

    def _save(self, trainer: pl.Trainer, *, is_best: bool) -> None:
        checkpoint.save(trainer, self.folder, is_best)
        self._saved = time.perf_counter()
        self._has_saved = True

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Count the batch as done: Lightning does so after its hook, and would make it again."""
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        for count in (progress["total"], progress["current"]):
            count["completed"] = count["ready"]

    def _evaluate(self, trainer: pl.Trainer) -> None:
        """Make the evaluation in which the process before was stopped, as Lightning's loop does after a batch."""
        loop = trainer.fit_loop.epoch_loop.val_loop
        loop.restarting = False
        trainer.validating = True
        loop.run()
        trainer.training = True

    # Losses

    def _glance(self, now: float) -> None:
        self._last_glance = now
        loss = self._losses.check(self.record.steps)
        for watcher in self.watchers:
            watcher.trained(self.record.steps, loss)

    # Evaluation

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._losses.check(self.record.steps)
        self._leave_training("evaluation")
        trainer.callback_metrics.clear()  # Lightning keeps what earlier evaluations logged
        self._at_evaluation = checkpoint.random_states()
        self._stop_if_asked(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._stop_if_asked(trainer)

    def _stop_if_asked(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint that goes on with this evaluation from its start, and heed a signal, where one waits.

        At the end of an epoch the signal waits for the whole evaluation: Lightning goes on from there after it alone.
        """
        if is_waiting() and self.record.steps % self.schedule.batches:
            self.instruments.ledger.switch("checkpoint")
            self._save(trainer, is_best=False)
            heed()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._at_evaluation = None
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        assert self.goal.metric in values, f"validation logs {sorted(values)}, and not {self.goal.metric}"
        value = values[self.goal.metric]
        assert isinstance(pl_module, TaskModule)
        if not np.isfinite(value) and pl_module.unmeasured is None:
            raise Diverged(f"{self.goal.metric} after step {self.record.steps} is not finite.")
        had_reached = self.record.to_quality is not None
        improved = self._append(values, value)
        if not (had_reached and self.was_evaluated):
            self.scores, self.was_evaluated = pl_module.sample_scores(), True
        if self.goal.stops and self.record.to_quality is not None:
            trainer.should_stop = True
        self.instruments.ledger.switch("checkpoint")
        self._save(trainer, is_best=improved)
        for watcher in self.watchers:
            watcher.evaluated(self.record.history[-1])
        self._enter(pl_module.phase)
        self._last_end = self._last_glance = time.perf_counter()

    def _append(self, values: dict[str, float], value: float) -> bool:
        """Add an evaluation to the history. Returns whether it is the best so far."""
        record, instruments = self.record, self.instruments
        evaluation = Evaluation(
            epochs=self._epochs(),
            steps=record.steps,
            samples=record.samples,
            seconds=instruments.seconds(),
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

    @property
    def is_worth_a_result(self) -> bool:
        """Return whether something was measured, or written to go on from."""
        return bool(self.record.history) or self._has_saved or len(self.record.parts) > 1

    def _epochs(self) -> float:
        return self.record.steps / self.schedule.batches

    def _is_over(self) -> bool:
        reached = self.goal.stops and self.record.to_quality is not None
        return reached or self.record.steps >= self.schedule.budget

    # Checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed process goes on from, in values that `weights_only=True` loads."""
        return {
            "record": asdict(self.record),
            "instruments": self.instruments.state(),
            "random": self._at_evaluation or checkpoint.random_states(),
            "evaluation_is_due": self._at_evaluation is not None,
            "identity": self.identity,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.record = record = Record.restored(state_dict["record"])
        record.resumed = max(record.resumed, self.processes)
        self.batches.go_to(self.record.steps)
        self.instruments.go_on_from(state_dict["instruments"])
        self._states = state_dict["random"]
        self._evaluation_is_due = state_dict.get("evaluation_is_due", False)
        parts = state_dict["instruments"]["seconds"]
        before = sum(took for part, took in parts.items() if part != PREPARATION)
        record.parts.append(replace(self.part, epochs=self._epochs(), steps=record.steps, seconds=before))

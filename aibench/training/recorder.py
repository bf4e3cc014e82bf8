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
from aibench.tracking.trackers import Watcher
from aibench.training import checkpoint
from aibench.training.agreement import Agreement
from aibench.training.checkpoint import count_as_done
from aibench.training.communication import Communication
from aibench.training.ending import elsewhere, heed, is_waiting, take_signals_back
from aibench.training.goal import Goal, Schedule
from aibench.training.loader import TrainBatches
from aibench.training.losses import Diverged, Losses
from aibench.training.ranks import ALONE, Ranks
from aibench.training.record import Record
from aibench.training.resume import Here

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
        here: What this process brings to the run.
        ranks: The processes that train the run together.
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
        here: Here,
        minutes: float = 0.0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.goal = goal
        self.schedule = schedule
        self.batches = batches
        self.folder = folder
        self.instruments = instruments
        self.watchers = watchers
        self.identity = identity
        self.seconds_between = 60 * minutes
        self.record = Record(resumed=here.processes, parts=[here.part], quantum=schedule.quantum)
        self._phase: str | None = None
        self._watching = ExitStack()
        batches.clock = instruments.clock
        self.ranks, self.here = ranks, here
        self.communication = Communication()
        self._losses = Losses()
        self._agreement = Agreement(ranks, self._losses, GLANCE_SECONDS)
        self._last_end = self._last_glance = time.perf_counter()
        self.scores: Scores | None = None  # of the evaluation that reached the target, else of the last one
        self.was_evaluated = False
        self._restored: dict[str, Any] | None = None
        self._module: TaskModule
        self._at_evaluation: dict[str, Any] | None = None  # the random states at its start, while one is under way
        self._evaluation_is_due = False
        self._saved = self._last_end
        self._has_saved = False

    # Counting and timing

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        take_signals_back()
        assert isinstance(pl_module, TaskModule)
        self._module = pl_module
        if self._restored is not None:
            checkpoint.restore_own(
                self._restored, self.ranks, pl_module, (self.identity["config"]["seed"], self.record.steps)
            )
            self._restored = None
        self._watching.enter_context(watched(pl_module, trainer, self.instruments.clock))
        self._enter(WARM_UP if self.record.steps < self.schedule.warmup else pl_module.phase)
        self._saved = time.perf_counter()
        if self._evaluation_is_due:
            checkpoint.evaluate_again(trainer)
        trainer.should_stop = self._is_over()
        for watcher in self.watchers:
            watcher.trained(self.record.steps, None)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.communication.has_begun:
            self.ranks.pulse()
            trainer.should_stop = self.communication.step(self.instruments.steady()[0].median, pl_module)
            return
        if pl_module.phase != self._phase and self.record.steps >= self.schedule.warmup:
            self._count(self.record.steps)
            self._phase = pl_module.phase
            self.instruments.change_phase(pl_module.phase, at=self._last_end)
        self.record.steps += 1
        self.instruments.clock.step()
        if self.record.steps == self.schedule.warmup:
            self._leave_training("other")
            self.batches.own_samples = 0
            self._enter(pl_module.phase)
        self._losses.add(outputs["loss"] if isinstance(outputs, dict) else outputs)
        now = self._last_end = time.perf_counter()
        if self.ranks.size > 1:
            self._with_the_others(trainer, pl_module, now)
            return
        if now - self._last_glance > GLANCE_SECONDS:
            self._glance(now)
        if self.record.steps == self.schedule.budget:
            trainer.should_stop = True  # which makes Lightning evaluate once more where evaluations are wanted
        elif is_waiting() or (self._last_glance == now and 0 < self.seconds_between < now - self._saved):
            self._save_between_evaluations(trainer, pl_module)

    def _with_the_others(self, trainer: pl.Trainer, pl_module: TaskModule, now: float) -> None:
        """Do after a step what a process alone decides by its clock and its signals, together with all others."""
        self.ranks.pulse()
        over = self.record.steps == self.schedule.budget
        if self._agreement.is_due() and not over:
            old = 0 < self.seconds_between < now - self._saved
            if (agreed := self._agreement.asked(self.record.steps, save=old)).save or agreed.stop:
                self._save_between_evaluations(trainer, pl_module, stop=agreed.stop)
        if now - self._last_glance > GLANCE_SECONDS:
            self._glance(now)
        if over and self.schedule.interval == 0:
            self._leave_training("other")
            self.batches.counts = False
            self.communication.begin(trainer.strategy)
        elif over:
            trainer.should_stop = True

    def _check_losses(self) -> None:
        """Raise `Diverged` where a loss so far is not finite, in whichever process."""
        check = self._losses.check if self.ranks.size == 1 else self._agreement.asked
        check(self.record.steps)

    def _glance(self, now: float) -> None:
        self._last_glance = now
        loss = (self._losses.check if self.ranks.size == 1 else self._losses.read)(self.record.steps)
        for watcher in self.watchers:
            watcher.trained(self.record.steps, loss)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._check_losses()
        self._leave_training("other")
        self._watching.close()

    def on_exception(self, *_: Any) -> None:
        self._watching.close()

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self.instruments.train(phase)

    def _leave_training(self, part: str) -> None:
        self.instruments.leave_training(part)
        self._count(self.record.steps)

    def _count(self, steps: int) -> None:
        """Give the batches since the last count to the current phase."""
        self.record.count(self._phase or "", steps, *self.batches.after(steps))

    # Between evaluations

    def _save_between_evaluations(self, trainer: pl.Trainer, pl_module: TaskModule, *, stop: bool = False) -> None:
        """Write a checkpoint, unless an evaluation or the end of the epoch comes next, and heed a signal that waits.

        With `stop` another process of the run may have been sent it.
        """
        schedule, steps = self.schedule, self.record.steps
        if schedule.interval == 0:
            self._heed(stop)  # of timed steps alone there is nothing to go on from
            return
        if steps % schedule.interval == 0 or steps % schedule.batches == 0:
            return  # the evaluation's own checkpoint comes, or that of the first batch of the next epoch
        self._leave_training("checkpoint")
        if self.ranks.size == 1:
            self._losses.check(self.record.steps)
        self._save(trainer, is_best=False)
        self._heed(stop)
        self._enter(pl_module.phase)
        self._last_end = self._last_glance = time.perf_counter()

    @staticmethod
    def _heed(stop: bool) -> None:
        heed()
        if stop:
            raise elsewhere()

    def _save(self, trainer: pl.Trainer, *, is_best: bool) -> None:
        checkpoint.save(trainer, self.folder, is_best)
        self._saved = time.perf_counter()
        self._has_saved = True

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Count the batch as done: Lightning does so after its hook, and would make it again."""
        count_as_done(checkpoint)

    # Evaluation

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TaskModule)
        self._check_losses()
        self._leave_training("evaluation")
        self.ranks.take_buffers_of_the_first(pl_module, lambda name: name.startswith(pl_module.own_buffers))
        trainer.callback_metrics.clear()  # Lightning keeps what earlier evaluations logged
        self._at_evaluation = checkpoint.random_states()
        self._stop_if_asked(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.ranks.pulse()
        self._stop_if_asked(trainer)

    def _stop_if_asked(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint that goes on with this evaluation from its start, and heed a signal, where one waits.

        At the end of an epoch, and beside other processes, the signal waits for the whole evaluation: Lightning goes on
        from there after it alone.
        """
        if self.ranks.size == 1 and is_waiting() and self.record.steps % self.schedule.batches:
            self.instruments.ledger.switch("checkpoint")
            self._save(trainer, is_best=False)
            heed()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._at_evaluation = None
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        values = self.ranks.of_the_first(values)  # equal but for the last bits of unlike machines; one decides
        assert self.goal.metric in values, f"validation logs {sorted(values)}, and not {self.goal.metric}"
        value = values[self.goal.metric]
        assert isinstance(pl_module, TaskModule)
        if not np.isfinite(value) and pl_module.unmeasured is None:
            raise Diverged(f"{self.goal.metric} after step {self.record.steps} is not finite.")
        had_reached = self.record.to_quality is not None
        epochs = self.record.steps / self.schedule.batches
        improved = self.record.judged(values, self.goal, epochs, self._phase or "", self.instruments)
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

    @property
    def is_worth_a_result(self) -> bool:
        """Return whether something was measured, or written to go on from."""
        return bool(self.record.history) or self._has_saved or len(self.record.parts) > 1

    def _is_over(self) -> bool:
        return self.record.steps >= self.schedule.budget or (self.goal.stops and self.record.to_quality is not None)

    # Checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed process goes on from, in values that `weights_only=True` loads."""
        return {
            "record": asdict(self.record),
            "instruments": (counted := self.instruments.state()),
            "random": self._at_evaluation or checkpoint.random_states(),
            **checkpoint.of_each_rank(self.ranks, self._module, counted),
            "evaluation_is_due": self._at_evaluation is not None,
            "identity": self.identity,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.record = record = Record.restored(state_dict["record"], self.schedule.quantum)
        record.resumed = max(record.resumed, self.here.processes)
        self.batches.go_to(self.record.steps)
        if (counted := checkpoint.own_instruments(state_dict, self.ranks)) is not None:
            self.instruments.go_on_from(counted)
        self._restored = {name: state_dict[name] for name in ("random", "ranks") if name in state_dict}
        self._evaluation_is_due = state_dict.get("evaluation_is_due", False)
        parts = state_dict["instruments"]["seconds"]
        before = sum(took for part, took in parts.items() if part != PREPARATION)
        epochs = record.steps / self.schedule.batches
        record.parts.append(replace(self.here.part, epochs=epochs, steps=record.steps, seconds=before))

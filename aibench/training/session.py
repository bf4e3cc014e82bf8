"""Runs the training session: fit, evaluate, stop, checkpoint, record."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.profilers import PassThroughProfiler
from rich.console import Console

from aibench.composition import registry
from aibench.config import Accelerator, RunConfig, Strategy, with_global_batch
from aibench.config.closed import file_digests
from aibench.contract import DataError, TaskData, TaskModule
from aibench.meters.counted import Counted
from aibench.meters.instruments import Instruments
from aibench.meters.system import lay_out
from aibench.results.result import Rank, Status
from aibench.tracking.trackers import NoTracking, Tracking
from aibench.training import checkpoint
from aibench.training.checkpoint import seed_everything
from aibench.training.curves import Curves
from aibench.training.ending import Ending, Interrupted, held, interruption, is_waiting, note_failure
from aibench.training.goal import Goal, Schedule
from aibench.training.loader import EvalBatches, TrainBatches
from aibench.training.losses import Diverged
from aibench.training.progress import ProgressBar
from aibench.training.quickening import PRECISIONS, quickened
from aibench.training.ranks import ALONE, Ranks
from aibench.training.recorder import Recorder
from aibench.training.resume import Earlier, Here
from aibench.training.strategies import Overlapping, Summing


class Session:
    """Holds one run's data, module, loaders and record."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        run_id: str,
        before: Earlier | None,
        here: Here,
        instruments: Instruments,
        console: Console,
        schedule: Callable[[RunConfig, int], Schedule] = Schedule.of,
        ranks: Ranks = ALONE,
    ) -> None:
        self.config = config
        self.ranks = ranks
        self.folder = folder
        self.run_id = run_id
        self.before = before
        self.here = here
        self.console = console
        self.instruments = instruments
        whole = with_global_batch(config, ranks.size)  # what the task sees: it plans batches of all devices together
        self.data: TaskData = registry.data_class(config.task)(whole)
        self.fingerprint = self.data.fingerprint()  # now: at the end of a run the files may be gone
        self.published = self.data.identity()
        self.files = file_digests(config)
        if before is not None:
            before.refuse_other_data(self.fingerprint, folder)
        dataset = self.data.dataset("train")
        self.batches = TrainBatches(self.data, dataset, config.seed, ranks.world)
        self.goal = Goal.of(config)
        self.schedule = schedule(config, len(self.batches))
        self.held_out = self.judging("val") if self.schedule.interval else None
        on_cpu = config.hardware.accelerator is Accelerator.cpu
        self.on_gpu = torch.cuda.is_available() and not on_cpu
        ranks.meet(self.on_gpu, self.fingerprint)
        instruments.prepared()  # what comes before is done once on a machine, or is quick where it was: not the score's
        seed_everything(config.seed)
        self.module: TaskModule = registry.module_class(config.task)(whole, self.data.facts)
        lay_out(self.module, config.hardware)
        if ranks.size > 1:
            self.module.first_of_batches = self.held_out.first if self.held_out is not None else None
            seed_everything(config.seed, ranks.rank)  # equal weights; draws of its own for each rank's own samples
        self.recorder: Recorder | None = None
        self.curves: list[Curves] = []
        self.rows: list[Rank] = []
        self.counted: list[Counted] = []

    def judging(self, part: str) -> EvalBatches:
        """Return this process's batches of a held-out part."""
        return EvalBatches(self.data, self.data.dataset(part), self.ranks.world)

    def fit(self, tracker: Tracking) -> Ending:
        """Train to the end of the session, whichever it is."""
        title = f"{self.config.task} seed {self.config.seed}"
        console = self.console if self.config.progress and self.ranks.is_first else Console(quiet=True)
        with ProgressBar(title, self.goal, self.schedule, console) as bar:
            self.recorder = Recorder(
                self.goal,
                self.schedule,
                self.batches,
                self.folder,
                self.instruments,
                [bar, tracker] if self.ranks.is_first else [],
                {"run_id": self.run_id, "fingerprint": self.fingerprint, **self.here.identity},
                self.here,
                self.config.checkpoint.minutes or 0.0,
                self.ranks,
            )
            self._draw_curves(tracker)
            try:
                if self.before is not None:
                    tracker.restore(self.before.history)
                with held():  # a signal waits for the end of the step, where there is something to go on from
                    self._fit()
            except Interrupted as error:
                return Ending(Status.interrupted, str(error))
            except Diverged as error:
                return Ending(Status.diverged, str(error))
            except DataError as error:
                return self._failed(error, trace=False)
            except Exception as error:
                return self._failed(error, trace=True)
        return Ending(self._reached(), self.module.unmeasured)

    def _draw_curves(self, tracker: Tracking) -> None:
        """Have the first process hand the curves of the training to `tracker`, where there is one."""
        assert self.recorder is not None
        if self.ranks.is_first and type(tracker) is not NoTracking:
            norm = self.config.tracking.gradient_norm
            self.curves.append(Curves(self.recorder, tracker, gradient_norm=norm))
            self.recorder.watchers += self.curves

    def _fit(self) -> None:
        path = self.before.path if self.before is not None else None
        trainer = self._trainer()
        self.before = None  # Lightning holds its content from here on, and lets it go once it is restored
        trainer.fit(quickened(self.module, self.config), self.batches, self.held_out, ckpt_path=path, weights_only=True)

    def _failed(self, error: Exception, *, trace: bool) -> Ending:
        assert self.recorder is not None
        if is_waiting():  # what a signal did to the processes that read samples
            return Ending(Status.interrupted, str(interruption()))
        if isinstance(error, DataError) and not self.recorder.is_worth_a_result:
            raise error
        if (why := self.ranks.why(error)) is not None:
            return Ending(Status.failed, why)
        if trace and self.ranks.is_first:
            note_failure(self.folder)
        elif trace:
            traceback.print_exc()  # the first process keeps what the others say
        text = " ".join(str(error).split()) or type(error).__name__
        return Ending(Status.failed, text if isinstance(error, DataError) else f"{type(error).__name__}: {text}")

    def _reached(self) -> Status:
        assert self.recorder is not None
        if not self.goal.stops:
            return Status.completed
        return Status.converged if self.recorder.record.to_quality is not None else Status.not_converged

    def _trainer(self) -> pl.Trainer:
        assert self.recorder is not None
        return pl.Trainer(
            **self._common(),
            max_epochs=self.schedule.epochs + self._for_communication(),
            val_check_interval=self.schedule.interval or None,
            check_val_every_n_epoch=None if self.schedule.interval else 1,
            limit_val_batches=None if self.schedule.interval else 0.0,
            callbacks=[self.recorder, *self.curves],
            plugins=[checkpoint.Files(self.before.content if self.before is not None else None)],
            num_sanity_val_steps=0,
        )

    def _for_communication(self) -> int:
        """Return the epochs beyond the budget that steps may take which time the agreement of several devices."""
        return int(self.ranks.size > 1 and self.schedule.interval == 0)

    def evaluator(self) -> pl.Trainer:
        """Return a trainer that evaluates as the session does, and records nothing."""
        return pl.Trainer(**self._common())

    def _common(self) -> dict[str, Any]:
        hardware = self.config.hardware
        return {
            "accelerator": str(hardware.accelerator),
            **self._devices(),
            "precision": PRECISIONS[hardware.precision],
            "deterministic": hardware.deterministic,
            "benchmark": hardware.cudnn_benchmark,
            "logger": False,
            "enable_progress_bar": False,
            "enable_checkpointing": False,
            "enable_model_summary": False,
            "profiler": _Unprofiled(),
            "use_distributed_sampler": False,
        }

    def _devices(self) -> dict[str, Any]:
        world = self.ranks.world
        if world.size == 1:
            return {"devices": 1}
        device = torch.device("cuda", torch.cuda.current_device()) if self.on_gpu else torch.device("cpu")
        kind = Summing if self.strategy == Strategy.reduce else Overlapping
        return {
            "devices": [device.index] if self.on_gpu else 1,
            "strategy": kind(world, device, self.module.idles),
            "sync_batchnorm": self.config.hardware.sync_batchnorm,
        }

    @property
    def strategy(self) -> str:
        """Return how the gradients of several devices become one."""
        reduces = self.config.hardware.strategy is Strategy.reduce or self.config.by_hand
        return str(Strategy.reduce if reduces else Strategy.ddp)


class _Unprofiled(PassThroughProfiler):
    """Profiles nothing at less cost than Lightning's own: it enters 26 contexts a step."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> Any:
        return self._nothing

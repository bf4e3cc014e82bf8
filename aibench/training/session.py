"""The training session: fit, evaluate, stop, checkpoint, resume, record."""

from __future__ import annotations

import logging
import random
import signal
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.profilers import PassThroughProfiler
from rich.console import Console

from aibench.composition import registry
from aibench.config import Accelerator, ConfigError, Precision, Resume, RunConfig, plain
from aibench.config.checks import OF_GPUS
from aibench.contract import DataError, TaskData, TaskModule
from aibench.meters.instruments import Instruments
from aibench.meters.system import reset_peak_process_memory, set_arithmetic
from aibench.results.division import changed_since
from aibench.results.mllog import write_log
from aibench.results.result import LAST, Division, Result, Status, write_atomically, write_result
from aibench.tracking.trackers import tracking
from aibench.training import checkpoint
from aibench.training.goal import Goal, Schedule
from aibench.training.loader import EvalBatches, TrainBatches
from aibench.training.outcome import Ending, build_result, draw_figure
from aibench.training.progress import ProgressBar
from aibench.training.recorder import Diverged, Recorder

PRECISIONS = {
    Precision.fp32: "32-true",
    Precision.tf32: "32-true",
    Precision.bf16: "bf16-mixed",
    Precision.fp16: "16-mixed",
}


FAILURE = "failure.txt"


class Interrupted(BaseException):
    """SIGTERM or Ctrl-C. Not an `Exception`: no library on the way may swallow it."""


def train(
    config: RunConfig,
    folder: Path,
    division: Division | None,
    console: Console,
    schedule: Callable[[RunConfig, int], Schedule] = Schedule.of,
) -> Result:
    """Run one session in `folder` and write its result there.

    Args:
        config: The run.
        folder: Where it leaves what it makes.
        division: Closed or open.
        console: Where progress goes.
        schedule: Of a configuration and the batches of an epoch; a probe makes a shorter one.

    Raises:
        ConfigError, DataError: The run cannot start; nothing was measured and no result is written.
    """
    _set_up_process(config)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    with interruptible():
        last = _checkpoint_to_resume(config, folder)
        run_id = checkpoint.identity(last)["run_id"] if last else uuid.uuid4().hex[:12]
        tracker = tracking(config, folder, run_id)
        (folder / FAILURE).unlink(missing_ok=True)
        result = None
        session = None
        try:
            session = Session(config, folder, run_id, last, console, schedule)
            ending = session.fit(tracker)
            session.instruments.stop()
            result = build_result(session, ending, division, started)
            result.figure = _figure(session, ending)
            write_result(folder, result)
            write_log(folder, result)
        finally:
            if session is not None:
                session.instruments.stop()
            tracker.finish(result, folder)
    return result


class Session:
    """One run's data, module, loaders and record."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        run_id: str,
        last: Path | None,
        console: Console,
        schedule: Callable[[RunConfig, int], Schedule] = Schedule.of,
    ) -> None:
        self.config = config
        self.folder = folder
        self.run_id = run_id
        self.resumed_from = last
        self.console = console
        self.instruments = Instruments(config, folder)  # the clock starts here: what follows touches the data
        self.data: TaskData = registry.data_class(config.task)(config)
        dataset = self.data.dataset("train")
        self.batches = TrainBatches(self.data, dataset, config.seed)
        self.goal = Goal.of(config)
        self.schedule = schedule(config, len(self.batches))
        self.held_out = EvalBatches(self.data, self.data.dataset("val")) if self.schedule.interval else None
        _seed_everything(config.seed)
        self.module: TaskModule = registry.module_class(config.task)(config, self.data.facts)
        if config.hardware.channels_last:
            self.module.to(memory_format=torch.channels_last)
        self.recorder: Recorder | None = None
        on_cpu = config.hardware.accelerator is Accelerator.cpu
        self.on_gpu = torch.cuda.is_available() and not on_cpu

    def fit(self, tracker: Any) -> Ending:
        """Train to the end of the session, whichever it is."""
        last = self.resumed_from
        title = f"{self.config.task} seed {self.config.seed}"
        console = self.console if self.config.progress else Console(quiet=True)
        with ProgressBar(title, self.goal, self.schedule, console) as bar:
            self.recorder = Recorder(
                self.goal,
                self.schedule,
                self.batches,
                self.folder,
                self.instruments,
                [bar, tracker],
                {"run_id": self.run_id, "config": plain(self.config)},
            )
            try:
                if last is not None:
                    tracker.restore(self.recorder.history_in(checkpoint.load(last)))
                self._trainer().fit(self._compiled(), self.batches, self.held_out, ckpt_path=last, weights_only=True)
            except Interrupted as error:
                return Ending(Status.interrupted, str(error))
            except Diverged as error:
                return Ending(Status.diverged, str(error))
            except DataError as error:
                return self._failed(error, trace=False)
            except Exception as error:
                return self._failed(error, trace=True)
        return Ending(self._reached(), self.module.unmeasured)

    def _failed(self, error: Exception, *, trace: bool) -> Ending:
        assert self.recorder is not None
        if isinstance(error, DataError) and not self.recorder.record.history:
            raise error
        if trace:
            write_atomically(self.folder / FAILURE, traceback.format_exc())
        text = " ".join(str(error).split()) or type(error).__name__
        return Ending(Status.failed, text if isinstance(error, DataError) else f"{type(error).__name__}: {text}")

    def _reached(self) -> Status:
        assert self.recorder is not None
        if not self.goal.stops:
            return Status.completed
        return Status.converged if self.recorder.record.to_quality is not None else Status.not_converged

    def _trainer(self) -> pl.Trainer:
        hardware = self.config.hardware
        assert self.recorder is not None
        return pl.Trainer(
            accelerator=str(hardware.accelerator),
            devices=1,
            precision=PRECISIONS[hardware.precision],  # type: ignore[arg-type]
            max_epochs=self.schedule.epochs,
            val_check_interval=self.schedule.interval or None,
            check_val_every_n_epoch=None if self.schedule.interval else 1,
            limit_val_batches=None if self.schedule.interval else 0.0,
            callbacks=[self.recorder],
            deterministic=hardware.deterministic,
            benchmark=hardware.cudnn_benchmark,
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            profiler=_Unprofiled(),
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )

    def _compiled(self) -> Any:
        return torch.compile(self.module) if self.config.hardware.compile else self.module


class _Unprofiled(PassThroughProfiler):
    """Profiles nothing at less cost than Lightning's own: it enters 26 contexts a step."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> Any:
        return self._nothing


def _checkpoint_to_resume(config: RunConfig, folder: Path) -> Path | None:
    """The checkpoint to go on from; None to start afresh.

    Raises:
        ConfigError: It is of another configuration.
    """
    last = folder / LAST
    if config.resume is Resume.never or not last.is_file():
        return None
    changed = changed_since(plain(config), checkpoint.identity(last)["config"], folder)
    if changed is not None:
        raise ConfigError(changed)
    return last


def _set_up_process(config: RunConfig) -> None:
    """Threads, seeds and quiet libraries."""
    if config.hardware.accelerator is Accelerator.gpu and not torch.cuda.is_available():
        raise ConfigError("hardware.accelerator=gpu: no GPU here that PyTorch can use. Use hardware=cpu.")
    precision = config.hardware.precision
    if precision in OF_GPUS and not torch.cuda.is_available():
        raise ConfigError(f"hardware.precision={precision}: no GPU here. {OF_GPUS[precision]}")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    set_arithmetic(config.hardware.threads, tf32=precision is Precision.tf32)
    reset_peak_process_memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _figure(session: Session, ending: Ending) -> str | None:
    if not ending.status.finished or session.schedule.interval == 0 or ending.status is Status.diverged:
        return None
    return draw_figure(session.module, session.data, session.folder)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C raise `Interrupted` in the main thread."""

    def interrupt(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough: the result is being written
        raise Interrupted(f"{signal.Signals(number).name} received. Continue with resume=auto.")

    try:
        before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: nobody sends signals there
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

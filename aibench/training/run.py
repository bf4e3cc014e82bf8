"""One run: from a typed configuration to a folder with its result."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console

from aibench.config import Accelerator, ConfigError, Precision, Resume, RunConfig, plain
from aibench.config.checks import OF_GPUS
from aibench.meters.system import reset_peak_process_memory, set_arithmetic
from aibench.results.division import changed_since
from aibench.results.mllog import write_log
from aibench.results.result import LAST, Division, Result, Status, write_result
from aibench.tracking.trackers import tracking
from aibench.training import checkpoint
from aibench.training.ending import FAILURE, Ending, interruptible
from aibench.training.goal import Schedule
from aibench.training.outcome import build_result, draw_figure
from aibench.training.session import Session


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


def _figure(session: Session, ending: Ending) -> str | None:
    if not ending.status.finished or session.schedule.interval == 0 or ending.status is Status.diverged:
        return None
    return draw_figure(session.module, session.data, session.folder)

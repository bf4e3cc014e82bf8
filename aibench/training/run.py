"""Runs a typed configuration, and leaves a folder with its result."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console

from aibench.config import Precision, RunConfig
from aibench.meters.instruments import Instruments
from aibench.meters.system import quieten_lightning, reset_peak_process_memory, set_arithmetic
from aibench.results.division import Rules
from aibench.results.folder import begin
from aibench.results.mllog import MLLOG, write_log
from aibench.results.result import Result, Status, write_result, write_unless_poorer
from aibench.tracking.trackers import Tracking, tracking
from aibench.training.ending import Ending, Interrupted, held, interruptible, note_failure
from aibench.training.goal import Schedule
from aibench.training.outcome import build_result, draw_figure, salvaged
from aibench.training.requirements import require_device
from aibench.training.resume import earlier, here
from aibench.training.session import Session


def train(
    config: RunConfig,
    folder: Path,
    rules: Rules | None,
    console: Console,
    schedule: Callable[[RunConfig, int], Schedule] = Schedule.of,
) -> Result:
    """Run one session in `folder` and write its result there.

    Args:
        config: The run.
        folder: Where it leaves what it makes.
        rules: What the closed division asks of it; None where nobody wants to know.
        console: Where progress goes.
        schedule: Makes a schedule of a configuration and the batches of an epoch; a probe makes a shorter one.

    Raises:
        ConfigError, DataError: The run cannot start; nothing was measured and no result is written.
    """
    require_device(config)
    _set_up_process(config)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    with interruptible():
        before = earlier(config, folder)
        run_id = before.identity["run_id"] if before is not None else uuid.uuid4().hex[:12]
        begin(folder, afresh=before is None)
        this = here(config, folder, before)
        instruments = Instruments(config, folder)  # what follows touches the data; Session starts the score's clock
        try:
            session = Session(config, folder, run_id, before, this, instruments, console, schedule)
            del before  # with all its tensors
            tracker = tracking(config, folder, run_id)
            result = None
            try:
                result = _trained(session, tracker, rules, started)
            finally:
                _close(tracker, result, folder)
        finally:
            instruments.stop()
    return result


def _trained(session: Session, tracker: Tracking, rules: Rules | None, started: str) -> Result:
    """Train to the end, whichever it is, and write what was measured: the result first, then what is made of it."""
    folder = session.folder
    ending = session.fit(tracker)
    session.instruments.stop()
    try:
        result = build_result(session, ending, rules, started)
        with _told(folder, "the figure"):
            result.figure = _figure(session, ending)
    except (Exception, Interrupted) as error:  # what was measured is kept, and the first error stays the message
        result = salvaged(session, _worse(ending, error, folder), rules, started)
    with held():
        (write_result if result.status.finished else write_unless_poorer)(folder, result)
        with _told(folder, MLLOG):
            write_log(folder, result)
    return result


def _worse(ending: Ending, error: BaseException, folder: Path) -> Ending:
    """Return how a run ended whose result could not be made because of `error`."""
    if isinstance(error, Interrupted):
        return Ending(Status.interrupted, str(error)) if ending.status.finished else ending
    note_failure(folder)
    if not ending.status.finished:
        return ending
    return Ending(Status.failed, f"{type(error).__name__}: {' '.join(str(error).split())}")


@contextmanager
def _told(folder: Path, what: str) -> Iterator[None]:
    """Print an error in the block, and go on: the result of the run does not depend on it."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"aibench: {folder}: {what}: {type(error).__name__}: {reason}", file=sys.stderr)
        note_failure(folder)


def _close(tracker: Tracking, result: Result | None, folder: Path) -> None:
    with _told(folder, "the tracker"):
        tracker.finish(result, folder)


def _set_up_process(config: RunConfig) -> None:
    """Set threads and seeds, and quieten libraries."""
    quieten_lightning()
    set_arithmetic(config.hardware.threads, tf32=config.hardware.precision is Precision.tf32)
    reset_peak_process_memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _figure(session: Session, ending: Ending) -> str | None:
    if not ending.status.usable or session.schedule.interval == 0:
        return None
    return draw_figure(session.module, session.data, session.folder)

"""Runs a typed configuration, and leaves a folder with its result."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from aibench.config import Accelerator, Precision, RunConfig
from aibench.meters.instruments import Instruments
from aibench.meters.system import quieten_lightning, reset_peak_process_memory, set_arithmetic, usable_cores
from aibench.results.division import Rules
from aibench.results.folder import begin
from aibench.results.mllog import MLLOG, write_log
from aibench.results.result import Result, Status, write_result, write_unless_poorer
from aibench.tracking.trackers import NoTracking, Tracking, tracking
from aibench.training import checkpoint
from aibench.training.ending import Ending, Interrupted, append_failure, held, interruptible, note_failure
from aibench.training.goal import Schedule
from aibench.training.outcome import build_result, draw_figure, salvaged
from aibench.training.parting import judged_together
from aibench.training.ranks import Ranks
from aibench.training.requirements import placed, require_device, slow_here
from aibench.training.resume import Earlier, earlier, here
from aibench.training.session import Session
from aibench.training.starting import start_others, together
from aibench.world import world_here


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
    config = placed(config)
    require_device(config)
    if (why := slow_here(config)) is not None:
        print(f"aibench: {why}", file=sys.stderr)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    with interruptible(), together(config, world_here()) as ranks:
        _set_up_process(config, ranks)
        before = earlier(config, folder)
        run_id = before.identity["run_id"] if before is not None else uuid.uuid4().hex[:12]
        begin(folder, afresh=before is None)
        this = here(config, folder, before)
        instruments = Instruments(
            config, folder, ranks.world
        )  # what follows touches the data; Session starts the clock
        start_others(ranks, config)  # after the machine was watched at rest
        tell_others(ranks, folder, run_id, before)
        try:
            session = Session(config, folder, run_id, before, this, instruments, console, schedule, ranks)
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
    folder, ranks = session.folder, session.ranks
    ranks.on_last_resort(lambda verdict: _give_up(session, verdict, rules, started))
    ending = session.fit(tracker)
    session.instruments.stop()
    if not ending.status.usable:
        ranks.end(ending.message or str(ending.status))  # nothing is left to do together
        _keep_what_they_said(ranks, folder)
    try:
        result = build_result(session, ending, rules, started)
        with _told(folder, "the figure"):
            result.figure = _figure(session, ending)
    except (Exception, Interrupted) as error:  # what was measured is kept, and the first error stays the message
        result = salvaged(session, _worse(ending, error, session), rules, started)
    with held():
        (write_result if result.status.finished else write_unless_poorer)(folder, result)
        with _told(folder, MLLOG):
            write_log(folder, result)
    return result


def _keep_what_they_said(ranks: Ranks, folder: Path) -> None:
    """Append what the other processes wrote on their way to `failure.txt`."""
    for rank, text in ranks.last_words().items():
        append_failure(folder, f"rank {rank}:\n{text}\n")


def _give_up(session: Session, verdict: str, rules: Rules | None, started: str) -> None:
    """Write what there is, and end this process: it waits for others who will not answer, and nothing wakes it up."""
    ending = Ending(Status.failed, verdict)
    result = salvaged(session, ending, rules, started)
    write_unless_poorer(session.folder, result)
    print(f"aibench: {session.folder}: {verdict}", file=sys.stderr, flush=True)
    os._exit(1)


def _worse(ending: Ending, error: BaseException, session: Session) -> Ending:
    """Return how a run ended whose result could not be made because of `error`."""
    if isinstance(error, Interrupted):
        return Ending(Status.interrupted, str(error)) if ending.status.finished else ending
    if (why := session.ranks.why(error)) is not None:
        return Ending(Status.failed, why)
    note_failure(session.folder)
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


def _set_up_process(config: RunConfig, ranks: Ranks) -> None:
    """Choose the device, set threads, and quieten libraries."""
    quieten_lightning()
    threads, world = config.hardware.threads, ranks.world
    if threads is None and world.local_size > 1:
        threads = max(1, usable_cores() // world.local_size)
    if world.size > 1 and torch.cuda.is_available() and config.hardware.accelerator is not Accelerator.cpu:
        torch.cuda.set_device(world.local_rank % torch.cuda.device_count())  # srun may show each task its own GPU alone
    set_arithmetic(threads, tf32=config.hardware.precision is Precision.tf32)
    reset_peak_process_memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def tell_others(ranks: Ranks, folder: Path, run_id: str, before: Earlier | None) -> None:
    """Tell the other processes which run they train, and from where on."""
    path = None if before is None else str(before.path)
    ranks.tell("run", {"folder": str(folder.absolute()), "run_id": run_id, "from": path})


def followed(config: RunConfig, folder: Path, told: dict[str, Any], ranks: Ranks) -> int:
    """Do the share of a process that is not the first in the run that it was `told` of. Returns the exit status.

    It writes no file, and speaks to nobody but the first process.
    """
    with interruptible():
        config = placed(config, ranks.world)
        require_device(config)
        _set_up_process(config, ranks)
        path = None if told["from"] is None else Path(told["from"])
        before = None if path is None else Earlier(path, checkpoint.load(path))
        this = here(config, folder, before)
        ranks.wait_for_a_machine_at_rest()
        instruments = Instruments(config, None, ranks.world)
        ranks.tell_of_a_machine_at_rest()
        try:
            quiet = Console(quiet=True)
            session = Session(config, folder, told["run_id"], before, this, instruments, quiet, ranks=ranks)
            ending = session.fit(NoTracking())
            instruments.stop()
            if ending.status.usable:
                judged_together(session)
        finally:
            instruments.stop()
    if ending.status is Status.interrupted:
        ranks.outlast_the_first()  # all stopped after one step, whose checkpoint it may still be writing
    if ending.status is Status.failed:
        ranks.fail(ending.message or "failed")
        return 1
    return 0


def _figure(session: Session, ending: Ending) -> str | None:
    if not ending.status.usable or session.schedule.interval == 0:
        return None
    return draw_figure(session.module, session.data, session.folder)

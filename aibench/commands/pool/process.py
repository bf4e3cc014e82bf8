"""Starts a run of a pool as a process in a slot, and tells what became of it."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibench.commands.pool.one import Job
from aibench.commands.pool.slots import Slot
from aibench.config import RunConfig, unchecked
from aibench.meters.trust import POOL
from aibench.results.objective import worst
from aibench.results.result import RESULT, Result, ResultError, Status, read_result
from aibench.training.children import environment
from aibench.training.ending import Ending

LOGS = ".pool"  # below the sweep's folder: what each run prints
TAIL = 4096  # bytes of the end of what a run printed


@dataclass(slots=True)
class Running:
    """Holds a run that was started.

    Attributes:
        place: Its place in the sweep's list of runs.
        slot: What it has to itself.
        folder: The folder of the run.
        config: The run.
        log: What it prints.
        started: When, as a result says it.
        process: The process.
        answer: Where the process says what the run is worth.
    """

    place: int
    slot: Slot
    folder: Path
    config: RunConfig
    log: Path
    started: str
    process: subprocess.Popen[bytes]
    answer: int

    def send(self, number: int) -> None:
        """Give a signal to the run; SIGKILL also to the processes that it started."""
        with suppress(ProcessLookupError):
            (os.killpg if number == signal.SIGKILL else os.kill)(self.process.pid, number)

    def last_line(self) -> str:
        """Return the last line that the run printed."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - TAIL))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def end(self) -> float:
        """Return what the ended run is worth; one that left no result gets one that says how it ended."""
        with os.fdopen(self.answer, "rb") as file:
            answer = file.read()
        if self.process.returncode != 0 and not self._left_a_result():
            self._write_down()
        return float(json.loads(answer)) if answer else worst(self.config)

    def _left_a_result(self) -> bool:
        """Return whether the folder holds a result that is no older than this process."""
        return (result := self.result()) is not None and result.started >= self.started

    def _write_down(self) -> None:
        from aibench.commands.train import unstarted  # of a process that was killed: PyTorch is imported for it

        code = self.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        self.folder.mkdir(parents=True, exist_ok=True)
        unstarted(self.config, self.folder, Ending(Status.failed, f"its process {how}; {self.log}"), self.started)

    def result(self) -> Result | None:
        """Return the result in the folder of the run, where one can be read."""
        try:
            return read_result(self.folder / RESULT)
        except (OSError, ResultError):
            return None


def start(place: int, config: Any, slot: Slot) -> Running:
    """Start the run that Hydra composed. The terminal's Ctrl-C does not reach it: the pool sends signals on."""
    sweep, name = Path(str(config.hydra.sweep.dir)).absolute(), str(config.hydra.sweep.subdir)
    log = sweep / LOGS / f"{name}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    job = Job(config, slot.cores, writing, os.getpid())
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    with log.open("ab") as output:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:  # the process begins with signals held back, until its run heeds them
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "aibench.commands.pool.one"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(slot),
                pass_fds=(writing,),
                start_new_session=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(writing)
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(pickle.dumps(job))
    return Running(place, slot, sweep / name, unchecked(config), log, started, process, reading)


def _environment(slot: Slot) -> dict[str, str]:
    of_the_slot = {} if slot.gpu is None else {"CUDA_VISIBLE_DEVICES": slot.gpu}
    return environment(**{POOL: str(os.getpid())}, **of_the_slot)

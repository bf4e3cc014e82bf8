"""Defines how a session ends: its status and message, and the interruption that a signal raises."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aibench.results.folder import FAILURE
from aibench.results.made import making
from aibench.results.result import Status


@dataclass(frozen=True, slots=True)
class Ending:
    """Holds how a session ended, and why."""

    status: Status
    message: str | None


def note_failure(folder: Path) -> None:
    """Append the traceback of the error that is handled now to `failure.txt`, where the disk takes it."""
    append_failure(folder, traceback.format_exc())


def append_failure(folder: Path, text: str) -> None:
    """Append `text` to `failure.txt`, where the disk takes it."""
    with suppress(OSError), making(folder / FAILURE).open("a", encoding="utf-8") as file:
        file.write(text)


class Interrupted(BaseException):
    """Reports SIGTERM or Ctrl-C. It is no `Exception`: no library on the way may swallow it."""


@dataclass
class _Signals:
    """Holds what the handler knows.

    Attributes:
        owner: The process that takes signals; 0 while none does. Workers inherit the handler, and are not asked.
        holds: How many blocks want to come to their own end before a signal acts.
        received: The signal that waits for them.
        handed_on: The signal of a launcher that gets its own turn once the run has ended because of it.
    """

    owner: int = 0
    holds: int = 0
    received: int | None = None
    handed_on: int | None = None


_signals = _Signals()
OURS = (signal.SIGTERM, signal.SIGINT)
OF_LAUNCHERS = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
SECONDS_OF_A_WORKER = 10  # after SIGTERM: the session may still need its batch
STOPPING = b"aibench: stopping when what is under way is whole. A second signal stops at once.\n"


def _take(number: int, frame: object) -> None:
    if os.getpid() != _signals.owner:  # a worker: Ctrl-C reaches it too, and its parent decides
        if number == signal.SIGTERM:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS_OF_A_WORKER)
        return
    if number in OF_LAUNCHERS:
        _signals.handed_on = number
    if _signals.holds and _signals.received is None:
        _signals.received = number
        os.write(2, STOPPING)
        return
    signal.signal(number, signal.SIG_IGN)  # once is enough: the result is being written
    raise _interrupted(number)


def _interrupted(number: int) -> Interrupted:
    return Interrupted(f"{signal.Signals(number).name} received. Continue with resume=auto.")


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C raise `Interrupted` in the main thread.

    So does a signal that the launcher listens to, as submitit does to Slurm's word that the time is up: the run writes
    its checkpoint, and then the launcher has its turn, which is to start the run again.
    """
    if _signals.owner == os.getpid():
        yield
        return
    try:
        numbers = (*OURS, *(number for number in OF_LAUNCHERS if callable(signal.getsignal(number))))
        before = {number: signal.signal(number, _take) for number in numbers}
    except ValueError:  # not the main thread: nobody sends signals there
        yield
        return
    _signals.owner, _signals.holds, _signals.received, _signals.handed_on = os.getpid(), 0, None, None
    try:
        yield
    finally:
        _signals.owner = 0
        for number, handler in before.items():
            signal.signal(number, handler)
        if _signals.handed_on is not None:
            signal.raise_signal(_signals.handed_on)


def listen() -> None:
    """Let in the signals that were held back while this process began."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)


def take_signals_back() -> None:
    """Undo what Lightning does with SIGTERM: it stops at the end of an epoch, without a checkpoint."""
    if _signals.owner == os.getpid():
        signal.signal(signal.SIGTERM, _take)


@contextmanager
def held() -> Iterator[None]:
    """Let a signal wait for the end of the block, or for `heed` in it; a second one acts at once."""
    _signals.holds += 1
    try:
        yield
    finally:
        _signals.holds -= 1
    if not _signals.holds:
        heed()


def is_waiting() -> bool:
    """Return whether a signal waits."""
    return _signals.received is not None


def heed() -> None:
    """Raise `Interrupted` for the signal that waits, where one does."""
    if is_waiting():
        raise interruption()


def elsewhere() -> Interrupted:
    """Return what a process raises that stops since another process of its run was sent a signal."""
    return Interrupted("another process of the run was interrupted. Continue with resume=auto.")


def interruption() -> Interrupted:
    """Return what the signal that waits raises; further signals are ignored."""
    number, _signals.received = _signals.received, None
    assert number is not None, "no signal waits"
    signal.signal(number, signal.SIG_IGN)
    return _interrupted(number)

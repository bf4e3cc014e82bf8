"""How a session ends: its status and message, and the interruption that a signal raises."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aibench.results.result import Status

FAILURE = "failure.txt"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended, and why."""

    status: Status
    message: str | None


class Interrupted(BaseException):
    """SIGTERM or Ctrl-C. Not an `Exception`: no library on the way may swallow it."""


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

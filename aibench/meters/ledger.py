"""Gives the wall time of a session to parts: at each moment it goes to exactly one."""

from __future__ import annotations

import time
from collections.abc import Callable


class Ledger:
    """Adds up seconds by part. The parts sum to the wall time since the first one began.

    Args:
        part: The part that gets the time at first.
        before: Seconds by part of the processes that this one continues.
        clock: Returns seconds that never decrease.
    """

    def __init__(
        self, part: str, before: dict[str, float] | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.clock = clock
        self.part = part
        self._since = clock()
        self._seconds: dict[str, float] = dict(before or {})

    def switch(self, part: str, at: float | None = None) -> None:
        """Give the time from now (or from the moment `at`, not before the last switch) to `part`."""
        now = self.clock() if at is None else max(at, self._since)
        self._seconds[self.part] = self._seconds.get(self.part, 0.0) + now - self._since
        self.part, self._since = part, now

    def seconds(self) -> dict[str, float]:
        """Return seconds by part up to now, in order of first appearance."""
        self.switch(self.part)
        return dict(self._seconds)

    def add(self, before: dict[str, float]) -> None:
        """Count the seconds of the processes that this one continues."""
        own = self.seconds()
        self._seconds = {part: before.get(part, 0.0) + own.get(part, 0.0) for part in {**before, **own}}

    def total(self) -> float:
        """Return the seconds of all parts."""
        return sum(self.seconds().values())

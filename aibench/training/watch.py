"""Finds out that a process of a run is dead or hangs, and ends the others, however deep in a collective they wait."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from aibench.world import World

BEAT = 1.0  # seconds between two signs of life
SILENT = 20.0  # seconds without one, after which a process counts as lost
PATIENCE = 20.0  # seconds that the others wait, at least, for one that lives and does not get on
TIMES = 10  # or so many times the longest that anybody needed for a batch
GRACE = 3.0  # seconds between the word to end and the end by force
LAST_RESORT = 15.0  # seconds after which a first process that nobody woke up writes its result from another thread
OVER = "over"
PARTED = "parted"
TOLD_TO_END = 4  # exit status


@dataclass
class Started:
    """Holds a process that this one started.

    Attributes:
        rank: Its rank.
        process: The process.
        said: What it wrote, on both streams.
    """

    rank: int
    process: subprocess.Popen[bytes]
    said: IO[bytes]

    def tail(self, most: int = 20_000) -> str:
        """Return the end of what it wrote."""
        with suppress(OSError, ValueError):
            size = self.said.seek(0, os.SEEK_END)
            self.said.seek(max(0, size - most))
            return self.said.read().decode("utf-8", "replace").strip()
        return ""


@dataclass
class _Seen:
    """Holds what the first process knows of another one."""

    beat: bytes = b""
    since: float = field(default_factory=time.monotonic)
    pulses: int = -1
    behind_since: float | None = None
    longest: float = 0.0


class Watchman:
    """Tells the others that this process lives and gets on; in the first process, also judges the others.

    Args:
        world: The place of this process.
        store: What all processes of the run can reach.

    Attributes:
        verdict: Name of the process that failed, and how it did, in one line; None as long as none has.
        started: The processes that this one started.
        last_resort: What the first process does where its main thread cannot be woken up; it ends the process.
    """

    def __init__(self, world: World, store: Any) -> None:
        self.world = world
        self.verdict: str | None = None
        self.started: list[Started] = []
        self.last_resort: Callable[[str], None] | None = None
        self._store = store.clone()  # its own connection: the main thread may wait on the other one
        self._pulses, self._at, self._longest = 0, time.monotonic(), 0.0
        self._rests, self._lock = threading.Event(), threading.Lock()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ranks", daemon=True)
        self._seen = {rank: _Seen() for rank in range(1, world.size)}

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def pulse(self) -> None:
        """Note that the main thread has done another batch."""
        now = time.monotonic()
        self._longest, self._at = max(self._longest, now - self._at), now
        self._pulses += 1

    def rest(self) -> None:
        """Stop watching: the processes part, each with its own work left."""
        self._rests.set()
        self._awake.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(5)

    def why(self, patience: float = 5.0) -> str | None:
        """Return the verdict; the main thread may have noticed a loss before this one has judged it."""
        until = time.monotonic() + patience
        while self.verdict is None and self.world.is_first and time.monotonic() < until and self._thread.is_alive():
            time.sleep(0.05)
        self._awake.set()
        return self.verdict

    # The thread

    def _watch(self) -> None:
        count = 0
        while not self._rests.wait(BEAT if count else 0):
            count += 1
            try:
                self._store.set(f"beat/{self.world.rank}", f"{count} {self._pulses} {self._longest:.3f}")
                if self._store.check([OVER]) and not self.world.is_first:
                    os._exit(TOLD_TO_END)
                found = self._judged() if self.world.is_first else None
            except RuntimeError:  # the store went with the first process
                if not self.world.is_first and not self._rests.is_set():
                    os._exit(TOLD_TO_END)
                return
            if found is not None:
                self._act_on(found)
                return

    def _act_on(self, verdict: str) -> None:
        self.verdict = verdict
        self._end_others()
        _abort_nccl()
        if not self._awake.wait(LAST_RESORT) and not self._rests.is_set() and self.last_resort is not None:
            self.last_resort(verdict)

    def _judged(self) -> str | None:
        """Return which process failed; None where all are well."""
        for one in self.started:
            status = one.process.poll()
            if status is not None and status != 0:
                return f"rank {one.rank}: {self._told(one.rank) or _ended(status)}"
        for rank in self._seen:
            if (told := self._told(rank)) is not None:
                return f"rank {rank}: {told}"
        return self._silent() or self._behind()

    def _told(self, rank: int) -> str | None:
        return self._store.get(f"failed/{rank}").decode() if self._store.check([f"failed/{rank}"]) else None

    def _silent(self) -> str | None:
        now = time.monotonic()
        for rank, seen in self._seen.items():
            key = f"beat/{rank}"
            beat = self._store.get(key) if self._store.check([key]) else b""
            if beat != seen.beat:
                seen.beat, seen.since = beat, now
            elif beat and now - seen.since > SILENT and not self._has_left(rank):
                return f"rank {rank}: no sign of life for {SILENT:.0f} s: it is stopped, or its machine is lost."
        return None

    def _has_left(self, rank: int) -> bool:
        return bool(self._store.check([f"left/{rank}"]))

    def _behind(self) -> str | None:
        """Return the process for which others wait, though it lives: it hangs in its own work.

        The first one is not asked: it alone writes files, and others wait for it then.
        """
        now, counts = time.monotonic(), {0: self._pulses}
        longest = self._longest
        for rank, seen in self._seen.items():
            words = seen.beat.split()
            if len(words) == 3:
                counts[rank], longest = int(words[1]), max(longest, float(words[2]))
        most, limit = max(counts.values()), max(PATIENCE, TIMES * longest)
        for rank, seen in self._seen.items():
            count = counts.get(rank, 0)
            if count >= most or count != seen.pulses:
                seen.behind_since = None if count >= most else now
                seen.pulses = count
            elif seen.behind_since is not None and now - seen.behind_since > limit and not self._has_left(rank):
                return f"rank {rank}: the others waited {limit:.0f} s for its batch {count + 1}: it hangs."
        return None

    # The end

    def fail(self, text: str) -> None:
        """Tell the first process why this one fails."""
        with suppress(RuntimeError):
            self._store.set(f"failed/{self.world.rank}", text)

    def leave(self) -> None:
        """Tell the first process that this one has nothing left to do."""
        with suppress(RuntimeError):
            self._store.set(f"left/{self.world.rank}", "1")
        self.rest()

    def end(self, failure: str | None) -> None:
        """Have the others end where this process is the first one; tell it of a `failure` where it is not."""
        self._awake.set()
        if not self.world.is_first:
            if failure is not None:
                self.fail(failure)
            self.leave()
            return
        with suppress(RuntimeError):
            self._store.set(PARTED, "1")
        self._end_others(at_once=failure is not None)

    def outlast_the_first(self) -> None:
        """Wait until the first process has all that it asked for: gloo drops what came over a closed connection."""
        until = time.monotonic() + 2 * SILENT
        with suppress(RuntimeError):  # the store went with the first process
            while time.monotonic() < until and not (self._store.check([PARTED]) or self._store.check([OVER])):
                time.sleep(0.05)

    def _end_others(self, *, at_once: bool = True) -> None:
        with self._lock:
            if at_once:
                with suppress(RuntimeError):
                    self._store.set(OVER, "1")
            until = time.monotonic() + (GRACE if at_once else 2 * SILENT)
            for one in self.started:
                with suppress(subprocess.TimeoutExpired):
                    one.process.wait(max(0.1, until - time.monotonic()))
                if one.process.poll() is None:
                    one.process.kill()
                    one.process.wait()


def _ended(status: int) -> str:
    return f"ended by signal {-status}." if status < 0 else f"ended with status {status}."


def _abort_nccl() -> None:
    """Let the main thread out of a collective on GPUs; on CPUs it comes out as the connections close."""
    import torch.distributed as dist

    if dist.is_initialized() and "nccl" in str(dist.get_backend_config()):
        with suppress(RuntimeError):
            dist.distributed_c10d._abort_process_group()

"""Reads what the operating system counts for a process: the record that every machine has."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aibench.meters.system import peak_process_memory

CLEAR, PAGES = Path("/proc/self/clear_refs"), Path("/proc/self/statm")
NO_PEAK = "this system cannot reset a process's peak memory (/proc/self/clear_refs)"


def resident() -> int | None:
    """Return the bytes of this process that are in memory now."""
    try:
        return int(PAGES.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return None


@dataclass
class Software:
    """Counts over the steps inside `watch()`, for all this process's threads together.

    Attributes:
        seconds: Wall time.
        task_clock: CPU seconds, user and system.
        cores_busy: CPU seconds a second: 2.0 is two cores at work.
        system_share: Share of the CPU seconds that were spent in the kernel.
        minor_faults: Pages mapped without reading a disk.
        major_faults: Pages read from a disk.
        voluntary_switches: Times that a thread went to sleep.
        involuntary_switches: Times that another took its core.
        start_rss: Bytes resident when this object was made; None where the system does not say.
        peak_rss: Most bytes resident inside, of the whole process; None where it cannot be told from earlier peaks.
    """

    seconds: float = 0.0
    task_clock: float = 0.0
    cores_busy: float = 0.0
    system_share: float = 0.0
    minor_faults: int = 0
    major_faults: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    start_rss: int | None = field(default_factory=resident)
    peak_rss: int | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Fill the attributes with what happens inside."""
        resettable = _reset_peak()
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        yield
        self.seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
        user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        self.task_clock = user + system
        self.cores_busy = self.task_clock / self.seconds
        self.system_share = system / self.task_clock if self.task_clock else 0.0
        self.minor_faults = after.ru_minflt - before.ru_minflt
        self.major_faults = after.ru_majflt - before.ru_majflt
        self.voluntary_switches = after.ru_nvcsw - before.ru_nvcsw
        self.involuntary_switches = after.ru_nivcsw - before.ru_nivcsw
        if resettable:
            self.peak_rss = peak_process_memory()
        else:
            self.reasons["peak_rss"] = NO_PEAK


def _reset_peak() -> bool:
    """Have the highest resident set counted anew from here, and return whether that works."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return False
    return True

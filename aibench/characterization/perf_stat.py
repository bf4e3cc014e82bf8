"""Reads a CPU's own counters through Linux's `perf stat`, where the machine has a PMU and the program is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEVICES = Path("/sys/bus/event_source/devices")
PMUS = ("cpu", "cpu_core", "armv8*")  # of x86, of x86 with two kinds of cores, of ARM
EVENTS = (
    "instructions",
    "cycles",
    "cache-references",
    "cache-misses",
    "branches",
    "branch-misses",
    "stalled-cycles-frontend",
    "stalled-cycles-backend",
)
ATTACH_SECONDS = 0.3
END_SECONDS = 10.0  # that it may take to end: a signal that is ignored must not hold up what was measured
RATIOS = {  # name: of, over
    "ipc": ("instructions", "cycles"),
    "cache_miss_rate": ("cache-misses", "cache-references"),
    "branch_miss_rate": ("branch-misses", "branches"),
    "frontend_stalls": ("stalled-cycles-frontend", "cycles"),
    "backend_stalls": ("stalled-cycles-backend", "cycles"),
}


def missing() -> str | None:
    """Return why `perf stat` cannot count here; None where it can."""
    if not any(True for pattern in PMUS for _ in DEVICES.glob(pattern)):
        return f"no PMU: {DEVICES / PMUS[0]} is not there (a virtual machine, as a rule)"
    if shutil.which("perf") is None:
        return "no program perf"
    return None


class PerfStat:
    """Counts for this process while inside `watch()`.

    Attributes:
        counts: Counts by event; None where the processor does not count it, or the user may not.
        reason: Why there is no count at all; None where there is one.
    """

    def __init__(self) -> None:
        self.counts: dict[str, float | None] = dict.fromkeys(EVENTS)
        self.reason = missing()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count what happens inside."""
        if self.reason is not None:
            yield
            return
        command = ["perf", "stat", "-j", "-e", ",".join(EVENTS), "-p", str(os.getpid())]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as perf:
            time.sleep(ATTACH_SECONDS)
            try:
                yield
            finally:
                said = _ended(perf)
        self.counts.update(parsed(said))
        if all(count is None for count in self.counts.values()):
            self.reason = f"perf stat counted nothing: {' '.join(said.split())[:200] or 'it said nothing'}"

    def ratios(self) -> dict[str, float | None]:
        """Return what follows from the counts: instructions a cycle, and shares."""
        return {name: _over(self.counts.get(of), self.counts.get(over)) for name, (of, over) in RATIOS.items()}


def _ended(perf: subprocess.Popen[str]) -> str:
    """Return what `perf` says when it is interrupted; nothing where that does not end it."""
    perf.send_signal(signal.SIGINT)
    try:
        return perf.communicate(timeout=END_SECONDS)[1]
    except subprocess.TimeoutExpired:
        perf.kill()
        perf.communicate()
        return ""


def _over(of: float | None, over: float | None) -> float | None:
    return None if of is None or not over else of / over


def parsed(text: str) -> dict[str, float | None]:
    """Return the counts in what `perf stat -j` writes: an object a line; `<not supported>`, `<not counted>` are None.

    Where a machine has two kinds of cores, each event is there twice (`cpu_core/cycles/`), and the two are added.
    """
    found: dict[str, float | None] = {}
    for line in text.splitlines():
        try:
            row: Any = json.loads(line)
            event, value = row["event"], row["counter-value"]
        except (ValueError, TypeError, KeyError):
            continue
        event = (event.split("/")[1] if "/" in event else event).split(":")[0]
        try:
            found[event] = (found.get(event) or 0.0) + float(value)
        except ValueError:
            found.setdefault(event, None)
    return found

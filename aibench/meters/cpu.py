"""Measures processor time: of the machine, of this process, and of whoever else is there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

PRESSURE = Path("/proc/pressure/cpu")


class CpuUse:
    """Measures the share of the machine's processors that was busy since it was last asked."""

    def __init__(self) -> None:
        self._before = _busy_and_all()

    def share(self) -> float:
        """Return the share since the last call, 0 to 1."""
        before, self._before = self._before, _busy_and_all()
        passed = self._before[1] - before[1]
        return min(1.0, max(0.0, (self._before[0] - before[0]) / passed)) if passed > 0 else 0.0


def _busy_and_all() -> tuple[float, float]:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # guest time is part of user time already
    whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return whole - idle, whole


@dataclass(frozen=True, slots=True)
class CpuMark:
    """Holds processor seconds up to a moment.

    Attributes:
        at: The moment, in seconds.
        busy: Seconds of all processes on the machine, stolen time included.
        own: Seconds of this process and the children that it waited for.
        stolen: Seconds that the host of a virtual machine gave to others.
        waited: Seconds in which a runnable task of this machine had to wait (PSI); None where the kernel has none.
    """

    at: float
    busy: float
    own: float
    stolen: float
    waited: float | None

    @classmethod
    def now(cls, peers: float = 0.0) -> CpuMark:
        """Return the mark of this moment.

        Args:
            peers: Processor seconds of other processes that count as own.
        """
        own, machine = psutil.Process().cpu_times(), psutil.cpu_times()
        children = getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
        return cls(
            time.monotonic(),
            _busy_and_all()[0],
            own.user + own.system + children + peers,
            getattr(machine, "steal", 0.0),
            _pressure(),
        )


def _pressure() -> float | None:
    try:
        line = PRESSURE.read_text(encoding="ascii").splitlines()[0]
        return int(line.rsplit("total=", 1)[1]) / 1e6
    except (OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class CpuShares:
    """Holds how the processors were used between two marks, as shares of the cores that this process may use.

    Attributes:
        own: Share used by this process.
        others: Share used by other processes.
        stolen: Share used by other guests of the host.
        waited: Share of the time in which a runnable task waited; None where the kernel does not say.
    """

    own: float
    others: float
    stolen: float
    waited: float | None

    @classmethod
    def between(cls, start: CpuMark, end: CpuMark, cores: int) -> CpuShares:
        """Return the shares from `start` to `end`, on a machine where this process may use `cores`."""
        seconds = max(end.at - start.at, 1e-9)
        own, stolen = end.own - start.own, end.stolen - start.stolen
        others = end.busy - start.busy - own - stolen
        waited = None if start.waited is None or end.waited is None else (end.waited - start.waited) / seconds
        return cls(own / seconds / cores, max(0.0, others) / seconds / cores, stolen / seconds / cores, waited)

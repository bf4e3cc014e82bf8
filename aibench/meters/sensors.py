"""Defines a source of energy readings, and the one that integrates power."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from aibench.meters.cpu import CpuUse

DECLARED = "hardware.power_model, declared (an estimate)"


class Gone(Exception):  # noqa: N818 - it tells what became of a sensor
    """Reports a sensor that answered before and does not any more, or whose answer cannot be."""


class Sensor(Protocol):
    """Describes a source of energy readings.

    Attributes:
        scope: The part that it covers, for a person: `gpu`, `package-0`, `package-0/dram`.
        place: Where it is: the folder of its zone, the UUID of its card. Two sensors of one place are one.
        method: How it counts.
        resolution: Joules between two values that it can tell apart; with the update period it bounds the error.
    """

    scope: str
    place: str
    method: str
    resolution: float

    def joules(self) -> float:
        """Return the energy since some moment in the past. Raises `Gone`."""


class IntegratedPower:
    """Integrates power readings: for a GPU without a counter, or a declared power. Read it at a steady rate.

    Args:
        scope, method: The part that it covers and how it counts, as for any sensor.
        watts: Returns the present power.
        clock: Returns seconds.
        place: Its place, as for any sensor; the scope where not given.
        longest: Seconds between two readings over which two powers still say what was drawn; more raise `Gone`.
    """

    def __init__(
        self,
        scope: str,
        method: str,
        watts: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        *,
        place: str | None = None,
        longest: float = math.inf,
    ) -> None:
        self.scope, self.method, self.place = scope, method, place or scope
        self._watts, self._clock, self._longest = watts, clock, longest
        self._at, self._last, self._sum = clock(), watts(), 0.0
        self.resolution = 0.0

    def joules(self) -> float:
        now, power = self._clock(), self._watts()
        if now - self._at > self._longest:
            raise Gone(f"{self.scope}: its power was not read for {now - self._at:.0f} s. Set hardware.telemetry_hz=1.")
        self._sum += (now - self._at) * (self._last + power) / 2
        self.resolution = max(self.resolution, (now - self._at) * abs(power - self._last) / 2)
        self._at, self._last = now, power
        return self._sum


def declared(idle_watts: float, busy_watts: float) -> IntegratedPower:
    """Return the machine by a declared model: idle watts, and the rest in proportion to the use of its processors."""
    use = CpuUse()

    def watts() -> float:
        return idle_watts + (busy_watts - idle_watts) * use.share()

    return IntegratedPower("machine", DECLARED, watts)

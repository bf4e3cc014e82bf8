"""Measures energy by counters where the machine has them; else null with the reason, never 0 or a silent guess."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aibench.config import PowerModel
from aibench.meters.counted import covered, summed
from aibench.meters.gpu import NO_GPU, Gpu
from aibench.meters.nvml_energy import NvmlCounter, gpu_sensor, gpu_sensors
from aibench.meters.rapl import RAPL, RaplZone, rapl_zones
from aibench.meters.sensors import Gone, IntegratedPower, Sensor, declared

STILL = 5.0  # seconds without a count after which a sensor stands still: at a watt it counts every millisecond


@dataclass
class Reading:
    """Holds what one sensor counted.

    Attributes:
        joules: Joules since the meter was made.
        reason: Why it stopped, where it did.
        moved: When its count last changed, in seconds.
    """

    joules: float = 0.0
    reason: str | None = None
    moved: float = 0.0


class EnergyMeter:
    """Reads all sensors of the machine together, each place once.

    Args:
        sensors: The sensors that there are.
        reasons: Why there are no more sensors.
        faults: Why the sum of what there is would be no energy: a domain that is there and cannot be read.
        clock: Returns seconds.

    Attributes:
        earlier: Joules by scope of the processes that this one continues.
    """

    def __init__(
        self,
        sensors: Sequence[Sensor],
        reasons: Sequence[str],
        faults: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sensors = list({sensor.place: sensor for sensor in reversed(sensors)}.values())[::-1]
        self.reasons, self.faults = list(reasons), list(faults)
        self._clock, self._lock = clock, threading.Lock()
        self.readings = [Reading(moved=clock()) for _ in self.sensors]
        self._before = [
            self._first(sensor, reading) for sensor, reading in zip(self.sensors, self.readings, strict=True)
        ]
        self.earlier: dict[str, float] = {}

    @staticmethod
    def _first(sensor: Sensor, reading: Reading) -> float:
        try:
            return sensor.joules()
        except Gone as error:
            reading.reason = str(error)
            return 0.0

    @property
    def scopes(self) -> list[str]:
        """Return what each sensor covers; one label of several sensors is told apart by their places."""
        counts = Counter(sensor.scope for sensor in self.sensors)
        return [
            sensor.scope if counts[sensor.scope] == 1 else f"{sensor.scope} ({sensor.place})" for sensor in self.sensors
        ]

    def read(self) -> dict[str, float]:
        """Return the joules by scope up to now; a sensor that is gone keeps its last. Any thread may ask."""
        with self._lock:
            for index, (sensor, reading) in enumerate(zip(self.sensors, self.readings, strict=True)):
                if reading.reason is None:
                    self._advance(sensor, reading, self._before[index])
        now = {scope: reading.joules for scope, reading in zip(self.scopes, self.readings, strict=True)}
        return {scope: now.get(scope, 0.0) + self.earlier.get(scope, 0.0) for scope in {**now, **self.earlier}}

    def _advance(self, sensor: Sensor, reading: Reading, before: float) -> None:
        try:
            joules, now = sensor.joules() - before, self._clock()
        except Gone as error:
            reading.reason = str(error)
            return
        if joules != reading.joules:
            reading.joules, reading.moved = joules, now
        elif now - reading.moved > STILL:
            reading.reason = f"{sensor.scope}: the counter stood still for {now - reading.moved:.0f} s"

    def continue_from(self, joules: Mapping[str, float], faults: Sequence[str]) -> None:
        """Count the `joules` by scope of the processes before this one, which had such `faults`."""
        self.earlier = dict(joules)
        self.faults += [fault for fault in faults if fault not in self.faults]
        before, now = (", ".join(sorted(scopes)) or "none" for scopes in (joules, self.scopes))
        if before != now:
            self.faults.append(f"the processes of this run had other sensors ({before}; then {now})")

    def broken(self) -> list[str]:
        """Return why the sum over the sensors is no energy."""
        return [*self.faults, *(reading.reason for reading in self.readings if reading.reason is not None)]

    def summed(self, joules: Mapping[str, float]) -> tuple[float | None, str | None]:
        """Add up what was counted, or say why the sum is no energy.

        Args:
            joules: By scope, between two readings of this meter.

        Returns:
            The sum in joules and None, or None and the reason.
        """
        gone = {scope for scope, reading in zip(self.scopes, self.readings, strict=True) if reading.reason is not None}
        return summed(joules, gone, self.broken(), self.reasons)

    def coverage(self) -> str | None:
        """Return what part of the machine is counted, and what is not and why; None without a sensor."""
        return covered(self.scopes, [*self.faults, *self.reasons])


def card_meter(gpu: Gpu, clock: Callable[[], float] = time.monotonic) -> EnergyMeter:
    """Return the sensor of one GPU alone: what else its machine has is read by another process of the run."""
    cards, reasons = gpu_sensors([gpu], clock)
    return EnergyMeter(cards, reasons, clock=clock)


def energy_meter(
    model: PowerModel,
    gpu: Gpu,
    *others: Gpu,
    on_gpu: bool | None = None,
    root: Path = RAPL,
    clock: Callable[[], float] = time.monotonic,
) -> EnergyMeter:
    """Return the sensors of this machine.

    What computes must be covered: without it the sum of the others would be no energy of the run.

    Args:
        model: `hardware.power_model`; used where no sensor covers what computes.
        gpu: The GPU that the run computes on, or why there is none.
        *others: Further ones.
        on_gpu: Whether the run computes on a GPU; where there is one, if not given.
        root: Linux' powercap tree.
        clock: Returns seconds.
    """
    zones, why_no_zone = rapl_zones(root, clock)
    cards, why_no_card = gpu_sensors([gpu, *others], clock)
    on_gpu = gpu.reason != NO_GPU if on_gpu is None else on_gpu
    reasons = [*([why_no_zone] if why_no_zone else []), *why_no_card]
    faults = [reason for found, reason in ((zones, why_no_zone), (cards, "; ".join(why_no_card))) if found and reason]
    computing = cards if on_gpu else zones
    if not computing and model.idle_watts is not None:
        return EnergyMeter([declared(model.idle_watts, model.busy_watts or 0.0)], reasons)
    if not computing:
        return EnergyMeter([], reasons)
    return EnergyMeter([*zones, *cards], [reason for reason in reasons if reason not in faults], faults, clock)


__all__ = [
    "EnergyMeter",
    "Gone",
    "IntegratedPower",
    "NvmlCounter",
    "RaplZone",
    "Reading",
    "Sensor",
    "declared",
    "energy_meter",
    "gpu_sensor",
    "rapl_zones",
]

"""Energy, from counters where the machine has them; else null with the reason, never 0 and never a silent guess."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aibench.config import PowerModel
from aibench.meters.cpu import CpuUse
from aibench.meters.gpu import Gpu

RAPL = Path("/sys/class/powercap")
NVML_COUNTER = "NVML total energy counter"
NVML_POWER = "NVML power, integrated by the trapezoidal rule"
RAPL_COUNTER = "RAPL counter"
DECLARED = "hardware.power_model, declared (an estimate)"


class Gone(Exception):  # noqa: N818 - it tells what became of a sensor
    """A sensor that answered before does not any more."""


class Sensor(Protocol):
    """A source of energy readings.

    Attributes:
        scope: What it covers: `gpu0`, `package-0`, `dram`.
        method: How.
        resolution: Joules between two values that it can tell apart; with the update period it bounds the error.
    """

    scope: str
    method: str
    resolution: float

    def joules(self) -> float:
        """Energy since some moment in the past. Raises `Gone`."""


class NvmlCounter:
    """A GPU's own counter: millijoules since the driver was loaded; Volta and later; of the whole card."""

    method = NVML_COUNTER
    # The counter is updated every 20 to 100 ms: at 700 W that is up to 70 J at either end.
    period = 0.1

    def __init__(self, library: Any, handle: Any, scope: str) -> None:
        self._nvml, self._handle, self.scope = library, handle, scope
        library.nvmlDeviceGetTotalEnergyConsumption(handle)  # raises where there is none
        self.resolution = self.period * library.nvmlDeviceGetPowerUsage(handle) / 1000

    def joules(self) -> float:
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError as error:
            raise Gone(f"{self.scope}: {error}") from error


class IntegratedPower:
    """Power readings, integrated: for a GPU without a counter, or a declared power. Read it at a steady rate.

    Args:
        scope, method: As for any sensor.
        watts: A reading, at present.
        clock: Seconds.
    """

    def __init__(
        self, scope: str, method: str, watts: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.scope, self.method = scope, method
        self._watts, self._clock = watts, clock
        self._at, self._last, self._sum = clock(), watts(), 0.0
        self.resolution = 0.0

    def joules(self) -> float:
        now, power = self._clock(), self._watts()
        self._sum += (now - self._at) * (self._last + power) / 2
        self.resolution = max(self.resolution, (now - self._at) * abs(power - self._last) / 2)
        self._at, self._last = now, power
        return self._sum


class RaplZone:
    """A processor's energy counter. It wraps around, so read it more often than that (a minute at 1 kW and more)."""

    method = RAPL_COUNTER

    def __init__(self, folder: Path) -> None:
        self._file = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text())
        self.scope = (folder / "name").read_text().strip()
        self.resolution = 0.02  # updated about every millisecond
        self._last, self._sum = int(self._file.read_text()), 0

    def joules(self) -> float:
        try:
            now = int(self._file.read_text())
        except (OSError, ValueError) as error:
            raise Gone(f"{self.scope}: {error}") from error
        self._sum += (now - self._last) % self._range
        self._last = now
        return self._sum / 1e6


def rapl_zones(root: Path = RAPL) -> tuple[list[RaplZone], str | None]:
    """The packages and memories of the machine, and why there are none.

    A package's zone holds its cores and its uncore already; only packages and memories are taken, none twice.
    """
    zones: list[RaplZone] = []
    folders = sorted(root.glob("intel-rapl:*")) if root.is_dir() else []
    for folder in folders:
        try:
            name = (folder / "name").read_text().strip()
            if name.startswith("package") or name == "dram":
                zones.append(RaplZone(folder))
        except PermissionError:
            return [], f"{folder / 'energy_uj'} may be read by root alone"
        except (OSError, ValueError):
            continue
    return zones, None if zones else f"no RAPL zone in {root}"


def gpu_sensor(library: Any, handle: Any, scope: str = "gpu") -> Sensor:
    """The counter of a GPU, or its power where it has no counter. Raises `library.NVMLError` where it has neither."""
    try:
        return NvmlCounter(library, handle, scope)
    except library.NVMLError:

        def watts() -> float:
            try:
                return float(library.nvmlDeviceGetPowerUsage(handle)) / 1000
            except library.NVMLError as error:
                raise Gone(f"{scope}: {error}") from error

        return IntegratedPower(scope, NVML_POWER, watts)


def declared(idle_watts: float, busy_watts: float) -> IntegratedPower:
    """The machine by a declared model: idle watts, and the rest in proportion to the use of its processors."""
    use = CpuUse()

    def watts() -> float:
        return idle_watts + (busy_watts - idle_watts) * use.share()

    return IntegratedPower("machine", DECLARED, watts)


@dataclass
class Reading:
    """What one sensor counted.

    Attributes:
        joules: Since the meter was made; of the processes before a resumed one too.
        reason: Why it stopped, where it did.
    """

    joules: float = 0.0
    reason: str | None = None


class EnergyMeter:
    """All sensors of the machine, read together.

    Args:
        sensors: What there is.
        reasons: Why there is not more.
    """

    def __init__(self, sensors: Sequence[Sensor], reasons: Sequence[str]) -> None:
        self.sensors = list(sensors)
        self.reasons = list(reasons)
        self.readings = [Reading() for _ in self.sensors]
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

    def read(self) -> dict[str, float]:
        """Joules by scope up to now; a sensor that is gone keeps its last."""
        for index, (sensor, reading) in enumerate(zip(self.sensors, self.readings, strict=True)):
            if reading.reason is None:
                try:
                    reading.joules = sensor.joules() - self._before[index]
                except Gone as error:
                    reading.reason = str(error)
        return {
            sensor.scope: reading.joules + self.earlier.get(sensor.scope, 0.0)
            for sensor, reading in zip(self.sensors, self.readings, strict=True)
        }


def energy_meter(model: PowerModel, gpu: Gpu) -> EnergyMeter:
    """The sensors of this machine.

    Args:
        model: `hardware.power_model`; used where no sensor is at hand.
        gpu: The GPU that the run computes on, or why there is none.
    """
    zones, reason = rapl_zones()
    sensors: list[Sensor] = list(zones)
    reasons = [reason] if reason else []
    if gpu.handle is None:
        reasons += [gpu.reason] if gpu.reason else []
    else:
        try:
            sensors.append(gpu_sensor(gpu.library, gpu.handle))
        except gpu.library.NVMLError as error:
            reasons.append(f"gpu: {error}")
    if not sensors and model.idle_watts is not None:
        sensors.append(declared(model.idle_watts, model.busy_watts or 0.0))
    return EnergyMeter(sensors, reasons)

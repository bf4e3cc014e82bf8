"""Reads the energy of GPUs: NVML's counter of the card, or its power where it has no counter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from aibench.meters.gpu import Gpu
from aibench.meters.sensors import Gone, IntegratedPower, Sensor

NVML_COUNTER = "NVML total energy counter"
NVML_POWER = "NVML power, integrated by the trapezoidal rule"
LONGEST = 30.0  # seconds between two readings of a power


class NvmlCounter:
    """Reads a GPU's own counter: millijoules since the driver was loaded; Volta and later; of the whole card."""

    method = NVML_COUNTER
    # The counter is updated every 20 to 100 ms: at 700 W that is up to 70 J at either end.
    period = 0.1

    def __init__(self, library: Any, handle: Any, scope: str) -> None:
        self._nvml, self._handle, self.scope = library, handle, scope
        self.place = card(library, handle)
        self._last = float(library.nvmlDeviceGetTotalEnergyConsumption(handle))  # raises where there is none
        self.resolution = self.period * library.nvmlDeviceGetPowerUsage(handle) / 1000

    def joules(self) -> float:
        try:
            now = float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError as error:
            raise Gone(f"{self.scope}: {error}") from error
        if now < self._last:
            raise Gone(f"{self.scope}: the counter jumped back")
        self._last = now
        return now / 1000


def whole_card(library: Any, handle: Any) -> Any:
    """Return the handle of the card that a MIG instance is a part of; of any other GPU, its own."""
    try:
        if library.nvmlDeviceIsMigDeviceHandle(handle):
            return library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
    except (AttributeError, library.NVMLError):  # a driver or card from before MIG
        pass
    return handle


def card(library: Any, handle: Any) -> str:
    """Return what names the card, whichever handle it is reached by."""
    try:
        return str(library.nvmlDeviceGetUUID(whole_card(library, handle)))
    except (AttributeError, library.NVMLError):
        return str(handle)


def gpu_sensor(library: Any, handle: Any, scope: str = "gpu", clock: Callable[[], float] = time.monotonic) -> Sensor:
    """Return a GPU's counter, or its power where it has no counter. Raises `library.NVMLError` where it has neither."""
    handle = whole_card(library, handle)
    try:
        return NvmlCounter(library, handle, scope)
    except library.NVMLError:

        def watts() -> float:
            try:
                return float(library.nvmlDeviceGetPowerUsage(handle)) / 1000
            except library.NVMLError as error:
                raise Gone(f"{scope}: {error}") from error

        library.nvmlDeviceGetPowerUsage(handle)  # raises where there is none
        return IntegratedPower(scope, NVML_POWER, watts, clock, place=card(library, handle), longest=LONGEST)


def gpu_sensors(gpus: Sequence[Gpu], clock: Callable[[], float] = time.monotonic) -> tuple[list[Sensor], list[str]]:
    """Return the sensors of the cards, each card once, and what stood in the way of more."""
    cards: dict[str, Gpu] = {}
    reasons = []
    for gpu in gpus:
        if gpu.handle is not None:
            cards.setdefault(card(gpu.library, gpu.handle), gpu)
        elif gpu.reason:
            reasons.append(gpu.reason)
    sensors = []
    for number, gpu in enumerate(cards.values()):
        scope = "gpu" if len(cards) == 1 else f"gpu{number}"
        try:
            sensors.append(gpu_sensor(gpu.library, gpu.handle, scope, clock))
        except gpu.library.NVMLError as error:
            reasons.append(f"{scope}: {error}")
    return sensors, list(dict.fromkeys(reasons))

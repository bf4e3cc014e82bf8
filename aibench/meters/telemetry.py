"""Samples what the machine does meanwhile, at a stated rate in a thread, into `telemetry.csv`."""

from __future__ import annotations

import csv
import math
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from aibench.meters.cpu import CpuUse
from aibench.meters.energy import EnergyMeter
from aibench.meters.gpu import Gpu
from aibench.results.folder import TELEMETRY
from aibench.results.made import making

# NVML's reasons for a clock below what was asked for. Idling is none; a power cap, heat and slowdowns are.
THROTTLE = {0x4: "power cap", 0x8: "hardware slowdown", 0x20: "heat", 0x40: "heat", 0x80: "power brake"}


@dataclass
class Column:
    """Holds what one quantity did over the run.

    Attributes:
        first, last, least, most: First, last, least and greatest sample.
        total: Sum of the samples.
        count: Number of samples.
    """

    first: float
    last: float
    least: float
    most: float
    total: float
    count: int = 1

    def add(self, value: float) -> None:
        """Add one more sample."""
        self.last, self.total, self.count = value, self.total + value, self.count + 1
        self.least, self.most = min(self.least, value), max(self.most, value)

    @property
    def mean(self) -> float:
        """Return the mean of the samples."""
        return self.total / self.count


class Telemetry:
    """Samples the machine in a thread, from `start` to `stop`.

    Args:
        folder: Where `telemetry.csv` is written, a row a sample as soon as it is made; None writes none.
        rate: Samples a second; 0 for none.
        gpu: The GPU to ask about.
        energy: Read with each sample, so that counters that wrap and powers that are integrated stay right.
    """

    def __init__(self, folder: Path | None, rate: float, gpu: Gpu, energy: EnergyMeter | None = None) -> None:
        self.folder, self.rate, self.gpu, self.energy = folder, rate, gpu, energy
        self.columns: dict[str, Column] = {}
        self.throttled: set[str] = set()
        self.spent = 0.0  # processor seconds that sampling took
        self._process, self._cpu = psutil.Process(), CpuUse()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample."""
        if self.rate <= 0 or self._thread is not None:
            return
        self._process.cpu_percent()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. May be called twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        writer = _Rows(self.folder / TELEMETRY if self.folder is not None else None)
        while not self._stop.wait(1 / self.rate):
            before = time.thread_time()
            row = self.sample()
            for name, value in row.items():
                if name in self.columns:
                    self.columns[name].add(value)
                else:
                    self.columns[name] = Column(value, value, value, value, value)
            writer.write({"time": time.time(), **row})
            self.spent += time.thread_time() - before

    def sample(self) -> dict[str, float]:
        """Return one sample: every quantity that can be had here."""
        memory = psutil.virtual_memory()
        row = {
            "cpu_percent": 100 * self._cpu.share(),
            "process_cpu_percent": self._process.cpu_percent(),
            "load": os.getloadavg()[0],
            "memory_used_bytes": float(memory.total - memory.available),
            "process_memory_bytes": float(self._process.memory_info().rss),
        }
        row.update(self._frequency())
        if self.gpu.handle is not None:
            row.update(self._gpu())
        if self.energy is not None:
            row.update({f"{scope}_joules": joules for scope, joules in self.energy.read().items()})
        return row

    @staticmethod
    def _frequency() -> dict[str, float]:
        try:
            frequency = psutil.cpu_freq()
        except (OSError, NotImplementedError):  # a virtual machine may hide it
            return {}
        return {"cpu_mhz": frequency.current} if frequency else {}

    def _gpu(self) -> dict[str, float]:
        ask, library = self.gpu.ask, self.gpu.library
        use, memory = ask("nvmlDeviceGetUtilizationRates"), ask("nvmlDeviceGetMemoryInfo")
        power, reasons = ask("nvmlDeviceGetPowerUsage"), ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        found = {
            "gpu_percent": use and use.gpu,
            "gpu_memory_used_bytes": memory and memory.used,
            "gpu_watts": power and power / 1000,
            "gpu_celsius": ask("nvmlDeviceGetTemperature", library.NVML_TEMPERATURE_GPU),
            "gpu_sm_mhz": ask("nvmlDeviceGetClockInfo", library.NVML_CLOCK_SM),
            "gpu_memory_mhz": ask("nvmlDeviceGetClockInfo", library.NVML_CLOCK_MEM),
            "gpu_throttle_reasons": reasons,
        }
        self.throttled |= {reason for bit, reason in THROTTLE.items() if reasons and reasons & bit}
        return {name: float(value) for name, value in found.items() if value is not None}


class _Rows:
    """Writes a CSV file a row at a time. A disk that is full ends it, and nothing else."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._names: list[str] | None = None

    def write(self, row: dict[str, Any]) -> None:
        if self._path is None:
            return
        try:
            self._names = self._names or _header(self._path)
            is_new = not self._names
            if is_new:
                self._names = list(row)
                making(self._path)
            with self._path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self._names, extrasaction="ignore", restval="")
                if is_new:
                    writer.writeheader()
                writer.writerow({name: _short(value) for name, value in row.items()})
        except OSError:
            self._path = None


def _header(path: Path) -> list[str]:
    """Return the names in the first line of a file that an earlier process of this run began; none without a file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except OSError:
        return []


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.13g}"


def cost_of_a_sample(gpu: Gpu, energy: EnergyMeter | None, repetitions: int = 20) -> float:
    """Return the processor seconds that one sample takes here."""
    telemetry = Telemetry(None, 1.0, gpu, energy)
    telemetry.sample()
    before = time.thread_time()
    for _ in range(repetitions):
        telemetry.sample()
    return (time.thread_time() - before) / repetitions

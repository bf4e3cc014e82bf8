"""Reads what NVML knows of a GPU at work: GPM's counters (Hopper and later), else the share of time with a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aibench.meters.gpu import Gpu

NVML_SUCCESS = 0
# Our name (the paper's where it is the same thing); NVML_GPM_METRIC_*. NVML gives percent.
METRICS = {
    "achieved_occupancy": "SM_OCCUPANCY",
    "dram_utilization": "DRAM_BW_UTIL",
    "sm_active": "SM_UTIL",
    "tensor_active": "ANY_TENSOR_UTIL",
    "half_tensor_active": "HMMA_TENSOR_UTIL",
    "fp32_active": "FP32_UTIL",
}


class Gpm:
    """Averages counters over the time inside `watch()`, gaps between kernels included.

    Attributes:
        values: Ratios 0 to 1, by name of `METRICS`; None where the GPU does not have it.
        reason: Why there are no values; None where there are some.
    """

    def __init__(self, gpu: Gpu) -> None:
        self.values: dict[str, float | None] = dict.fromkeys(METRICS)
        self._gpu = gpu
        self.reason = gpu.reason or self._unsupported()

    def _unsupported(self) -> str | None:
        support = self._gpu.ask("nvmlGpmQueryDeviceSupport")
        if support is None or not support.isSupportedDevice:
            return "this GPU has no GPM counters (Hopper is the first that does)"
        return None

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Fill `values` with the means of what happens inside; needs some 100 ms to be worth a number."""
        if self.reason is not None:
            yield
            return
        nvml, handle = self._gpu.library, self._gpu.handle
        samples = [nvml.nvmlGpmSampleAlloc() for _ in range(2)]
        try:
            nvml.nvmlGpmSampleGet(handle, samples[0])
            yield
            nvml.nvmlGpmSampleGet(handle, samples[1])
            self._read(nvml, samples)
        except nvml.NVMLError as error:
            self.reason = f"GPM failed ({error})"
        finally:
            for sample in samples:
                nvml.nvmlGpmSampleFree(sample)

    def _read(self, nvml: Any, samples: list[Any]) -> None:
        question = nvml.c_nvmlGpmMetricsGet_t()
        question.version = nvml.NVML_GPM_METRICS_GET_VERSION
        question.numMetrics = len(METRICS)
        question.sample1, question.sample2 = samples
        for place, name in enumerate(METRICS.values()):
            question.metrics[place].metricId = getattr(nvml, f"NVML_GPM_METRIC_{name}")
        nvml.nvmlGpmMetricsGet(question)
        for place, name in enumerate(METRICS):
            answer = question.metrics[place]
            self.values[name] = answer.value / 100 if answer.nvmlReturn == NVML_SUCCESS else None


class TimeActive:
    """Measures the share of time in which any kernel ran, as NVML averages it; not how busy the GPU was in it."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._seen: list[float] = []

    def look(self) -> None:
        """Ask once; to be called step after step."""
        found = self._gpu.ask("nvmlDeviceGetUtilizationRates") if self._gpu.library is not None else None
        if found is not None:
            self._seen.append(found.gpu / 100)

    @property
    def mean(self) -> float | None:
        """Return the mean over the looks, 0 to 1."""
        return sum(self._seen) / len(self._seen) if self._seen else None

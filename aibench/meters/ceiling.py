"""Measures what the device can do at best: the ceiling that a model's use of it is compared with.

The best of matrix products and of convolutions. On some processors a product alone is no ceiling: MKL's is half as
fast as oneDNN's convolution, and a model of convolutions would use more than 100 % of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import partial

import torch
from torch import Tensor

from aibench.contract import digest
from aibench.meters.cores import cores
from aibench.meters.kept import kept
from aibench.meters.system import allow_tf32

SECONDS = 0.25  # of each probe
SLOW = 1.0  # that one repetition may take: where a precision is emulated, a product takes seconds
PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Dense, without sparsity, in FLOP/s: NVIDIA's data sheets. fp32 stands for fp32 itself, not for TF32.
DATA_SHEET = {
    "NVIDIA H100 80GB HBM3": {"fp32": 66.9e12, "tf32": 494.7e12, "bf16": 989.4e12, "fp16": 989.4e12},
    "NVIDIA H100 PCIe": {"fp32": 51.2e12, "tf32": 378e12, "bf16": 756e12, "fp16": 756e12},
    "NVIDIA H200": {"fp32": 66.9e12, "tf32": 494.7e12, "bf16": 989.4e12, "fp16": 989.4e12},
    "NVIDIA B200": {"fp32": 75e12, "bf16": 2250e12, "fp16": 2250e12},
    "NVIDIA A100-SXM4-80GB": {"fp32": 19.5e12, "tf32": 156e12, "bf16": 312e12, "fp16": 312e12},
    "NVIDIA A100-SXM4-40GB": {"fp32": 19.5e12, "tf32": 156e12, "bf16": 312e12, "fp16": 312e12},
    "NVIDIA L40S": {"fp32": 91.6e12, "bf16": 362e12, "fp16": 362e12},
    "NVIDIA L4": {"fp32": 30.3e12, "bf16": 121e12, "fp16": 121e12},
    "Tesla V100-SXM2-16GB": {"fp32": 15.7e12, "fp16": 125e12},
    "Tesla V100-SXM2-32GB": {"fp32": 15.7e12, "fp16": 125e12},
    "Tesla T4": {"fp32": 8.1e12, "fp16": 65e12},
    "NVIDIA TITAN RTX": {"fp32": 16.3e12, "fp16": 130e12},
    "NVIDIA TITAN Xp": {"fp32": 12.1e12},
}


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Holds the best that was measured.

    Attributes:
        flops: Speed in FLOP/s.
        bandwidth: Bytes a second of a copy, read and written.
        method: The probe that was the best.
        device: Its name.
        threads: Threads on a CPU.
        precision: `fp32`, `tf32`, `bf16` or `fp16`.
    """

    flops: float
    bandwidth: float
    method: str
    device: str
    threads: int
    precision: str


def data_sheet(device: str, precision: str) -> float | None:
    """Return the dense peak of `device` in FLOP/s by its data sheet; None where it is not listed."""
    return DATA_SHEET.get(device, {}).get(precision)


def ceiling(precision: str, device: str, cache: str, *, again: bool = False) -> Ceiling:
    """Return the ceiling of this machine, probed once and kept in the folder `cache`.

    Args:
        precision: A value of `hardware.precision`.
        device: `cpu` or `cuda`.
        cache: The folder `data.cache`.
        again: Whether to probe also where a ceiling is kept.
    """
    threads = torch.get_num_threads() if device == "cpu" else 0
    granted = cores().quota
    limit = f" {granted:g} cores" if threads and granted is not None and granted < threads else ""
    name = f"ceiling-{digest(f'{_name(device)} {threads}{limit} {precision} {torch.__version__}')}.json"
    keys = [field.name for field in fields(Ceiling)]
    return Ceiling(**kept(cache, name, lambda: asdict(probe(precision, device)), keys, again=again))


def _name(device: str) -> str:
    from aibench.meters.system import processor

    return torch.cuda.get_device_name() if device == "cuda" else processor()


def probe(precision: str, device: str) -> Ceiling:
    """Measure now, and keep nothing. Arguments as of `ceiling`."""
    set_before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    allow_tf32(precision == "tf32")
    try:
        return _probed(precision, device)
    finally:
        torch.set_float32_matmul_precision(set_before[0])
        torch.backends.cudnn.allow_tf32 = set_before[1]


def _probed(precision: str, device: str) -> Ceiling:
    found: dict[str, float] = {}
    slow = False
    for what, flops, run in _probes(PRECISIONS[precision], device):
        if slow and what.startswith("matrix"):
            continue  # larger than one that took long: eight times as long
        seconds = _best(run, device)
        found[what] = flops / seconds
        slow = slow or seconds > SLOW
    best = max(found, key=lambda what: found[what])
    threads = torch.get_num_threads() if device == "cpu" else 0
    return Ceiling(found[best], _bandwidth(device), best, _name(device), threads, precision)


def _probes(dtype: torch.dtype, device: str) -> Iterator[tuple[str, float, Callable[[], Tensor]]]:
    for size in (512, 1024, 2048) if device == "cpu" else (4096, 8192):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))  # zeros would be faster than data
        yield f"matrix product {size}", 2.0 * size**3, partial(torch.mm, a, b)
    batch, channels, side = (16, 64, 56) if device == "cpu" else (256, 256, 56)
    layouts = {"": torch.contiguous_format, ", channels last": torch.channels_last}
    for layout, memory_format in layouts.items():
        images = torch.randn(batch, channels, side, side, device=device).to(dtype).to(memory_format=memory_format)
        kernel = torch.randn(channels, channels, 3, 3, device=device).to(dtype).to(memory_format=memory_format)
        flops = 2.0 * batch * channels * channels * 9 * side * side
        yield (
            f"3x3 convolution of {channels} channels{layout}",
            flops,
            partial(torch.conv2d, images, kernel, padding=1),
        )


def _best(run: Callable[[], object], device: str) -> float:
    """Return seconds of the quickest repetition in `SECONDS`; at least three run, but none more after a slow one."""
    times: list[float] = []
    with torch.inference_mode():
        run()
        end = time.perf_counter() + SECONDS
        while not times or (times[-1] <= SLOW and (time.perf_counter() < end or len(times) < 3)):
            _wait(device)
            start = time.perf_counter()
            run()
            _wait(device)
            times.append(time.perf_counter() - start)
    return min(times)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _bandwidth(device: str) -> float:
    source = torch.randn(2**24 if device == "cpu" else 2**28, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() * source.element_size() / _best(lambda: target.copy_(source), device)

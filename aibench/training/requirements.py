"""Checks what a run needs of this machine, before its folder is made and its data are read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from aibench.config import Accelerator, ConfigError, Precision, RunConfig
from aibench.config.checks import OF_GPUS
from aibench.tracking.trackers import lacking

NO_GPU = "hardware.accelerator=gpu: no GPU here that PyTorch can use. Use hardware=cpu."
# Where Linux shows a GPU: NVIDIA's cards, its boards, AMD's, and those that WSL hands on.
DEVICES = ("nvidia*", "nvhost*", "nvmap", "kfd", "dxg")


def missing(config: RunConfig, *, elsewhere: bool = False) -> Iterator[str]:
    """Yield what the run lacks for certain, a line each, without PyTorch, which takes seconds to load.

    Args:
        config: The run.
        elsewhere: Whether it will run on another machine, whose devices are not known here.
    """
    yield from lacking(config)
    if not elsewhere and no_gpu_for_certain():
        yield from without_gpu(config)


def no_gpu_for_certain() -> bool:
    """Return whether no sign of a GPU is here. Where one is, only PyTorch knows whether it can be used."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return True
    return sys.platform == "linux" and not any(any(Path("/dev").glob(pattern)) for pattern in DEVICES)


def without_gpu(config: RunConfig) -> Iterator[str]:
    """Yield what a run asks of a GPU, a line each."""
    hardware = config.hardware
    if hardware.accelerator is Accelerator.gpu:
        yield NO_GPU
    if hardware.precision in OF_GPUS:
        yield f"hardware.precision={hardware.precision}: no GPU here. {OF_GPUS[hardware.precision]}"


def require_device(config: RunConfig) -> None:
    """Raise `ConfigError` where PyTorch finds no device here that the run can use."""
    import torch

    on_cpu = config.hardware.accelerator is Accelerator.cpu or not torch.cuda.is_available()
    for line in without_gpu(config) if on_cpu else ():
        raise ConfigError(line)
    if not on_cpu and config.hardware.precision is Precision.tf32 and torch.cuda.get_device_capability() < (8, 0):
        raise ConfigError(
            f"hardware.precision=tf32: {torch.cuda.get_device_name()} has no TF32, which came with compute capability "
            "8.0. Use fp32 or fp16."
        )

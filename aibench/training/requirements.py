"""Checks what a run needs of this machine, before its folder is made and its data are read."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from aibench.config import Accelerator, ConfigError, Precision, RunConfig
from aibench.config.checks import OF_GPUS, ONLY_GPUS
from aibench.config.devices import not_shared_out
from aibench.tracking.trackers import lacking
from aibench.world import World, WorldError, world_here

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
    if elsewhere:
        return
    if no_gpu_for_certain():
        yield from without_gpu(config)
    try:
        placed(config)
    except ConfigError as error:
        yield str(error)


def placed(config: RunConfig, world: World | None = None) -> RunConfig:
    """Return the run with the numbers of its devices and machines: as many as a launcher started, or as there are.

    Raises:
        ConfigError: These are too few, others than a launcher started, or cannot have equal shares of a batch.
    """
    try:
        hardware, world = config.hardware, world_here() if world is None else world
    except WorldError as error:
        raise ConfigError(str(error)) from error
    if world.size == 1 and hardware.devices == 1 and hardware.nodes == 1:
        return config
    found = copy.deepcopy(config)
    if world.size > 1:
        _require_of_launcher(config, world)
        found.hardware.devices, found.hardware.nodes = world.local_size, world.nodes
    else:
        if hardware.nodes > 1:
            raise ConfigError(
                f"hardware.nodes={hardware.nodes}: this process starts others on its own machine alone. Start the run "
                "with torchrun or srun on all machines, or set hardware.nodes=1."
            )
        there = devices_here(config)
        found.hardware.devices = there if isinstance(hardware.devices, str) else hardware.devices
        if found.hardware.devices > there:
            raise ConfigError(f"hardware.devices={hardware.devices}: {_there(config, there)}")
    for line in not_shared_out(found):
        raise ConfigError(line)
    return found


def _require_of_launcher(config: RunConfig, world: World) -> None:
    """Raise `ConfigError` where the run asks for other numbers than a launcher started; 1 is asked for by nobody."""
    for key, value, there in (
        ("hardware.devices", config.hardware.devices, world.local_size),
        ("hardware.nodes", config.hardware.nodes, world.nodes),
    ):
        if value not in (1, "all", there):
            what = "processes on each machine" if key.endswith("devices") else "machines"
            raise ConfigError(f"{key}={value}: {world.starter} started {there} {what}. Leave the key out.")


def devices_here(config: RunConfig) -> int:
    """Return how many devices of the kind that the run asks for are in this machine: GPUs, or the CPU's cores."""
    if config.hardware.accelerator is not Accelerator.cpu and not no_gpu_for_certain():
        import torch

        if torch.cuda.is_available():
            return torch.cuda.device_count()
    return os.cpu_count() or 1


def _there(config: RunConfig, count: int) -> str:
    if config.hardware.accelerator is Accelerator.cpu or no_gpu_for_certain():
        return f"this machine has {count} processors. Set it to {count} or less."
    return f"PyTorch finds {count} here. Set it to {count} or less."


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
    if hardware.cuda_graph:
        yield f"hardware.cuda_graph=true: no GPU here. {ONLY_GPUS}"
    if hardware.sync_batchnorm:
        yield "hardware.sync_batchnorm=true: no GPU here, and PyTorch shares the statistics among GPUs alone."


def slow_here(config: RunConfig) -> str | None:
    """Return why the run will be far slower than it could be on this machine, in a line; None where nothing is known.

    Asks PyTorch for its CPU's instructions, so it is for a run whose device is there.
    """
    import torch

    hardware = config.hardware
    on_cpu = hardware.accelerator is Accelerator.cpu or not torch.cuda.is_available()
    if not on_cpu or hardware.precision is not Precision.bf16 or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return None
    return (
        "hardware.precision=bf16: this CPU has no instructions for bf16, and takes ten times as long as in fp32 or "
        "more, where it can at all. Use fp32 (hardware=cpu)."
    )


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

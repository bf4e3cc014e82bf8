"""Checks that a run can be shared out among several devices, and says what its batches hold then."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from aibench.choices import Accelerator, Scaling, Strategy
from aibench.config.errors import ConfigError

if TYPE_CHECKING:
    from aibench.config.schema import RunConfig

Run = TypeVar("Run", bound="RunConfig")


def devices(config: RunConfig) -> int | None:
    """Return how many devices train the run; None where that is as many as there are."""
    hardware = config.hardware
    return None if isinstance(hardware.devices, str) else hardware.devices * hardware.nodes


def on_one_device(config: Run) -> Run:
    """Return the run where it is of one device.

    Raises:
        ConfigError: It is of several, and what is asked for takes one.
    """
    hardware = config.hardware
    if hardware.devices != 1 or hardware.nodes != 1:
        key = f"hardware.devices={hardware.devices}" if hardware.devices != 1 else f"hardware.nodes={hardware.nodes}"
        raise ConfigError(f"{key}: training alone takes several devices. Leave the key out.")
    return config


def with_global_batch(config: Run, size: int) -> Run:
    """Return the run as its task sees it: `data.batch_size` is that of all `size` devices together."""
    if config.hardware.scaling is Scaling.strong or size == 1:
        return config
    whole = copy.deepcopy(config)
    whole.data.batch_size *= size
    return whole


def not_shared_out(config: RunConfig) -> Iterator[str]:
    """Yield what keeps several devices from training this run together, a line each; none of one device."""
    hardware, size = config.hardware, devices(config)
    if hardware.strategy is Strategy.ddp and config.by_hand:
        yield (
            f"hardware.strategy=ddp: task={config.task} moves its networks in turn, which DistributedDataParallel "
            "does not expect. Use hardware.strategy=reduce."
        )
    if hardware.compile and size != 1 and (hardware.strategy is Strategy.reduce or config.by_hand):
        yield (
            "hardware.compile=true: nobody has tried it with gradients that are summed after the backward pass. Set it "
            "to false, or use one device."
        )
    if hardware.sync_batchnorm and hardware.accelerator is Accelerator.cpu:
        yield "hardware.sync_batchnorm=true: PyTorch shares the statistics among GPUs alone. Set it to false."
    if size is not None and size > 1:
        yield from with_global_batch(config, size).undivided(size)

"""Checks that the values of a run fit each other and this disk, with a line for each that does not."""

from __future__ import annotations

import enum
import math
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from aibench.choices import Accelerator, Precision, Session, Source
from aibench.config.bounds import is_file, is_folder
from aibench.config.devices import devices, not_shared_out
from aibench.config.errors import DataError
from aibench.config.fields import out_of_bounds, shown
from aibench.config.places import expanded

if TYPE_CHECKING:
    from aibench.config.hardware import HardwareConfig
    from aibench.config.schema import DataConfig, RunConfig

MOST_MADE = 10**6  # samples, before a run that makes its own: they lie in memory
MOST_A_PROCESSOR = 16  # threads, and processes that read samples

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".whl")  # by the ends of their names
# Why a CPU is refused this precision.
OF_GPUS = {
    Precision.fp16: "CPUs emulate fp16, hundreds of times slower. Use fp32.",
    Precision.tf32: "CPUs have no TF32. Use fp32.",
}

ONLY_GPUS = "CUDA graphs are of GPUs. Set it to false."


def problems(config: RunConfig) -> Iterator[str]:
    """Yield what is wrong with a run, a line each: single values, the general checks, those of its task and data."""
    beyond = list(out_of_bounds(config))
    yield from beyond
    if beyond:
        return  # the checks to come may compute with the values
    yield from out_of_range(config)
    yield from beyond_the_machine(config)
    yield from without_data(config)
    yield from without_target(config)
    yield from contradictions(config.hardware)
    yield from not_shared_out(config)
    yield from not_recorded(config)
    yield from config.problems()
    yield from out_of_bounds(config, on_disk=True)
    yield from wrong_data(config)


def too_small(at_least: Mapping[str, tuple[float | None, float]]) -> Iterator[str]:
    """Yield a line for each key whose value is below its least one; null is not."""
    for key, (value, least) in at_least.items():
        if value is not None and value < least:
            yield f"{key}={value}: must be at least {least}."


def out_of_range(config: RunConfig) -> Iterator[str]:
    """Yield a line for each number that no run can have."""
    model, key = config.hardware.power_model, "hardware.power_model"
    for given, value, lacking in (
        ("idle_watts", model.idle_watts, model.busy_watts),
        ("busy_watts", model.busy_watts, model.idle_watts),
    ):
        if value is not None and lacking is None:
            yield f"{key}.{given}={value}: one of idle_watts and busy_watts has no value. Set both, in watts."
    if (model.idle_watts or 0) > (model.busy_watts or math.inf):
        yield f"{key}.idle_watts={model.idle_watts}: must lie in 0 to {key}.busy_watts={model.busy_watts}."
    size = config.data.train_size
    if size is not None and config.data.smallest_batch > size:
        yield f"data.batch_size={config.data.batch_size}: larger than the {size} samples of data.train_size."
    for key, samples in (("data.train_size", size), ("data.val_size", config.data.val_size)):
        if config.data.source is not Source.disk and samples is not None and samples > MOST_MADE:
            yield f"{key}={samples}: data.source={config.data.source} makes its samples, {MOST_MADE} at most."


def beyond_the_machine(config: RunConfig) -> Iterator[str]:
    """Yield a line for each number of threads or processes that only a typing error can mean."""
    processors = os.cpu_count() or 1
    for key, value in (("hardware.threads", config.hardware.threads), ("data.workers", config.data.workers)):
        if value is not None and value > MOST_A_PROCESSOR * processors:
            yield f"{key}={value}: this machine has {processors} processors. Set {key}={processors} or less."


def without_data(config: RunConfig) -> Iterator[str]:
    """Yield a line where the samples cannot come from where they should."""
    root = config.data.root
    if config.data.source is Source.disk and root is None:
        yield (
            f"data.root: no value, and task={config.task} scale={config.scale} reads its data from disk. Set "
            "data.root=FOLDER (`aibench data status` says how to get the data), or data.source=synthetic session=steps "
            "to time the model on made-up samples."
        )
    elif config.data.source is Source.disk and not is_folder(str(root)):
        wrong = _no_folder(str(root))
        yield f"data.root={shown(root)}: {wrong}. Set data.root to the folder that holds the data set."
    if config.scale == "reference" and config.data.source is Source.embedded:
        yield (
            "data.source=embedded: the embedded data belong to scale=mini. Use data.source=disk data.root=FOLDER, "
            "or data.source=synthetic."
        )


def _no_folder(path: str) -> str:
    """Return what `path`, which is no folder, is in its stead."""
    if not is_file(path):
        return "no such folder"
    if path.lower().endswith(ARCHIVES):
        return "an archive, and a folder is wanted. Unpack it"
    return "a file, and its folder is wanted"


def wrong_data(config: RunConfig) -> Iterator[str]:
    """Yield what keeps the folder of the data set from being the task's, a line each."""
    root = config.data.root
    if config.data.source is Source.disk and root is not None and is_folder(root):
        try:
            yield from config.disk_problems(expanded(root), root)
        except DataError as error:  # a folder in it that cannot be listed
            yield str(error)


def without_target(config: RunConfig) -> Iterator[str]:
    """Yield a line where the session has no quality to reach, or nothing to learn it from."""
    if config.metrics and config.target.metric not in config.metrics:
        names = ", ".join(config.metrics)
        yield f"target.metric={config.target.metric}: no such metric. Set target.metric to one of {names}."
    to_quality = config.session in (Session.entire, Session.quasi_entire)
    if to_quality and config.quality is None:
        yield (
            f"session={config.session}: task={config.task} has no such quality at scale={config.scale}. "
            "Use session=epochs or session=steps."
        )
    if to_quality and config.data.source is Source.synthetic:
        yield (
            f"data.source=synthetic: made-up samples teach nothing, so session={config.session} cannot end. "
            "Use session=steps or session=epochs."
        )


def contradictions(hardware: HardwareConfig) -> Iterator[str]:
    """Yield a line for each two settings of the hardware that exclude each other."""
    why = OF_GPUS.get(hardware.precision)
    if why is not None and hardware.accelerator is Accelerator.cpu:
        yield f"hardware.precision={hardware.precision}: {why}"
    if hardware.deterministic and hardware.cudnn_benchmark:
        yield (
            "hardware.cudnn_benchmark=true: it picks algorithms by their time, which differs between runs, so "
            "hardware.deterministic=true cannot hold. Set one of them to false."
        )


def not_recorded(config: RunConfig) -> Iterator[str]:
    """Yield what keeps the steps of a run from being a CUDA graph, a line each."""
    hardware, key = config.hardware, "hardware.cuda_graph=true"
    if not hardware.cuda_graph:
        return
    if not config.recorded:
        yield (
            f"{key}: the operators of a step of task={config.task} differ from step to step, or nobody has tried it. "
            "Set it to false."
        )
    if devices(config) != 1:
        yield f"{key}: nobody has tried it on several devices. Set it to false."
    if hardware.accelerator is Accelerator.cpu:
        yield f"{key}: {ONLY_GPUS}"


# Of several tasks; their `problems` ask these.


def endless(data: DataConfig, what: str) -> Iterator[str]:
    """Yield a line where nothing says how many samples are generated; `what` they show."""
    if data.source is Source.embedded and None in (data.train_size, data.val_size):
        yield f"data.train_size, data.val_size: no value, and generated {what} have no end. Set both."


def misshapen(shape: Mapping[str, object], key: str, network: enum.StrEnum, free: enum.StrEnum) -> Iterator[str]:
    """Yield a line for each key of a shape that `network` lacks, or has although only the network `free` has one."""
    for part, value in shape.items():
        if network is free and value is None:
            yield f"{part}=null: {key}={network} needs a number of at least 1. Set {part}."
        if network is not free and value is not None:
            yield f"{part}={value}: {key}={network} has a fixed shape. Set {part}=null, or {key}={free}."


def without_momentum(momentum: float, nesterov: bool) -> Iterator[str]:
    """Yield a line where a step would look ahead along a momentum that it does not have."""
    if nesterov and momentum == 0:
        yield "optim.nesterov=true: needs momentum. Set optim.momentum above 0."

"""What the values of a run must be among themselves and on this disk, a line for each that is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.choices import Accelerator, Precision, Session, Source

if TYPE_CHECKING:
    from aibench.config.schema import HardwareConfig, RunConfig

# Why a CPU is refused this precision.
OF_GPUS = {
    Precision.fp16: "CPUs emulate fp16, hundreds of times slower. Use bf16 or fp32.",
    Precision.tf32: "CPUs have no TF32. Use bf16 or fp32.",
}


def problems(config: RunConfig) -> Iterator[str]:
    """Yield what is wrong with a run, a line each: the general checks, those of its task, and of its data set."""
    yield from out_of_range(config)
    yield from without_data(config)
    yield from without_target(config)
    yield from contradictions(config.hardware)
    yield from config.problems()
    yield from wrong_data(config)


def too_small(at_least: Mapping[str, tuple[float | None, float]]) -> Iterator[str]:
    """A line for each key whose value is below its least one; null is not."""
    for key, (value, least) in at_least.items():
        if value is not None and value < least:
            yield f"{key}={value}: must be at least {least}."


def out_of_range(config: RunConfig) -> Iterator[str]:
    """A line for each number that no run can have."""
    if not 0 <= config.seed < 2**32:
        yield f"seed={config.seed}: must lie in 0 to 4294967295."
    if config.optim.lr <= 0:
        yield f"optim.lr={config.optim.lr}: must be greater than 0."
    if config.optim.weight_decay < 0:
        yield f"optim.weight_decay={config.optim.weight_decay}: must not be negative."
    if config.target.evaluations_per_epoch <= 0:
        yield f"target.evaluations_per_epoch={config.target.evaluations_per_epoch}: must be greater than 0."
    at_least: dict[str, tuple[float | None, float]] = {
        "epochs": (config.epochs, 1),
        "steps": (config.steps, 1),
        "warmup_steps": (config.warmup_steps, 0),
        "data.batch_size": (config.data.batch_size, 1),
        "data.eval_batch_size": (config.data.eval_batch_size, 1),
        "data.train_size": (config.data.train_size, 1),
        "data.val_size": (config.data.val_size, 1),
        "data.workers": (config.data.workers, 0),
        "data.seed": (config.data.seed, 0),
        "target.max_epochs": (config.target.max_epochs, 1),
        "hardware.threads": (config.hardware.threads, 1),
        "hardware.telemetry_hz": (config.hardware.telemetry_hz, 0),
        "hardware.idle_seconds": (config.hardware.idle_seconds, 0),
        "cost.price_per_kwh": (config.cost.price_per_kwh, 0),
        "cost.price_per_hour": (config.cost.price_per_hour, 0),
        "cost.gco2_per_kwh": (config.cost.gco2_per_kwh, 0),
    }
    yield from too_small(at_least)
    model = config.hardware.power_model
    if (model.idle_watts is None) != (model.busy_watts is None):
        yield "hardware.power_model: one of idle_watts and busy_watts has no value. Set both, in watts."
    elif model.idle_watts is not None and not 0 <= model.idle_watts <= (model.busy_watts or 0):
        yield f"hardware.power_model: idle_watts={model.idle_watts} must lie in 0 to busy_watts={model.busy_watts}."
    size = config.data.train_size
    if size is not None and config.data.batch_size > size:
        yield f"data.batch_size={config.data.batch_size}: larger than the {size} samples of data.train_size."


def without_data(config: RunConfig) -> Iterator[str]:
    """A line where the samples cannot come from where they should."""
    root = config.data.root
    if config.data.source is Source.disk and root is None:
        yield (
            f"data.root: no value, and task={config.task} scale={config.scale} reads its data from disk. Set "
            "data.root=FOLDER, or data.source=synthetic session=steps to time the model on made-up samples."
        )
    elif config.data.source is Source.disk and not Path(str(root)).expanduser().is_dir():
        yield f"data.root={root}: no such folder. Set data.root to the folder that holds the data set."
    if config.scale == "reference" and config.data.source is Source.embedded:
        yield (
            "data.source=embedded: the embedded data belong to scale=mini. Use data.source=disk data.root=FOLDER, "
            "or data.source=synthetic."
        )


def wrong_data(config: RunConfig) -> Iterator[str]:
    """Yield what keeps the folder of the data set from being the task's, a line each."""
    root = config.data.root
    if config.data.source is Source.disk and root is not None and Path(root).expanduser().is_dir():
        yield from config.disk_problems(Path(root).expanduser(), root)


def without_target(config: RunConfig) -> Iterator[str]:
    """A line where the session has no quality to reach, or nothing to learn it from."""
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
    """A line for each two settings of the hardware that exclude each other."""
    why = OF_GPUS.get(hardware.precision)
    if why is not None and hardware.accelerator is Accelerator.cpu:
        yield f"hardware.precision={hardware.precision}: {why}"
    if hardware.deterministic and hardware.cudnn_benchmark:
        yield (
            "hardware.cudnn_benchmark=true: it picks algorithms by their time, which differs between runs, so "
            "hardware.deterministic=true cannot hold. Set one of them to false."
        )

"""Defines the part of a run's schema that says what it computes on. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from aibench.choices import Accelerator, Precision, Scaling, Strategy
from aibench.config.bounds import OrWord, at_least
from aibench.config.closed import HARDWARE, PRECISION

Watts = Annotated[float, at_least(0, 10**6)]  # of one machine


@dataclass(slots=True)
class PowerModel:
    """Declares a power: `idle_watts`, and the rest up to `busy_watts` in proportion to the processors' use.

    Attributes:
        idle_watts: Power at rest; null declares nothing.
        busy_watts: Power with all processors busy.
    """

    idle_watts: Annotated[Watts | None, HARDWARE] = None
    busy_watts: Annotated[Watts | None, HARDWARE] = None


@dataclass(slots=True)
class HardwareConfig:
    """Says what the run computes on.

    Attributes:
        accelerator: Kind of device.
        devices: GPUs of each machine that one run trains on, or processes where it trains on the CPU; `all` takes all
            that are there. Where torchrun or srun starts the processes, 1 takes as many as these started.
        nodes: Machines that one run trains on; more than one where torchrun or srun starts the processes.
        strategy: How the gradients of several devices become one.
        scaling: Whether `data.batch_size` is of all devices together, or of each.
        sync_batchnorm: Whether batch normalisation takes its statistics from all devices' samples.
        precision: Arithmetic of the training step.
        threads: Threads of an operator on the CPU; null takes the cores that this process may use.
        compile: Whether `torch.compile` compiles the training step, or the module where the step cannot be one graph.
        cuda_graph: Whether a GPU is handed a step's operators at once, as a CUDA graph, and not one by one.
        channels_last: Whether 4-D weights are laid out with channels last; inputs stay as the data bring them.
        deterministic: Whether operators without a deterministic implementation are refused.
        cudnn_benchmark: Whether cuDNN tries its algorithms on every new shape and keeps the quickest.
        telemetry_hz: Samples of the machine's state a second; 0 takes none.
        idle_seconds: How long the machine is watched at rest before the run, where it has energy sensors.
        power_model: What a machine without sensors draws, where you know it.
    """

    accelerator: Annotated[Accelerator, HARDWARE] = Accelerator.auto
    devices: Annotated[int | str, OrWord(at_least(1, 1024), "all"), HARDWARE] = 1
    nodes: Annotated[int, at_least(1, 2**16), HARDWARE] = 1
    strategy: Annotated[Strategy, HARDWARE] = Strategy.auto
    scaling: Annotated[Scaling, HARDWARE] = Scaling.strong
    sync_batchnorm: Annotated[bool, HARDWARE] = False
    precision: Annotated[Precision, PRECISION] = Precision.fp32
    threads: Annotated[int, at_least(1, 1024), HARDWARE] | None = None
    compile: Annotated[bool, HARDWARE] = False
    cuda_graph: Annotated[bool, HARDWARE] = False
    channels_last: Annotated[bool, HARDWARE] = True
    deterministic: Annotated[bool, HARDWARE] = False
    cudnn_benchmark: Annotated[bool, HARDWARE] = False
    telemetry_hz: Annotated[float, at_least(0, 100), HARDWARE] = 1.0
    idle_seconds: Annotated[float, at_least(0, 3600), HARDWARE] = 5.0
    power_model: PowerModel = field(default_factory=PowerModel)


def setting(hardware: HardwareConfig) -> str:
    """Return how steps are computed, as in `bf16, CUDA graph`; empty for fp32, operator by operator."""
    parts = [] if hardware.precision is Precision.fp32 else [str(hardware.precision)]
    parts += ["compiled"] * hardware.compile + ["CUDA graph"] * hardware.cuda_graph
    return ", ".join(parts)


def shared_by(hardware: HardwareConfig) -> str:
    """Return the keys that say how many devices train a run, as a user types them."""
    nodes = f" hardware.nodes={hardware.nodes}" if hardware.nodes > 1 else ""
    return f"hardware.devices={hardware.devices}{nodes}"

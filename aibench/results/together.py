"""Defines what a result tells of several devices that trained one run together. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from aibench.results.bounds import Count, Number
from aibench.results.parts import Measured, Split, Steps, Trust


@dataclass(slots=True)
class World:
    """Describes what several devices trained a run together.

    Attributes:
        devices: Devices of each machine.
        nodes: Machines.
        strategy: How gradients became one: `ddp` or `reduce`.
        scaling: Whether the configured batch was of all devices (`strong`) or of each (`weak`).
        starter: Who started the processes: `torchrun`, `srun`, or `the run` itself.
        backend: What carried the messages, with its version.
        hosts: Names of the machines, in order.
        link: How the devices of a machine are connected.
        global_batch: Samples in a training batch of all devices together, as configured.
        batch_per_device: Samples of it that each device had.
        sync_batchnorm: Whether batch normalisation took its statistics from all of them.
        gradient_bytes: Bytes of the gradients that a device sends a step.
        communication: Seconds of a step that a device waited for the other devices' gradients; the mean over them.
        bus_bandwidth: Bytes a second that a device sent while all gradients were summed.
        imbalance: 1 - mean over the ranks of the time that a step's own work took / that of the slowest one.
    """

    devices: Count
    nodes: Count
    strategy: str
    scaling: str
    starter: str
    backend: str
    hosts: list[str]
    link: str
    global_batch: Count
    batch_per_device: Number
    sync_batchnorm: bool
    gradient_bytes: Count
    communication: Measured
    bus_bandwidth: Measured
    imbalance: Measured


@dataclass(slots=True)
class Rank:
    """Holds what one process measured of its part of the training.

    Attributes:
        rank: Its number, from 0.
        host: Its machine.
        device: Name of its GPU, with its UUID; `cpu` without one.
        samples: Samples that it trained on, the warm-up left out, since the run was last started.
        throughput: Samples a second of its training time.
        steps: Median and spread of the time of its steps.
        split: Where its training time went.
        process_memory, device_memory: Peaks.
        joules: Energy of its device; null where no sensor told it apart.
        trust: How far its timings can be believed.
        communication: Seconds of a step that its device waited for the others' gradients; null in results of before
            each rank told its own.
    """

    rank: Count
    host: str
    device: str
    samples: Count
    throughput: Measured
    steps: Steps
    split: Split
    process_memory: Measured
    device_memory: Measured
    joules: Measured
    trust: Trust
    communication: Measured | None = None

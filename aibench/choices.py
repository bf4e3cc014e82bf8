"""Lists the words that a key may be, where it is one of a few."""

from __future__ import annotations

import enum


class Session(enum.StrEnum):
    """Lists what may end a training session (paper, 4.2.1 and 5.2.1)."""

    entire = enum.auto()  # the target of the paper's Table 3
    quasi_entire = enum.auto()  # the convergent quality of the paper's 5.2.1
    epochs = enum.auto()  # a given number of epochs
    steps = enum.auto()  # a given number of timed steps, without evaluation


class Source(enum.StrEnum):
    """Lists where samples may come from."""

    embedded = enum.auto()
    disk = enum.auto()
    synthetic = enum.auto()


class Mode(enum.StrEnum):
    """Says which values of a metric are better."""

    max = enum.auto()
    min = enum.auto()


class Resume(enum.StrEnum):
    """Says what to do with an output folder that holds an unfinished run."""

    never = enum.auto()
    auto = enum.auto()


class Objective(enum.StrEnum):
    """Lists what a search over keys may go by (docs/sweeps.md)."""

    quality = enum.auto()  # at the end of the run, in the direction of `target.mode`
    epochs = enum.auto()  # to quality: fewer are better
    seconds = enum.auto()  # to quality: fewer are better


class Accelerator(enum.StrEnum):
    """Lists the kinds of device; auto takes a GPU where there is one."""

    auto = enum.auto()
    cpu = enum.auto()
    gpu = enum.auto()


class Precision(enum.StrEnum):
    """Lists the arithmetics of a step. bf16 and fp16 are mixed: weights stay in fp32; tf32 is for products only."""

    fp32 = enum.auto()
    bf16 = enum.auto()
    fp16 = enum.auto()
    tf32 = enum.auto()


class Strategy(enum.StrEnum):
    """Lists how the gradients of several devices become one; auto takes none for one device."""

    auto = enum.auto()
    ddp = enum.auto()  # PyTorch's DistributedDataParallel, which sends them while others are still computed
    reduce = enum.auto()  # all of them after the backward pass, in a fixed order


class Scaling(enum.StrEnum):
    """Says what the batch size of the data is of, where several devices train."""

    strong = enum.auto()  # of all devices together
    weak = enum.auto()  # of each device


class Tracker(enum.StrEnum):
    """Lists where the history may go besides `result.json`."""

    none = enum.auto()
    csv = enum.auto()
    tensorboard = enum.auto()
    wandb = enum.auto()
    lightning = enum.auto()


class TrackingMode(enum.StrEnum):
    """Lists W&B's modes; auto is online where an API key is at hand, else offline."""

    auto = enum.auto()
    online = enum.auto()
    offline = enum.auto()

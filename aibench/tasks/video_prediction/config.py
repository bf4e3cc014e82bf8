"""Defines the schema of `task=video_prediction`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, too_small
from aibench.config.bounds import Kernel, NotEmpty, NotNegative, Pixels, Positive, Units, at_least, between
from aibench.tasks.video_prediction import layout

EMBEDDED_SIZE = 32  # height and width of an embedded frame, in pixels
EMBEDDED_AXES = 2  # a place on the table
BAIR_SIZE = 64  # its frames are stored as pixels, not as pictures


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the CDNA network (Finn et al. 2016, arXiv 1605.07157): convolutional LSTMs between convolutions.

    Attributes:
        actions: Whether it is told the robot's actions and where the robot is at the start.
        stem: Channels of the first convolution. Every other convolution keeps its channels.
        encoder: Channels of the ConvLSTMs of each resolution on the way down, from half of the frame's on.
        bottleneck: Channels of the ConvLSTM at the lowest resolution, half of the encoder's last.
        decoder: Channels of the ConvLSTM of each resolution on the way up, the lowest first.
        lstm_kernel: Height and width of the ConvLSTMs' kernels; odd.
        masks: Transformed versions of the last frame that the next one is put together from.
        kernel: Height and width of the kernels that transform it, in pixels; odd.
    """

    actions: bool = MISSING
    stem: Units = MISSING
    encoder: Annotated[list[list[Units]], NotEmpty()] = MISSING
    bottleneck: Units = MISSING
    decoder: list[Units] = MISSING
    lstm_kernel: Kernel = MISSING
    masks: Units = MISSING
    kernel: Kernel = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the sequences.

    Attributes:
        collection: The form of the files in `data.root`.
        files: How many files the collection has; null where that is not checked.
        held_out_part: The part of the files of `google_push` that is held out, from the end of the list.
        frames: Frames of a sequence, from its start.
        context: How many of them the network is shown; the others are predicted.
        size: Height and width of a frame, in pixels.
        action_size: Numbers in an action.
        state_size: Numbers that say where the robot is.
    """

    collection: layout.Collection = MISSING
    files: Annotated[int, at_least(2)] | None = None
    held_out_part: Annotated[float, between(0, 1, without_low=True, without_high=True)] = MISSING
    frames: Annotated[int, at_least(2, 10**6)] = MISSING
    context: Annotated[int, at_least(1, 10**6)] = MISSING
    size: Pixels = MISSING
    action_size: Units = MISSING
    state_size: Units = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds Adam at a constant learning rate.

    Attributes:
        sampling: Scheduled sampling's k: of the sequences of a batch, `k / (k + exp(step / k))` see the true last frame
            beyond the context, the others the predicted one.
        state_weight: Factor of the state's squared error in the loss.
    """

    sampling: Positive = MISSING
    state_weight: NotNegative = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of video prediction."""

    logs: ClassVar = ("val/mse", "val/psnr")
    traced: ClassVar = ("loss",)
    recorded: ClassVar = traced

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _misshapen(self.model, self.data.size)
        yield from too_small({"data.frames": (self.data.frames, self.data.context + 1)})
        yield from _unfit(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.collection, self.data.files, self.data.held_out_part)


def _misshapen(model: ModelConfig, size: int) -> Iterator[str]:
    if len(model.encoder) != len(model.decoder):
        yield f"model.decoder={model.decoder}: needs as many numbers as model.encoder={model.encoder} has lists."
    smallest = 2 ** (len(model.encoder) + 1)
    if size % smallest or size < smallest:
        yield f"data.size={size}: is halved {len(model.encoder) + 1} times. Set data.size to a multiple of {smallest}."


def _unfit(data: DataConfig) -> Iterator[str]:
    embedded = {
        "data.size": (data.size, EMBEDDED_SIZE),
        "data.action_size": (data.action_size, EMBEDDED_AXES),
        "data.state_size": (data.state_size, EMBEDDED_AXES),
    }
    for key, (value, needed) in embedded.items():
        if data.source is Source.embedded and value != needed:
            yield f"{key}={value}: the embedded data have {needed}. Set {key}={needed}."
    bair = data.source is Source.disk and data.collection is layout.Collection.bair
    if bair and data.size != BAIR_SIZE:
        yield f"data.size={data.size}: data.collection=bair has {BAIR_SIZE}. Set data.size={BAIR_SIZE}."

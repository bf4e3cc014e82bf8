"""Schema of `task=video_prediction`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, too_small
from aibench.tasks.video_prediction import layout

EMBEDDED_SIZE = 32  # height and width of an embedded frame, in pixels
EMBEDDED_AXES = 2  # a place on the table
BAIR_SIZE = 64  # its frames are stored as pixels, not as pictures


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The CDNA network (Finn et al. 2016, arXiv 1605.07157): convolutional LSTMs between strided convolutions.

    Attributes:
        actions: Whether it is told the robot's actions and where the robot is at the start.
        stem: Channels of the first convolution. Every other convolution keeps its channels.
        encoder: Of each resolution on the way down, from half of the frame's on: the channels of its ConvLSTMs.
        bottleneck: Channels of the ConvLSTM at the lowest resolution, half of the encoder's last.
        decoder: Channels of the ConvLSTM of each resolution on the way up, the lowest first.
        lstm_kernel: Height and width of the ConvLSTMs' kernels; odd.
        masks: Transformed versions of the last frame that the next one is put together from.
        kernel: Height and width of the kernels that transform it, in pixels; odd.
    """

    actions: bool = MISSING
    stem: int = MISSING
    encoder: list[list[int]] = MISSING
    bottleneck: int = MISSING
    decoder: list[int] = MISSING
    lstm_kernel: int = MISSING
    masks: int = MISSING
    kernel: int = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """The sequences.

    Attributes:
        collection: Of which form the files in `data.root` are.
        files: How many files the collection has; null where that is not checked.
        held_out_part: Of `google_push`: the part of the files that is held out, from the end of the list.
        frames: Frames of a sequence, from its start.
        context: How many of them the network is shown; the others are predicted.
        size: Height and width of a frame, in pixels.
        action_size: Numbers in an action.
        state_size: Numbers that say where the robot is.
    """

    collection: layout.Collection = MISSING
    files: int | None = None
    held_out_part: float = MISSING
    frames: int = MISSING
    context: int = MISSING
    size: int = MISSING
    action_size: int = MISSING
    state_size: int = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Adam at a constant learning rate.

    Attributes:
        sampling: Scheduled sampling's k: of the sequences of a batch, `k / (k + exp(step / k))` see the true last frame
            beyond the context, the others the predicted one.
        state_weight: Factor of the state's squared error in the loss.
    """

    sampling: float = MISSING
    state_weight: float = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """A run of video prediction."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _misshapen(self.model, self.data.size)
        yield from _out_of_range(self)
        yield from _unfit(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.collection, self.data.files, self.data.held_out_part)


def _misshapen(model: ModelConfig, size: int) -> Iterator[str]:
    if len(model.encoder) != len(model.decoder) or not model.encoder:
        yield (
            f"model.decoder={model.decoder}: needs as many numbers as model.encoder={model.encoder} has lists, and at "
            "least one."
        )
    smallest = 2 ** (len(model.encoder) + 1)
    if size % smallest or size < smallest:
        yield f"data.size={size}: is halved {len(model.encoder) + 1} times. Set data.size to a multiple of {smallest}."
    channels = [number for level in model.encoder for number in level] + model.decoder
    if min(channels, default=1) < 1:
        yield f"model.encoder={model.encoder} model.decoder={model.decoder}: channels must be at least 1."
    yield from too_small(
        {
            "model.stem": (model.stem, 1),
            "model.bottleneck": (model.bottleneck, 1),
            "model.masks": (model.masks, 1),
            "model.kernel": (model.kernel, 1),
            "model.lstm_kernel": (model.lstm_kernel, 1),
        }
    )
    for key, kernel in (("model.kernel", model.kernel), ("model.lstm_kernel", model.lstm_kernel)):
        if kernel % 2 == 0:
            yield f"{key}={kernel}: must be odd, to have a middle."


def _out_of_range(run: Config) -> Iterator[str]:
    data, optim = run.data, run.optim
    yield from too_small(
        {
            "data.context": (data.context, 1),
            "data.frames": (data.frames, data.context + 1),
            "data.files": (data.files, 2),
            "data.action_size": (data.action_size, 1),
            "data.state_size": (data.state_size, 1),
            "optim.state_weight": (optim.state_weight, 0),
        }
    )
    if optim.sampling <= 0:
        yield f"optim.sampling={optim.sampling}: must be greater than 0."
    if not 0 < data.held_out_part < 1:
        yield f"data.held_out_part={data.held_out_part}: must lie between 0 and 1."


def _unfit(data: DataConfig) -> Iterator[str]:
    embedded = {
        "data.size": (data.size, EMBEDDED_SIZE),
        "data.action_size": (data.action_size, EMBEDDED_AXES),
        "data.state_size": (data.state_size, EMBEDDED_AXES),
    }
    for key, (value, needed) in embedded.items():
        if data.source is Source.embedded and value != needed:
            yield f"{key}={value}: that of the embedded data is {needed}. Set {key}={needed}."
    bair = data.source is Source.disk and data.collection is layout.Collection.bair
    if bair and data.size != BAIR_SIZE:
        yield f"data.size={data.size}: that of data.collection=bair is {BAIR_SIZE}. Set data.size={BAIR_SIZE}."

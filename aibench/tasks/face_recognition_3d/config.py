"""Defines the schema of `task=face_recognition_3d`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, endless, misshapen, without_momentum
from aibench.config.bounds import (
    Count,
    Deviation,
    Dropout,
    ExistingFile,
    Fraction,
    Halvings,
    Pixels,
    Shift,
    Units,
    at_least,
    each_of,
)
from aibench.config.closed import SCHEDULE
from aibench.nn.decay import MomentumConfig
from aibench.tasks.face_recognition_3d import layout
from aibench.tasks.face_recognition_3d.layout import Layout

TOP = 5  # an answer is right, too, if it is among so many of the network's

# SHA-256 of torchvision's ResNet-50, IMAGENET1K_V1, as of today and as of the paper's time; the files' names have it.
IMAGENET = ("0676ba61", "19c8e357")
FOUR = each_of("red", "green", "blue", "depth")


class Network(enum.StrEnum):
    """Lists the networks."""

    resnet50 = enum.auto()  # torchvision's, its first convolution for the channels that are used
    small = enum.auto()  # a stack of convolutions; for images of 32x32 pixels or so


class Channels(enum.StrEnum):
    """Lists what the network may see of a sample."""

    rgbd = enum.auto()  # colour and depth
    rgb = enum.auto()
    depth = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the network.

    Attributes:
        network: The network.
        channels: What it sees of a sample: `rgb` and `depth` measure what each is worth alone.
        weights: File with a state_dict of torchvision's ResNet-50 for colour images. The filters for
            depth are the mean of those for colour. Null trains from scratch.
        width: Channels of the first convolution of `small`. Null for `resnet50`.
        blocks: Further convolutions of `small`, each of which doubles the channels and halves height and width.
        dropout: Share of the features that training leaves out before the classifier of `small`.
    """

    network: Network = MISSING
    channels: Channels = Channels.rgbd
    weights: Annotated[str, ExistingFile("a ResNet-50's state_dict, or null", IMAGENET)] | None = None
    width: Units | None = None
    blocks: Halvings | None = None
    dropout: Dropout = 0.0


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the faces in colour and depth.

    Attributes:
        layout: How the files of `source=disk` are laid out.
        classes: Number of people; the training list must name as many.
        size: Height and width of a sample, in pixels.
        near, far: Depths of `source=disk` that become 255 and 1, in the unit of the files; 0 is for no depth. With
            `layout=biwi`, millimetres beyond the middle of the head.
        window: Height and width of what `layout=biwi` cuts out around the middle of the head, in millimetres.
        mirror: Whether half of the training samples, by their own draws, are mirrored left to right.
        shift: Training samples are shifted by up to so many pixels, each by its own draw.
        mean: The means of red, green, blue and depth, in 0 to 1; subtracted.
        std: Standard deviations of red, green, blue and depth, in 0 to 1; divided by.
    """

    layout: Layout = Layout.png_npy
    classes: Annotated[int, at_least(2, 10**6)] = MISSING
    size: Pixels = MISSING
    near: float = MISSING
    far: float = MISSING
    window: Annotated[float, at_least(1, 10**6)] = 300.0
    mirror: bool = False
    shift: Shift = 0
    mean: Annotated[list[Fraction], FOUR] = MISSING
    std: Annotated[list[Deviation], FOUR] = MISSING


@dataclass(slots=True)
class OptimConfig(MomentumConfig):
    """Holds stochastic gradient descent with momentum, and with a warm-up.

    Attributes:
        decay_epochs: Epochs between two falls of `decay=step`.
    """

    decay_epochs: Annotated[Count, SCHEDULE] = 7


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of 3D face recognition."""

    traced: ClassVar = ("training_step",)

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names that every evaluation logs."""
        return ("val/accuracy", f"val/accuracy_top{TOP}") if self.data.classes > TOP else ("val/accuracy",)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _of_model(self.model)
        yield from without_momentum(self.optim.momentum, self.optim.nesterov)
        if self.data.near == self.data.far:
            yield f"data.near={self.data.near}: must differ from data.far."
        if self.data.source is Source.embedded and self.data.size != 32:
            yield f"data.size={self.data.size}: the embedded heads have 32x32 pixels. Set data.size=32."
        yield from endless(self.data, "heads")

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.layout, self.data.classes)


def _of_model(model: ModelConfig) -> Iterator[str]:
    shape = {"model.width": model.width, "model.blocks": model.blocks}
    yield from misshapen(shape, "model.network", model.network, Network.small)
    if model.weights is not None and model.network is Network.small:
        yield f"model.weights={model.weights}: these fit a ResNet-50. Set model.weights=null."

"""Defines the schema of `task=image_classification`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, misshapen, too_small, without_momentum
from aibench.config.bounds import (
    ColourDeviations,
    Colours,
    Count,
    Epochs,
    Halvings,
    Pixels,
    Shift,
    Units,
    at_least,
)
from aibench.config.closed import LEARNING_RATE, SCHEDULE
from aibench.nn.decay import MomentumConfig
from aibench.tasks.image_classification import layout

TOP = 5  # an answer is right, too, if it is among so many of the network's


class Network(enum.StrEnum):
    """Lists the residual networks."""

    resnet50 = enum.auto()  # torchvision's: 25.6 M parameters, for images of 224x224 pixels
    small = enum.auto()  # blocks of two convolutions; for images of 32x32 pixels or so


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the network.

    Attributes:
        network: The network.
        width: Channels of the stem of `small`. Null for `resnet50`.
        blocks: Blocks of `small`, each of which doubles the channels and halves height and width. Null for `resnet50`.
    """

    network: Network = MISSING
    width: Units | None = None
    blocks: Halvings | None = None


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the images.

    Attributes:
        classes: Number of classes; that of the class folders in `data.root` must equal it.
        size: Height and width of an image as the network gets it, in pixels.
        resize: Shorter side of a held-out image read from disk before its centre is cut out, in pixels.
        shift: Training batches are shifted by up to so many pixels, each image by its own draw, on the device.
        mean: The means of red, green and blue, in 0 to 1; subtracted.
        std: Standard deviations of red, green and blue, in 0 to 1; divided by.
    """

    classes: Annotated[int, at_least(2, 10**6)] = MISSING
    size: Pixels = MISSING
    resize: Pixels = MISSING
    shift: Shift = 0
    mean: Colours = MISSING
    std: ColourDeviations = MISSING


@dataclass(slots=True)
class OptimConfig(MomentumConfig):
    """Holds stochastic gradient descent with momentum, and with a warm-up.

    The peak learning rate is `lr * data.batch_size / lr_batch`: the linear-scaling rule (Goyal et al. 2017,
    arXiv 1706.02677, 2.1).

    Attributes:
        lr_batch: Batch size that `lr` is meant for.
        milestones: Epochs at which the learning rate falls with `decay=step`.
    """

    lr_batch: Annotated[Count, LEARNING_RATE] = MISSING
    milestones: Annotated[list[Epochs], SCHEDULE] = field(default_factory=list)


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of image classification."""

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
        shape = {"model.width": self.model.width, "model.blocks": self.model.blocks}
        yield from misshapen(shape, "model.network", self.model.network, Network.small)
        yield from without_momentum(self.optim.momentum, self.optim.nesterov)
        yield from too_small({"data.resize": (self.data.resize, self.data.size)})
        if self.data.source is Source.embedded and (self.data.classes, self.data.size) != (10, 32):
            yield (
                f"data.classes={self.data.classes} data.size={self.data.size}: the embedded data are 10 digits on "
                "32x32 pixels. Set data.classes=10 data.size=32."
            )

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.classes)

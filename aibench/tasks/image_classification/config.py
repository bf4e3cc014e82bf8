"""Schema of `task=image_classification`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, too_small
from aibench.tasks.image_classification import layout


class Network(enum.StrEnum):
    """Which residual network."""

    resnet50 = enum.auto()  # torchvision's: 25.6 M parameters, for images of 224x224 pixels
    small = enum.auto()  # blocks of two convolutions; for images of 32x32 pixels or so


class Decay(enum.StrEnum):
    """How the learning rate falls after the warm-up."""

    step = enum.auto()  # by `optim.gamma` at each of `optim.milestones`
    cosine = enum.auto()  # to 0 at the end of the budget, along half a cosine


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The network.

    Attributes:
        network: Which one.
        width: Of `small`: channels of its stem. Null for `resnet50`.
        blocks: Of `small`: blocks, each of which doubles the channels and halves height and width. Null for `resnet50`.
    """

    network: Network = MISSING
    width: int | None = None
    blocks: int | None = None


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """The images.

    Attributes:
        classes: Number of classes; that of the class folders in `data.root` must equal it.
        size: Height and width of an image as the network gets it, in pixels.
        resize: Shorter side of a held-out image read from disk before its centre is cut out, in pixels.
        shift: Training batches are shifted by up to so many pixels, each image by its own draw, on the device.
        mean: Of red, green and blue, in 0 to 1; subtracted.
        std: Standard deviations of red, green and blue, in 0 to 1; divided by.
    """

    classes: int = MISSING
    size: int = MISSING
    resize: int = MISSING
    shift: int = 0
    mean: list[float] = MISSING
    std: list[float] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Stochastic gradient descent with momentum.

    The peak learning rate is `lr * data.batch_size / lr_batch`: the linear-scaling rule (Goyal et al. 2017,
    arXiv 1706.02677, 2.1).

    Attributes:
        lr_batch: Batch size that `lr` is meant for.
        momentum: Factor of the running sum of gradients.
        nesterov: Whether the step looks ahead (Nesterov's momentum).
        warmup_epochs: Length of the linear rise from 0 to the peak learning rate.
        decay: How the learning rate falls after it.
        milestones: Of `decay=step`: epochs at which it falls.
        gamma: Of `decay=step`: factor by which it falls.
    """

    lr_batch: int = MISSING
    momentum: float = 0.9
    nesterov: bool = False
    warmup_epochs: float = 0.0
    decay: Decay = MISSING
    milestones: list[float] = field(default_factory=list)
    gamma: float = 0.1


@dataclass(slots=True)
class Config(RunConfig):
    """A run of image classification."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _misshapen(self.model)
        yield from _out_of_range(self)
        if self.data.source is Source.embedded and (self.data.classes, self.data.size) != (10, 32):
            yield (
                f"data.classes={self.data.classes} data.size={self.data.size}: the embedded data are 10 digits on "
                "32x32 pixels. Set data.classes=10 data.size=32."
            )

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.classes)


def _misshapen(model: ModelConfig) -> Iterator[str]:
    for key, value in (("model.width", model.width), ("model.blocks", model.blocks)):
        if model.network is Network.small and (value is None or value < 1):
            yield f"{key}={value}: model.network=small needs a number of at least 1. Set {key}."
        if model.network is Network.resnet50 and value is not None:
            yield f"{key}={value}: model.network=resnet50 has a fixed shape. Set {key}=null, or model.network=small."


def _out_of_range(run: Config) -> Iterator[str]:
    data, optim = run.data, run.optim
    at_least: dict[str, tuple[float | None, float]] = {
        "data.classes": (data.classes, 2),
        "data.size": (data.size, 1),
        "data.resize": (data.resize, data.size),
        "data.shift": (data.shift, 0),
        "optim.lr_batch": (optim.lr_batch, 1),
        "optim.warmup_epochs": (optim.warmup_epochs, 0),
    }
    yield from too_small(at_least)
    if not 0 <= optim.momentum < 1:
        yield f"optim.momentum={optim.momentum}: must lie in 0 to 1, 1 left out."
    if optim.nesterov and optim.momentum == 0:
        yield "optim.nesterov=true: needs momentum. Set optim.momentum above 0."
    for key, channels in (("data.mean", data.mean), ("data.std", data.std)):
        if len(channels) != 3:
            yield f"{key}={channels}: needs three values, of red, green and blue."
    if any(value <= 0 for value in data.std):
        yield f"data.std={data.std}: must be greater than 0."

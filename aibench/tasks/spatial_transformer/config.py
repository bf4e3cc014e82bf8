"""Schema of `task=spatial_transformer`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, too_small
from aibench.tasks.spatial_transformer import layout

SIZE = 28  # height and width of an image in pixels: MNIST's, for which the networks are made
DIGITS = 10


class Distortion(enum.StrEnum):
    """What is done to a digit before the network sees it."""

    none = enum.auto()
    affine = enum.auto()  # turned, scaled and shifted at random


class Optimizer(enum.StrEnum):
    """How the weights move."""

    sgd = enum.auto()  # no momentum, as in the tutorial
    adam = enum.auto()


class Decay(enum.StrEnum):
    """How the learning rate falls after the warm-up."""

    none = enum.auto()  # not at all
    cosine = enum.auto()  # to 0 at the end of the budget, along half a cosine


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The network: a spatial transformer (Jaderberg et al. 2015, arXiv 1506.02025) before a classifier.

    Attributes:
        transformer: Whether there is a spatial transformer; without it the classifier sees the image as it is.
        align_corners: Whether the coordinates -1 and 1 of the sampling grid are the centres of the outermost pixels,
            rather than the outer edges of them.
        localisation_channels: Of the two convolutions that look where the digit is.
        localisation_hidden: Units between them and the six numbers of the affine map.
        classifier_channels: Of the classifier's two convolutions.
        classifier_hidden: Units of its hidden layer.
        dropout: Probability with which a channel of the second convolution, or a hidden unit, is left out in training.
    """

    transformer: bool = MISSING
    align_corners: bool = MISSING
    localisation_channels: list[int] = MISSING
    localisation_hidden: int = MISSING
    classifier_channels: list[int] = MISSING
    classifier_hidden: int = MISSING
    dropout: float = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """The images, of 28x28 pixels.

    Attributes:
        distortion: What is done to a digit. Training images are drawn anew each epoch, held-out ones once.
        rotation: Of `affine`: the most that a digit is turned, in degrees, to either side.
        scale: Of `affine`: the least and the most that a digit is magnified, as factors.
        shift: Of `affine`: the most that a digit is moved along each axis, in pixels.
        mean: Of the pixels, in 0 to 1; subtracted.
        std: Standard deviation of the pixels, in 0 to 1; divided by.
    """

    distortion: Distortion = MISSING
    rotation: float = MISSING
    scale: list[float] = MISSING
    shift: float = MISSING
    mean: float = MISSING
    std: float = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Plain gradient descent, or Adam.

    Attributes:
        optimizer: Which.
        warmup_epochs: Length of the linear rise from 0 to the learning rate. Long steps at the start can move the
            digits out of the sampled images, from where no gradient leads back.
        decay: How the learning rate falls after it.
    """

    optimizer: Optimizer = MISSING
    warmup_epochs: float = 0.0
    decay: Decay = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """A run of the spatial transformer."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _misshapen(self.model)
        yield from _distorted_too_far(self.data)
        yield from too_small({"optim.warmup_epochs": (self.optim.warmup_epochs, 0)})
        if self.data.std <= 0:
            yield f"data.std={self.data.std}: must be greater than 0."

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)


def _misshapen(model: ModelConfig) -> Iterator[str]:
    for key, channels in (
        ("model.localisation_channels", model.localisation_channels),
        ("model.classifier_channels", model.classifier_channels),
    ):
        if len(channels) != 2 or min(channels) < 1:
            yield f"{key}={channels}: needs two numbers of at least 1, one for each convolution."
    at_least: dict[str, tuple[float | None, float]] = {
        "model.localisation_hidden": (model.localisation_hidden, 1),
        "model.classifier_hidden": (model.classifier_hidden, 1),
    }
    yield from too_small(at_least)
    if not 0 <= model.dropout < 1:
        yield f"model.dropout={model.dropout}: must lie in 0 to 1, 1 left out."


def _distorted_too_far(data: DataConfig) -> Iterator[str]:
    yield from too_small({"data.rotation": (data.rotation, 0), "data.shift": (data.shift, 0)})
    if len(data.scale) != 2 or not 0 < data.scale[0] <= data.scale[1]:
        yield f"data.scale={data.scale}: needs the least and the most, both greater than 0. Set data.scale=[0.7,1.2]."

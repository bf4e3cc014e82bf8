"""Defines the schema of `task=spatial_transformer`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig
from aibench.config.bounds import Deviation, Dropout, Epochs, Fraction, Length, Positive, Units, at_least, each_of
from aibench.config.closed import SCHEDULE, WARM_UP
from aibench.nn.decay import Annealing
from aibench.tasks.spatial_transformer import layout

SIZE = 28  # height and width of an image in pixels: MNIST's, for which the networks are made
DIGITS = 10


class Distortion(enum.StrEnum):
    """Lists what may be done to a digit before the network sees it."""

    none = enum.auto()
    affine = enum.auto()  # turned, scaled and shifted at random


class Optimizer(enum.StrEnum):
    """Lists how the weights may move."""

    sgd = enum.auto()  # no momentum, as in the tutorial
    adam = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds a spatial transformer (Jaderberg et al. 2015, arXiv 1506.02025) before a classifier.

    Attributes:
        transformer: Whether there is a spatial transformer; without it the classifier sees the image as it is.
        align_corners: Whether the coordinates -1 and 1 of the sampling grid are the centres of the outermost pixels,
            rather than the outer edges of them.
        localisation_channels: Channels of the two convolutions that look where the digit is.
        localisation_hidden: Units between them and the six numbers of the affine map.
        classifier_channels: Channels of the classifier's two convolutions.
        classifier_hidden: Units of its hidden layer.
        dropout: Probability with which a channel of the second convolution, or a hidden unit, is left out in training.
    """

    transformer: bool = MISSING
    align_corners: bool = MISSING
    localisation_channels: Annotated[list[Units], Length(2)] = MISSING
    localisation_hidden: Units = MISSING
    classifier_channels: Annotated[list[Units], Length(2)] = MISSING
    classifier_hidden: Units = MISSING
    dropout: Dropout = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the images, of 28x28 pixels.

    Attributes:
        distortion: What is done to a digit. Training images are drawn anew each epoch, held-out ones once.
        rotation: With `affine`, the most that a digit is turned, in degrees, to either side.
        scale: With `affine`, the least and the most that a digit is magnified, as factors.
        shift: With `affine`, the most that a digit is moved along each axis, in pixels.
        mean: Mean of the pixels, in 0 to 1; subtracted.
        std: Standard deviation of the pixels, in 0 to 1; divided by.
    """

    distortion: Distortion = MISSING
    rotation: Annotated[float, at_least(0, 180)] = MISSING
    scale: Annotated[list[Positive], each_of("the least", "the most")] = MISSING
    shift: Annotated[float, at_least(0, SIZE)] = MISSING
    mean: Fraction = MISSING
    std: Deviation = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds plain gradient descent, or Adam.

    Attributes:
        optimizer: How the weights move.
        warmup_epochs: Length of the linear rise from 0 to the learning rate. Long steps at the start can move the
            digits out of the sampled images, from where no gradient leads back.
        decay: How the learning rate falls after it.
    """

    optimizer: Optimizer = MISSING
    warmup_epochs: Annotated[Epochs, WARM_UP] = 0.0
    decay: Annotated[Annealing, SCHEDULE] = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of the spatial transformer."""

    logs: ClassVar = ("val/accuracy",)
    traced: ClassVar = ("training_step",)
    recorded: ClassVar = traced

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        if self.data.scale[0] > self.data.scale[1]:
            yield f"data.scale={self.data.scale}: the least comes first. Set data.scale=[0.7,1.2]."

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)

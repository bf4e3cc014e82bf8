"""Defines the schema of `task=image_generation`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source
from aibench.config.bounds import Count, Natural, OneOf, Positive, Units, at_least
from aibench.tasks.image_generation import layout

EMBEDDED = {"train": 3000, "val": 1000, "test": 1000}  # digits
KERNEL = "val/kernel_distance"
DIGIT = (1, 16)  # channels, and pixels to a side, of what the classifier of digits looks at


class Network(enum.StrEnum):
    """Lists the generators and critics."""

    mlp = enum.auto()  # perceptrons of four layers with ReLU: the paper's
    dcgan = enum.auto()  # convolutions that double or halve the image: the default of the authors' code


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds generator and critic.

    Attributes:
        network: The networks.
        latent: Numbers of noise that an image is generated from.
        hidden: Units of each of the three hidden layers of `mlp`. Null for `dcgan`.
        width: Channels of `dcgan` where the image has half its height and width. Null for `mlp`.
        critic_norm: Whether the critic of `dcgan` has batch normalisation. Without it a score depends on its image
            alone in training too. Null for `mlp`.
    """

    network: Network = MISSING
    latent: Units = MISSING
    hidden: Units | None = None
    width: Units | None = None
    critic_norm: bool | None = None


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the images.

    Attributes:
        channels: 3 of colour, or 1 of grey.
        size: Height and width, in pixels.
        category: The database of LSUN, as in `bedroom_train_lmdb`.
    """

    channels: Annotated[int, OneOf((1, 3))] = MISSING
    size: Annotated[int, at_least(8, 2**15)] = MISSING
    category: Annotated[str, OneOf(layout.CATEGORIES)] = "bedroom"


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds RMSprop for both networks, and the clip of the critic's weights.

    A step of the session is one step of the critic, on one batch; a step of the generator follows after each
    `critic_steps` of them.

    Attributes:
        clip: After each step the critic's weights are clipped to -clip to clip.
        critic_steps: Critic steps before each generator step.
        thorough_steps: Critic steps before the generator steps for which the critic is to be near its optimum.
        thorough_first: So many generator steps at the start are of that kind.
        thorough_every: Each so many-th generator step is of that kind, too.
    """

    clip: Positive = MISSING
    critic_steps: Annotated[int, at_least(1, 10**6)] = MISSING
    thorough_steps: Annotated[int, at_least(1, 10**6)] = MISSING
    thorough_first: Natural = MISSING
    thorough_every: Count = MISSING


@dataclass(slots=True)
class TargetConfig(config.TargetConfig):
    """Holds the quality to reach, and the budget.

    Attributes:
        window: `val/em_distance` is the mean over so many last evaluations.
    """

    window: Annotated[int, at_least(1, 10**6)] = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of image generation."""

    logs: ClassVar = ("val/em_distance", "val/em_distance_unsmoothed", "val/sliced_wasserstein")
    by_hand: ClassVar = True
    traced: ClassVar = ("critic_loss", "generator_loss")
    recorded: ClassVar = traced

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    target: TargetConfig = field(default_factory=TargetConfig)

    @property
    def of_digits(self) -> bool:
        """Return whether the images have the form of the embedded digits, so that the kernel distance is measured."""
        return (self.data.channels, self.data.size) == DIGIT

    @property
    def metrics(self) -> tuple[str, ...]:
        digits = self.of_digits or self.data.source is Source.embedded  # which another form does not go with
        return (*self.logs, KERNEL) if digits else self.logs

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _misshapen(self)
        if self.data.source is Source.embedded:
            yield from _other_than_embedded(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.category)


def _misshapen(run: Config) -> Iterator[str]:
    model, size = run.model, run.data.size
    for key, value, owner in (
        ("hidden", model.hidden, Network.mlp),
        ("width", model.width, Network.dcgan),
        ("critic_norm", model.critic_norm, Network.dcgan),
    ):
        if model.network is owner and value is None:
            yield f"model.{key}=null: model.network={owner} needs a value. Set model.{key}."
        if model.network is not owner and value is not None:
            yield f"model.{key}={value}: model.network={model.network} has none. Set model.{key}=null."
    if model.network is Network.dcgan and (size < 16 or size & (size - 1)):
        yield f"data.size={size}: model.network=dcgan doubles 4 pixels up to the size. Use 16, 32, 64 or 128."


def _other_than_embedded(data: DataConfig) -> Iterator[str]:
    if (data.channels, data.size) != DIGIT:
        yield (
            f"data.channels={data.channels} data.size={data.size}: the embedded data are digits in grey on 16x16 "
            "pixels. Set data.channels=1 data.size=16."
        )
    for split, asked in (("train", data.train_size), ("val", data.val_size)):
        there = EMBEDDED[split]
        if asked is not None and asked > there:
            yield f"data.{split}_size={asked}: the embedded data have {there:,}. Set data.{split}_size={there} or less."

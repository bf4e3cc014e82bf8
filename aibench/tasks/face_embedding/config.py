"""Defines the schema of `task=face_embedding`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, endless, misshapen, too_small
from aibench.config.bounds import (
    ColourDeviations,
    Colours,
    Count,
    Halvings,
    Pixels,
    Positive,
    Shift,
    Units,
    at_least,
)
from aibench.config.closed import SCHEDULE
from aibench.config.hardware import shared_by
from aibench.nn.decay import WarmupConfig
from aibench.tasks.face_embedding import layout


class Network(enum.StrEnum):
    """Lists the networks."""

    inception = enum.auto()  # NN2 of the FaceNet paper
    resnet34 = enum.auto()  # torchvision's, its features not averaged over positions
    small = enum.auto()  # a stack of convolutions; for images of 32x32 pixels or so


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the network and its loss.

    Attributes:
        network: The network.
        dimensions: Length of an embedding.
        size: Height and width of its images, in pixels.
        width: Channels of the first convolution of `small`. Null for the others.
        blocks: Further convolutions of `small`, each of which doubles the channels and halves height and width.
        norm: Length that embeddings have in the loss.
        margin: By how much a picture of somebody else has to be farther away than one of the same person.
        squared: Whether the loss measures squared distances.
    """

    network: Network = MISSING
    dimensions: Units = MISSING
    size: Pixels = MISSING
    width: Units | None = None
    blocks: Halvings | None = None
    norm: Positive = 1.0
    margin: Positive = MISSING
    squared: bool = True


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the faces, and the pairs that are verified.

    Attributes:
        per_identity: Pictures of each person in a training batch; never more than half of the batch.
        pairs: Pairs of generated and made-up faces to verify, half of them of one person.
        folds: Parts of these pairs that take turns in having their threshold found on the others. LFW
            says for itself how many it has.
        triplets: Random triplets whose distances are verified too.
        mirror: Whether half of the training images, by their own draws, are mirrored left to right.
        shift: Training images are shifted by up to so many pixels, each by its own draw.
        mean: The means of red, green and blue, in 0 to 1; subtracted.
        std: Standard deviations of red, green and blue, in 0 to 1; divided by.
    """

    per_identity: Annotated[int, at_least(2, 1000)] = MISSING
    pairs: Count = MISSING
    folds: Annotated[int, at_least(2, 1000)] = 10
    triplets: Count = MISSING
    mirror: bool = False
    shift: Shift = 0
    mean: Colours = MISSING
    std: ColourDeviations = MISSING


@dataclass(slots=True)
class OptimConfig(WarmupConfig):
    """Holds Adam with decoupled weight decay, and with a warm-up.

    Attributes:
        decay_epochs: Epochs between two falls of `decay=step`.
    """

    decay_epochs: Annotated[Positive, SCHEDULE] = 50


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of face embedding."""

    logs: ClassVar = ("val/accuracy", "val/accuracy_std", "val/triplet_accuracy")
    traced: ClassVar = ("training_step",)

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        folds = self.data.folds
        yield from too_small({"data.pairs": (self.data.pairs, 2 * folds), "data.triplets": (self.data.triplets, folds)})
        shape = {"model.width": self.model.width, "model.blocks": self.model.blocks}
        yield from misshapen(shape, "model.network", self.model.network, Network.small)
        yield from _of_data(self)

    def undivided(self, size: int) -> Iterator[str]:
        """Yield a line where `size` devices cannot have as many whole people each."""
        people, each = self.batch_shape
        if people % size:
            yield (
                f"{shared_by(self.hardware)}: {size} devices cannot have as many of the {people} people of "
                f"data.batch_size={self.data.batch_size}. Set that to a multiple of {size * each}."
            )

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        if self.data.val_size is not None:
            yield (
                f"data.val_size={self.data.val_size}: LFW's list of pairs says which images are held out. "
                "Set data.val_size=null."
            )
        yield from layout.problems(root, typed)

    @property
    def batch_shape(self) -> tuple[int, int]:
        """Return the people in a training batch, and the pictures of each: at most half of it shows one person."""
        each = max(1, min(self.data.per_identity, self.data.batch_size // 2))
        return self.data.batch_size // each, each


def _of_data(run: Config) -> Iterator[str]:
    data = run.data
    if data.source is not Source.synthetic and data.batch_size < 4:
        yield (
            f"data.batch_size={data.batch_size}: a triplet needs two pictures of one person and one of another. "
            "Set data.batch_size to 4 or more."
        )
    if data.source is Source.embedded and run.model.size != 32:
        yield f"model.size={run.model.size}: the embedded heads have 32x32 pixels. Set model.size=32."
    yield from endless(data, "heads")

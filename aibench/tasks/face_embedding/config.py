"""Schema of `task=face_embedding`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, too_small
from aibench.tasks.face_embedding import layout


class Network(enum.StrEnum):
    """Which network."""

    inception = enum.auto()  # NN2 of the FaceNet paper
    resnet34 = enum.auto()  # torchvision's, its features not averaged over positions
    small = enum.auto()  # a stack of convolutions; for images of 32x32 pixels or so


class Decay(enum.StrEnum):
    """How the learning rate falls."""

    step = enum.auto()  # by `optim.gamma` every `optim.decay_epochs` epochs
    cosine = enum.auto()  # to 0 at the end of the budget, along half a cosine


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The network and its loss.

    Attributes:
        network: Which one.
        dimensions: Of an embedding.
        size: Height and width of its images, in pixels.
        width: Of `small`: channels of its first convolution. Null for the others.
        blocks: Of `small`: further convolutions, each of which doubles the channels and halves height and width.
        norm: Length that embeddings have in the loss.
        margin: By how much a picture of somebody else has to be farther away than one of the same person.
        squared: Whether the loss measures squared distances.
    """

    network: Network = MISSING
    dimensions: int = MISSING
    size: int = MISSING
    width: int | None = None
    blocks: int | None = None
    norm: float = 1.0
    margin: float = MISSING
    squared: bool = True


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Faces, and the pairs that are verified.

    Attributes:
        per_identity: Pictures of each person in a training batch; never more than half of the batch.
        pairs: Of generated and made-up faces: pairs to verify, half of them of one person.
        folds: Of generated and made-up faces: parts that take turns in having their threshold found on the others. LFW
            says for itself how many it has.
        triplets: Random triplets whose distances are verified too.
        mirror: Whether half of the training images, by their own draws, are mirrored left to right.
        shift: Training images are shifted by up to so many pixels, each by its own draw.
        mean: Of red, green and blue, in 0 to 1; subtracted.
        std: Standard deviations of red, green and blue, in 0 to 1; divided by.
    """

    per_identity: int = MISSING
    pairs: int = MISSING
    folds: int = 10
    triplets: int = MISSING
    mirror: bool = False
    shift: int = 0
    mean: list[float] = MISSING
    std: list[float] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Adam, with decoupled weight decay.

    Attributes:
        warmup_epochs: Length of the linear rise from 0 to the peak learning rate.
        decay: How the learning rate falls.
        decay_epochs: Of `decay=step`: epochs between two falls.
        gamma: Of `decay=step`: what a fall leaves of the learning rate.
    """

    warmup_epochs: float = 0.0
    decay: Decay = MISSING
    decay_epochs: float = 50
    gamma: float = 0.1


@dataclass(slots=True)
class Config(RunConfig):
    """A run of face embedding."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _of_model(self.model)
        yield from _out_of_range(self)
        yield from _of_data(self)

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
        """People in a training batch, and pictures of each: at most half of the batch shows one person."""
        each = max(1, min(self.data.per_identity, self.data.batch_size // 2))
        return self.data.batch_size // each, each


def _of_model(model: ModelConfig) -> Iterator[str]:
    small = model.network is Network.small
    for key, value in (("model.width", model.width), ("model.blocks", model.blocks)):
        if small and (value is None or value < 1):
            yield f"{key}={value}: model.network=small needs a number of at least 1. Set {key}."
        if not small and value is not None:
            yield f"{key}={value}: model.network={model.network} has a fixed shape. Set {key}=null."
    if model.norm <= 0:
        yield f"model.norm={model.norm}: must be greater than 0."
    if model.margin <= 0:
        yield f"model.margin={model.margin}: must be greater than 0."


def _out_of_range(run: Config) -> Iterator[str]:
    data, optim = run.data, run.optim
    at_least: dict[str, tuple[float | None, float]] = {
        "model.size": (run.model.size, 1),
        "model.dimensions": (run.model.dimensions, 1),
        "data.per_identity": (data.per_identity, 2),
        "data.folds": (data.folds, 2),
        "data.pairs": (data.pairs, 2 * data.folds),
        "data.triplets": (data.triplets, data.folds),
        "data.shift": (data.shift, 0),
        "optim.warmup_epochs": (optim.warmup_epochs, 0),
    }
    yield from too_small(at_least)
    if optim.decay_epochs <= 0:
        yield f"optim.decay_epochs={optim.decay_epochs}: must be greater than 0."
    for key, channels in (("data.mean", data.mean), ("data.std", data.std)):
        if len(channels) != 3:
            yield f"{key}={channels}: needs three values, of red, green and blue."
    if any(value <= 0 for value in data.std):
        yield f"data.std={data.std}: must be greater than 0."


def _of_data(run: Config) -> Iterator[str]:
    data = run.data
    if data.source is not Source.synthetic and data.batch_size < 4:
        yield (
            f"data.batch_size={data.batch_size}: a triplet needs two pictures of one person and one of another. "
            "Set data.batch_size to 4 or more."
        )
    if data.source is Source.embedded:
        if run.model.size != 32:
            yield f"model.size={run.model.size}: the embedded heads have 32x32 pixels. Set model.size=32."
        if data.train_size is None or data.val_size is None:
            yield "data.train_size, data.val_size: no value, and generated heads have no end. Set both."

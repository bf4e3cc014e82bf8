"""Schema of `task=face_recognition_3d`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, too_small
from aibench.tasks.face_recognition_3d import layout


class Network(enum.StrEnum):
    """Which network."""

    resnet50 = enum.auto()  # torchvision's, its first convolution for the channels that are used
    small = enum.auto()  # a stack of convolutions; for images of 32x32 pixels or so


class Channels(enum.StrEnum):
    """What the network sees of a sample."""

    rgbd = enum.auto()  # colour and depth
    rgb = enum.auto()
    depth = enum.auto()


class Layout(enum.StrEnum):
    """How the data set on disk is laid out."""

    png_npy = enum.auto()  # the authors': lists of pairs of a PNG and an array of depths
    biwi = enum.auto()  # the BIWI Kinect Head Pose Database


class Decay(enum.StrEnum):
    """How the learning rate falls."""

    step = enum.auto()  # by `optim.gamma` every `optim.decay_epochs` epochs
    cosine = enum.auto()  # to 0 at the end of the budget, along half a cosine


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The network.

    Attributes:
        network: Which one.
        channels: What it sees of a sample: `rgb` and `depth` measure what each is worth alone.
        weights: Of `resnet50`: file with a state_dict of torchvision's ResNet-50 for colour images. The filters for
            depth are the mean of those for colour. Null trains from scratch.
        width: Of `small`: channels of its first convolution. Null for `resnet50`.
        blocks: Of `small`: further convolutions, each of which doubles the channels and halves height and width.
        dropout: Of `small`: share of the features that training leaves out before the classifier.
    """

    network: Network = MISSING
    channels: Channels = Channels.rgbd
    weights: str | None = None
    width: int | None = None
    blocks: int | None = None
    dropout: float = 0.0


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Faces in colour and depth.

    Attributes:
        layout: Of `source=disk`: how the files are laid out.
        classes: Number of people; the training list must name as many.
        size: Height and width of a sample, in pixels.
        near, far: Of `source=disk`: depths that become 255 and 1, in the unit of the files; 0 is for no depth. With
            `layout=biwi`, millimetres beyond the middle of the head.
        window: Of `layout=biwi`: height and width of what is cut out around the middle of the head, in millimetres.
        mirror: Whether half of the training samples, by their own draws, are mirrored left to right.
        shift: Training samples are shifted by up to so many pixels, each by its own draw.
        mean: Of red, green, blue and depth, in 0 to 1; subtracted.
        std: Standard deviations of red, green, blue and depth, in 0 to 1; divided by.
    """

    layout: Layout = Layout.png_npy
    classes: int = MISSING
    size: int = MISSING
    near: float = MISSING
    far: float = MISSING
    window: float = 300.0
    mirror: bool = False
    shift: int = 0
    mean: list[float] = MISSING
    std: list[float] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Stochastic gradient descent with momentum.

    Attributes:
        momentum: Factor of the running sum of gradients.
        nesterov: Whether the step looks ahead (Nesterov's momentum).
        warmup_epochs: Length of the linear rise from 0 to the peak learning rate.
        decay: How the learning rate falls.
        decay_epochs: Of `decay=step`: epochs between two falls.
        gamma: Of `decay=step`: what a fall leaves of the learning rate.
    """

    momentum: float = 0.9
    nesterov: bool = False
    warmup_epochs: float = 0.0
    decay: Decay = MISSING
    decay_epochs: int = 7
    gamma: float = 0.1


@dataclass(slots=True)
class Config(RunConfig):
    """A run of 3D face recognition."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _of_model(self.model)
        yield from _out_of_range(self)
        yield from _of_data(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        problems = layout.biwi_problems if self.data.layout is Layout.biwi else layout.list_problems
        yield from problems(root, typed, self.data.classes)


def _of_model(model: ModelConfig) -> Iterator[str]:
    for key, value in (("model.width", model.width), ("model.blocks", model.blocks)):
        if model.network is Network.small and (value is None or value < 1):
            yield f"{key}={value}: model.network=small needs a number of at least 1. Set {key}."
        if model.network is Network.resnet50 and value is not None:
            yield f"{key}={value}: model.network=resnet50 has a fixed shape. Set {key}=null, or model.network=small."
    if not 0 <= model.dropout < 1:
        yield f"model.dropout={model.dropout}: must lie in 0 to 1, 1 left out."
    if model.weights is not None and model.network is Network.small:
        yield f"model.weights={model.weights}: these fit a ResNet-50. Set model.weights=null."
    elif model.weights is not None and not Path(model.weights).expanduser().is_file():
        yield f"model.weights={model.weights}: no such file. Give a ResNet-50's state_dict, or null."


def _out_of_range(run: Config) -> Iterator[str]:
    data, optim = run.data, run.optim
    at_least: dict[str, tuple[float | None, float]] = {
        "data.classes": (data.classes, 2),
        "data.size": (data.size, 1),
        "data.shift": (data.shift, 0),
        "data.window": (data.window, 1),
        "optim.warmup_epochs": (optim.warmup_epochs, 0),
        "optim.decay_epochs": (optim.decay_epochs, 1),
    }
    yield from too_small(at_least)
    if not 0 <= optim.momentum < 1:
        yield f"optim.momentum={optim.momentum}: must lie in 0 to 1, 1 left out."
    if optim.nesterov and optim.momentum == 0:
        yield "optim.nesterov=true: needs momentum. Set optim.momentum above 0."
    if data.near == data.far:
        yield f"data.near={data.near}: must differ from data.far."
    for key, channels in (("data.mean", data.mean), ("data.std", data.std)):
        if len(channels) != 4:
            yield f"{key}={channels}: needs four values, of red, green, blue and depth."
    if any(value <= 0 for value in data.std):
        yield f"data.std={data.std}: must be greater than 0."


def _of_data(data: DataConfig) -> Iterator[str]:
    if data.source is Source.embedded:
        if data.size != 32:
            yield f"data.size={data.size}: the embedded heads have 32x32 pixels. Set data.size=32."
        if data.train_size is None or data.val_size is None:
            yield "data.train_size, data.val_size: no value, and generated heads have no end. Set both."

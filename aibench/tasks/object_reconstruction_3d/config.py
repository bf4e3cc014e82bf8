"""Defines the schema of `task=object_reconstruction_3d`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source
from aibench.config.bounds import Count, Length, MultipleOf, NotEmpty, Positive, Units, at_least, between
from aibench.config.closed import SCHEDULE
from aibench.nn.decay import Annealing
from aibench.tasks.object_reconstruction_3d import layout
from aibench.tasks.object_reconstruction_3d.layout import Layout

KINDS = ("table", "chair", "lamp", "car", "plane")  # the generated solids
AZIMUTHS = 24  # from which those are seen
HALVINGS = DOUBLINGS = 3  # convolutions of the encoder, and of the decoder


class Supervision(enum.StrEnum):
    """Lists what the predicted volume may be compared with."""

    silhouettes = enum.auto()  # those of the true volume, from the camera's sides; Yan et al.'s PTN-Proj
    voxels = enum.auto()  # the true volume; their CNN-Vol
    both = enum.auto()  # their PTN-Comb


@dataclass(slots=True)
class CameraConfig:
    """Holds the camera of the silhouettes, which goes around the object.

    Half the edge of a volume is 1.

    Attributes:
        views: Azimuths, evenly spaced.
        views_per_step: How many of them a training step draws and compares; null compares all.
        elevation: Degrees above the horizon.
        focal_length: Distance of the nearest points that are seen, which are seen as wide as the volume is.
        focal_range: From the nearest points to the farthest.
        size: Height and width of a silhouette, in pixels, and points on a line of sight.
    """

    views: Annotated[int, at_least(1, 10**4)] = MISSING
    views_per_step: Count | None = None
    elevation: Annotated[float, between(-90, 90)] = MISSING
    focal_length: Positive = MISSING
    focal_range: Positive = MISSING
    size: Annotated[int, at_least(2, 4096)] = MISSING


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the network and its loss.

    Attributes:
        hidden: Units of the encoder's first two linear layers.
        latent: Units of its last one, which the decoder begins with.
        encoder_channels: Channels of the three convolutions.
        decoder_channels: Channels of the inputs of the three transposed convolutions.
        decoder_kernels: Kernels of the transposed convolutions, in voxels.
        initial_std: Standard deviation of the first weights; null takes that of He et al. 2015.
        supervision: What the predicted volume is compared with.
        silhouette_weight: Factor of the silhouettes' loss: half the squared error, summed over pixels, the mean over
            views and samples.
        voxel_weight: Factor of the volume's loss: the cross-entropy, summed over voxels, the mean over samples. (Yan et
            al. have half the squared error, with which small networks end at empty volumes.)
        full_weight: Factor of full voxels in it. Few voxels are full, and where the model is in doubt 1 leaves holes.
        camera: The silhouettes' camera.
    """

    hidden: Units = MISSING
    latent: Units = MISSING
    encoder_channels: Annotated[list[Units], Length(HALVINGS)] = MISSING
    decoder_channels: Annotated[list[Units], Length(DOUBLINGS)] = MISSING
    decoder_kernels: Annotated[list[Annotated[int, at_least(2, 255)]], Length(DOUBLINGS)] = MISSING
    initial_std: Positive | None = None
    supervision: Supervision = MISSING
    silhouette_weight: Positive = MISSING
    voxel_weight: Positive = MISSING
    full_weight: Positive = 1.0
    camera: CameraConfig = field(default_factory=CameraConfig)


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the objects and their pictures. `train_size` and `val_size` count objects.

    Attributes:
        layout: How the files in `data.root` are laid out.
        categories: Synsets of ShapeNet, or for `source=embedded` the kinds of solids.
        size: Height and width of a picture as the network gets it, in pixels.
        resolution: Voxels along an edge of a volume.
        views: Pictures of an object. An epoch shows one of each training object, drawn anew; the evaluation all.
    """

    layout: Layout = Layout.ptn
    categories: Annotated[list[str], NotEmpty()] = MISSING
    size: Annotated[int, MultipleOf(2**HALVINGS), at_least(1, 2**15)] = MISSING
    resolution: Annotated[int, MultipleOf(2**DOUBLINGS), at_least(1, 1024)] = MISSING
    views: Annotated[int, at_least(1, 10**4)] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds Adam. The decay of the weights is a part of the gradient, and biases have none.

    Attributes:
        decay: How the learning rate falls.
    """

    decay: Annotated[Annealing, SCHEDULE] = Annealing.none


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of 3D object reconstruction."""

    logs: ClassVar = ("val/iou", "val/iou_micro")
    traced: ClassVar = ("loss",)
    recorded: ClassVar = traced

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _too_many_views(self.model.camera, self.data)
        yield from _wrong_categories(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.layout, self.data.categories)


def _too_many_views(camera: CameraConfig, data: DataConfig) -> Iterator[str]:
    if camera.views_per_step is not None and camera.views_per_step > camera.views:
        yield (
            f"model.camera.views_per_step={camera.views_per_step}: more than the {camera.views} of model.camera.views."
        )
    if data.source is not Source.synthetic and data.views > AZIMUTHS:
        yield f"data.views={data.views}: an object has {AZIMUTHS} pictures. Set data.views to {AZIMUTHS} or less."


def _wrong_categories(data: DataConfig) -> Iterator[str]:
    if len(set(data.categories)) < len(data.categories):
        yield f"data.categories={data.categories}: names a category twice."
    strange = [name for name in data.categories if name not in KINDS]
    if data.source is Source.embedded and strange:
        yield (
            f"data.categories={data.categories}: there are no generated solids named {strange[0]}. Choose of "
            f"{', '.join(KINDS)}."
        )

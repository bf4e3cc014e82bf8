"""Schema of `task=object_reconstruction_3d`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, too_small
from aibench.tasks.object_reconstruction_3d import layout
from aibench.tasks.object_reconstruction_3d.layout import Layout

KINDS = ("table", "chair", "lamp", "car", "plane")  # of the generated solids
AZIMUTHS = 24  # from which those are seen
HALVINGS = DOUBLINGS = 3  # convolutions of the encoder, and of the decoder


class Supervision(enum.StrEnum):
    """What the predicted volume is compared with."""

    silhouettes = enum.auto()  # those of the true volume, from the camera's sides; Yan et al.'s PTN-Proj
    voxels = enum.auto()  # the true volume; their CNN-Vol
    both = enum.auto()  # their PTN-Comb


class Decay(enum.StrEnum):
    """How the learning rate falls."""

    none = enum.auto()
    cosine = enum.auto()  # to 0 at the end of the budget, along half a cosine


@dataclass(slots=True)
class CameraConfig:
    """The camera of the silhouettes, which goes around the object. Half the edge of a volume is 1.

    Attributes:
        views: Azimuths, evenly spaced.
        views_per_step: How many of them a training step draws and compares; null compares all.
        elevation: Degrees above the horizon.
        focal_length: Distance of the nearest points that are seen, which are seen as wide as the volume is.
        focal_range: From the nearest points to the farthest.
        size: Height and width of a silhouette, in pixels, and points on a line of sight.
    """

    views: int = MISSING
    views_per_step: int | None = None
    elevation: float = MISSING
    focal_length: float = MISSING
    focal_range: float = MISSING
    size: int = MISSING


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The network and its loss.

    Attributes:
        hidden: Units of the encoder's first two linear layers.
        latent: Units of its last one, which the decoder begins with.
        encoder_channels: Of the three convolutions.
        decoder_channels: Of the inputs of the three transposed convolutions.
        decoder_kernels: Of those, in voxels.
        initial_std: Standard deviation of the first weights; null takes that of He et al. 2015.
        supervision: What the predicted volume is compared with.
        silhouette_weight: Factor of the silhouettes' loss: half the squared error, summed over pixels, the mean over
            views and samples.
        voxel_weight: Factor of the volume's loss: the cross-entropy, summed over voxels, the mean over samples. (Yan et
            al. have half the squared error, with which small networks end at empty volumes.)
        full_weight: Factor of full voxels in it. Few voxels are full, and where the model is in doubt 1 leaves holes.
        camera: Of the silhouettes.
    """

    hidden: int = MISSING
    latent: int = MISSING
    encoder_channels: list[int] = MISSING
    decoder_channels: list[int] = MISSING
    decoder_kernels: list[int] = MISSING
    initial_std: float | None = None
    supervision: Supervision = MISSING
    silhouette_weight: float = MISSING
    voxel_weight: float = MISSING
    full_weight: float = 1.0
    camera: CameraConfig = field(default_factory=CameraConfig)


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """The objects and their pictures. `train_size` and `val_size` count objects.

    Attributes:
        layout: How the files in `data.root` are laid out.
        categories: Synsets of ShapeNet; of `source=embedded` the kinds of solids.
        size: Height and width of a picture as the network gets it, in pixels.
        resolution: Voxels along an edge of a volume.
        views: Pictures of an object. An epoch shows one of each training object, drawn anew; the evaluation all.
    """

    layout: Layout = Layout.ptn
    categories: list[str] = MISSING
    size: int = MISSING
    resolution: int = MISSING
    views: int = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Adam. The decay of the weights is a part of the gradient, and biases have none.

    Attributes:
        decay: How the learning rate falls.
    """

    decay: Decay = Decay.none


@dataclass(slots=True)
class Config(RunConfig):
    """A run of 3D object reconstruction."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _out_of_range(self)
        yield from _misshapen(self)
        yield from _wrong_categories(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.layout, self.data.categories)


def _out_of_range(run: Config) -> Iterator[str]:
    model, camera, data = run.model, run.model.camera, run.data
    at_least: dict[str, tuple[float | None, float]] = {
        "model.hidden": (model.hidden, 1),
        "model.latent": (model.latent, 1),
        "model.camera.views": (camera.views, 1),
        "model.camera.views_per_step": (camera.views_per_step, 1),
        "model.camera.size": (camera.size, 2),
        "data.views": (data.views, 1),
    }
    yield from too_small(at_least)
    positive = {
        "model.initial_std": model.initial_std,
        "model.silhouette_weight": model.silhouette_weight,
        "model.voxel_weight": model.voxel_weight,
        "model.full_weight": model.full_weight,
        "model.camera.focal_length": camera.focal_length,
        "model.camera.focal_range": camera.focal_range,
    }
    yield from (
        f"{key}={value}: must be greater than 0." for key, value in positive.items() if value is not None and value <= 0
    )
    if camera.views_per_step is not None and camera.views_per_step > camera.views:
        yield (
            f"model.camera.views_per_step={camera.views_per_step}: more than the {camera.views} of model.camera.views."
        )
    if data.source is not Source.synthetic and data.views > AZIMUTHS:
        yield f"data.views={data.views}: an object has {AZIMUTHS} pictures. Set data.views to {AZIMUTHS} or less."


def _misshapen(run: Config) -> Iterator[str]:
    for key, numbers, least in (
        ("model.encoder_channels", run.model.encoder_channels, 1),
        ("model.decoder_channels", run.model.decoder_channels, 1),
        ("model.decoder_kernels", run.model.decoder_kernels, 2),
    ):
        if len(numbers) != HALVINGS or min(numbers) < least:
            yield f"{key}={numbers}: needs {HALVINGS} numbers of at least {least}."
    for key, value, times in (
        ("data.size", run.data.size, 2**HALVINGS),
        ("data.resolution", run.data.resolution, 2**DOUBLINGS),
    ):
        if value < times or value % times:
            yield f"{key}={value}: must be a multiple of {times}: {HALVINGS} layers of the network each change it by 2."


def _wrong_categories(data: DataConfig) -> Iterator[str]:
    if not data.categories or len(set(data.categories)) < len(data.categories):
        yield f"data.categories={data.categories}: needs one category or more, each once."
    strange = [name for name in data.categories if name not in KINDS]
    if data.source is Source.embedded and strange:
        yield (
            f"data.categories={data.categories}: there are no generated solids named {strange[0]}. Choose of "
            f"{', '.join(KINDS)}."
        )

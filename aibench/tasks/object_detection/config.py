"""Defines the schema of `task=object_detection`. Imports no torch."""

from __future__ import annotations

import enum
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, endless
from aibench.config.bounds import (
    Count,
    ExistingFile,
    Fraction,
    Momentum,
    Natural,
    NotEmpty,
    Pixels,
    Positive,
    Units,
    at_least,
)
from aibench.config.closed import MOMENTUM, SCHEDULE, WARM_UP
from aibench.nn.decay import Decay
from aibench.tasks.object_detection import layout

SMALLEST, LARGEST = 48, 110  # height and width of generated scenes: a digit takes up to 40, a photograph's part has 110

# SHA-256 of torchvision's ResNet-50, IMAGENET1K_V1, as of today and as of the paper's time; the files' names have it.
IMAGENET = ("0676ba61", "19c8e357")


class Backbone(enum.StrEnum):
    """Lists the networks under the detector."""

    convolutions = enum.auto()  # a plain stack, for the miniature
    resnet50 = enum.auto()
    resnet101 = enum.auto()


class Optimizer(enum.StrEnum):
    """Lists how a step may be taken."""

    sgd = enum.auto()
    adamw = enum.auto()


@dataclass(slots=True)
class RpnConfig:
    """Holds the region proposal network.

    Attributes:
        channels: Channels of its 3x3 convolution.
        anchor_sizes: Square roots of the anchors' areas, in pixels of the network's input. With a feature pyramid,
            one for each level.
        anchor_ratios: Height over width.
        foreground_iou: An anchor that overlaps an object so much is one.
        background_iou: An anchor that overlaps no object so much is background.
        batch: Anchors of an image that its loss samples, half of them objects where there are as many.
        candidates_train, candidates_test: Best-scored boxes of an image (of each level) before suppression.
        proposals_train, proposals_test: Boxes of an image after suppression.
        nms_iou: The lower-scored of two boxes that overlap more is suppressed.
    """

    channels: Units = MISSING
    anchor_sizes: Annotated[list[Pixels], NotEmpty()] = MISSING
    anchor_ratios: Annotated[list[Positive], NotEmpty()] = MISSING
    foreground_iou: Fraction = 0.7
    background_iou: Fraction = 0.3
    batch: Count = MISSING
    candidates_train: Count = MISSING
    candidates_test: Count = MISSING
    proposals_train: Count = MISSING
    proposals_test: Count = MISSING
    nms_iou: Fraction = 0.7


@dataclass(slots=True)
class RoiConfig:
    """Holds the region heads.

    Attributes:
        size: Height and width of the features that RoIAlign cuts out for a region.
        samples: Samples of RoIAlign in a cell, in each direction; 0 takes as many as there are feature pixels.
        hidden: Units of the perceptron over a region's features; 0 where layer 4 of the ResNet takes its place.
        batch: Proposals of an image that the loss samples.
        positive_fraction: Share of `batch` that are objects, where there are as many.
        foreground_iou: A proposal that overlaps an object so much is one; any other is background.
        beta: Error at which the smooth L1 loss of the boxes turns from square to linear.
        score: Detections below this are dropped.
        nms_iou: The lower-scored of two detections of a class that overlap more is suppressed.
        detections: At most so many of an image.
    """

    size: Annotated[int, at_least(1, 255)] = MISSING
    samples: Annotated[int, at_least(0, 255)] = 0
    hidden: Annotated[int, at_least(0, 2**20)] = 0
    batch: Count = MISSING
    positive_fraction: Fraction = 0.25
    foreground_iou: Fraction = 0.5
    beta: Positive = MISSING
    score: Fraction = MISSING
    nms_iou: Fraction = MISSING
    detections: Count = MISSING


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds Faster R-CNN.

    Attributes:
        backbone: The network under the detector.
        weights: File with an ImageNet state_dict of the ResNet, in torchvision's names. With it, the first two stages
            and all batch normalisation stay as loaded; null trains everything from scratch.
        pyramid: Whether a feature pyramid (FPN) stands on the ResNet; else its layer 3 is the features (C4).
        stride_in_1x1: Whether the first block of a ResNet's layer strides in its 1x1 convolution, as the first
            ResNets did, or in its 3x3 convolution, as torchvision's do ("v1.5").
        channels, strides: Channels and strides of each convolution of `backbone=convolutions`.
        short_side, long_side: Images are scaled until the short side has so many pixels, or the long side would
            have more than so many.
        coco_metric: Whether evaluation logs COCO's mAP (0.5:0.95) too; needs pycocotools.
        rpn: Region proposal network.
        roi: Region heads.
    """

    backbone: Backbone = MISSING
    weights: Annotated[str, ExistingFile("a ResNet's state_dict, or null", IMAGENET)] | None = None
    pyramid: bool = False
    stride_in_1x1: bool = False
    channels: list[Units] = field(default_factory=list)
    strides: list[Annotated[int, at_least(1, 255)]] = field(default_factory=list)
    short_side: Pixels = MISSING
    long_side: Pixels = MISSING
    coco_metric: bool = False
    rpn: RpnConfig = field(default_factory=RpnConfig)
    roi: RoiConfig = field(default_factory=RoiConfig)


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the images with boxes.

    Attributes:
        height, width: Sides of embedded and synthetic images, in pixels; embedded ones are square.
        mirror: Whether each training image is in an epoch twice, as it is and mirrored left to right.
    """

    height: Pixels = MISSING
    width: Pixels = MISSING
    mirror: bool = False


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds how the weights learn. Weight decay spares biases and normalisation.

    Attributes:
        name: How a step is taken.
        momentum: Momentum of SGD.
        warmup_steps: Steps over which the learning rate rises from zero.
        decay: How the learning rate falls.
        decay_epochs: Epochs between two falls of `decay=step`.
        decay_factor: What a fall of `decay=step` leaves of the learning rate.
    """

    name: Optimizer = MISSING
    momentum: Annotated[Momentum, MOMENTUM] = 0.9
    warmup_steps: Annotated[Natural, WARM_UP] = 0
    decay: Annotated[Decay, SCHEDULE] = MISSING
    decay_epochs: Annotated[Count, SCHEDULE] = 5
    decay_factor: Annotated[Fraction, SCHEDULE] = 0.1


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of object detection."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names that every evaluation logs."""
        return ("val/map50", "val/coco_map") if self.model.coco_metric else ("val/map50",)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _of_model(self.model)
        yield from _of_data(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)


def _of_model(model: ModelConfig) -> Iterator[str]:
    plain = model.backbone is Backbone.convolutions
    if plain and model.pyramid:
        yield "model.pyramid=true: backbone=convolutions has no levels. Set model.backbone=resnet50."
    if plain and model.weights is not None:
        yield f"model.weights={model.weights}: ImageNet weights fit a ResNet. Set model.backbone=resnet50."
    if plain and (len(model.channels) != len(model.strides) or not model.channels):
        yield (
            f"model.channels={list(model.channels)}: model.strides={list(model.strides)} must be as many, "
            "and at least one."
        )
    if (plain or model.pyramid) and model.roi.hidden < 1:
        yield f"model.roi.hidden={model.roi.hidden}: must be at least 1 where no layer 4 works on the regions."
    if model.coco_metric and importlib.util.find_spec("pycocotools") is None:
        yield (
            'model.coco_metric=true: needs pycocotools. Install the extra "detection", or set model.coco_metric=false.'
        )


def _of_data(data: DataConfig) -> Iterator[str]:
    yield from endless(data, "scenes")
    square = data.height == data.width and SMALLEST <= data.height <= LARGEST
    if data.source is Source.embedded and not square:
        yield (
            f"data.height={data.height}: embedded scenes are square, of {SMALLEST} to {LARGEST} pixels. "
            "Set data.height and data.width alike."
        )

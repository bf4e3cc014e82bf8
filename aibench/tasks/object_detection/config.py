"""Schema of `task=object_detection`. Imports no torch."""

from __future__ import annotations

import enum
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source
from aibench.tasks.object_detection import layout

SMALLEST, LARGEST = 48, 200  # height and width of generated scenes: a digit takes up to 40, a photograph's part has 200


class Backbone(enum.StrEnum):
    """The network under the detector."""

    convolutions = enum.auto()  # a plain stack, for the miniature
    resnet50 = enum.auto()
    resnet101 = enum.auto()


class Optimizer(enum.StrEnum):
    """How a step is taken."""

    sgd = enum.auto()
    adamw = enum.auto()


class Decay(enum.StrEnum):
    """How the learning rate falls."""

    step = enum.auto()  # by `decay_factor` after every `decay_epochs` epochs
    cosine = enum.auto()  # to zero at the end of the budget


@dataclass(slots=True)
class RpnConfig:
    """Region proposal network.

    Attributes:
        channels: Of its 3x3 convolution.
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

    channels: int = MISSING
    anchor_sizes: list[int] = MISSING
    anchor_ratios: list[float] = MISSING
    foreground_iou: float = 0.7
    background_iou: float = 0.3
    batch: int = MISSING
    candidates_train: int = MISSING
    candidates_test: int = MISSING
    proposals_train: int = MISSING
    proposals_test: int = MISSING
    nms_iou: float = 0.7


@dataclass(slots=True)
class RoiConfig:
    """Region heads.

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

    size: int = MISSING
    samples: int = 0
    hidden: int = 0
    batch: int = MISSING
    positive_fraction: float = 0.25
    foreground_iou: float = 0.5
    beta: float = MISSING
    score: float = MISSING
    nms_iou: float = MISSING
    detections: int = MISSING


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Faster R-CNN.

    Attributes:
        backbone: The network under the detector.
        weights: File with an ImageNet state_dict of the ResNet, in torchvision's names. With it, the first two stages
            and all batch normalisation stay as loaded; null trains everything from scratch.
        pyramid: Whether a feature pyramid (FPN) stands on the ResNet; else its layer 3 is the features (C4).
        stride_in_1x1: Whether the first block of a ResNet's layer strides in its 1x1 convolution, as the first
            ResNets did, or in its 3x3 convolution, as torchvision's do ("v1.5").
        channels, strides: Of each convolution of `backbone=convolutions`.
        short_side, long_side: Images are scaled until the short side has so many pixels, or the long side would
            have more than so many.
        coco_metric: Whether evaluation logs COCO's mAP (0.5:0.95) too; needs pycocotools.
        rpn: Region proposal network.
        roi: Region heads.
    """

    backbone: Backbone = MISSING
    weights: str | None = None
    pyramid: bool = False
    stride_in_1x1: bool = False
    channels: list[int] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)
    short_side: int = MISSING
    long_side: int = MISSING
    coco_metric: bool = False
    rpn: RpnConfig = field(default_factory=RpnConfig)
    roi: RoiConfig = field(default_factory=RoiConfig)


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Images with boxes.

    Attributes:
        height, width: Of embedded and synthetic images, in pixels; embedded ones are square.
        mirror: Whether each training image is in an epoch twice, as it is and mirrored left to right.
    """

    height: int = MISSING
    width: int = MISSING
    mirror: bool = False


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Optimizer. Its weight decay spares biases and normalisation.

    Attributes:
        name: How a step is taken.
        momentum: Of SGD.
        warmup_steps: Steps over which the learning rate rises from zero.
        decay: How the learning rate falls.
        decay_epochs: Epochs between two falls of `decay=step`.
        decay_factor: What a fall of `decay=step` leaves of the learning rate.
    """

    name: Optimizer = MISSING
    momentum: float = 0.9
    warmup_steps: int = 0
    decay: Decay = MISSING
    decay_epochs: int = 5
    decay_factor: float = 0.1


@dataclass(slots=True)
class Config(RunConfig):
    """One run of object detection."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _of_model(self.model)
        yield from _of_data(self.data)
        if self.optim.decay_epochs < 1:
            yield f"optim.decay_epochs={self.optim.decay_epochs}: must be at least 1."

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
    if model.weights is not None and not Path(model.weights).expanduser().is_file():
        yield f"model.weights={model.weights}: no such file. Give a ResNet's state_dict, or null to train from scratch."
    if model.coco_metric and importlib.util.find_spec("pycocotools") is None:
        yield (
            'model.coco_metric=true: needs pycocotools. Install the extra "detection", or set model.coco_metric=false.'
        )


def _of_data(data: DataConfig) -> Iterator[str]:
    if data.source is Source.embedded:
        if data.train_size is None or data.val_size is None:
            yield "data.train_size, data.val_size: no value, and generated scenes have no end. Set both."
        if data.height != data.width or not SMALLEST <= data.height <= LARGEST:
            yield (
                f"data.height={data.height}: embedded scenes are square, of {SMALLEST} to {LARGEST} pixels. "
                "Set data.height and data.width alike."
            )

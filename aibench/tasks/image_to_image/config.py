"""Defines the schema of `task=image_to_image`. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Session, Source, endless, too_small
from aibench.config.bounds import (
    ExistingFile,
    Fraction,
    Kernel,
    Layers,
    Momentum,
    Natural,
    NotNegative,
    Pixels,
    Units,
    at_least,
    between,
    each_of,
)
from aibench.config.closed import MOMENTUM, SCHEDULE
from aibench.tasks.image_to_image import layout

EMBEDDED_SIZE = 32
CRITERIA = "val/criteria"
WITHOUT_SEGMENTER = "val/label_"  # metrics that begin so need none
SEGMENTER = "the state_dict of torchvision's fcn_resnet50 with 19 classes, trained on Cityscapes"
SCORES = ("pixel_accuracy", "class_accuracy", "class_iou")

Criterion = Annotated[float, between(0, 1, without_low=True)]


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds two generators and two discriminators.

    Attributes:
        blocks: Residual blocks of a generator.
        width: Channels of a generator's first convolution; each halving of the image doubles them.
        halvings: How often a generator halves height and width before its blocks.
        kernel: Height and width of a generator's first and last filters; odd.
        discriminator_width: Channels of a discriminator's first convolution.
        discriminator_layers: Its convolutions that halve the image. A verdict covers 16, 34 or 70 pixels in height and
            width with 1, 2 or 3 of them.
    """

    blocks: Layers = MISSING
    width: Units = MISSING
    halvings: Annotated[int, at_least(0, 12)] = MISSING
    kernel: Kernel = MISSING
    discriminator_width: Units = MISSING
    discriminator_layers: Annotated[int, at_least(1, 12)] = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds label maps and photos.

    Attributes:
        load: Height and width of a training image before a part of it is cut out, in pixels.
        size: Height and width of an image as the networks get it, in pixels.
        segmenter: File with the state_dict of torchvision's `fcn_resnet50` with 19 classes, trained on Cityscapes. The
            scores are measured through it; null leaves them out. The embedded data bring their own.
        segmenter_size: Height and width to which a photo is resized for the segmenter, in pixels.
    """

    load: Pixels = MISSING
    size: Pixels = MISSING
    segmenter: Annotated[str, ExistingFile(SEGMENTER)] | None = None
    segmenter_size: Annotated[list[Pixels], each_of("height", "width")] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds Adam for the generators, and another for the discriminators.

    Attributes:
        beta1: Adam's first coefficient; the second is 0.999.
        constant: Part of the budget with the full learning rate, from which it falls to 0 along a line.
        cycle: Factor of the cycle-consistency loss.
        identity: Factor of the identity loss, times `cycle`; 0 leaves it out.
        pool: Generated images of each kind that are kept for the discriminators; 0 shows them the newest ones only.
    """

    beta1: Annotated[Momentum, MOMENTUM] = MISSING
    constant: Annotated[Fraction, SCHEDULE] = MISSING
    cycle: NotNegative = MISSING
    identity: NotNegative = MISSING
    pool: Natural = MISSING


@dataclass(slots=True)
class TargetConfig(config.TargetConfig):
    """Holds three criteria, of which `val/criteria` tells how far all are met.

    Attributes:
        pixel_accuracy: Criterion of `val/pixel_accuracy`.
        class_accuracy: Criterion of `val/class_accuracy`.
        class_iou: Criterion of `val/class_iou`.
    """

    pixel_accuracy: Criterion = MISSING
    class_accuracy: Criterion = MISSING
    class_iou: Criterion = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of image-to-image translation."""

    logs: ClassVar = (CRITERIA, *(f"val/{of}{score}" for of in ("", "label_", "real_") for score in SCORES))
    by_hand: ClassVar = True

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    target: TargetConfig = field(default_factory=TargetConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from too_small({"data.load": (self.data.load, self.data.size)})
        pool, batch = self.optim.pool, self.data.batch_size
        if 0 < pool < batch:
            yield f"optim.pool={pool}: less than data.batch_size={batch}. Set optim.pool to that or 0."
        yield from _wrong_size(self)
        yield from _wrong_segmenter(self)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)


def _wrong_size(run: Config) -> Iterator[str]:
    model, data = run.model, run.data
    step = 2**model.halvings
    if data.size % step:
        yield f"data.size={data.size}: model.halvings={model.halvings} needs a multiple of {step}."
    reflected = max(model.kernel // 2 + 1, 2 * step)  # padding by reflection mirrors pixels of the image
    judged = 3 * 2**model.discriminator_layers  # fewer leave a discriminator's last normalisation a single pixel
    if data.size < max(reflected, judged):
        yield (
            f"data.size={data.size}: too small for these networks. Set it to at least {max(reflected, judged)}, or "
            "lower model.discriminator_layers, model.halvings or model.kernel."
        )
    yield from endless(data, "scenes")
    if data.source is Source.embedded and (data.load, data.size) != (EMBEDDED_SIZE, EMBEDDED_SIZE):
        yield (
            f"data.load={data.load} data.size={data.size}: the embedded images have {EMBEDDED_SIZE}x{EMBEDDED_SIZE} "
            f"pixels. Set data.load={EMBEDDED_SIZE} data.size={EMBEDDED_SIZE}."
        )


def _wrong_segmenter(run: Config) -> Iterator[str]:
    data = run.data
    if data.source is Source.embedded:
        if data.segmenter is not None:
            yield f"data.segmenter={data.segmenter}: the embedded data bring their own. Set data.segmenter=null."
        return
    to_quality = run.session in (Session.entire, Session.quasi_entire)
    if to_quality and data.segmenter is None and not run.target.metric.startswith(WITHOUT_SEGMENTER):
        yield (
            f"data.segmenter: no value, and the quality of session={run.session} is measured through it. Give a "
            "state_dict of fcn_resnet50, or use session=epochs or session=steps."
        )

"""Schema of `task=image_to_image`. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Session, Source, too_small
from aibench.tasks.image_to_image import layout

EMBEDDED_SIZE = 32
CRITERIA = "val/criteria"
WITHOUT_SEGMENTER = "val/label_"  # metrics that begin so need none


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Two generators and two discriminators.

    Attributes:
        blocks: Residual blocks of a generator.
        width: Channels of a generator's first convolution; each halving of the image doubles them.
        halvings: How often a generator halves height and width before its blocks.
        kernel: Height and width of a generator's first and last filters; odd.
        discriminator_width: Channels of a discriminator's first convolution.
        discriminator_layers: Its convolutions that halve the image. A verdict covers 16, 34 or 70 pixels in height and
            width with 1, 2 or 3 of them.
    """

    blocks: int = MISSING
    width: int = MISSING
    halvings: int = MISSING
    kernel: int = MISSING
    discriminator_width: int = MISSING
    discriminator_layers: int = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Label maps and photos.

    Attributes:
        load: Height and width of a training image before a part of it is cut out, in pixels.
        size: Height and width of an image as the networks get it, in pixels.
        segmenter: File with the state_dict of torchvision's `fcn_resnet50` with 19 classes, trained on Cityscapes. The
            scores are measured through it; null leaves them out. The embedded data bring their own.
        segmenter_size: Height and width to which a photo is resized for the segmenter, in pixels.
    """

    load: int = MISSING
    size: int = MISSING
    segmenter: str | None = None
    segmenter_size: list[int] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Adam for the generators, and another for the discriminators.

    Attributes:
        beta1: Adam's first coefficient; the second is 0.999.
        constant: Part of the budget with the full learning rate, from which it falls to 0 along a line.
        cycle: Factor of the cycle-consistency loss.
        identity: Factor of the identity loss, times `cycle`; 0 leaves it out.
        pool: Generated images of each kind that are kept for the discriminators; 0 shows them the newest ones only.
    """

    beta1: float = MISSING
    constant: float = MISSING
    cycle: float = MISSING
    identity: float = MISSING
    pool: int = MISSING


@dataclass(slots=True)
class TargetConfig(config.TargetConfig):
    """Three criteria, of which `val/criteria` tells how far all are met.

    Attributes:
        pixel_accuracy: Criterion of `val/pixel_accuracy`.
        class_accuracy: Criterion of `val/class_accuracy`.
        class_iou: Criterion of `val/class_iou`.
    """

    pixel_accuracy: float = MISSING
    class_accuracy: float = MISSING
    class_iou: float = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """A run of image-to-image translation."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    target: TargetConfig = field(default_factory=TargetConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _out_of_range(self)
        yield from _wrong_size(self)
        yield from _wrong_segmenter(self)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)


def _out_of_range(run: Config) -> Iterator[str]:
    model, data, optim, target = run.model, run.data, run.optim, run.target
    at_least: dict[str, tuple[float | None, float]] = {
        "model.blocks": (model.blocks, 1),
        "model.width": (model.width, 1),
        "model.halvings": (model.halvings, 0),
        "model.kernel": (model.kernel, 1),
        "model.discriminator_width": (model.discriminator_width, 1),
        "model.discriminator_layers": (model.discriminator_layers, 1),
        "data.size": (data.size, 1),
        "data.load": (data.load, data.size),
        "optim.cycle": (optim.cycle, 0),
        "optim.identity": (optim.identity, 0),
        "optim.pool": (optim.pool, 0),
    }
    yield from too_small(at_least)
    if not 0 <= optim.beta1 < 1:
        yield f"optim.beta1={optim.beta1}: must lie in 0 to 1, 1 left out."
    if not 0 <= optim.constant <= 1:
        yield f"optim.constant={optim.constant}: must lie in 0 to 1."
    if 0 < optim.pool < run.data.batch_size:
        yield f"optim.pool={optim.pool}: less than data.batch_size={data.batch_size}. Set optim.pool to that or 0."
    for key in ("pixel_accuracy", "class_accuracy", "class_iou"):
        criterion = getattr(target, key)
        if not 0 < criterion <= 1:
            yield f"target.{key}={criterion}: must lie in 0 to 1, 0 left out."


def _wrong_size(run: Config) -> Iterator[str]:
    model, data = run.model, run.data
    if model.kernel % 2 == 0:
        yield f"model.kernel={model.kernel}: must be odd."
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
    if data.source is Source.embedded and (data.train_size is None or data.val_size is None):
        yield "data.train_size, data.val_size: no value, and generated scenes have no end. Set both."
    if data.source is Source.embedded and (data.load, data.size) != (EMBEDDED_SIZE, EMBEDDED_SIZE):
        yield (
            f"data.load={data.load} data.size={data.size}: the embedded images have {EMBEDDED_SIZE}x{EMBEDDED_SIZE} "
            f"pixels. Set data.load={EMBEDDED_SIZE} data.size={EMBEDDED_SIZE}."
        )
    if len(data.segmenter_size) != 2 or min(data.segmenter_size) < 1:
        yield f"data.segmenter_size={data.segmenter_size}: needs a height and a width, in pixels."


def _wrong_segmenter(run: Config) -> Iterator[str]:
    data = run.data
    if data.source is Source.embedded:
        if data.segmenter is not None:
            yield f"data.segmenter={data.segmenter}: the embedded data bring their own. Set data.segmenter=null."
        return
    if data.segmenter is not None and not Path(data.segmenter).expanduser().is_file():
        yield (
            f"data.segmenter={data.segmenter}: no such file. Give the state_dict of torchvision's fcn_resnet50 with 19 "
            "classes, trained on Cityscapes."
        )
    to_quality = run.session in (Session.entire, Session.quasi_entire)
    if to_quality and data.segmenter is None and not run.target.metric.startswith(WITHOUT_SEGMENTER):
        yield (
            f"data.segmenter: no value, and the quality of session={run.session} is measured through it. Give a "
            "state_dict of fcn_resnet50, or use session=epochs or session=steps."
        )

"""Defines the schema of `task=image_to_text`."""

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
    ExistingFile,
    Halvings,
    Pixels,
    Shift,
    Units,
    Words,
    at_least,
    between,
)
from aibench.config.closed import SCHEDULE
from aibench.nn.decay import Annealing
from aibench.tasks.image_to_text import layout

SMALLEST, LARGEST = 32, 80  # height and width of generated scenes: half the width of a photograph's held-out part

# SHA-256 of torchvision's ResNet-152, IMAGENET1K_V1, as of today and as of the paper's time; the files' names have it.
IMAGENET = ("394f9c45", "b121ed2d")


class Encoder(enum.StrEnum):
    """Lists the convolutional networks that may look at the image."""

    resnet152 = enum.auto()  # torchvision's, for images of 224x224 pixels
    inception_v3 = enum.auto()  # torchvision's, for images of 299x299 pixels
    small = enum.auto()  # a few convolutions; for images of 48x48 pixels or so


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds a convolutional encoder, and an LSTM that writes the caption (Vinyals et al. 2015, arXiv 1411.4555).

    Attributes:
        encoder: The network that looks at the image.
        weights: File with ImageNet weights of the encoder, a state_dict in torchvision's names; null begins at random.
        frozen: Whether the encoder stays as it begins, batch normalisation included.
        width: Channels of the first convolution of `small`. Null for the others.
        blocks: Convolutions of `small`, each of which halves height and width; all but the first double the
            channels. Null for the others.
        embedding: Numbers that stand for the image, and for a word.
        momentum: Weight of the newest batch in the running statistics of what stands for images.
        hidden: Units of the LSTM.
        forget_bias: Added to the first bias of its forget gates; at 1 it begins by keeping what it has read, so that
            the later words of a caption can teach the encoder (Jozefowicz et al. 2015, 3.2).
        beams: Captions that are kept while one is written; 1 takes the likeliest word each time.
        longest: Words of a written caption, at most.
        size: Height and width of an image as the encoder gets it, in pixels.
    """

    encoder: Encoder = MISSING
    weights: Annotated[str, ExistingFile("a state_dict of torchvision's network, or null", IMAGENET)] | None = None
    frozen: bool = MISSING
    width: Units | None = None
    blocks: Halvings | None = None
    embedding: Units = MISSING
    momentum: Annotated[float, between(0, 1, without_low=True)] = MISSING
    hidden: Units = MISSING
    forget_bias: float = MISSING
    beams: Words = MISSING
    longest: Words = MISSING
    size: Pixels = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the images and their captions.

    Attributes:
        split: The division of COCO's images into those that train and those that are held out.
        least_count: Words that the training captions have less often are unknown words.
        margin: Images from disk are resized to squares so many pixels larger than the encoder's, out of which a place
            is cut: in training anywhere, else in the middle.
        mirror: Whether half of the training images from disk are mirrored left to right.
        described: So many held-out images, the first, are captioned for BLEU in each evaluation.
        vocabulary: How many words `source=synthetic` has, the specials included.
        mean: The means of red, green and blue, in 0 to 1; subtracted.
        std: Standard deviations of red, green and blue, in 0 to 1; divided by.
    """

    split: layout.Split = layout.Split.coco2014
    least_count: Count = MISSING
    margin: Shift = 0
    mirror: bool = False
    described: Count = MISSING
    vocabulary: Annotated[int, at_least(5, 2**24)] = MISSING
    mean: Colours = MISSING
    std: ColourDeviations = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds Adam; its weight decay, where there is any, is AdamW's.

    Attributes:
        decay: How the learning rate falls.
    """

    decay: Annotated[Annealing, SCHEDULE] = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of image captioning."""

    logs: ClassVar = ("val/perplexity", "val/bleu")

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _misshapen(self.model)
        yield from _badly_begun(self)
        if self.data.source is Source.embedded and not SMALLEST <= self.model.size <= LARGEST:
            yield f"model.size={self.model.size}: embedded scenes have {SMALLEST} to {LARGEST} pixels. Set it to 32."
        yield from endless(self.data, "scenes")

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.split)


def _misshapen(model: ModelConfig) -> Iterator[str]:
    shape = {"model.width": model.width, "model.blocks": model.blocks}
    yield from misshapen(shape, "model.encoder", model.encoder, Encoder.small)
    least = 75 if model.encoder is Encoder.inception_v3 else 2 ** (model.blocks or 5)  # one pixel is left
    yield from too_small({"model.size": (model.size, least)})


def _badly_begun(run: Config) -> Iterator[str]:
    model = run.model
    if model.weights is not None and model.encoder is Encoder.small:
        yield f"model.weights={model.weights}: model.encoder=small has no ImageNet weights. Set model.weights=null."
    if model.frozen and model.weights is None and run.data.source is not Source.synthetic:
        yield (
            "model.frozen=true: an encoder that begins at random and stays so sees nothing. Set model.weights=FILE, a "
            f"state_dict of torchvision's {model.encoder}, or model.frozen=false to train it as well."
        )

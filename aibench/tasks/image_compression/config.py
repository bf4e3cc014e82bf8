"""Defines the schema of `task=image_compression`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig
from aibench.config.bounds import Epochs, Kernel, MultipleOf, NotEmpty, Pixels, Positive, Units, at_least, between
from aibench.config.closed import SCHEDULE
from aibench.tasks.image_compression import layout

MOST_ITERATIONS = 255  # a byte of the stream's header holds them


class EntropyCoder(enum.StrEnum):
    """Lists what may become of the bits when an image is written."""

    none = enum.auto()  # eight to a byte
    adaptive = enum.auto()  # an arithmetic coder that learns, image by image, how likely each bit is


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the codec.

    Each cell of the encoder, and the stem, halves height and width; each of the decoder doubles them.

    Attributes:
        stem: Channels of the encoder's first convolution.
        encoder: Channels of each of the encoder's convolutional LSTMs.
        encoder_kernels: Sides of the kernels over their states.
        decoder: Channels of each of the decoder's convolutional LSTMs, one more than the encoder's.
        decoder_kernels: Sides of the kernels over their states.
        bits: Bits of an iteration for each block of 2 to the power of `len(decoder)` pixels squared.
        iterations: How often the codec encodes what is left over.
        gain: Factor of PyTorch's first weights; from 2.4 on, signals are as strong as in He et al. 2015
            (arXiv 1502.01852).
        entropy_coder: What becomes of the bits when an image is written.
    """

    stem: Units = MISSING
    encoder: list[Units] = MISSING
    encoder_kernels: list[Kernel] = MISSING
    decoder: Annotated[list[Annotated[Units, MultipleOf(4)]], NotEmpty()] = MISSING
    decoder_kernels: list[Kernel] = MISSING
    bits: Units = MISSING
    iterations: Annotated[int, at_least(1, MOST_ITERATIONS)] = MISSING
    gain: Positive = 1.0
    entropy_coder: EntropyCoder = EntropyCoder.none

    @property
    def block(self) -> int:
        """Return the pixels to a side of the block that `bits` bits stand for."""
        return int(2 ** len(self.decoder))


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the images.

    Attributes:
        size: Height and width of a training patch, in pixels. Held-out images are taken whole.
    """

    size: Pixels = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds Adam.

    Attributes:
        milestones: Epochs at which the learning rate falls.
        gamma: Factor by which it falls.
    """

    milestones: Annotated[list[Epochs], SCHEDULE] = field(default_factory=list)
    gamma: Annotated[float, between(0, 1, without_low=True), SCHEDULE] = 0.5


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of image compression."""

    logs: ClassVar = ("val/ms_ssim", "val/bits_per_pixel")
    traced: ClassVar = ("training_step",)

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _misshapen(self.model)
        block = self.model.block
        if self.data.size % block:
            yield (
                f"data.size={self.data.size}: not a multiple of {block}, the side of the blocks of "
                f"model.decoder={self.model.decoder}. Set data.size={-(-self.data.size // block) * block}."
            )

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)


def _misshapen(model: ModelConfig) -> Iterator[str]:
    if len(model.decoder) != len(model.encoder) + 1:
        yield (
            f"model.decoder={model.decoder}: {len(model.decoder)} cells for the {len(model.encoder)} of model.encoder. "
            "The decoder needs one more than the encoder, whose stem halves the image too."
        )
    pairs = {
        "model.encoder_kernels": (model.encoder_kernels, model.encoder),
        "model.decoder_kernels": (model.decoder_kernels, model.decoder),
    }
    for key, (kernels, channels) in pairs.items():
        if len(kernels) != len(channels):
            yield f"{key}={kernels}: needs {len(channels)} values, one for each cell."

"""Schema of `task=image_compression`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, too_small
from aibench.tasks.image_compression import layout

MOST_ITERATIONS = 255  # a byte of the stream's header holds them


class EntropyCoder(enum.StrEnum):
    """What becomes of the bits when an image is written."""

    none = enum.auto()  # eight to a byte
    adaptive = enum.auto()  # an arithmetic coder that learns, image by image, how likely each bit is


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The codec. Each cell of the encoder, and the stem, halves height and width; each of the decoder doubles them.

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

    stem: int = MISSING
    encoder: list[int] = MISSING
    encoder_kernels: list[int] = MISSING
    decoder: list[int] = MISSING
    decoder_kernels: list[int] = MISSING
    bits: int = MISSING
    iterations: int = MISSING
    gain: float = 1.0
    entropy_coder: EntropyCoder = EntropyCoder.none

    @property
    def block(self) -> int:
        """Pixels to a side of the block that `bits` bits stand for."""
        return int(2 ** len(self.decoder))


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """The images.

    Attributes:
        size: Height and width of a training patch, in pixels. Held-out images are taken whole.
    """

    size: int = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Adam.

    Attributes:
        milestones: Epochs at which the learning rate falls.
        gamma: Factor by which it falls.
    """

    milestones: list[float] = field(default_factory=list)
    gamma: float = 0.5


@dataclass(slots=True)
class Config(RunConfig):
    """A run of image compression."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _misshapen(self.model)
        yield from _out_of_range(self)
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
        if any(kernel < 1 or kernel % 2 == 0 for kernel in kernels):
            yield f"{key}={kernels}: kernels must have odd sides."
    if any(channels < 1 for channels in model.encoder):
        yield f"model.encoder={model.encoder}: each must be at least 1."
    if any(channels < 4 or channels % 4 for channels in model.decoder):
        yield f"model.decoder={model.decoder}: each must be a multiple of 4: four channels become four pixels."


def _out_of_range(run: Config) -> Iterator[str]:
    at_least: dict[str, tuple[float | None, float]] = {
        "model.stem": (run.model.stem, 1),
        "model.bits": (run.model.bits, 1),
        "model.iterations": (run.model.iterations, 1),
        "data.size": (run.data.size, 1),
    }
    yield from too_small(at_least)
    if run.model.iterations > MOST_ITERATIONS:
        yield f"model.iterations={run.model.iterations}: must be at most {MOST_ITERATIONS}."
    if run.model.gain <= 0:
        yield f"model.gain={run.model.gain}: must be greater than 0."
    if not 0 < run.optim.gamma <= 1:
        yield f"optim.gamma={run.optim.gamma}: must lie in 0 to 1, 0 left out."

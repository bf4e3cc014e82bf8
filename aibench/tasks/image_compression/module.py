"""Trains and evaluates an image codec."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torchmetrics import MeanMetric

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn.schedules import each_step, milestones
from aibench.tasks.image_compression import stream
from aibench.tasks.image_compression.coder import Code
from aibench.tasks.image_compression.config import Config
from aibench.tasks.image_compression.metric import ms_ssim
from aibench.tasks.image_compression.model import Codec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = Tensor | list[Tensor]
_PICTURES = 4


@dataclass(frozen=True, slots=True)
class Compressed:
    """Holds an image that was compressed, and decompressed again.

    Attributes:
        content: All that is left of it.
        picture: What `content` decodes to, uint8 (3, height, width).
    """

    content: bytes
    picture: Tensor

    @property
    def bits_per_pixel(self) -> float:
        """Return the bits per pixel of `content`, its header included."""
        return 8 * len(self.content) / self.picture[0].numel()


class Module(TaskModule):
    """Trains a codec. A batch is images, uint8 (batch, 3, height, width), or a list of images of different sizes."""

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.codec = Codec(config.model)
        self.quality, self.rate = MeanMetric(), MeanMetric()
        self.qualities: list[Tensor] = []  # of each picture of this evaluation
        self.scores: Ratio | None = None

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codes and reconstructions of each iteration.

        Args:
            images: uint8 (batch, 3, height, width). What lacks to whole blocks is continued by the border.

        Returns:
            Codes, float (iterations, batch, bits, rows, columns), -1 or 1, and reconstructions, float
            (iterations, batch, 3, height, width), in -1/2 to 1/2 or so.
        """
        height, width = images.shape[2:]
        block = self.config.model.block
        whole = pad(_values(images), (0, -width % block, 0, -height % block), mode="replicate")
        codes, reconstructions = self.codec(whole)
        return codes, reconstructions[..., :height, :width]

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        _, reconstructions = self(batch)
        loss: Tensor = (reconstructions - _values(batch)).abs().mean()
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        for image in batch:
            codes, reconstructions = self(image[None])
            self.qualities.append(ms_ssim(_pixels(reconstructions[-1]), image[None]))
            self.quality.update(self.qualities[-1])
            self.rate.update(codes.numel() / image[0].numel())

    def on_validation_epoch_end(self) -> None:
        self.log("val/ms_ssim", self.quality.compute())
        self.log("val/bits_per_pixel", self.rate.compute())
        self.quality.reset()
        self.rate.reset()
        self.scores = Ratio(joined(self.qualities).cpu())
        self.qualities = []

    def sample_scores(self) -> Scores | None:
        """Return the MS-SSIM of each picture."""
        return self.scores

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        optimizer = torch.optim.Adam(self.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)
        assert self.trainer.max_epochs is not None
        epoch = self.trainer.estimated_stepping_batches / self.trainer.max_epochs
        places = [milestone * epoch for milestone in optim.milestones]
        return each_step(optimizer, partial(milestones, places=places, factor=optim.gamma))

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, self.config.data.size, self.config.data.size, dtype=torch.uint8),)

    def compress(self, image: Tensor) -> bytes:
        """Compress `image`, uint8 (3, height, width), to bytes.

        Raises:
            DataError: It is too large.
        """
        codes, _ = self(image[None])
        height, width = image.shape[1:]
        return stream.pack(_bits(codes), height, width, self.config.model.entropy_coder)

    def decompress(self, content: bytes) -> Tensor:
        """Return the image, uint8 (3, height, width), that a codec of the same weights compressed to `content`.

        Raises:
            DataError: No such codec can have written it.
        """
        bits, height, width = stream.unpack(content, self.config.model.bits, self.config.model.block)
        codes = 2 * torch.from_numpy(bits)[:, None].to(self.device).float() - 1
        return _pixels(self.codec.decode(codes))[0, :, :height, :width]

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[Compressed]:
        """Return each image as bytes, and what these bytes decode to."""
        contents = [self.compress(image.to(self.device)) for image in batch]
        return [Compressed(content, self.decompress(content)) for content in contents]

    def render(self, batch: Batch) -> Figure:
        """Draw pictures beside what is left of them at several rates, and quality over rate, with JPEG's."""
        from aibench.tasks.image_compression.figure import Progress, draw

        shown = []
        for image in list(batch)[:_PICTURES]:
            codes, reconstructions = self(image[None])
            pictures = _pixels(reconstructions[:, 0])
            quality = ms_ssim(pictures, image.expand_as(pictures))
            images = pictures.permute(0, 2, 3, 1).cpu().numpy()
            shown.append(Progress(image.permute(1, 2, 0).cpu().numpy(), images, _bits(codes), quality.tolist()))
        return draw(shown)


def _values(images: Tensor) -> Tensor:
    """Return the whole numbers of `images` as float in -1/2 to 1/2."""
    values: Tensor = images / 255 - 0.5
    return values


def _pixels(values: Tensor) -> Tensor:
    """Return the whole numbers, uint8, of which `_values` makes `values`."""
    return (255 * (values.float() + 0.5)).round().clamp(0, 255).to(torch.uint8)


def _bits(codes: Tensor) -> Code:
    """Return the codes of one image, (iterations, 1, bits, rows, columns), as 0 or 1, uint8, without the 1."""
    bits: Code = (codes[:, 0] > 0).cpu().numpy().astype(np.uint8)
    return bits

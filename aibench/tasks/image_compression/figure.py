"""Draws pictures at several rates, and quality over rate, for a person."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from aibench.tasks.image_compression import coder
from aibench.tasks.image_compression.coder import Code
from aibench.tasks.image_compression.metric import ms_ssim

Picture = NDArray[np.uint8]

JPEG_QUALITIES = (1, 5, 10, 15, 20, 30, 50, 75, 90)
_RATES = 3  # that pictures are shown at


@dataclass(frozen=True, slots=True)
class Progress:
    """Holds what becomes of an image from iteration to iteration.

    Attributes:
        original: uint8 (height, width, 3).
        pictures: uint8 (iterations, height, width, 3).
        code: 0 or 1 (iterations, bits, rows, columns).
        quality: MS-SSIM of each of the pictures.
    """

    original: Picture
    pictures: NDArray[np.uint8]
    code: Code
    quality: list[float]

    @property
    def pixels(self) -> int:
        """Return the number of the image's pixels."""
        return len(self.original) * len(self.original[0])

    @property
    def rates(self) -> NDArray[np.float64]:
        """Return the bits per pixel after each iteration."""
        rates: NDArray[np.float64] = np.arange(1, len(self.code) + 1) * (self.code[0].size / self.pixels)
        return rates

    @property
    def coded_rates(self) -> NDArray[np.float64]:
        """Return the bits per pixel after each iteration, with the entropy coder."""
        return 8 * np.array(coder.lengths(self.code)) / self.pixels


def draw(images: list[Progress]) -> Figure:
    """Draw a row for each image, original first; quality over rate, the mean over these images, at the right."""
    height, width = images[0].original.shape[:2]
    figure = Figure(figsize=(13.5, 2.1 * len(images) * max(1.0, height / width) + 0.4), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=[1.45, 1])
    left, right = parts
    left.suptitle("what the codec makes of held-out images: rate and MS-SSIM", fontsize=10)
    last = len(images[0].pictures) - 1
    shown = sorted({round(place) for place in np.linspace(0, last, _RATES)})
    for row, image in zip(left.subplots(len(images), 1 + len(shown), squeeze=False), images, strict=True):
        _show(row[0], image.original, "original" if image is images[0] else "")
        for axis, place in zip(row[1:], shown, strict=True):
            _show(axis, image.pictures[place], f"{image.rates[place]:.3g} bits a pixel: {image.quality[place]:.3f}")
    _draw_curves(right.subplots(), images)
    return figure


def _show(axis: Any, picture: Picture, title: str) -> None:
    axis.imshow(picture)
    axis.set_title(title, fontsize=8)
    axis.set_axis_off()


def _draw_curves(axis: Any, images: list[Progress]) -> None:
    quality = np.mean([image.quality for image in images], axis=0)
    rates, coded = (np.mean([getattr(image, name) for image in images], axis=0) for name in ("rates", "coded_rates"))
    axis.plot(rates, quality, "o-", label="codec, bits as they are")
    axis.plot(coded, quality, "o--", label="codec, with the entropy coder")
    points = np.array([[_jpeg(image.original, level) for level in JPEG_QUALITIES] for image in images]).mean(0)
    kept = points[:, 0] <= 2 * rates[-1]
    axis.plot(*points[kept].T, "s-", color="grey", markersize=4, label="JPEG (Pillow), whole files")
    axis.set_xlabel("bits per pixel")
    axis.set_ylabel("MS-SSIM")
    axis.set_title(f"quality over rate, mean of these {len(images)} images", fontsize=10)
    axis.set_xlim(left=0)
    axis.grid(alpha=0.3)
    axis.legend(loc="lower right")


def _jpeg(picture: Picture, level: int) -> tuple[float, float]:
    """Return bits per pixel and MS-SSIM of `picture` as a JPEG file of quality `level`."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=level, optimize=True)
    decoded, original = (
        torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] for image in (Image.open(file), picture)
    )
    height, width = picture.shape[:2]
    return 8 * len(file.getvalue()) / (height * width), ms_ssim(decoded, original).item()

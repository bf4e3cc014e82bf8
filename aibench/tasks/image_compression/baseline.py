"""Compresses the held-out pictures without a trained model: by the formats of Pillow, and to mosaics."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from aibench.contract import Baseline
from aibench.tasks.image_compression.crops import Crops
from aibench.tasks.image_compression.metric import ms_ssim

Picture = NDArray[np.uint8]
_COLOUR = 24  # bits
_QUALITIES = range(1, 96)
_FITS = "the highest quality that fits the rate"


def baselines(parts: Mapping[str, Crops], rate: float) -> Iterator[Baseline]:
    """Yield the mean MS-SSIM over the pictures of each part at a rate of at most `rate` bits per pixel."""
    for name, answer, unbeaten, note in (
        ("WebP (Pillow), whole files", _largest("WEBP", {"method": 4}), True, _FITS),
        (
            "JPEG (Pillow), tables left out",
            _largest("JPEG", {"optimize": True}, _tables),
            True,
            "as if the reader had them",
        ),
        ("JPEG (Pillow), whole files", _largest("JPEG", {"optimize": True}), True, _FITS),
        ("mosaic, interpolated", _mosaic, False, "as many mean colours of 24 bits as the rate pays for"),
        ("one mean colour a picture", _mean, False, ""),
    ):
        quality = {part: _quality(pieces, rate, answer) for part, pieces in parts.items()}
        yield Baseline(name, quality, note, unbeaten)


def _quality(pieces: Crops, rate: float, answer: Callable[[Tensor, float], Tensor]) -> float:
    images = [pieces[index].contiguous() for index in range(len(pieces))]
    return math.fsum(ms_ssim(answer(image, rate)[None], image[None]).item() for image in images) / len(images)


def _largest(
    form: str, options: dict[str, int | bool], free: Callable[[bytes], int] = lambda file: 0
) -> Callable[[Tensor, float], Tensor]:
    """Return what reads again a picture's file of the highest quality that takes at most the rate.

    Args:
        form: Pillow's name of the format.
        options: What else `Image.save` is told: how hard to try, say.
        free: How many of a file's bytes do not count.
    """

    def answer(image: Tensor, rate: float) -> Tensor:
        picture, most = Image.fromarray(image.permute(1, 2, 0).numpy()), rate * image[0].numel() / 8
        low, high = _QUALITIES[0], _QUALITIES[-1]
        while low < high:  # sizes grow with the quality
            middle = (low + high + 1) // 2
            file = _written(picture, form, middle, options)
            low, high = (middle, high) if len(file) - free(file) <= most else (low, middle - 1)
        read = Image.open(io.BytesIO(_written(picture, form, low, options))).convert("RGB")
        return torch.from_numpy(np.array(read)).permute(2, 0, 1)

    return answer


def _written(picture: Image.Image, form: str, quality: int, options: dict[str, int | bool]) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, quality=quality, **options)
    return file.getvalue()


def _tables(file: bytes) -> int:
    """Return the bytes of a JPEG file that are no picture: all up to the end of its last table."""
    place = 2
    while file[place + 1] != 0xDA:  # the marker before the coded picture
        place += 2 + int.from_bytes(file[place + 2 : place + 4])
    return place + 2 + int.from_bytes(file[place + 2 : place + 4])


def _mosaic(image: Tensor, rate: float) -> Tensor:
    side = int(math.sqrt(rate * image[0].numel() / _COLOUR))
    colours = adaptive_avg_pool2d(image[None].float(), side).round()
    smooth = interpolate(colours, size=image.shape[1:], mode="bilinear", align_corners=False)
    return smooth.round().clamp(0, 255).to(torch.uint8)[0]


def _mean(image: Tensor, rate: float) -> Tensor:
    return image.float().mean((1, 2), keepdim=True).round().to(torch.uint8).expand_as(image).contiguous()

"""Generates samples: a real handwritten digit, turned, scaled and tinted, on a piece of a real photograph."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from aibench.vision.embedded import digits, photographs

SIZE = 32
HELD_OUT = 258  # digits of each held-out part
DIGITS = {"train": slice(0, 1_280), "val": slice(1_280, 1_280 + HELD_OUT), "test": slice(-HELD_OUT, None)}  # of 1,797
COLUMNS = {"train": (0, 400), "val": (400, 520), "test": (520, 640)}
_GREY = np.array([0.299, 0.587, 0.114])  # luma weights of ITU-R BT.601
_NOISE = 5.0


def cluttered_digits(split: str, count: int | None, seed: int) -> tuple[Tensor, Tensor]:
    """Draw digits on photographs; no two splits share a digit or a column of a photograph.

    Opacity and colour are rounded to whole numbers before they are mixed: machines whose floating-point results differ
    in the last bit generate the same samples.

    Args:
        split: `train`, `val` or `test`.
        count: Number of samples; the split's digits take turns. None takes each digit once.
        seed: Decides the split of the digits and everything random.

    Returns:
        Images, uint8 (count, 3, 32, 32), and what they show, int64 (count,) in 0 to 9.
    """
    pictures, labels = digits()
    order = np.random.default_rng(seed).permutation(len(labels))
    own = order[DIGITS[split]]
    chosen = own if count is None else np.resize(own, count)
    generator = np.random.default_rng((seed, list(COLUMNS).index(split)))
    images = _backgrounds(len(chosen), *COLUMNS[split], generator)
    colours = _colours(images, generator)
    masks = _distorted(pictures[chosen], generator)
    noise = np.rint(_NOISE * generator.standard_normal(images.shape, dtype=np.float32)).astype(np.int16)
    mixed = (images * (255 - masks) + colours[:, :, None, None] * masks + 127) // 255
    samples = np.clip(mixed.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    return torch.from_numpy(samples), torch.from_numpy(labels[chosen])


def _backgrounds(count: int, left: int, right: int, generator: np.random.Generator) -> NDArray[np.uint16]:
    """Cut pieces of the photographs' columns `left` to `right` (left out), (count, 3, 32, 32)."""
    photos = np.stack(photographs())
    which = generator.integers(len(photos), size=count)
    top = generator.integers(photos.shape[1] - SIZE + 1, size=count)
    start = generator.integers(left, right - SIZE + 1, size=count)
    rows = top[:, None, None] + np.arange(SIZE)[:, None]
    columns = start[:, None, None] + np.arange(SIZE)
    pieces = photos[which[:, None, None], rows, columns]
    backgrounds: NDArray[np.uint16] = np.moveaxis(pieces, 3, 1).astype(np.uint16)
    return backgrounds


def _colours(backgrounds: NDArray[np.uint16], generator: np.random.Generator) -> NDArray[np.uint16]:
    """Draw a colour for each digit, (count, 3): light on a dark piece of photograph, dark on a light one."""
    dark = backgrounds.mean((2, 3)) @ _GREY < 127.5
    part = generator.random((len(backgrounds), 3))
    colours = np.where(dark[:, None], 0.65 + 0.35 * part, 0.3 * part)
    rounded: NDArray[np.uint16] = np.rint(255 * colours).astype(np.uint16)
    return rounded


def _distorted(pictures: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint16]:
    """Return the opacity of each digit, (count, 1, 32, 32) in 0 to 255.

    A digit is turned by up to 20 degrees and has 60 to 90 % of its size.
    """
    count = len(pictures)
    angle, scale = generator.uniform(-0.35, 0.35, count), 1 / generator.uniform(0.6, 0.9, count)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    shift = generator.uniform(-0.35, 0.35, (2, count))
    affine = np.stack([cosine, -sine, shift[0], sine, cosine, shift[1]], axis=1).reshape(-1, 2, 3)
    grid = affine_grid(torch.from_numpy(affine), [count, 1, SIZE, SIZE], align_corners=False)
    ink = torch.from_numpy(pictures[:, None] / 16)
    opacity = (grid_sample(ink, grid, align_corners=False) * 1.3).clamp(0, 1)
    masks: NDArray[np.uint16] = np.rint(255 * opacity.numpy()).astype(np.uint16)
    return masks

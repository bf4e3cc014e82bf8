"""Generates scenes: real handwritten digits on crops of real photographs, with their boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibench.vision.embedded import digits, photographs

CLASSES = tuple("0123456789")

_DIGITS = {"train": slice(0, 1400), "val": slice(1400, 1598), "test": slice(1598, None)}  # of 1,797, shuffled
_COLUMNS = {"train": (0, 420), "val": (420, 530), "test": (530, 640)}  # the photographs'; no two parts share a pixel
_DRAWS = {"train": 0, "val": 1, "test": 2}
PIECES = 8  # of digits, scattered under those of a scene as in cluttered MNIST (Mnih et al. 2014, arXiv 1406.6247)
_NOISE = 0.07  # width of the even noise on every pixel, of 1: a standard deviation of 0.02
_INK = 0.35  # a digit's box holds its pixels brighter than this

Box = tuple[int, int, int, int]
Target = dict[str, NDArray[Any]]


def scenes(split: str, count: int, size: int, seed: int) -> tuple[NDArray[np.uint8], list[Target]]:
    """Draw scenes of one to five digits that do not overlap, each lighter or darker than what lies behind it.

    No two parts share a digit or a pixel of a photograph.

    Args:
        split: `train`, `val` or `test`.
        count: Number of scenes.
        size: Height and width of a scene, in pixels: 48 to 110.
        seed: Decides everything random.

    Returns:
        Pictures, uint8 (count, 3, size, size), and for each one its `boxes`, float32 (objects, 4), as
        (left, top, right, bottom) edges in pixels, and its `labels`, int64 (objects,), from 1: 0 is the background.
    """
    order = np.random.default_rng(seed).permutation(len(digits()[0]))
    pool = order[_DIGITS[split]]
    generator = np.random.default_rng((seed, _DRAWS[split]))
    pictures = np.empty((count, 3, size, size), np.uint8)
    targets = []
    for index in range(count):
        picture, target = _scene(generator, pool, _COLUMNS[split], size)
        pictures[index] = picture.transpose(2, 0, 1)
        targets.append(target)
    return pictures, targets


def _scene(
    generator: np.random.Generator, pool: NDArray[np.int64], columns: tuple[int, int], size: int
) -> tuple[NDArray[np.uint8], Target]:
    picture = _background(generator, columns, size)
    for _ in range(PIECES):
        _scatter(generator, picture, _ink(generator, digits()[0][pool[generator.integers(len(pool))]]))
    boxes: list[Box] = []
    labels = []
    for _ in range(generator.integers(1, 6)):
        index = pool[generator.integers(len(pool))]
        ink = _ink(generator, digits()[0][index])
        box = _free_place(generator, boxes, ink.shape, size)
        if box is None:
            continue
        _paint(generator, picture, ink, box)
        boxes.append(box)
        labels.append(int(digits()[1][index]) + 1)
    picture += generator.integers(0, 256, picture.shape, np.uint8) * np.float32(_NOISE / 255) - np.float32(_NOISE / 2)
    target: Target = {"boxes": np.array(boxes, np.float32), "labels": np.array(labels, np.int64)}
    return (picture.clip(0, 1) * 255).astype(np.uint8), target


def _background(generator: np.random.Generator, columns: tuple[int, int], size: int) -> NDArray[np.float32]:
    """Cut a crop within `columns`, a quarter darker: float32 (size, size, 3) in [0, 0.75]."""
    photograph = photographs()[generator.integers(2)]
    top = generator.integers(photograph.shape[0] - size)
    left = generator.integers(columns[0], columns[1] - size + 1)
    return photograph[top : top + size, left : left + size] * np.float32(0.75 / 255)


def _ink(generator: np.random.Generator, digit: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return `digit`, 8x8, enlarged to 20 to 40 pixels and cut to its ink: float32 (height, width) in [0, 1]."""
    height = int(generator.uniform(20, 40))
    width = int(height * generator.uniform(0.8, 1.15))
    enlarged = Image.fromarray(digit * np.uint8(15)).resize((width, height), Image.Resampling.BILINEAR)
    ink = np.asarray(enlarged, np.float32) / np.float32(240)
    rows, columns = np.nonzero(ink > _INK)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _free_place(generator: np.random.Generator, boxes: list[Box], shape: tuple[int, ...], size: int) -> Box | None:
    """Find where something of `shape` touches none of `boxes`; None where 20 tries find no place."""
    height, width = shape
    for _ in range(20):
        top, left = int(generator.integers(size - height)), int(generator.integers(size - width))
        box = (left, top, left + width, top + height)
        if all(box[2] <= b[0] or b[2] <= box[0] or box[3] <= b[1] or b[3] <= box[1] for b in boxes):
            return box
    return None


def _scatter(generator: np.random.Generator, picture: NDArray[np.float32], ink: NDArray[np.float32]) -> None:
    """Paint a piece of a digit anywhere, a third to a half as high and wide as the digit."""
    height, width = (int(side * part) for side, part in zip(ink.shape, generator.uniform(0.33, 0.5, 2), strict=True))
    top, left = (
        int(generator.integers(whole - side + 1)) for whole, side in zip(ink.shape, (height, width), strict=True)
    )
    row, column = (int(generator.integers(len(picture) - side + 1)) for side in (height, width))
    _paint(
        generator, picture, ink[top : top + height, left : left + width], (column, row, column + width, row + height)
    )


def _paint(generator: np.random.Generator, picture: NDArray[np.float32], ink: NDArray[np.float32], box: Box) -> None:
    """Paint light ink where `picture` is dark and dark ink where it is light: else some digits could not be seen."""
    region = picture[box[1] : box[3], box[0] : box[2]]
    low, high = (0.65, 1.0) if region.mean() < 0.5 else (0.0, 0.2)
    colour = generator.uniform(low, high, 3).astype(np.float32)
    cover = np.minimum(ink * np.float32(1.3), 1)[..., None]
    region += cover * (colour - region)

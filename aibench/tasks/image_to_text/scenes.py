"""Generates samples: two coloured shapes on a piece of a real photograph, each picture with five descriptions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aibench.tasks.image_to_text.grammar import KINDS, SHAPES, Scene, drawn
from aibench.vision.embedded import photographs

REFERENCES = 5  # descriptions of a picture, as many as COCO has
PAIRS = {"train": 315, "val": 60, "test": 60}  # how many of the 435 pairs of kinds each part has for itself
COLUMNS = {"train": (0, 320), "val": (320, 480), "test": (480, 640)}  # of the photographs; no two parts share a pixel
_COLOURS = np.array([(217, 31, 31), (25, 166, 51), (38, 64, 217), (242, 217, 38), (140, 38, 166), (247, 247, 247)])
_RADIUS = (0.16, 0.2)  # the least and the most of a thing, in widths of the picture
_NOISE = 8.0  # standard deviation, of 255
_FINE = 8  # places and radii are whole eighths of a pixel: what is inside of a shape is a matter of whole numbers
_CHUNK = 256  # pictures drawn at once

Pictures = NDArray[np.uint8]


def captioned_scenes(split: str, count: int, size: int, seed: int) -> tuple[Pictures, list[list[str]]]:
    """Draw pictures of two things, and say what may be said of them.

    Pictures of two parts share no pair of kinds (colour and shape), hence no description, and no column of a
    photograph. Each kind is in all.

    Args:
        split: `train`, `val` or `test`.
        count: Number of pictures.
        size: Their height and width, in pixels.
        seed: Decides which pairs are held out, and everything random.

    Returns:
        Pictures, uint8 (count, 3, size, size), and five different descriptions of each.
    """
    generator = np.random.default_rng((seed, list(COLUMNS).index(split)))
    scenes = _scenes(pairs(split, seed), count, generator)
    pictures = _backgrounds(count, size, *COLUMNS[split], generator)
    for start in range(0, count, _CHUNK):
        _paint(pictures[start : start + _CHUNK], scenes[start : start + _CHUNK], generator)
    return pictures, drawn(scenes, REFERENCES, generator)


def pairs(split: str, seed: int) -> NDArray[np.int64]:
    """Return the pairs of kinds in the pictures of `split`, int64 (pairs, 2)."""
    every = np.array(list(combinations(range(KINDS), 2)))
    order = np.random.default_rng(seed).permutation(len(every))
    ends = np.cumsum(list(PAIRS.values()))
    parts = dict(zip(PAIRS, np.split(order, ends[:-1]), strict=True))
    return every[parts[split]]


def _scenes(allowed: NDArray[np.int64], count: int, generator: np.random.Generator) -> list[Scene]:
    kinds = generator.permuted(allowed[generator.integers(len(allowed), size=count)], axis=1).tolist()
    beside = (generator.random(count) < 0.5).tolist()
    return [Scene(first, second, lies_beside) for (first, second), lies_beside in zip(kinds, beside, strict=True)]


def _backgrounds(count: int, size: int, left: int, right: int, generator: np.random.Generator) -> Pictures:
    """Cut every second pixel of pieces of the photographs' columns `left` to `right` (left out), darkened.

    Returns:
        (count, 3, size, size).
    """
    photos = np.stack(photographs())
    which = generator.integers(len(photos), size=count)
    top = generator.integers(photos.shape[1] - 2 * size + 1, size=count)
    start = generator.integers(left, right - 2 * size + 1, size=count)
    rows = top[:, None, None] + 2 * np.arange(size)[:, None]
    columns = start[:, None, None] + 2 * np.arange(size)
    pieces = photos[which[:, None, None], rows, columns].astype(np.uint16)
    return np.ascontiguousarray(np.moveaxis(pieces * 3 // 5 + 25, 3, 1).astype(np.uint8))


def _paint(pictures: Pictures, scenes: list[Scene], generator: np.random.Generator) -> None:
    """Draw the things of `scenes` on `pictures`, (count, 3, size, size), and noise on all of it."""
    count, size = len(pictures), pictures.shape[2]
    kinds, beside = np.array([scene[:2] for scene in scenes]), np.array([[scene.beside] for scene in scenes])
    along = generator.uniform((0.22, 0.72), (0.28, 0.78), (count, 2))
    across = generator.uniform(0.4, 0.6, (count, 2))
    radius = generator.uniform(*_RADIUS, (count, 2))
    x, y, radius = (
        np.rint(size * _FINE * length).astype(np.int32)
        for length in (np.where(beside, along, across), np.where(beside, across, along), radius)
    )
    shade = generator.uniform(0.8, 1.0, (count, 2, 1)) * _COLOURS[kinds // len(SHAPES)]
    shade = np.rint(shade + generator.normal(0, 5, (count, 2, 3))).clip(0, 255).astype(np.uint8)
    for thing in range(2):
        inside = _inside(kinds[:, thing] % len(SHAPES), x[:, thing], y[:, thing], radius[:, thing], size)
        np.copyto(pictures, shade[:, thing, :, None, None], where=inside[:, None])
    noise = np.rint(_NOISE * generator.standard_normal(pictures.shape, dtype=np.float32)).astype(np.int16)
    pictures[:] = np.clip(pictures + noise, 0, 255)


def _inside(
    shapes: NDArray[np.int64], x: NDArray[np.int32], y: NDArray[np.int32], radius: NDArray[np.int32], size: int
) -> NDArray[np.bool_]:
    """Return which pixels lie in a thing, bool (count, size, size); its middle and radius are in eighths of a pixel."""
    centres = _FINE * np.arange(size, dtype=np.int32) + _FINE // 2
    right, down = centres[None, None, :] - x[:, None, None], centres[None, :, None] - y[:, None, None]
    wide, high, r = np.abs(right), np.abs(down), radius[:, None, None]
    inside = np.empty((len(shapes), size, size), bool)
    for shape, name in enumerate(SHAPES):
        chosen = shapes == shape
        inside[chosen] = _holds(name, right[chosen], down[chosen], wide[chosen], high[chosen], r[chosen])
    return inside


def _holds(name: str, *measures: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return whether a shape holds a point `right` and `down` of its middle.

    `wide` and `high` are the same without sign.
    """
    right, down, wide, high, r = measures
    match name:
        case "circle":
            held = right**2 + down**2 < r**2
        case "square":
            held = (100 * wide < 88 * r) & (100 * high < 88 * r)
        case "triangle":  # its tip is up
            held = (down > -r) & (10 * down < 8 * r) & (100 * wide < 55 * (down + r))
        case "ring":
            distance = 100 * (right**2 + down**2)
            held = (distance < 100 * r**2) & (distance > 30 * r**2)
        case "cross":
            held = ((10 * wide < 3 * r) & (high < r)) | ((10 * high < 3 * r) & (wide < r))
        case _:
            raise AssertionError(name)
    return held

"""Generates samples: maps of street scenes in Cityscapes' colours, and photos of such scenes.

A photo is painted with pieces of real photographs, tinted by class, under a light of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibench.tasks.image_to_image.classes import palette
from aibench.vision.embedded import photographs

SIZE = 32
CLASSES = ("road", "sidewalk", "building", "vegetation", "sky", "person", "car")  # in Cityscapes' order
ROAD, SIDEWALK, BUILDING, VEGETATION, SKY, PERSON, CAR = range(len(CLASSES))
# Each part has scenes of its own: unpaired training maps and photos, held-out pairs, what the segmenter was trained on.
SCENES = {"labels": 0, "photos": 1, "val": 2, "test": 3, "segmenter": 4}
# The photographs' columns that each part's photos are painted with.
COLUMNS = {"photos": (0, 400), "val": (400, 520), "test": (520, 640), "segmenter": (0, 400)}
_TINTS = np.array(  # red, green and blue of each class, 0 to 1
    [
        [0.36, 0.36, 0.39],
        [0.64, 0.62, 0.58],
        [0.60, 0.48, 0.41],
        [0.23, 0.40, 0.17],
        [0.60, 0.75, 0.92],
        [0.78, 0.60, 0.46],
        [0.48, 0.15, 0.16],
    ]
)
_CONTRAST = np.array([0.4, 0.5, 1.0, 1.2, 0.25, 0.7, 0.6])  # the contrast of each class's texture
_GREY = np.array([0.299, 0.587, 0.114])  # luma weights of ITU-R BT.601
_NOISE = 0.02


@dataclass(frozen=True, slots=True)
class Pairs:
    """Holds scenes, each as a map and as a photo.

    Attributes:
        classes: Indices into `CLASSES`, uint8 (scenes, 32, 32).
        photos: uint8 (scenes, 3, 32, 32).
    """

    classes: NDArray[np.uint8]
    photos: NDArray[np.uint8]


def scenes(part: str, count: int, seed: int) -> NDArray[np.uint8]:
    """Draw maps of `count` scenes: indices into `CLASSES`, uint8 (count, 32, 32).

    Args:
        part: A key of `SCENES`; each part has scenes of its own.
        count: How many.
        seed: Decides everything random.
    """
    generator = np.random.default_rng((seed, SCENES[part], 0))
    return np.stack([_scene(generator) for _ in range(count)])


def pairs(part: str, count: int, seed: int) -> Pairs:
    """Draw scenes of `part`, a key of `COLUMNS`, with their photos; held-out ones share no column with another part."""
    classes = scenes(part, count, seed)
    return Pairs(classes, _photos(classes, *COLUMNS[part], np.random.default_rng((seed, SCENES[part], 1))))


def coloured(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return maps as images in Cityscapes' colours, uint8 (scenes, 3, 32, 32)."""
    images = np.array(palette(CLASSES), dtype=np.uint8)[classes]
    return np.ascontiguousarray(np.moveaxis(images, 3, 1))


def _scene(generator: np.random.Generator) -> NDArray[np.uint8]:
    scene = np.full((SIZE, SIZE), SKY, dtype=np.uint8)
    horizon = int(generator.integers(12, 18))
    vanishing = int(generator.integers(10, 22))
    _build(scene, horizon, generator)
    _pave(scene, horizon, vanishing)
    for _ in range(generator.integers(0, 4)):
        _plant(scene, horizon, generator)
    for _ in range(generator.integers(0, 4)):
        _park(scene, horizon, vanishing, generator)
    for _ in range(generator.integers(0, 3)):
        _walk(scene, horizon, generator)
    return scene


def _build(scene: NDArray[np.uint8], horizon: int, generator: np.random.Generator) -> None:
    """Draw a row of buildings of different heights, with gaps."""
    left = 0
    while left < SIZE:
        width = int(generator.integers(4, 11))
        height = int(generator.integers(4, horizon))
        if generator.random() < 0.75:
            scene[horizon - height : horizon, left : left + width] = BUILDING
        left += width


def _pave(scene: NDArray[np.uint8], horizon: int, vanishing: int) -> None:
    """Draw a road that widens towards the viewer, and pavements on both sides of it."""
    scene[horizon:] = ROAD
    for row in range(horizon, SIZE):
        half = 3 + (row - horizon) * 18 // (SIZE - horizon)
        scene[row, : max(0, vanishing - half)] = SIDEWALK
        scene[row, vanishing + half + 1 :] = SIDEWALK


def _plant(scene: NDArray[np.uint8], horizon: int, generator: np.random.Generator) -> None:
    """Draw a tree: a crown and a trunk."""
    column, row, radius = int(generator.integers(SIZE)), horizon - int(generator.integers(4)), generator.integers(2, 6)
    rows, columns = np.ogrid[:SIZE, :SIZE]
    scene[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = VEGETATION
    scene[row : horizon + 3, column] = VEGETATION


def _park(scene: NDArray[np.uint8], horizon: int, vanishing: int, generator: np.random.Generator) -> None:
    """Draw a car on the road, the nearer the larger."""
    bottom = int(generator.integers(horizon + 3, SIZE))
    nearness = (bottom - horizon) / (SIZE - horizon)
    width, height = int(4 + 7 * nearness), int(3 + 4 * nearness)
    left = vanishing - width // 2 + round(generator.normal() * (4 + 6 * nearness))
    left = min(max(left, 0), SIZE - width)
    scene[bottom - height : bottom, left : left + width] = CAR


def _walk(scene: NDArray[np.uint8], horizon: int, generator: np.random.Generator) -> None:
    """Draw a person, the nearer the larger."""
    bottom = int(generator.integers(horizon + 3, SIZE))
    nearness = (bottom - horizon) / (SIZE - horizon)
    width, height = int(2 + 1.5 * nearness), int(5 + 6 * nearness)
    left = int(generator.integers(SIZE - width))
    scene[bottom - height : bottom, left : left + width] = PERSON


def _photos(classes: NDArray[np.uint8], left: int, right: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Paint photos of the scenes `classes` with the photographs' columns `left` to `right` (left out)."""
    count = len(classes)
    texture = _textures((count, len(CLASSES)), left, right, generator)
    texture = np.take_along_axis(texture, classes[:, None], axis=1)[:, 0]
    tints = _TINTS * (1 + 0.07 * generator.standard_normal((count, len(CLASSES), 3)))
    painted = np.take_along_axis(tints, classes.reshape(count, -1, 1), axis=1).reshape(*classes.shape, 3)
    painted *= 1 + (_CONTRAST[classes] * texture)[..., None]
    light = generator.uniform(0.8, 1.2, (count, 1, 1, 1))
    slope = generator.uniform(-0.15, 0.15, (count, 1, 1, 1)) * np.linspace(-1, 1, SIZE)[:, None]
    painted = painted * light * (1 + slope) + _NOISE * generator.standard_normal(painted.shape)
    pixels = np.clip(np.rint(255 * painted), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(pixels, 3, 1))


def _textures(shape: tuple[int, int], left: int, right: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return pieces of the photographs' brightness, less its mean: (*shape, 32, 32) in -1 to 1."""
    bright = np.stack(photographs()) @ _GREY / 255
    bright -= bright[:, :, left:right].mean()
    which = generator.integers(len(bright), size=shape)
    top = generator.integers(bright.shape[1] - SIZE + 1, size=shape)
    start = generator.integers(left, right - SIZE + 1, size=shape)
    rows = top[..., None, None] + np.arange(SIZE)[:, None]
    columns = start[..., None, None] + np.arange(SIZE)
    pieces: NDArray[np.float64] = bright[which[..., None, None], rows, columns]
    return pieces

"""Paints the embedded pictures: dead leaves, shapes of many sizes that hide one another.

How often which sizes come is what makes pictures of such shapes resemble natural ones (Lee, Mumford & Huang 2001,
"Occlusion models for natural images", IJCV 41); charts of them measure what a camera's processing leaves of texture
(ISO/TS 19567-2). Shapes have colours, shadings and textures of their own.

All is computed in whole numbers, so that the pictures are the same on every machine.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEAVES = 420  # they cover a picture of 192x192 pixels some three times over
SMALLEST, LARGEST = 5, 90  # half widths, in pixels
_ONE = 64  # directions and shapes are in 64ths
_DIRECTIONS = [
    (round(_ONE * math.cos(turn * math.pi / 32)), round(_ONE * math.sin(turn * math.pi / 32))) for turn in range(64)
]
_OUTSIDE = 10  # pixels beyond the border where a leaf's middle may lie
_AREA = 192**2

Numbers = NDArray[np.int64]


def scenes(count: int, size: int, draw: np.random.Generator) -> NDArray[np.uint8]:
    """Paint pictures, uint8 (count, size, size, 3); `draw` decides everything random."""
    return np.stack([_painted(size, draw) for _ in range(count)])


def _painted(size: int, draw: np.random.Generator) -> NDArray[np.uint8]:
    clouds = _clouds(size, draw)
    mean = draw.integers(80, 176) + draw.integers(-35, 36, 3)
    canvas = mean + clouds[:, :, None] // 8
    leaves = -(-LEAVES * size**2 // _AREA)
    for numbers in draw.integers(0, 2**16, (leaves, 16)).tolist():
        _lay(canvas, mean, clouds, numbers)
    soft = np.pad(canvas.clip(0, 255), ((1, 1), (1, 1), (0, 0)), mode="edge")  # no lens draws edges of no width
    soft = soft[:-2] + 2 * soft[1:-1] + soft[2:]
    soft = (soft[:, :-2] + 2 * soft[:, 1:-1] + soft[:, 2:] + 8) // 16
    grain = draw.integers(-3, 4, soft.shape)
    picture: NDArray[np.uint8] = (soft + grain).clip(0, 255).astype(np.uint8)
    return picture


def _lay(canvas: Numbers, mean: Numbers, clouds: Numbers, numbers: list[int]) -> None:
    """Lay a leaf on the canvas, int64 (size, size, 3).

    Args:
        canvas: What is seen of the leaves below.
        mean: The picture's mean colour, about which leaves' colours lie.
        clouds: A texture as large as the picture, -256 to 256.
        numbers: 16 random numbers, 0 to 65535, which decide all of the leaf.
    """
    size = len(canvas)
    middle_y, middle_x = (number % (size + 2 * _OUTSIDE) - _OUTSIDE for number in numbers[:2])
    radius = _radius(numbers[2])
    reach = radius * 3 // 2 + 1
    top, left = max(middle_y - reach, 0), max(middle_x - reach, 0)
    y = np.arange(top, min(middle_y + reach, size))[:, None] - middle_y
    x = np.arange(left, min(middle_x + reach, size)) - middle_x
    if not y.size or not x.size:
        return
    cosine, sine = _DIRECTIONS[numbers[3] % 64]
    along, across = x * cosine + y * sine, y * cosine - x * sine
    place = slice(top, top + len(y)), slice(left, left + len(x))
    here = _inside(along, across, radius * _ONE, numbers[4:6])
    light = numbers[6] % 161 - 80 + _shading(along, across, radius, numbers[7:9])
    light = light + _texture(along // _ONE, across // _ONE, clouds[place], numbers[9:13])
    colour = mean + [number % 81 - 40 for number in numbers[13:16]]
    canvas[place][here] = colour + light[here][:, None]


def _radius(number: int) -> int:
    """Return the half width that the share `number` / 65536 of the leaves does not exceed.

    Densities fall with the third power of the size, from `SMALLEST` to `LARGEST`: at all scales alike.
    """
    share = number / 65536
    return int(1 / math.sqrt((1 - share) / SMALLEST**2 + share / LARGEST**2))


def _inside(along: Numbers, across: Numbers, radius: int, numbers: list[int]) -> NDArray[np.bool_]:
    """Return where the leaf is: an ellipse, a rectangle or a triangle, up to twice as long as wide."""
    width = _ONE // 2 + numbers[0] % (_ONE // 2 + 1)
    inside: NDArray[np.bool_]
    match numbers[1] % 3:
        case 0:
            inside = along**2 + (across * _ONE // width) ** 2 <= radius**2
        case 1:
            inside = (abs(along) <= radius) & (abs(across) * _ONE <= radius * width)
        case _:
            inside = (across >= -radius // 2) & (2 * abs(along) + across <= radius)
    return inside


def _shading(along: Numbers, across: Numbers, radius: int, numbers: list[int]) -> Numbers:
    """Return how much lighter the leaf is from one end to the other."""
    shading: Numbers = (along * (numbers[0] % 81 - 40) + across * (numbers[1] % 81 - 40)) // (2 * _ONE * radius)
    return shading


def _texture(along: Numbers, across: Numbers, clouds: Numbers, numbers: list[int]) -> Numbers | int:
    """Return the leaf's pattern: stripes or checks on one in five each, clouds on two, none on the last."""
    strength, (width, height) = 10 + numbers[1] % 30, (2 + number % 8 for number in numbers[2:4])
    match numbers[0] % 5:
        case 0:
            return 0
        case 1:
            return strength * (2 * (along // width % 2) - 1)
        case 2:
            return strength * (2 * ((along // (width + 1) + across // (height + 1)) % 2) - 1)
        case _:
            return clouds * (strength + 10) // 128


def _clouds(size: int, draw: np.random.Generator) -> Numbers:
    """Return a texture of three scales, each interpolated between random numbers: -256 to 256 (size, size)."""
    total = np.zeros((size, size), dtype=np.int64)
    for step, weight in ((4, 1), (8, 1), (16, 2)):
        grid = draw.integers(-256, 257, (size // step + 2,) * 2)
        place, part = np.arange(size) // step, np.arange(size) % step
        rows = grid[place] * (step - part)[:, None] + grid[place + 1] * part[:, None]
        between = rows[:, place] * (step - part) + rows[:, place + 1] * part
        total = np.add(total, weight * between // (step * step), dtype=np.int64)
    return total // 4

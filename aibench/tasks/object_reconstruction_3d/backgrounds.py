"""Paints what generated objects stand before, so that no threshold parts an object from its surroundings.

3D-R2N2 (Choy et al. 2016, arXiv 1604.00449) puts its pictures on random ones too. All is computed in whole numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DARKEST, _BRIGHTEST = 30, 226
_SPREAD = 70  # how far a pattern goes from its picture's mean colour
_STEPS = ((4, 1), (8, 2))  # of the clouds: pixels between random numbers, and weight
_BLOCKS = (2, 7)  # pixels to a side of the blocks, and the first number that is not
_ONE = 256


def backgrounds(count: int, size: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Return pictures of soft clouds under blocks of random colours, int64 (count, 3, size, size).

    Args:
        count: Number of pictures.
        size: Height and width, in pixels.
        draw: Decides everything random.
    """
    mean = draw.integers(_DARKEST, _BRIGHTEST, (count, 3, 1, 1))
    pattern = _clouds(count, size, draw) + 2 * _blocks(count, size, draw)
    painted: NDArray[np.int64] = mean + pattern * _SPREAD // (2 * _ONE)
    return painted


def _clouds(count: int, size: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Return what lies between random numbers on two grids: -256 to 256."""
    total = np.zeros((count, 3, size, size), dtype=np.int64)
    for step, weight in _STEPS:
        grid = draw.integers(-_ONE, _ONE + 1, (count, 3, size // step + 2, size // step + 2))
        place, part = np.arange(size) // step, np.arange(size) % step
        rows = grid[:, :, place] * (step - part)[:, None] + grid[:, :, place + 1] * part[:, None]
        between = rows[..., place] * (step - part) + rows[..., place + 1] * part
        total = np.add(total, weight * between // (step * step), dtype=np.int64)
    return total // sum(weight for _, weight in _STEPS)


def _blocks(count: int, size: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Fill blocks, of one height and width in each picture, with random numbers: -256 to 256."""
    sides = draw.integers(*_BLOCKS, (count, 2))
    first = draw.integers(0, _BLOCKS[1], (count, 2))
    most = (size + _BLOCKS[1]) // _BLOCKS[0] + 1
    numbers = draw.integers(-_ONE, _ONE + 1, (count, 3, most, most))
    rows, columns = ((np.arange(size) + first[:, axis, None]) // sides[:, axis, None] for axis in (0, 1))
    which, channel = np.arange(count)[:, None, None, None], np.arange(3)[:, None, None]
    blocks: NDArray[np.int64] = numbers[which, channel, rows[:, None, :, None], columns[:, None, None, :]]
    return blocks

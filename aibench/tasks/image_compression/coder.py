"""Encodes a codec's bits arithmetically, and learns from the same image's bits how likely the next one is.

How likely it is, is the answer of a one-layer network; its inputs are bits that the decoder knows by then. It begins
without knowledge and learns by gradient descent on the length of the code, in the encoder and in the decoder alike, so
nothing of it is stored. Both must compute the very same numbers, also on another machine: hence there is no exponential
function in it, but only operations that IEEE 754 rounds exactly, one by one in a fixed order (not `sum`, which adds
otherwise in Python 3.12 than in 3.11).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aibench.contract import DataError

Code = NDArray[np.uint8]
Place = tuple[int, int, int, int]

RATE = 0.02  # the gradient descent's
NEIGHBOURS = ((0, 0, -1), (0, -1, 0), (0, -1, -1), (0, -1, 1), (-1, 0, 0), (-1, 0, 1), (-1, 1, 0))
_LEAST = 1 / 4096  # nothing is held for less likely
_ONE = 1 << 16  # likelihoods are whole numbers of this part
_WORD, _TOP = 0xFFFFFFFF, 0xFF000000


def encode(code: Code) -> bytes:
    """Return the bytes of `code`, 0 or 1 (iterations, bits, rows, columns)."""
    return _written(code)[0]


def lengths(code: Code) -> list[int]:
    """Return how many bytes the first iteration of `code` takes, the first two, and so on."""
    return _written(code)[1]


def _written(code: Code) -> tuple[bytes, list[int]]:
    forecast, low, high = Forecast(code.shape), 0, _WORD
    content, ends = bytearray(), [0] * len(code)
    for place in places(code.shape):
        bit = int(code[place])
        middle = _split(low, high, forecast.likelihood(place))
        low, high = (low, middle) if bit else (middle + 1, high)
        forecast.learn(bit)
        while (low ^ high) & _TOP == 0:
            content.append(high >> 24)
            low, high = low << 8 & _WORD, high << 8 & _WORD | 0xFF
        ends[place[0]] = len(content) + 1
    content.append((low >> 24) + 1)  # with zeros after it, it lies between the two
    return bytes(content), ends


def decode(content: bytes, shape: Place) -> Code:
    """Return the code of `shape`, (iterations, bits, rows, columns), whose bytes are `content`.

    Raises:
        DataError: There are fewer bytes than such a code needs, or more.
    """
    forecast, low, high, code = Forecast(shape), 0, _WORD, np.empty(shape, np.uint8)
    coming = itertools.chain(content, itertools.repeat(0))
    window, dropped = int.from_bytes(bytes(itertools.islice(coming, 4))), 0
    for place in places(shape):
        middle = _split(low, high, forecast.likelihood(place))
        bit = int(window <= middle)
        low, high = (low, middle) if bit else (middle + 1, high)
        forecast.learn(bit)
        code[place] = bit
        while (low ^ high) & _TOP == 0:
            low, high = low << 8 & _WORD, high << 8 & _WORD | 0xFF
            window, dropped = window << 8 & _WORD | next(coming), dropped + 1
    if len(content) != dropped + 1:
        raise DataError(f"{len(content):,} bytes of code, and {dropped + 1:,} are read: it is another codec's image.")
    return code


def places(shape: tuple[int, ...]) -> Iterator[Place]:
    """Yield where the bits of a code stand, in the order in which they are written: block by block."""
    iterations, bits, rows, columns = shape
    for iteration, row, column, bit in itertools.product(range(iterations), range(rows), range(columns), range(bits)):
        yield iteration, bit, row, column


def _split(low: int, high: int, likelihood: int) -> int:
    """Return the end of the part of `low` to `high` that stands for a 1."""
    width = high - low
    return low + (width >> 16) * likelihood + ((width & 0xFFFF) * likelihood >> 16)


class Forecast:
    """Learns how likely each bit is to be 1: ask for the likelihood, then tell the bit, in the order of `places`.

    Each bit of a block has a network of its own, for all blocks and iterations. Its inputs: four bits around it of this
    iteration, three of the one before (its own and two after it), those of its block that come before it, and 1.

    Args:
        shape: Iterations, bits, rows, columns.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        iterations, bits, rows, columns = shape
        self.networks = [[0.0] * (1 + len(NEIGHBOURS) + bit) for bit in range(bits)]
        # Bits as -1 and 1. 0 is unknown: outside the image, before the first iteration, or not there yet.
        self.known = np.zeros((iterations + 1, bits, rows + 2, columns + 2)).tolist()
        self.place: Place = (0, 0, 0, 0)
        self.inputs: list[float] = []
        self.expected = self.slope = 0.0

    def likelihood(self, place: Place) -> int:
        """Return how likely the bit at `place` is to be 1, in 65536ths."""
        iteration, bit, row, column = self.place = place
        self.inputs = [1.0]
        for back, down, right in NEIGHBOURS:
            self.inputs.append(self.known[iteration + 1 + back][bit][row + 1 + down][column + 1 + right])
        for other in range(bit):
            self.inputs.append(self.known[iteration + 1][other][row + 1][column + 1])
        total = 0.0
        for weight, value in zip(self.networks[bit], self.inputs, strict=True):
            total += weight * value
        self.slope = 1 / math.sqrt(1 + total * total)
        self.expected = total * self.slope  # the mean of the bit as -1 or 1
        return int(_ONE * min(max((1 + self.expected) / 2, _LEAST), 1 - _LEAST))

    def learn(self, bit: int) -> None:
        """Follow the gradient of the logarithm of the likelihood, now that the bit asked for turns out to be `bit`."""
        value = 2.0 * bit - 1.0
        iteration, place, row, column = self.place
        self.known[iteration + 1][place][row + 1][column + 1] = value
        step = RATE * (value - self.expected) * self.slope
        network = self.networks[place]
        for index, known in enumerate(self.inputs):
            network[index] += step * known

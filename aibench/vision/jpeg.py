"""Decodes JPEG files straight into tensors, with the pixels that Pillow gives, at less cost.

Both use libjpeg-turbo, so the pixels are equal bit for bit, which a test holds. What is no usual JPEG file goes the way
of `aibench.vision.files`: PNG named .JPEG, CMYK, what is damaged, and what is too large to be a picture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from aibench.datasets.folders import require_regular
from aibench.vision.files import decoded, read_image

START = b"\xff\xd8\xff"
USUAL = frozenset({0xC0, 0xC1, 0xC2})  # frames that are coded by Huffman: baseline, extended, progressive
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # all kinds; the three are tables and reserved
MOST_PIXELS = 80_000_000  # below which Pillow has no doubt


def read_pixels(path: Path) -> Tensor:
    """Return the picture in `path`, uint8 (3, height, width), its channels last in memory.

    Raises:
        DataError: It cannot be decoded, or is cut off.
    """
    try:
        require_regular(path)
        encoded = path.read_bytes()
    except (OSError, ValueError):
        return _by_pillow(read_image(path))  # which says what is wrong
    return pixels(encoded, str(path))


def pixels(encoded: bytes, name: str) -> Tensor:
    """Return the picture in the bytes of an image file as `read_pixels` does; `name` is for a message."""
    if is_usual(encoded):
        try:
            whole = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
            picture: Tensor = decode_jpeg(whole, mode=ImageReadMode.RGB)
            return picture
        except RuntimeError:
            pass  # Pillow says what is wrong, or reads it
    return _by_pillow(decoded(encoded, name))


def _by_pillow(image: object) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def is_usual(encoded: bytes) -> bool:
    """Return whether the bytes are a JPEG file of one or three components of 8 bits, as its frame's header says."""
    if not encoded.startswith(START):
        return False
    place, end = 2, len(encoded)
    while place + 9 < end and encoded[place] == 0xFF:
        marker = encoded[place + 1]
        if marker == 0xFF:  # a byte that fills
            place += 1
            continue
        if marker in FRAMES:
            bits, components = encoded[place + 4], encoded[place + 9]
            height, width = (int.from_bytes(encoded[at : at + 2], "big") for at in (place + 5, place + 7))
            return marker in USUAL and bits == 8 and components in (1, 3) and 0 < height * width < MOST_PIXELS
        place += 2 + int.from_bytes(encoded[place + 2 : place + 4], "big")
    return False

"""Turns pictures of any of Pillow's modes into 8 bits a channel, by what the mode means and never by clipping.

mode of the file                     what becomes of it
1, L, P, RGB, YCbCr                  as Pillow converts them
LA, PA, RGBA, P with transparency    the colours; opacity is left out, as torchvision does
CMYK                                 as Pillow converts it
16 bits of RGB or of grey with alpha Pillow reads the higher eight bits
16 bits of grey (I;16, and I of a
PNG or PGM file)                     scaled: 65535 becomes 255. Pillow alone would clip at 255, which is white
I of other files, F                  refused: what is white in them is not known
whatever Pillow cannot convert       refused

Imports no torch.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

WHITE_OF_16_BITS = 65_535
_PNG_AND_PGM = ("PNG", "PPM")  # Pillow's names; it scales the greys of a PGM file to 16 bits, whatever their white is


class ModeError(ValueError):
    """Says that a picture's numbers have no known white, and what would do."""


def in_eight_bits(image: Image.Image, mode: str = "RGB") -> Image.Image:
    """Return an open picture in `mode`, 8 bits a channel; the table above says how.

    Raises:
        ModeError: Its mode does not say which number is white.
        ValueError: Pillow cannot convert it.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in _PNG_AND_PGM):
        greys = np.asarray(image).astype(np.int64)
        scaled = (greys * 255 + WHITE_OF_16_BITS // 2) // WHITE_OF_16_BITS
        return Image.fromarray(scaled.clip(0, 255).astype(np.uint8)).convert(mode)
    if image.mode in ("I", "F"):
        kind = "32-bit whole numbers" if image.mode == "I" else "floating-point numbers"
        raise ModeError(f"its pixels are {kind}, of which none is known to be white. Save it with 8 or 16 bits.")
    return image.convert(mode)

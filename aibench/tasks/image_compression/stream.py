"""Writes a compressed image as bytes: a header, then the codec's bits, as they are or through the entropy coder."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from aibench.contract import DataError
from aibench.tasks.image_compression import coder
from aibench.tasks.image_compression.coder import Code
from aibench.tasks.image_compression.config import EntropyCoder

FIELDS = struct.Struct(">HHBB")  # height and width in pixels, iterations, place of the coder in `CODERS`
CHECK = struct.Struct(">I")  # CRC-32 of the fields and the bits
HEADER_SIZE = FIELDS.size + CHECK.size
CODERS = (EntropyCoder.none, EntropyCoder.adaptive)
LARGEST = 65535  # pixels to a side


def pack(code: Code, height: int, width: int, entropy_coder: EntropyCoder) -> bytes:
    """Return the bytes of an image.

    Args:
        code: 0 or 1 (iterations, bits, rows, columns).
        height: The image's, in pixels.
        width: The image's, in pixels.
        entropy_coder: What becomes of the bits.

    Raises:
        DataError: The image is too large for the header.
    """
    if max(height, width) > LARGEST:
        raise DataError(f"an image of {width}x{height} pixels: a side must be at most {LARGEST}. Cut it into parts.")
    fields = FIELDS.pack(height, width, len(code), CODERS.index(entropy_coder))
    body = coder.encode(code) if entropy_coder is EntropyCoder.adaptive else np.packbits(code).tobytes()
    return fields + CHECK.pack(zlib.crc32(fields + body)) + body


def unpack(content: bytes, bits: int, block: int) -> tuple[Code, int, int]:
    """Return the code that `pack` wrote, and the height and width of the image.

    Args:
        content: What `pack` returned.
        bits: Bits of a block, of the codec that made the code.
        block: Pixels to the side of a block, of the same.

    Raises:
        DataError: It is not what `pack` writes for such a codec.
    """
    fields, check, body = content[: FIELDS.size], content[FIELDS.size : HEADER_SIZE], content[HEADER_SIZE:]
    if check != CHECK.pack(zlib.crc32(fields + body)):
        raise DataError(f"{len(content):,} bytes that are no compressed image, or a damaged one. Restore it.")
    height, width, iterations, which = FIELDS.unpack(fields)
    shape = iterations, bits, -(-height // block), -(-width // block)
    if CODERS[which] is EntropyCoder.adaptive:
        return coder.decode(body, shape), height, width
    count = int(np.prod(shape))
    if len(body) != -(-count // 8):
        raise DataError(f"{len(body):,} bytes of code, and {-(-count // 8):,} are read: it is another codec's image.")
    return np.unpackbits(np.frombuffer(body, np.uint8), count=count).reshape(shape), height, width

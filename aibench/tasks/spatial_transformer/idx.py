"""Reads idx files, the format of MNIST: a magic number, the sizes, then the bytes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibench.contract import DataError

UNSIGNED_BYTES = 8  # the third byte of the magic number; the fourth is the number of axes


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """Read the array in an idx file of unsigned bytes.

    Args:
        path: Compressed where it ends in `.gz`.
        axes: How many the array must have.

    Raises:
        DataError: The file is damaged, of another type, or has more or fewer bytes than its sizes say.
    """
    content = _content(path)
    magic, expected = content[:4].hex(), f"0000{UNSIGNED_BYTES:02x}{axes:02x}"
    if magic != expected:
        raise DataError(f"{path}: the magic number is {magic or 'missing'}, not {expected}. Restore this file.")
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{path}: ends within its header, after {len(content)} bytes. Restore this file.")
    shape = tuple(int(size) for size in np.frombuffer(content, dtype=">u4", count=axes, offset=4))
    wanted = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != wanted:
        raise DataError(
            f"{path}: {len(content):,} bytes where its header ({' x '.join(map(str, shape))}) wants {wanted:,}. "
            "Restore this file."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        packed = path.read_bytes()
        return gzip.decompress(packed) if path.suffix == ".gz" else packed
    except (OSError, EOFError, zlib.error) as error:  # a bad gzip file raises each of these
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise DataError(f"{path}: {reason}. Restore this file.") from error

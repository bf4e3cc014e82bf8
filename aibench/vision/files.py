"""Reads the pictures of image files. Imports no torch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aibench.config import DataError
from aibench.datasets.folders import require_regular

if TYPE_CHECKING:
    from PIL import Image


def read_image(path: Path, mode: str = "RGB") -> Image.Image:
    """Return the picture in `path` in `mode`, 8 bits a channel, whatever the format: see `aibench.vision.modes`.

    Some of ImageNet's are CMYK, grey, or PNG named .JPEG.

    Raises:
        DataError: It cannot be decoded, is cut off, or does not say which of its numbers is white.
    """
    from aibench.vision.modes import in_eight_bits

    with _opened(path, str(path)) as image:
        return in_eight_bits(image, mode)


def decoded(encoded: bytes, name: str, mode: str = "RGB") -> Image.Image:
    """Return the picture in the bytes of an image file, as `read_image` does.

    Args:
        encoded: The file's bytes.
        name: Where they are from, for a message.
        mode: Pillow's name of it.

    Raises:
        DataError: The bytes cannot be decoded, or are cut off.
    """
    from aibench.vision.modes import in_eight_bits

    with _opened(io.BytesIO(encoded), name) as image:
        return in_eight_bits(image, mode)


def read_values(path: Path) -> NDArray[np.uint8]:
    """Return the pixels of a picture whose greys are no brightness but values of labels, uint8 (height, width).

    Raises:
        DataError: It cannot be decoded, is cut off, or has no greys of 8 bits.
    """
    with _opened(path, str(path)) as image:
        if image.mode != "L":
            raise DataError(
                f"{path}: of the mode {image.mode}; values of labels are greys of 8 bits. Restore this file."
            )
        return np.array(image)


@contextmanager
def _opened(source: Path | io.BytesIO, name: str) -> Iterator[Image.Image]:
    from PIL import Image, UnidentifiedImageError

    from aibench.vision.modes import ModeError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken EXIF data beside a sound picture
            if isinstance(source, Path):
                require_regular(source)
            with Image.open(source) as image:
                yield image
    except ModeError as error:
        raise DataError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        what = f", {len(source.getvalue()):,} bytes" if isinstance(source, io.BytesIO) else ""
        raise DataError(f"{name}: cannot identify image file{what}. Restore this file.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # PIL raises each of these
        raise DataError(f"{name}: {_said(error).removesuffix(f' {name!r}')}. Restore this file.") from error


def _said(error: Exception) -> str:
    return " ".join((getattr(error, "strerror", None) or str(error)).split())

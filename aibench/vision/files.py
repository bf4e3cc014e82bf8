"""Reads the pictures of image files. Imports no torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.config import DataError

if TYPE_CHECKING:
    from PIL import Image


def read_image(path: Path) -> Image.Image:
    """Return the picture in `path` as RGB, whatever the format: some of ImageNet's are CMYK, grey, or PNG named .JPEG.

    Raises:
        DataError: It cannot be decoded, or is cut off.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken EXIF data beside a sound picture
            with Image.open(path) as image:
                return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # PIL raises each of these
        reason = getattr(error, "strerror", None) or str(error).removesuffix(f" {str(path)!r}")
        raise DataError(f"{path}: {' '.join(reason.split())}. Restore this file.") from error

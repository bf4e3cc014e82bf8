"""Folders of image files: what they hold, and their pictures. Imports no torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.config import DataError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_SHOWN = 5


def class_folders(folder: Path) -> list[str]:
    """Names of the folders in `folder`, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def image_files(folder: Path) -> list[str]:
    """Names of the image files in `folder`, sorted."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]
    return sorted(name for name in names if not name.startswith("."))


def read_image(path: Path) -> Image.Image:
    """The picture in `path` as RGB, whatever the format: some of ImageNet's are CMYK, grey, or PNG named .JPEG.

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


def listed(folder: Path) -> str:
    """What `folder` holds, for a message."""
    return enumerated(sorted(entry.name for entry in folder.iterdir())) or "nothing"


def enumerated(names: Iterable[str]) -> str:
    """The first few of `names`, and how many there are besides."""
    names = list(names)
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

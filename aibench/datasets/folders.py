"""Lists folders of files, for readers and for messages. Imports no torch."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_SHOWN = 5


def class_folders(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def image_files(folder: Path) -> list[str]:
    """Return the names of the image files in `folder`, sorted."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]
    return sorted(name for name in names if not name.startswith("."))


def package_file(package: str, *parts: str) -> Path:
    """Return the path of an installed package's file, found without importing the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.submodule_search_locations, f"{package} is not a package"
    return Path(spec.submodule_search_locations[0], *parts)


def listed(folder: Path) -> str:
    """Return what `folder` holds, for a message."""
    return enumerated(sorted(entry.name for entry in folder.iterdir())) or "nothing"


def enumerated(names: Iterable[str]) -> str:
    """Return the first few of `names`, and how many there are besides."""
    names = list(names)
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

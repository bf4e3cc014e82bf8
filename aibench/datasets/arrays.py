"""Keeps arrays in files, so that they are made once."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibench.datasets.prepared import prepared

Arrays = dict[str, NDArray[Any]]
DAMAGED = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)  # what a damaged file raises


def kept_arrays(
    cache: str, name: str, make: Callable[[], Mapping[str, NDArray[Any]]], *, doing: str | None = None
) -> Arrays:
    """Return the arrays in the file `name`.npz of the folder `cache`, made where it is missing or damaged.

    Args:
        cache: Folder of prepared files.
        name: Carries a digest of all that decides what is in the file.
        make: Makes the arrays, by name.
        doing: What is told where it takes a while; see `prepared`.

    Raises:
        DataError: The folder cannot be written.
    """

    def write(path: Path) -> None:
        np.savez(path, **make())  # type: ignore[arg-type]  # its stub takes the names for its own options

    path = prepared(cache, f"{name}.npz", write, doing=doing)
    try:
        return _read(path)
    except DAMAGED:  # a file of before there were checksums
        return _read(prepared(cache, path.name, write, doing=doing, anew=True))


def _read(path: Path) -> Arrays:
    with np.load(path) as file:
        return dict(file)

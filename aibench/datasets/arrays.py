"""Keeps arrays in files, so that they are made once."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibench.datasets.prepared import prepared

Arrays = dict[str, NDArray[Any]]


def kept_arrays(cache: str, name: str, make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
    """Return the arrays in the file `name`.npz of the folder `cache`, made where it is missing or damaged.

    Args:
        cache: Folder of prepared files.
        name: Carries a digest of all that decides what is in the file.
        make: Makes the arrays, by name.

    Raises:
        DataError: The folder cannot be written.
    """

    def write(path: Path) -> None:
        np.savez_compressed(path, **make())  # type: ignore[arg-type]  # its stub takes the names for its own options

    path = prepared(cache, f"{name}.npz", write)
    try:
        return _read(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        path.unlink(missing_ok=True)
        return _read(prepared(cache, path.name, write))


def _read(path: Path) -> Arrays:
    with np.load(path) as file:
        return dict(file)

"""Keeps files that are made once: rendered samples, vocabularies, networks trained in preparation."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from aibench.config import DataError


def prepared(cache: str, name: str, make: Callable[[Path], None]) -> Path:
    """Return the path of the file `name` in the folder `cache`, made where it is missing.

    Two processes at once make it once: the second waits. A kill in the middle leaves no half file under the name.

    Args:
        cache: `config.data.cache`; made where it is missing.
        name: Carries a digest of all that decides what is in the file, so that a change makes a new one.
        make: Writes the file to the path that it is given, which ends as `name` does.

    Raises:
        DataError: The folder cannot be written.
    """
    folder = Path(cache).expanduser()
    path = folder / name
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.is_file():
                _make(folder, path, make)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"data.cache={cache}: {reason}. Set data.cache to a folder that can be written.") from error
    return path


def _make(folder: Path, path: Path, make: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as workplace:
        unfinished = Path(workplace, path.name)
        make(unfinished)
        os.replace(unfinished, path)

"""Looks into the files of a data set: a glance at them, which costs next to nothing, or all of their bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aibench.config import DataError
from aibench.datasets.folders import require_regular

SAMPLED = 64  # files whose bytes a glance reads
BLOCK = 1 << 16  # bytes; of a longer file it reads some blocks, from the first to the last

_AT_ONCE = 1_000  # files whose sizes a thread asks for at a time
_THREADS = 16


class Whole(NamedTuple):
    """Describes all bytes of some files.

    Attributes:
        digest: 16 hexadecimal digits of their SHA-256.
        files: Number of files.
        size: Size in bytes.
    """

    digest: str
    files: int
    size: int


def glance(files: Iterable[Path]) -> str:
    """Return a digest of the sizes of all files and of the bytes of `SAMPLED` of them, evenly spaced.

    Names are not in it: data at another place have the same digest. A file of few blocks is
    read whole.

    Raises:
        DataError: A file is not there, or cannot be read.
    """
    paths = [os.fspath(path) for path in files]  # strings take a third of the memory of a million paths
    state = hashlib.sha256(_sizes(paths).tobytes())
    blocks = max(3, 3 * SAMPLED // max(1, len(paths)))  # of a file: few files have many, and all cost about the same
    chosen = {place * len(paths) // SAMPLED for place in range(SAMPLED)} if paths else set()
    for place in sorted(chosen):
        try:
            _look_into(Path(paths[place]), blocks, state)
        except OSError as error:
            raise _unreadable(paths[place], error) from error
    return state.hexdigest()[:16]


def all_bytes(files: Iterable[Path]) -> Whole:
    """Return a digest of all bytes of the files, one after the other.

    Raises:
        DataError: A file is not there, or cannot be read.
    """
    state, count, total = hashlib.sha256(), 0, 0
    for path in files:
        try:
            require_regular(path)
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256")
                size = file.tell()
        except OSError as error:
            raise _unreadable(path, error) from error
        state.update(content.digest())
        count, total = count + 1, total + size
    return Whole(state.hexdigest()[:16], count, total)


def _sizes(paths: Sequence[str]) -> NDArray[np.int64]:
    """Return the size of each file, in bytes. Several are asked for at once: on a network each takes its time."""
    parts = [paths[start : start + _AT_ONCE] for start in range(0, len(paths), _AT_ONCE)]
    with ThreadPoolExecutor(_THREADS) as threads:
        return np.array([size for part in threads.map(_sizes_of, parts) for size in part], dtype="<i8")


def _sizes_of(paths: Sequence[str]) -> list[int]:
    try:
        return [os.stat(path).st_size for path in paths]
    except OSError as error:
        raise _unreadable(error.filename, error) from error


def _look_into(path: Path, blocks: int, state: hashlib._Hash) -> None:
    require_regular(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= blocks * BLOCK:
            state.update(file.read())
            return
        for number in range(blocks):
            file.seek((size - BLOCK) * number // (blocks - 1))
            state.update(file.read(BLOCK))


def _unreadable(path: Path | str, error: OSError) -> DataError:
    return DataError(f"{path}: {error.strerror or error}. Restore this file.")

"""Looks into the files of a data set: a glance at them, which costs next to nothing, or all of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aibench.config import DataError

SAMPLED = 64  # files whose bytes a glance reads
BLOCK = 1 << 16  # bytes; of a longer file it reads some blocks, from the first to the last


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
    paths = list(files)
    state = hashlib.sha256()
    blocks = max(3, 3 * SAMPLED // max(1, len(paths)))  # of a file: few files have many, and all cost about the same
    chosen = {place * len(paths) // SAMPLED for place in range(SAMPLED)} if paths else set()
    for place, path in enumerate(paths):
        try:
            size = path.stat().st_size
            state.update(size.to_bytes(8, "little"))
            if place in chosen:
                _look_into(path, size, blocks, state)
        except OSError as error:
            raise _unreadable(path, error) from error
    return state.hexdigest()[:16]


def all_bytes(files: Iterable[Path]) -> Whole:
    """Return a digest of all bytes of the files, one after the other.

    Raises:
        DataError: A file is not there, or cannot be read.
    """
    state, count, total = hashlib.sha256(), 0, 0
    for path in files:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256")
                size = file.tell()
        except OSError as error:
            raise _unreadable(path, error) from error
        state.update(content.digest())
        count, total = count + 1, total + size
    return Whole(state.hexdigest()[:16], count, total)


def _look_into(path: Path, size: int, blocks: int, state: hashlib._Hash) -> None:
    with path.open("rb") as file:
        if size <= blocks * BLOCK:
            state.update(file.read())
            return
        for number in range(blocks):
            file.seek((size - BLOCK) * number // (blocks - 1))
            state.update(file.read(BLOCK))


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: {error.strerror or error}. Restore this file.")

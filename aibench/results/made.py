"""Remembers what this process made on disk, so that a refused run takes back its own files and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_made: dict[Path, None] = {}  # in order


def making(path: Path) -> Path:
    """Note that this process makes `path` next, and each missing folder above it; what is there already is not ours."""
    path = Path(os.path.abspath(path))
    for one in reversed((path, *path.parents)):
        if not os.path.lexists(one):
            _made[one] = None
    return path


def made(paths: Iterable[Path]) -> None:
    """Note what a library made that does not tell its files' names beforehand."""
    _made.update(dict.fromkeys(Path(os.path.abspath(path)) for path in sorted(paths)))


def take_back(folder: Path) -> None:
    """Remove what this process made in `folder`, then the folders that it made, where nothing else is in them.

    A folder goes by `rmdir` alone, so what somebody else put into it meanwhile keeps it.
    """
    folder = Path(os.path.abspath(folder))
    for path in reversed(list(_made)):
        below = path.is_relative_to(folder)
        if not below and not folder.is_relative_to(path):
            continue
        del _made[path]
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            elif below:
                path.unlink()

"""Reads files that others made: regular ones alone, of bounded size and depth. Imports no torch."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

from pydantic_core import from_json

MOST_BYTES = 32 * 2**20  # a thousand times the largest result of the committed studies
_OPENING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def content(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Return the bytes of the regular file `path`.

    A pipe, a device or a folder is never opened, so that nothing waits for it and nothing is set off by it.

    Raises:
        OSError: It cannot be read, is no regular file, or holds more than `most` bytes; `strerror` says which.
    """
    try:
        found = os.stat(path)
    except ValueError as error:  # a NUL in the name, or half a surrogate pair
        raise OSError(errno.EINVAL, "no name of a file", str(path)) from error
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    descriptor = os.open(path, _OPENING)
    try:
        raw = os.read(descriptor, min(found.st_size, most) + 1)
        more = raw
        while more and len(raw) <= most:  # it may have grown, or come in parts
            more = os.read(descriptor, most + 1 - len(raw))
            raw += more
    finally:
        os.close(descriptor)
    if len(raw) > most:
        raise OSError(errno.EFBIG, f"larger than {most / 2**20:,.0f} MiB", str(path))
    return raw


def strict_json(raw: bytes) -> Any:
    """Return what the JSON text `raw` says, where it says it in one way.

    Raises:
        ValueError: It is no JSON, is nested more than 200 deep, holds a number that is no finite one, half a surrogate
            pair, or an object that has a key twice.
    """
    from_json(raw, allow_inf_nan=False)  # which bounds the depth: the standard library's reader overflows its stack
    return json.loads(raw, object_pairs_hook=_unique, parse_float=_finite)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:40]!r} is there twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is no finite number")
    return value


def figure_beside(result: Path) -> Path:
    """Return where the figure of a result file lies that has a name of its own, in a study: beside it, named alike."""
    return result.with_suffix(".png")


def within(folder: Path, name: str) -> Path:
    """Return the path of the file that a document in `folder` calls `name`.

    Raises:
        OSError: It lies elsewhere, by its name or by a link; `strerror` says so.
    """
    try:
        path = (folder / name).resolve()
        inside = path.is_relative_to(folder.resolve())
    except (ValueError, RuntimeError) as error:  # a NUL, a loop of links
        raise OSError(errno.EINVAL, "no name of a file", name) from error
    if not inside:
        raise OSError(errno.EPERM, "lies outside of the folder that names it", name)
    return path


__all__ = ["MOST_BYTES", "content", "strict_json", "within"]

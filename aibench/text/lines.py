"""Reads the lines of UTF-8 text files, and of two files whose lines belong together."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from aibench.config import DataError


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, `.gz` or not, without their ends.

    A line ends with a line feed alone: the others that `str.splitlines` knows occur inside of sentences, and would
    shift one of two files that belong together. A byte order mark, and a carriage return before the end, are left out.

    Raises:
        DataError: The file cannot be read, is cut off, or has a byte that is no UTF-8.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = _decoded(path, number, raw).rstrip("\n").removesuffix("\r")
                yield line.removeprefix("\ufeff") if number == 1 else line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the compressed file is cut off or damaged ({error}). Restore this file.") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}. Restore this file.") from error


def read_lines(path: Path) -> list[str]:
    """Return all of `lines(path)`."""
    return list(lines(path))


def pairs(first: Path, second: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of two files that belong together.

    Raises:
        DataError: One of them cannot be read, or, after the last pair, one has more lines than the other.
    """
    count, rest = 0, [0, 0]
    for left, right in zip_longest(lines(first), lines(second)):
        if left is not None and right is not None:
            count += 1
            yield left, right
        else:
            rest[left is None] += 1
    if any(rest):
        raise DataError(
            f"{first}: {count + rest[0]:,} lines, and {count + rest[1]:,} in {second}, which must be as many. "
            "Restore both files."
        )


def read_pairs(first: Path, second: Path) -> list[tuple[str, str]]:
    """Return all of `pairs(first, second)`."""
    return list(pairs(first, second))


def _decoded(path: Path, number: int, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number:,}: byte {error.start + 1:,} is 0x{raw[error.start]:02x}, no UTF-8. "
            "Convert this file to UTF-8, or restore it."
        ) from error

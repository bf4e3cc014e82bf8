"""Reads TFRecord files without TensorFlow: length, its checksum, data, their checksum; one record after another."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from google_crc32c import value as crc32c

from aibench.contract import DataError
from aibench.datasets.folders import require_regular

_HEADER = 12  # bytes: the length in 8, its checksum in 4
_FOOTER = 4


def mapped(path: Path) -> memoryview:
    """Return the bytes of a file, of which only what is looked at is read.

    Raises:
        DataError: It cannot be opened, or is empty.
    """
    try:
        require_regular(path)
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError as error:
        raise DataError(f"{path}: an empty file. Restore it.") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Restore this file.") from error


def records(path: Path, content: memoryview) -> Iterator[tuple[int, int]]:
    """Yield where each record's data begin in `content`, and how long they are, in bytes. The data are not looked at.

    Raises:
        DataError: The file is cut off, or is no TFRecord file. Names the record, counted from 0.
    """
    place, number = 0, 0
    while place < len(content):
        header = bytes(content[place : place + _HEADER])
        if len(header) < _HEADER:
            raise DataError(f"{path}, record {number}: cut off within its header. Restore this file.")
        if masked(crc32c(header[:8])) != int.from_bytes(header[8:], "little"):
            raise DataError(f"{path}, record {number}: wrong checksum of the length. Restore this file.")
        length = int.from_bytes(header[:8], "little")
        end = place + _HEADER + length + _FOOTER
        if end > len(content):
            raise DataError(f"{path}, record {number}: cut off, {end - len(content):,} bytes short. Restore this file.")
        yield place + _HEADER, length
        place, number = end, number + 1


def read_record(path: Path, start: int, length: int, number: int) -> bytes:
    """Return the data of record `number`, which begin at the byte `start`.

    Raises:
        DataError: The file has become shorter, or the data do not have their checksum.
    """
    try:
        require_regular(path)
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(length + _FOOTER)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Restore this file.") from error
    data, checksum = content[:length], content[length:]
    if len(checksum) < _FOOTER or masked(crc32c(data)) != int.from_bytes(checksum, "little"):
        raise DataError(f"{path}, record {number}: wrong checksum of the data. Restore this file.")
    return data


def masked(checksum: int) -> int:
    """Return a checksum as it is stored: turned by 15 bits, plus a constant (TensorFlow's `crc32c.h`)."""
    turned = (checksum >> 15 | checksum << 17) & 0xFFFFFFFF
    return (turned + 0xA282EAD8) & 0xFFFFFFFF

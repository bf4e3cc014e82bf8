"""Reads tables of text, a line an interaction, as published data sets have them. Faults name the file and the line."""

from __future__ import annotations

import enum
import gzip
import io
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from aibench.contract import DataError

if TYPE_CHECKING:
    import pandas as pd

BLANKS = r"\s+"
TIME = "%Y-%m-%dT%H:%M:%SZ"


class Kind(enum.StrEnum):
    """Says what a field holds."""

    whole = "int64"
    number = "float64"
    time = "str"  # ISO 8601 in UTC; read as an integer that counts from 1970


@dataclass(frozen=True, slots=True)
class Format:
    """Describes lines of fields.

    Attributes:
        fields: Their names and what they hold.
        separator: Between fields; `BLANKS` for any white space.
        header: The first line, where it is no interaction.
    """

    fields: Mapping[str, Kind]
    separator: str
    header: str | None = None

    def fault(self, line: str) -> str | None:
        """Return what is wrong with a line; None where nothing is."""
        values = line.split() if self.separator == BLANKS else line.split(self.separator)
        if len(values) != len(self.fields):
            return f"{len(values)} fields where {len(self.fields)} belong ({', '.join(self.fields)})"
        for (name, kind), value in zip(self.fields.items(), values, strict=True):
            if kind is Kind.whole and not _is_whole(value):
                return f"{name} {value!r} is no whole number"
            if kind is Kind.time and not _is_time(value):
                return f"{name} {value!r} is not like 2010-10-19T23:55:27Z"
            if kind is Kind.number and not _is_number(value):
                return f"{name} {value!r} is no number"
        return None


def read_table(path: Path, layout: Format) -> pd.DataFrame:
    """Return a file's columns, by name; blank lines are skipped.

    Raises:
        DataError: A line is damaged, or there is none.
    """
    import pandas as pd  # takes half a second: only runs from disk wait for it

    source, separator = _source(path, layout.separator)
    names = [*layout.fields, "beyond"]
    try:
        table = pd.read_csv(
            source,
            sep=separator,
            header=None,
            skiprows=0 if layout.header is None else 1,
            names=names,
            dtype={name: layout.fields.get(name, Kind.time).value for name in names},
            quoting=3,  # csv.QUOTE_NONE
        )
        if table.pop("beyond").notna().any():
            raise ValueError("a line with too many fields")
        for name, kind in layout.fields.items():
            if kind is Kind.time:
                table[name] = pd.to_datetime(table[name], format=TIME).astype("int64")
            elif table[name].isna().any():  # to pandas a missing field is a number
                raise ValueError(f"a {name} that is no number")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the compressed file is cut off or damaged ({error}).") from error
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        raise DataError(_first_fault(path, layout) or f"{path}: {' '.join(str(error).split())}.") from error
    if len(table) == 0:
        raise DataError(f"{path}: holds no line.")
    _require_header(path, layout)
    _require_end(path)
    return table


def line_of(path: Path, layout: Format, row: int) -> int:
    """Return in which line of a file the row `row` (from 0) of its table is."""
    numbers = (number for number, line in enumerate(_lines(path), start=1) if line.strip())
    for place, number in enumerate(numbers, start=0 if layout.header is None else -1):
        if place == row:
            return number
    raise AssertionError(f"{path} has no row {row}")


def _source(path: Path, separator: str) -> tuple[Path | IO[bytes], str]:
    """Return what pandas reads at full speed: it takes a separator of several characters for a regular expression."""
    if separator == BLANKS or len(separator) == 1:
        return path, separator
    return io.BytesIO(path.read_bytes().replace(separator.encode(), b"\t")), "\t"


def _require_header(path: Path, layout: Format) -> None:
    if layout.header is not None:
        first = next(_lines(path)).strip()
        if first != layout.header:
            raise DataError(f"{path}:1: {first[:60]!r} where the header {layout.header!r} belongs.")


def _require_end(path: Path) -> None:
    """Check that the last line has its end: half a number is a number too. A compressed file has a checksum instead."""
    if path.suffix == ".gz":
        return
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        is_ended = file.read() == b"\n"
    if not is_ended:
        number = sum(1 for _ in _lines(path))
        raise DataError(
            f"{path}:{number}: the last line has no end, so the file may be cut off. Restore it, or end that line."
        )


def _first_fault(path: Path, layout: Format) -> str | None:
    """Return what is wrong with the first damaged line of a file that could not be read at once."""
    for number, line in enumerate(_lines(path), start=1):
        is_header = number == 1 and layout.header is not None
        fault = layout.fault(line.rstrip("\r\n")) if line.strip() and not is_header else None
        if fault is not None:
            return f"{path}:{number}: {fault}."
    return None


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            yield line.decode(errors="replace")


def _is_whole(field: str) -> bool:
    return field.strip().removeprefix("-").isdecimal()


def _is_time(field: str) -> bool:
    try:
        datetime.strptime(field, TIME)
    except ValueError:
        return False
    return True


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False

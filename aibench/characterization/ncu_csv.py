"""Reads what `ncu --csv --page raw` writes: a launch of a kernel a row, a metric a column.

The format (Nsight Compute's CLI documentation): lines that begin with `==` are messages; a header that begins with
`"ID"`; in the raw page a row of units, empty but for the metrics; then the launches. Numbers have thousands separators,
kernel names commas. The details page (ncu's default) has a row for each metric of each launch instead; it is read too.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aibench.characterization.ncu_metrics import ABSENT, metric_names
from aibench.results.files import content

FIRST = "ID"
KERNEL, BLOCK, GRID = "Kernel Name", "Block Size", "Grid Size"
NAME, UNIT, VALUE = "Metric Name", "Metric Unit", "Metric Value"
NO_VALUE = ("", "na", "n/a", "nan", "no data", "(!) n/a", "(!) nan")
PREFIXES = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
BASE = {"s": 1e9, "second": 1e9, "byte": 1.0, "sector": 1.0, "inst": 1.0, "cycle": 1.0, "warp": 1.0}  # time in ns
# ncu adds some hundred columns that nobody asked for, attributes of the device that are words among them.
ASKED = frozenset(name for capability in ABSENT for name in metric_names(stalls=True, capability=capability))
DENIED = "ERR_NVGPUCTRPERM"

MOST_BYTES = 2**30  # of a recording: all launches of a step with all metrics


class NcuError(ValueError):
    """Reports that what ncu wrote cannot be used. The message is one line: the reason and, for a file, the line."""


@dataclass(slots=True)
class Launch:
    """Holds one launch of a kernel.

    Attributes:
        kernel: Its name, as ncu prints it.
        values: Values by metric, in ns, bytes, sectors or percent; None where ncu has no value.
        grid, block: Blocks of the grid and threads of a block, in three directions; empty where ncu does not say.
    """

    kernel: str
    values: dict[str, float | None] = field(default_factory=dict)
    grid: tuple[int, ...] = ()
    block: tuple[int, ...] = ()


Row = tuple[int, list[str]]  # number of the line in the file, from 1; its fields


def read_launches(path: Path) -> list[Launch]:
    """Return the launches that the file `path` holds, in order.

    Raises:
        NcuError: The file cannot be read, is cut short, holds no launch, or ncu says in it that it failed.
    """
    try:
        lines = content(path, MOST_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NcuError(f"{path}: {getattr(error, 'strerror', None) or error}.") from error
    refuse_failure(str(path), lines)
    start = next((place for place, line in enumerate(lines) if line.startswith(f'"{FIRST}",')), None)
    if start is None:
        raise NcuError(f'{path}: no table: no line begins with "{FIRST}". Record with ncu --csv --page raw.')
    header, *rows = _rows(path, lines, start)
    of_page = _from_details if NAME in header[1] else _from_raw
    launches = of_page(path, header[1], rows)
    if not launches:
        raise NcuError(f"{path}: no kernel was profiled.")
    return launches


def refuse_failure(what: str, lines: Sequence[str]) -> None:
    """Raise what ncu itself says went wrong in its output `lines`."""
    if any(DENIED in line for line in lines):
        raise NcuError(
            f"{what}: {DENIED}: this user may not read the GPU's counters. Run as root, or have the driver loaded with "
            "NVreg_RestrictProfilingToAdminUsers=0."
        )
    for line in lines:
        if line.startswith("==ERROR=="):
            raise NcuError(f"{what}: ncu: {line.removeprefix('==ERROR==').strip()}")


def _rows(path: Path, lines: list[str], start: int) -> Iterator[Row]:
    """Yield the header and the rows after it, each as long as the header."""
    width = 0
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith("==") or not line.strip():
            continue
        try:
            fields = next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise NcuError(f"{path}, line {number}: cut short ({error}). Record it again.") from error
        width = width or len(fields)
        if len(fields) != width:
            raise NcuError(
                f"{path}, line {number}: {len(fields)} columns and the header {width}: cut short, or no line of ncu's. "
                "Record it again, with --log-file."
            )
        yield number, fields


def _from_raw(path: Path, header: list[str], rows: list[Row]) -> list[Launch]:
    places = {name: place for place, name in enumerate(header) if name in ASKED}
    name = _place(path, header, KERNEL)
    if not rows or rows[0][1][0] != "":
        raise NcuError(f"{path}: no row of units after the header. Record with ncu --csv --page raw.")
    (_, units), *launches = rows
    return [
        Launch(
            fields[name],
            {metric: _number(path, line, metric, fields[at], units[at]) for metric, at in places.items()},
            *(_size(fields[header.index(size)]) if size in header else () for size in (GRID, BLOCK)),
        )
        for line, fields in launches
    ]


def _from_details(path: Path, header: list[str], rows: list[Row]) -> list[Launch]:
    places = [_place(path, header, name) for name in (FIRST, KERNEL, NAME, UNIT, VALUE)]
    found: dict[str, Launch] = {}
    for line, fields in rows:
        number, kernel, metric, unit, value = (fields[place] for place in places)
        launch = found.setdefault(number, Launch(kernel))
        if metric in ASKED:
            launch.values[metric] = _number(path, line, metric, value, unit)
    return list(found.values())


def _size(text: str) -> tuple[int, ...]:
    """Return `(98, 1, 1)` as numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _place(path: Path, header: list[str], name: str) -> int:
    if name not in header:
        raise NcuError(f"{path}: no column {name!r}, but {', '.join(header)}.")
    return header.index(name)


def _number(path: Path, line: int, metric: str, text: str, unit: str) -> float | None:
    if text.strip().lower() in NO_VALUE:
        return None
    try:
        value = float(text.replace(",", ""))
    except ValueError as error:
        raise NcuError(f"{path}, line {line}: {metric} is {text!r}, which is no number.") from error
    return value * _factor(path, metric, unit)


def _factor(path: Path, metric: str, unit: str) -> float:
    """Return the factor that turns `unit` into ns, bytes, sectors or percent."""
    if unit in ("", "%"):
        return 1.0
    for prefix, power in PREFIXES.items():
        if unit.startswith(prefix) and unit.removeprefix(prefix) in BASE:
            return power * BASE[unit.removeprefix(prefix)]
    if "/" in unit:  # a rate, none of those used here
        return 1.0
    raise NcuError(f"{path}: {metric} is in {unit!r}, which is not known. Record with ncu --print-units base.")

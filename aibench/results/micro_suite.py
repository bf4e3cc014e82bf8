"""Defines a suite of micro benchmarks: the hottest operators of profiles at the shapes seen there, as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from aibench.results.files import content, strict_json
from aibench.results.record import Record, read_json

SCHEMA_VERSION = 1
LEAST_SHARE = 0.01  # of the busy time, for an operator to become a case


class SuiteError(ValueError):
    """Reports a file that is no suite of this version. The message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Case:
    """Holds an operator on inputs of certain shapes.

    Attributes:
        operator: Name of the operator, as `aten::addmm`.
        shapes: For each input the dimensions of a tensor, a list of such for a list of tensors, else empty.
        types: For each input `float`, `long int`, `Scalar`, `ScalarList`, `TensorList`, empty for none.
        values: For each input that is no tensor its value as text: `[2, 2]`, `False`.
        strides: For each tensor its strides; contiguous where not given.
        workload: The workload in which it was seen; empty for one written by hand.
        scale: The scale at which it was seen.
        category: Its kind of work.
        share: Its share of the workload's busy time.
        calls: Number of calls in a step.
    """

    operator: str
    shapes: list[Any]
    types: list[str]
    values: list[str]
    strides: list[Any] = field(default_factory=list)
    workload: str = ""
    scale: str = ""
    category: str = ""
    share: float | None = None
    calls: float | None = None


def cases(records: Sequence[Record], top: int) -> list[Case]:
    """Return for each record the `top` hottest operators at one shape each, with the hottest whole layer among them."""
    return [case for record in records if record.profile for case in _of(record, top)]


def _of(record: Record, top: int) -> Iterator[Case]:
    assert record.profile is not None
    steps = record.profile["steps"]
    rows = sorted(record.profile["shapes"], key=lambda row: -row["share"])
    layers = sorted(record.profile.get("layers", []), key=lambda row: -row["share"])
    inside = {row["category"] for row in layers if row["share"] >= LEAST_SHARE}
    # What a layer is made of forwards is in the layer already; its backward pass has no call of its own.
    rows = [row for row in rows if not (row["category"] in inside and row["phase"] == "forward")]
    for row in [*layers[:1], *rows][:top]:
        if row["share"] >= LEAST_SHARE:
            named = {
                name: row[name] for name in ("operator", "shapes", "types", "values", "strides", "category", "share")
            }
            yield Case(**named, workload=record.name, scale=record.scale, calls=row["calls"] / steps)


def write_suite(found: Sequence[Case], path: Path) -> None:
    """Write the suite, a case a line."""
    lines = ",\n".join(f" {json.dumps(asdict(case))}" for case in found)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"schema_version": {SCHEMA_VERSION}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


def is_suite(path: Path) -> bool:
    """Return whether `path` is a file that holds cases; records hold none."""
    try:
        return "cases" in strict_json(content(path))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def read_suite(path: Path) -> list[Case]:
    """Return the cases in the file `path`: JSON, with `schema_version` and `cases`.

    Raises:
        SuiteError: The file is no suite.
    """
    found = read_json(path, SuiteError)
    if not isinstance(found, dict) or not isinstance(found.get("cases"), list):
        raise SuiteError(f"{path}: no suite of micro benchmarks: it has no list `cases`.")
    if found.get("schema_version") != SCHEMA_VERSION:
        raise SuiteError(
            f"{path}: schema_version {found.get('schema_version')}, and this aibench reads {SCHEMA_VERSION}. "
            "Write it again with `aibench micro FOLDER --suite FILE`."
        )
    return [_case(f"{path}: cases[{place}]", one) for place, one in enumerate(found["cases"])]


def _case(where: str, one: Any) -> Case:
    if not isinstance(one, dict):
        raise SuiteError(f"{where}: no object.")
    known = {part.name for part in fields(Case)}
    if missing := [name for name in ("operator", "shapes", "types", "values") if name not in one]:
        raise SuiteError(f"{where}: lacks {', '.join(missing)}.")
    if unknown := sorted(one.keys() - known):
        raise SuiteError(f"{where}: has no place for {', '.join(unknown)}. A case has {', '.join(sorted(known))}.")
    if not isinstance(one["operator"], str) or not all(
        isinstance(one[name], list) for name in ("shapes", "types", "values")
    ):
        raise SuiteError(f"{where}: operator is no text, or shapes, types or values is no list.")
    if len({len(one[name]) for name in ("shapes", "types", "values")}) != 1:
        raise SuiteError(f"{where}: shapes, types and values differ in length: each has an entry for every input.")
    return Case(**one)

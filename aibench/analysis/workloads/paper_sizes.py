"""Compares the model sizes that the paper prints with what was counted: which configuration reproduces each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from aibench.analysis.grid import Grid, number, percent
from aibench.results.record import Record

NEAR = 0.01  # relative difference up to which a configuration is said to reproduce a number
ROUNDED = 0.10  # and up to which it may have been rounded to it


@dataclass(frozen=True, slots=True)
class Printed:
    """Holds one number that the paper prints, and what it may belong to.

    Attributes:
        what: The model and the quantity that the number describes.
        where: Where the paper has it, and what it says there.
        printed: The number.
        text: The number as it is printed.
        quantity: `parameters`, `macs` or `flops`.
        task: The task whose number it may be; None for the nearest workload of `suite`.
        words: The KEY=VALUE words of its configuration, beside task and scale.
        suite: See `task`.
        reading: What the comparison assumes.
    """

    what: str
    where: str
    printed: float
    text: str
    quantity: str
    task: str | None = None
    words: list[str] = field(default_factory=list)
    suite: str | None = None
    reading: str = ""


@cache
def printed_numbers() -> list[Printed]:
    """Return all numbers of `printed.yaml`."""
    import yaml

    text = files("aibench.analysis.workloads").joinpath("printed.yaml").read_text(encoding="utf-8")
    return [Printed(**{**row, "printed": float(str(row["printed"]).replace("_", ""))}) for row in yaml.safe_load(text)]


def _of(section: dict[str, Any], part: str) -> dict[str, Any]:
    return section.get(part) or {}


def quantity(record: Record, name: str) -> float | None:
    """Return `parameters`, `macs` or `flops` of one sample's forward pass; None where not counted."""
    found: dict[str, Any] = record.characteristics or {}
    value = _of(found, "parameters").get("total") if name == "parameters" else _of(found, "forward").get(name)
    return None if value is None else float(value)


def comparison(records: Sequence[Record]) -> Grid:
    """Return a table with a row for each printed number: the configuration, its number, their ratio and the reading."""
    rows, plain = [], []
    for one in printed_numbers():
        record, ours = _ours(one, records)
        ratio = None if ours is None else ours / one.printed
        name = "-" if record is None else " ".join([record.name, *one.words])
        verdict = _verdict(ratio)
        unit = {"parameters": "M parameters", "macs": "M multiply-adds", "flops": "M operations"}[one.quantity]
        value = "not counted" if ours is None else f"{ours / 1e6:,.6g} {unit}"
        rows.append([one.what, one.text, name, one.reading, value, number(ratio), verdict])
        plain.append(
            {"what": one.what, "where": one.where, "printed": one.printed, "quantity": one.quantity}
            | {"configuration": name, "ours": ours, "ratio": ratio, "verdict": verdict, "reading": one.reading}
        )
    return Grid(
        "The paper's printed numbers, and what reproduces them",
        ["number", "printed", "configuration", "reading", "ours, of one sample", "ours/printed", "verdict"],
        rows,
        names=4,
        legend=f"Reproduced: within {percent(NEAR)} %. Rounded: within {percent(ROUNDED)} %, as the number is printed.",
        records=plain,
    )


def _ours(one: Printed, records: Sequence[Record]) -> tuple[Record | None, float | None]:
    if one.task is None:
        known = [(record, quantity(record, one.quantity)) for record in records if record.suite == one.suite]
        found = [(record, value) for record, value in known if value is not None]
        if not found:
            return None, None
        return min(found, key=lambda pair: abs(pair[1] / one.printed - 1))
    for record in records:
        if record.name == one.task and list((record.characteristics or {}).get("words", [])) == one.words:
            return record, quantity(record, one.quantity)
    return None, None


def _verdict(ratio: float | None) -> str:
    if ratio is None:
        return "not counted here"
    off = abs(ratio - 1)
    return "reproduced" if off <= NEAR else "rounded" if off <= ROUNDED else "another configuration"

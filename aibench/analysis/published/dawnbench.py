"""Reads DAWNBench's entries: a table of `epoch`, `hours`, accuracies (.tsv) and a description (.json), of one name."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aibench.analysis.published.foreign import Foreign, ForeignError
from aibench.results.files import content, strict_json
from aibench.results.result import Status

# Column that decides; benchmark; quality of DAWNBench's rules for time to accuracy, a ratio.
RULES = (
    ("top5Accuracy", "imagenet", 0.93),
    ("top1Accuracy", "cifar10", 0.94),
    ("f1Score", "squad", 0.75),
)


FACTS = ("version", "author", "hardware", "timestamp", "framework", "model")


def read(path: Path, target: float | None = None) -> Foreign:
    """Return the run in the table `path`, or in the table beside the description `path`.

    Time to quality is DAWNBench's: the hours of the first epoch that reaches the quality, which is `target` (a ratio)
    or that of the rules for the benchmark, as the table's columns tell it. Accuracies above 1 are percents.

    Raises:
        ForeignError: A file cannot be read, or lacks what the format asks for.
    """
    if not path.name:
        raise ForeignError(f"{path}: no file. An entry is a .tsv and a .json of one name.")
    table, description = path.with_suffix(".tsv"), path.with_suffix(".json")
    facts = _description(description)
    rows = _rows(table)
    column, benchmark, quality = _rule(table, rows[0])
    quality = target if target is not None else quality
    history = _history(table, rows, column)
    reached = next((place for place, (_, _, value) in enumerate(history) if value >= quality), None)
    return Foreign(
        suite=f"DAWNBench {facts.get('version', '')}".strip(),
        benchmark=benchmark,
        organisation=facts.get("author", "unknown"),
        platform=facts.get("hardware", "unknown"),
        seed=None,
        status=Status.not_converged if reached is None else Status.converged,
        started=facts.get("timestamp", ""),
        seconds=None if reached is None else history[reached][1],
        metric=f"val/{column}",
        quality=quality,
        mode="max",
        history=history if reached is None else history[: reached + 1],
        settings={name: facts[name] for name in ("framework", "model") if name in facts},
        division=None,
        path=table,
    )


def _history(table: Path, rows: Sequence[dict[str, str | None]], column: str) -> list[tuple[float, float, float]]:
    """Return epochs, seconds and quality of each line; those that were not evaluated, `nan`, are left out.

    DAWNBench has accuracies in percent, and some entries as a ratio: what never exceeds 1 is one.
    """
    found: list[tuple[float, float, float]] = []
    for number, row in enumerate(rows, start=2):
        try:
            epoch, hours, value = (float(str(row[name])) for name in ("epoch", "hours", column))
        except (KeyError, ValueError) as error:
            raise ForeignError(f"{table}, line {number}: epoch, hours and {column} must be numbers.") from error
        before = found[-1][:2] if found else (-1.0, -1.0)
        if not (before[0] < epoch < 1e9 and max(before[1], 0.0) <= 3600 * hours < 1e12):
            raise ForeignError(f"{table}, line {number}: epoch and hours must grow, from 0.")
        if not (math.isnan(value) or 0 <= value <= 100):
            raise ForeignError(f"{table}, line {number}: {column}={value:g} is neither a ratio nor a percent.")
        found.append((epoch, 3600 * hours, value))
    found = [row for row in found if math.isfinite(row[2])]
    scale = 100 if max((value for _, _, value in found), default=0.0) > 1 else 1
    return [(epoch, seconds, value / scale) for epoch, seconds, value in found]


def _description(path: Path) -> dict[str, str]:
    """Return what the entry says of itself, as far as it is read: texts."""
    try:
        facts = strict_json(content(path))
    except OSError as error:
        raise ForeignError(f"{path}: {error.strerror}. An entry is a .tsv and a .json of one name.") from error
    except (ValueError, RecursionError) as error:
        raise ForeignError(f"{path}: not JSON: {error}.") from error
    if not isinstance(facts, dict):
        raise ForeignError(f"{path}: not a description, but {type(facts).__name__}.")
    known = {name: facts[name] for name in FACTS if facts.get(name) is not None}
    for name, value in known.items():
        if not isinstance(value, str) or len(value) > 200:
            raise ForeignError(f"{path}: {name} is no text of at most 200 letters.")
    return known


def _rows(path: Path) -> list[dict[str, str | None]]:
    try:
        text = content(path).decode("utf-8")
        reader: Any = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")
        rows: list[dict[str, str | None]] = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ForeignError(f"{path}: {getattr(error, 'strerror', None) or error}.") from error
    names = reader.fieldnames or []
    if len(set(names)) < len(names):
        raise ForeignError(f"{path}: a column is there twice.")
    if not rows:
        raise ForeignError(f"{path}: no line after the header.")
    return rows


def _rule(path: Path, row: dict[str, str | None]) -> tuple[str, str, float]:
    found = next((rule for rule in RULES if rule[0] in row), None)
    if found is None or not {"epoch", "hours"} <= set(row):
        wanted = f"epoch, hours, and one of {', '.join(rule[0] for rule in RULES)}"
        raise ForeignError(f"{path}: looked for the columns {wanted}; found {', '.join(map(str, row))[:200]}.")
    return found
